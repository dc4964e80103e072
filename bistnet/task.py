"""BiSTNet as a task of the trainer: which samples, which losses, how it is scored and saved.

The authors' training code was never released. What the paper leaves open is decided here and in docs/design/training.md: experts
see the augmented luminance and are never trained; all three scales are supervised; weights are chosen by no validation clip, the
last average is what ships.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from bistnet.adversarial import Critic, critic_loss
from bistnet.checkpoint import Card, load_checkpoint, save_checkpoint
from bistnet.inference import Colorizer
from bistnet.loading import build_experts
from bistnet.losses import Weights, bistnet_terms
from bistnet.method import METHODS, HarnessColorizer
from bistnet.motion import Estimator, find_motion, make_estimator
from bistnet.network import BiSTNet
from bistnet.settings import Settings, load_settings, with_overrides
from bistnet.warping import Before
from colorbench.config import parse_pairs
from colorbench.errors import DatasetError, UsageError, WeightsError
from colorbench.nets.vgg19_weights import load_vgg19
from colorbench.records import parsed
from colorbench.training.material import gather
from colorbench.training.task import Batch, Provenance, Sample, Terms
from colorbench.training.triplets import Triplets, TripletSettings
from colorbench.training.validation import score_colorizer
from colorbench.types import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """What BiSTNet is trained as and on, beside the recipe of the loop."""

    network: str
    """A preset of :mod:`bistnet.settings`, or a .toml file."""
    overrides: tuple[str, ...] = ()
    """Changes of it, each "table.key=value"."""
    begin: str = ""
    """A checkpoint to begin from; layers of another shape begin from nothing. Empty: all do."""
    height: int = 240
    """Short side of the frames that windows are cut from."""
    clips: tuple[str, ...] = ("davis/JPEGImages/480p",)
    """Folders of clips under the root of the data."""
    photographs: tuple[str, ...] = ("bsds500/images/train", "bsds500/images/test")
    """Folders of photographs, which are set in motion."""
    validation: tuple[str, ...] = ("blackswan", "cows", "drift-chicane", "parkour")
    """Clips of the first folder that are scored and never trained on."""
    flow: Literal["dis", "raft"] = "dis"
    """Of the temporal term; "raft" needs torchvision's weights on this machine."""
    vgg: str = ""
    """A file of VGG19's weights, for the perceptual and the contextual term."""
    triplets: TripletSettings = field(default_factory=TripletSettings)
    losses: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        if self.losses.temporal and not (self.triplets.consecutive and self.triplets.frames > 1):
            raise UsageError(
                f"losses.temporal = {self.losses.temporal:g} with samples of {self.triplets.frames} frames, "
                f"consecutive = {str(self.triplets.consecutive).lower()}",
                wanted="at least two consecutive frames",
                remedy="set triplets.consecutive = true and triplets.frames = 2, or losses.temporal = 0",
            )
        if (self.losses.perceptual or self.losses.contextual) and not self.vgg:
            raise UsageError(
                f"losses.perceptual = {self.losses.perceptual:g}, losses.contextual = {self.losses.contextual:g}, and no vgg",
                wanted="VGG19's weights, which these terms compare with",
                remedy="set vgg to the path of vgg19_conv.pth or torchvision's file, or both weights to 0",
            )


