"""DeepExemplar as a task of the trainer: its own objective on the samples that every method here is trained on.

A sample's frames follow one another. The first has zeros for the frame before, as a clip's first has, and each of the others what
was predicted for the one before it; gradients go back through the recurrence. (The authors' code gives the frame before its
chroma and the luminance of another frame; that slip is not repeated.)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from baselines.deepexemplar_networks.compact import TRAINING_TEMPERATURE, CompactColorizer, Shape, build_compact
from baselines.deepexemplar_networks.recurrence import MIDDLE, DeepExemplar, Reference
from colorbench.errors import UsageError
from colorbench.nets.correspondence import Match
from colorbench.training.corpus import Corpus, CorpusSettings
from colorbench.training.losses.chroma import ChromaWeights, chroma_terms
from colorbench.training.losses.picture_network import load_picture_network
from colorbench.training.losses.warping import Before
from colorbench.training.network_task import NetworkTask
from colorbench.training.task import Batch, Terms
from colorbench.types import MethodCard

if TYPE_CHECKING:
    from colorbench.nets.encoders import Vgg16, Vgg19


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings(CorpusSettings):
    """What it is trained as and on, beside the recipe of the loop."""

    shape: Shape = field(default_factory=Shape)
    vgg: str = ""
    """A file of VGG19's weights, or "vgg16", which is fetched: for the perceptual and the contextual term."""
    losses: ChromaWeights = field(default_factory=ChromaWeights)

    def __post_init__(self) -> None:
        if not self.triplets.consecutive:
            raise UsageError(
                "triplets.consecutive = false", wanted="frames that follow one another", remedy="set triplets.consecutive = true"
            )
        if (self.losses.perceptual or self.losses.contextual) and not self.vgg:
            raise UsageError(
                f"losses.perceptual = {self.losses.perceptual:g}, losses.contextual = {self.losses.contextual:g}, and no vgg",
                wanted="the network that these terms look with",
                remedy="set vgg to the path of vgg19_conv.pth or torchvision's file, or to vgg16 (fetched), or both weights to 0",
            )


def open_task(settings: TrainingSettings, data: Path, seed: int, *, card: MethodCard) -> NetworkTask:
    """The task; see :class:`colorbench.training.corpus.Corpus` for what is raised."""
    vgg = load_picture_network(settings.vgg)
    return NetworkTask(
        card,
        settings,
        Corpus(settings, data, flow=bool(settings.losses.temporal)),
        build=lambda: build_compact(settings.shape),
        seed=seed,
        losses=lambda network, batch: batch_terms(_own(network), batch, settings.losses, vgg=vgg),
        colorizer=lambda network: CompactColorizer(_own(network), device=next(network.parameters()).device.type),
        shape=asdict(settings.shape),
        exemplars=1,
    )


def batch_terms(network: DeepExemplar, batch: Batch, weights: ChromaWeights, *, vgg: Vgg19 | Vgg16 | None = None) -> Terms:
    """The objective over all frames of a batch.

    Args:
        network: in training.
        batch: of :class:`colorbench.training.triplets.Triplets`, N samples of F frames, with "flow" and "mask" for the temporal
            term.
        weights: of the terms.
        vgg: see :func:`colorbench.training.losses.chroma.chroma_terms`.
    """
    count, frames = batch["l_star"].shape[:2]
    l_star = batch["l_star"].flatten(0, 1).contiguous(memory_format=torch.channels_last)  # (N F, 1, h, w)
    one = network.encode_reference(torch.cat((batch["first_l"], batch["first_ab"]), dim=1))
    reference = Reference(*(x.repeat_interleave(frames, dim=0) for x in (one.key, one.ab)))
    match = network.match(l_star, reference, temperature=TRAINING_TEMPERATURE)
    ab = _recurrent(network, l_star, match, frames=frames)  # (N F, 2, h, w)
    before = None
    if "flow" in batch:
        each = ab.reshape(count, frames, *ab.shape[1:])
        earlier = torch.cat((each[:, :1], each[:, :-1]), dim=1).flatten(0, 1)  # the first has no mask
        before = Before(earlier, batch["flow"].flatten(0, 1), batch["mask"].flatten(0, 1))
    if vgg is not None:
        vgg.to(l_star.device)
    truth = batch["ab"].flatten(0, 1)
    return chroma_terms(ab, truth, l_star, weights=weights, vgg=vgg, temporal=before, matched=match.values)


def _recurrent(network: DeepExemplar, l_star: Tensor, match: Match, *, frames: int) -> Tensor:
    """Frame after frame of all samples at once: (N F, 1, h, w) -> (N F, 2, h, w)."""
    found: list[Tensor] = []
    before = l_star.new_zeros(len(l_star) // frames, 3, *l_star.shape[-2:])
    for index in range(frames):
        now = l_star[index::frames]
        ab = network(now, Match(match.values[index::frames], match.similarity[index::frames]), before)
        before = torch.cat((now - MIDDLE, ab.to(now.dtype)), dim=1)
        found.append(ab)
    return torch.stack(found, dim=1).flatten(0, 1)


def _own(network: nn.Module) -> DeepExemplar:
    if not isinstance(network, DeepExemplar):
        raise TypeError(f"a {type(network).__name__} is no DeepExemplar")
    return network
