"""The match of BiSTNet on a frozen encoder, trained by itself: the projection of the features and the code of position.

A frame's colors are known, so are its references': the loss is the L1 of the fused color map (eq. 3) at a few hundred positions
of the frame, each matched against all of both references. The encoder's levels are made once
(:mod:`bistnet.training.kept_levels`) and the refinement is not run, so a sample takes a fraction of a second of a core where the
whole network takes three. What is saved is the whole network, whose refinement is as it began.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from bistnet.backbone import is_fetched, load_encoder
from bistnet.checkpoint import Card, save_checkpoint
from bistnet.network.graph import BiSTNet, Embedded, Reference
from bistnet.network.settings import load_settings
from bistnet.training.kept_levels import KeptLevels
from bistnet.training.principal import principal_projections
from colorbench.color import lab_to_rgb, to_u8
from colorbench.errors import DatasetError, UsageError
from colorbench.metrics.psnr import psnr
from colorbench.nets.correspondence import correspond
from colorbench.training.losses.chroma import content_loss
from colorbench.training.material import clips_in, photographs_in
from colorbench.training.task import Batch, Provenance, Sample, Terms

PROTOCOL_FRAMES = 90
"""Of a clip under the protocol ``bistnet``; also the longest span of a sample."""

_VALIDATION_EVERY = 12
"""Of a validation clip's frames one in so many is scored."""

_PRINCIPAL_PICTURES = 64
"""From which the projection begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchTrainingSettings:
    """What is matched and on what that is learned."""

    network: str
    """A preset of :mod:`bistnet.network.settings` with a frozen encoder that is fetched, stride 4 and no windows."""
    size: tuple[int, int] = (224, 384)
    """Height and width that pictures are brought to."""
    clips: tuple[str, ...] = ("davis/JPEGImages/480p", "gallery")
    """Folders of clips under the root of the data."""
    photographs: tuple[str, ...] = ("bsds500/images/train", "bsds500/images/test")
    validation: tuple[str, ...] = ("blackswan", "cows", "drift-chicane", "parkour", "02_cups", "03_blocks")
    """Clips that are scored and never trained on."""
    every: int = 4
    """Of a clip's frames one in so many is kept."""
    photograph_share: float = 0.4
    """Share of samples made of photographs."""
    least_span: int = 8
    """Frames from the first reference to the last, at least."""
    positions: int = 384
    """Of a frame that are matched in a step."""

    def __post_init__(self) -> None:
        if self.every < 1 or self.positions < 1 or not 0.0 <= self.photograph_share <= 1.0:
            raise UsageError(
                f"every = {self.every}, positions = {self.positions}, photograph_share = {self.photograph_share}",
                wanted="at least 1, at least 1, and a share in [0, 1]",
                remedy="change what is outside",
            )