class BistnetTask:
    """See :class:`colorbench.training.task.Task`.

    Args:
        settings: see TrainingSettings.
        data: the root of its folders.
        seed: of the first weights.

    Raises:
        DatasetError: a folder or a clip is missing.
        WeightsError: an expert's weights are missing, or the checkpoint to begin from can't be read.
        UsageError: settings that exclude each other.
    """

    def __init__(self, settings: TrainingSettings, data: Path, *, seed: int = 0) -> None:
        self.settings = settings
        graph = _graph(settings)
        if graph.fusion.references != settings.triplets.references:
            raise UsageError(
                f"triplets.references = {settings.triplets.references} with fusion.references = {graph.fusion.references}",
                wanted="the same number",
                remedy="change one of them",
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = BiSTNet(graph)
            self.critic = Critic() if settings.losses.adversarial else None
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._vgg = load_vgg19(Path(settings.vgg)) if settings.vgg else None
        self._estimator = make_estimator(settings.flow) if settings.losses.temporal else None
        self._judged: tuple[Tensor, Tensor] | None = None
        if settings.begin:
            _begin(self._network, Path(settings.begin))
        self.experts = build_experts(graph.experts, trained=True)
        roots = [data / folder for folder in settings.clips]
        self.validation = _validation_clips(roots[0] if roots else data, settings.validation)
        self.material = gather(
            clips=roots,
            photographs=[data / folder for folder in settings.photographs],
            exclude=settings.validation,
            height=settings.height,
        )
        self.triplets = Triplets(self.material, settings.triplets)
        self.references = graph.fusion.references

    @property
    def network(self) -> BiSTNet:
        """See Task."""
        return self._network

    @property
    def identity(self) -> Mapping[str, object]:
        """See Task."""
        return {
            "settings": asdict(self.settings),
            "graph": asdict(self._network.settings),
            "experts": self._expert_identities(),
            "material": [f"{reel.name} {'x'.join(map(str, reel.frames.shape))}" for reel in self.material],
        }

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """See Task: the triplets', and the flow to the frame before where the temporal term is asked for."""
        found = self.triplets.sample(number, rng)
        return found if self._estimator is None else {**found, **_motion(found["l_star"], self._estimator)}

    def losses(self, batch: Batch) -> Terms:
        """See Task."""
        network, (count, frames) = self._network, batch["l_star"].shape[:2]
        device = batch["l_star"].device
        for frozen in (self.experts, self._vgg):
            if frozen is not None:
                frozen.to(device)
        l_star = batch["l_star"].flatten(0, 1).contiguous(memory_format=torch.channels_last)  # (N F, 1, h, w)
        ab, position = batch["ab"].flatten(0, 1), batch["position"].flatten()
        maps = None if self.experts is None else self.experts(l_star).float()
        first = network.encode_reference(batch["first_l"], batch["first_ab"]).repeated(frames)
        second = None
        if self.references == 2:
            second = network.encode_reference(batch["last_l"], batch["last_ab"]).repeated(frames)
        colored = network.color(l_star, first, second, position, maps)
        found = colored.scales[-1]
        before = None
        if "flow" in batch:
            each = found.reshape(count, frames, *found.shape[1:])
            earlier = torch.cat((each[:, :1], each[:, :-1]), dim=1).flatten(0, 1)  # the first has no mask
            before = Before(earlier, batch["flow"].flatten(0, 1), batch["mask"].flatten(0, 1))
        if self.critic is not None:
            self._judged = torch.cat((l_star, ab), dim=1), torch.cat((l_star, found.detach().float()), dim=1)
        return bistnet_terms(
            colored.scales,
            ab,
            l_star,
            weights=self.settings.losses,
            seeds=(batch["seed"].cpu()[:, None] + torch.arange(frames)).flatten(),
            fused=colored.color_map,
            vgg=self._vgg,
            temporal=before,
            critic=self.critic,
        )

    def critic_losses(self, batch: Batch) -> Terms:  # noqa: ARG002 - it judges what the losses of this batch have seen
        """See Task."""
        if self.critic is None or self._judged is None:
            return {}
        real, fake = self._judged
        return {"loss": critic_loss(self.critic(real), self.critic(fake))}

    def validate(self, network: nn.Module, folder: Path) -> Mapping[str, float]:
        """See Task: the validation clips under the protocol ``bistnet``, every frame of them."""
        if not isinstance(network, BiSTNet) or not self.validation:
            return {}
        device = next(network.parameters()).device.type
        card = next(method.card for method in METHODS if method.card.name == ("bistnet-single", "bistnet")[self.references - 1])
        colorizer = HarnessColorizer(Colorizer(network, experts=self.experts, device=device))
        return score_colorizer(colorizer, card, self.validation, folder, exemplars=self.references)

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
            experts=self._expert_identities(),
            notes=f"never trained on: {', '.join(self.settings.validation)}",
        )
        save_checkpoint(path, network, card)

    def _expert_identities(self) -> dict[str, str]:
        return {} if self.experts is None else {str(expert.name): str(expert.identity) for expert in self.experts.experts}


def _motion(l_star: Tensor, estimator: Estimator) -> dict[str, Tensor]:
    """Flow (F, 2, h, w) to the frame before and its mask (F, 1, h, w), both 0 for the first, from L* (F, 1, h, w)."""
    gray = [np.rint(frame[0].numpy() * 2.55).astype(np.uint8) for frame in l_star]
    flow, mask = torch.zeros(len(gray), 2, *gray[0].shape), torch.zeros(len(gray), 1, *gray[0].shape)
    for index, (earlier, now) in enumerate(pairwise(gray), start=1):
        motion = find_motion(now, earlier, estimator)
        flow[index] = torch.from_numpy(motion.flow).permute(2, 0, 1)
        mask[index, 0] = torch.from_numpy(motion.mask)
    return {"flow": flow, "mask": mask}


def _graph(settings: TrainingSettings) -> Settings:
    graph = load_settings(settings.network)
    changes = {key: parsed(value) for key, value in parse_pairs(settings.overrides, flag="overrides").items()}
    return with_overrides(graph, changes) if changes else graph


def _begin(network: BiSTNet, path: Path) -> None:
    """Takes a checkpoint's weights where shapes are equal; of an input layer of other inputs, nothing."""
    state = load_checkpoint(path)[0].state_dict()
    own: dict[str, Tensor] = network.state_dict()
    fitting = {key: value for key, value in state.items() if key in own and own[key].shape == value.shape}
    if not fitting:
        raise WeightsError(
            f"nothing of {path} fits the network", wanted="a checkpoint of a like network", remedy="leave begin empty"
        )
    network.load_state_dict({**own, **fitting})


def _validation_clips(root: Path, names: tuple[str, ...]) -> tuple[Clip, ...]:
    found = []
    for name in names:
        if not (root / name).is_dir():
            raise DatasetError(
                f"no validation clip {name!r} in {root}",
                wanted="folders of frames of these names",
                remedy="change the task's validation, or --data",
            )
        found.append(Clip(name=name, dataset=root.name, source=root / name))
    return tuple(found)
