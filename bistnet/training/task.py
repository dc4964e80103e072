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
from torch import Tensor, nn

from bistnet.backbone import is_fetched, load_encoder
from bistnet.checkpoint import Card, load_checkpoint, save_checkpoint
from bistnet.inference import Colorizer
from bistnet.loading import build_experts
from bistnet.method import METHODS, HarnessColorizer
from bistnet.network.graph import BiSTNet
from bistnet.network.settings import Settings, load_settings, with_overrides
from bistnet.network.single import with_one_reference
from bistnet.training.losses import Weights, bistnet_terms
from colorbench.config import parse_pairs
from colorbench.errors import UsageError, WeightsError
from colorbench.records import parsed
from colorbench.training.corpus import Corpus, CorpusSettings
from colorbench.training.losses.adversarial import Critic, critic_loss
from colorbench.training.losses.picture_network import load_picture_network
from colorbench.training.losses.warping import Before
from colorbench.training.task import Batch, Provenance, Sample, Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings(CorpusSettings):
    """What BiSTNet is trained as and on, beside the recipe of the loop."""

    network: str
    """A preset of :mod:`bistnet.network.settings`, or a .toml file."""
    overrides: tuple[str, ...] = ()
    """Changes of it, each "table.key=value"."""
    begin: str = ""
    """A checkpoint to begin from; layers of another shape begin from nothing. Empty: all do.

    A network of one reference begins from one of two as what that does with the first alone."""
    frozen: bool = False
    """True: what is matched by stays as it began, and the refinement alone is trained."""
    vgg: str = ""
    """A file of VGG19's weights, or "vgg16", which is fetched: for the perceptual and the contextual term."""
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
                wanted="the network that these terms look with",
                remedy="set vgg to the path of vgg19_conv.pth or torchvision's file, or to vgg16 (fetched), or both weights to 0",
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
            if is_fetched(graph.features):
                self._network.encoder = load_encoder(graph.features)
            self.critic = Critic() if settings.losses.adversarial else None
        if settings.frozen:
            for part in (self._network.encoder, self._network.embedding, self._network.position):
                if part is not None:
                    part.requires_grad_(False)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._vgg = load_picture_network(settings.vgg)
        self._judged: tuple[Tensor, Tensor] | None = None
        if settings.begin:
            _begin(self._network, Path(settings.begin))
        self.experts = build_experts(graph.experts, trained=True)
        self.corpus = Corpus(settings, data, flow=bool(settings.losses.temporal))
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
            "material": self.corpus.identity,
        }

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """See Task."""
        return self.corpus.sample(number, rng)

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
        colored = network.color(l_star, first, second, position, maps, coarse=bool(self.settings.losses.coarse))
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
            matched=colored.color_map,
            coarse=colored.coarse_map,
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
        if not isinstance(network, BiSTNet):
            raise TypeError(f"a {type(network).__name__} is no BiSTNet")
        device = next(network.parameters()).device.type
        card = next(method.card for method in METHODS if method.card.name == ("bistnet-single", "bistnet")[self.references - 1])
        colorizer = HarnessColorizer(Colorizer(network, experts=self.experts, device=device))
        return self.corpus.score(colorizer, card, folder, exemplars=self.references)

    def save(self, path: Path, network: nn.Module, provenance: Provenance) -> None:
        """See Task."""
        if not isinstance(network, BiSTNet):
            raise TypeError(f"a {type(network).__name__} is no BiSTNet")
        card = Card(
            settings=network.settings,
            trained=True,
            data=self.corpus.names,
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
    loaded = load_checkpoint(path)[0]
    if loaded.settings.fusion.references > network.settings.fusion.references:
        loaded = with_one_reference(loaded)
    state = loaded.state_dict()
    own: dict[str, Tensor] = network.state_dict()
    fitting = {key: value for key, value in state.items() if key in own and own[key].shape == value.shape}
    if not fitting:
        raise WeightsError(
            f"nothing of {path} fits the network", wanted="a checkpoint of a like network", remedy="leave begin empty"
        )
    network.load_state_dict({**own, **fitting})
