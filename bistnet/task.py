"""BiSTNet as a task of the trainer: which samples, which losses, how it is scored and saved.

The authors' training code was never released. What the paper leaves open is decided here and in docs/design/training.md: experts
see the augmented luminance and are never trained; all three scales are supervised; weights are chosen by no validation clip, the
last average is what ships.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bistnet.checkpoint import Card, load_checkpoint, save_checkpoint
from bistnet.inference import Colorizer
from bistnet.loading import build_experts
from bistnet.losses import Weights, bistnet_terms
from bistnet.method import METHODS, HarnessColorizer
from bistnet.network import BiSTNet
from bistnet.settings import Settings, load_settings, with_overrides
from colorbench.config import parse_pairs
from colorbench.errors import DatasetError, UsageError, WeightsError
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
    triplets: TripletSettings = field(default_factory=TripletSettings)
    losses: Weights = field(default_factory=Weights)


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

    critic = None

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
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
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
        """See Task."""
        return self.triplets.sample(number, rng)

    def losses(self, batch: Batch) -> Terms:
        """See Task."""
        network, frames = self._network, batch["l_star"].shape[1]
        l_star = batch["l_star"].flatten(0, 1).contiguous(memory_format=torch.channels_last)  # (N F, 1, h, w)
        ab, position = batch["ab"].flatten(0, 1), batch["position"].flatten()
        maps = None if self.experts is None else self.experts(l_star).float()
        first = network.encode_reference(batch["first_l"], batch["first_ab"]).repeated(frames)
        second = None
        if self.references == 2:
            second = network.encode_reference(batch["last_l"], batch["last_ab"]).repeated(frames)
        colored = network.color(l_star, first, second, position, maps)
        seeds = (batch["seed"][:, None] + torch.arange(frames, device=position.device)).flatten()
        return bistnet_terms(colored.scales, ab, l_star, weights=self.settings.losses, seeds=seeds, fused=colored.color_map)

    def critic_losses(self, batch: Batch) -> Terms:  # noqa: ARG002 - no critic
        """See Task."""
        return {}

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


def _graph(settings: TrainingSettings) -> Settings:
    graph = load_settings(settings.network)
    changes = {key: parsed(value) for key, value in parse_pairs(settings.overrides, flag="overrides").items()}
    return with_overrides(graph, changes) if changes else graph


def _begin(network: BiSTNet, path: Path) -> None:
    """Takes a checkpoint's weights where shapes are equal; of an input layer of other inputs, nothing."""
    state = load_checkpoint(path)[0].state_dict()
    own: dict[str, torch.Tensor] = network.state_dict()
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