class MatchTask:
    """See :class:`colorbench.training.task.Task`.

    Args:
        settings: see MatchTrainingSettings.
        data: the root of its folders.
        seed: of the refinement's first weights.

    Raises:
        DatasetError: a folder or a clip is missing.
        WeightsError: the encoder is not on this machine.
        UsageError: a preset that is trained otherwise.
    """

    critic: None = None

    def __init__(self, settings: MatchTrainingSettings, data: Path, *, seed: int = 0) -> None:
        graph = load_settings(settings.network)
        if not is_fetched(graph.features) or graph.match.stride != 4 or graph.fusion.references != 2:
            raise UsageError(
                f"the preset {settings.network!r}",
                wanted="a frozen encoder that is fetched, matched at stride 4 in two references",
                remedy="train it whole: colorbench train bistnet",
            )
        self.settings = settings
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = BiSTNet(graph)
        encoder = load_encoder(graph.features)
        self.network.encoder = encoder
        self.network.refinement.requires_grad_(False)
        _silence(self.network.refinement)
        there = {name: path for folder in settings.clips for name, path in sorted(clips_in(data / folder).items())}
        missing = sorted(set(settings.validation) - set(there))
        if missing:
            raise DatasetError(
                f"no validation clip {missing[0]!r} in {', '.join(settings.clips)}",
                wanted="names of clips in the task's folders",
                remedy="change the task's validation, or --data",
            )
        trained = [path for name, path in there.items() if name not in settings.validation]
        photographs = [path for folder in settings.photographs for path in sorted(photographs_in(data / folder))]
        self.kept = KeptLevels(trained, photographs, size=settings.size, every=settings.every, encoder=encoder)
        self.held_out = KeptLevels(
            [there[name] for name in settings.validation],
            (),
            size=settings.size,
            every=_VALIDATION_EVERY,
            longest=PROTOCOL_FRAMES,
            encoder=encoder,
        )
        self._clips, self._moving = _spans(self.kept, settings)
        self._begin()

    @property
    def identity(self) -> Mapping[str, object]:
        """See Task."""
        return {"settings": asdict(self.settings), "graph": asdict(self.network.settings), "pictures": self.kept.identity}

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """See Task: levels and Lab of a gray frame and of the two references around it."""
        share = self.settings.photograph_share
        photograph = int((number + 1) * share) > int(number * share)
        sources = self._moving if photograph else self._clips
        spans = sources[int(rng.integers(len(sources)))]
        first, inner, last = spans[int(rng.integers(len(spans)))]
        if rng.random() < 0.5:
            first, last = last, first
        start, moment, end = (self.kept.shown[index].moment for index in (first, inner, last))
        found = {"position": torch.tensor((moment - start) / (end - start), dtype=torch.float32)}
        for name, index in (("inner", inner), ("first", first), ("last", last)):
            found[f"{name}_lab"] = self.kept.lab(index)
            found |= {f"{name}_{level}": tensor for level, tensor in enumerate(self.kept.levels(index))}
        return found

    def losses(self, batch: Batch) -> Terms:
        """See Task."""
        count, stride = len(batch["position"]), self.network.settings.match.stride
        names = ("inner", "first", "last")
        lab = torch.cat([batch[f"{name}_lab"] for name in names])  # (3 N, 3, H, W)
        levels = [torch.cat([batch[f"{name}_{level}"] for name in names]).float() for level in range(4)]
        embedded = self.network.embed(levels, lab[:, :1]).coarse  # (3 N, D, h, w)
        small = F.avg_pool2d(lab, stride)  # (3 N, 3, h, w)
        places = torch.randperm(small[0, 0].numel())[: self.settings.positions].to(lab.device)

        def picked(maps: Tensor) -> Tensor:
            return maps[:count].flatten(2)[:, :, None, places]  # (N, C, 1, positions)

        values = small[:, (1, 2, 0)]
        temperature = self.network.settings.match.temperature
        first, second = (
            correspond(picked(embedded), embedded[part], values[part], temperature=temperature)
            for part in (slice(count, 2 * count), slice(2 * count, None))
        )
        warped = self.network.fuse(first, second, batch["position"], picked(small[:, :1]))
        return {"match": content_loss(warped.fused, picked(small[:, 1:]))}

    def validate(self, network: nn.Module, folder: Path) -> Mapping[str, float]:  # noqa: ARG002 - no pictures
        """See Task: PSNR of the color map alone, every twelfth frame of the held-out clips."""
        if not isinstance(network, BiSTNet):
            raise TypeError(f"a {type(network).__name__} is no BiSTNet")
        scores: dict[str, list[float]] = {name: [] for name in self.settings.validation}
        frames: dict[int, list[int]] = {}
        for index, shown in enumerate(self.held_out.shown):
            frames.setdefault(shown.source, []).append(index)
        with torch.inference_mode():
            for source, (first, *inner, last) in frames.items():
                references = [self._reference(network, index) for index in (first, last)]
                for index in inner:
                    position = self.held_out.shown[index].moment / self.held_out.shown[last].moment
                    colored = self._colored(network, index, references, position)
                    scores[self.settings.validation[source]].append(psnr(np.asarray(self.held_out.rgb[index]), colored))
        means = {f"psnr_{name}": float(np.mean(found)) for name, found in scores.items() if found}
        return {"psnr": float(np.mean(list(means.values()))), **means}

    def save(self, path: Path, network: nn.Module, provenance: Provenance) -> None:
        """See Task."""
        if not isinstance(network, BiSTNet):
            raise TypeError(f"a {type(network).__name__} is no BiSTNet")
        card = Card(
            settings=network.settings,
            trained=True,
            data=(*self.settings.clips, *self.settings.photographs),
            command=provenance.command,
            seed=provenance.seed,
            steps=provenance.steps,
            seconds=provenance.seconds,
            hardware=provenance.hardware,
            commit=provenance.commit,
            scores=provenance.scores,
            notes=f"the match alone, its refinement untrained; never trained on: {', '.join(self.settings.validation)}",
        )
        save_checkpoint(path, network, card)

    def critic_losses(self, batch: Batch) -> Terms:  # noqa: ARG002 - there is no critic
        """See Task."""
        return {}

    def _begin(self) -> None:
        """The projection's first weights, from pictures that are trained on."""
        chosen = np.linspace(0, len(self.kept.shown) - 1, min(_PRINCIPAL_PICTURES, len(self.kept.shown))).astype(int)
        pictures = ([level[None] for level in self.kept.levels(int(index))] for index in chosen)
        found = principal_projections(pictures, self.network.settings.features.embedding)
        with torch.no_grad():
            for projection, weight in zip(self.network.embedding.projections, found, strict=True):
                projection.get_parameter("weight").copy_(weight[:, :, None, None])

    def _embedded(self, network: BiSTNet, index: int) -> tuple[Embedded, Tensor]:
        lab = self.held_out.lab(index)[None]
        levels = [level[None].float() for level in self.held_out.levels(index)]
        return network.embed(levels, lab[:, :1]), lab

    def _reference(self, network: BiSTNet, index: int) -> Reference:
        embedded, lab = self._embedded(network, index)
        return Reference(embedded, F.avg_pool2d(lab[:, (1, 2, 0)], network.settings.match.stride), None)

    def _colored(self, network: BiSTNet, index: int, references: list[Reference], position: float) -> np.ndarray:
        embedded, lab = self._embedded(network, index)
        warped = network.warp(embedded, references[0], references[1], torch.tensor([position]), lab[:, :1])
        color_map = network.enlarge(warped.fused, lab[:, :1])
        return to_u8(lab_to_rgb(torch.cat((lab[:, :1], color_map), dim=1)[0].permute(1, 2, 0))).numpy()


def _silence(refinement: nn.Module) -> None:
    """Heads of zeros: until it is trained, the refinement returns the color map as it is."""
    with torch.no_grad():
        for name, parameter in refinement.named_parameters():
            if ".head." in name:
                parameter.zero_()


Spans = list[tuple[int, int, int]]
"""A first reference, a gray frame and a last reference each, as places in what is kept."""


def _spans(kept: KeptLevels, settings: MatchTrainingSettings) -> tuple[list[Spans], list[Spans]]:
    """All there may be, of each clip and of each photograph."""
    of_source: dict[int, list[int]] = {}
    for index, shown in enumerate(kept.shown):
        of_source.setdefault(shown.source, []).append(index)
    clips: list[Spans] = []
    moving: list[Spans] = []
    for source, indices in of_source.items():
        if source >= kept.clips:
            moving.append([(indices[0], indices[1], indices[2])])
            continue
        found: Spans = []
        for at, first in enumerate(indices):
            for last in indices[at + 2 :]:
                span = kept.shown[last].moment - kept.shown[first].moment
                if settings.least_span <= span < PROTOCOL_FRAMES:
                    found += [(first, inner, last) for inner in range(first + 1, last)]
        if found:
            clips.append(found)
    return clips, moving
