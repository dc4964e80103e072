r"""TCVC as a task of the trainer: its self-regularization, on segments of the samples that every method is trained on.

As with the authors, the image network is trained before (``colorbench train idc``) and frozen, and what is between two anchors
learns from nothing but this, without true colors:

    L = sum over d of 1, 2 of  mean of M^2 (x_t - W(x_{t-d}, f))^2,   M = exp(-50 (l_t - W(l_{t-d}, f))^2)

with f the flow from frame t to t - d, W(u, f)(p) = u(p + f(p)) and l = L* / 100 - 0.5; anchors take part, so colors are held at
both ends. How ours differs: chroma counts in CIE units, the authors' in 1/110 of it; a mean over all pairs of a segment; flow is
DIS's.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from baselines.idc_networks import compact as idc
from baselines.tcvc_networks.coloring import CHROMA_SCALE
from baselines.tcvc_networks.compact import CompactColorizer, Shape, build_compact
from baselines.tcvc_networks.network import Tcvc
from colorbench.errors import UsageError
from colorbench.nets.checkpoints import load_strict
from colorbench.training.corpus import Corpus, CorpusSettings
from colorbench.training.losses.chroma import exact
from colorbench.training.losses.warping import warp
from colorbench.training.network_task import NetworkTask
from colorbench.training.task import Batch, Terms
from colorbench.types import MethodCard

DISTANCES = (1, 2)
"""Frames back that colors are compared with."""

SHARPNESS = 50.0
"""Of M."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings(CorpusSettings):
    """What it is trained as and on, beside the recipe of the loop."""

    shape: Shape = field(default_factory=Shape)
    anchors: str = ""
    """IDC's compact weights, which color the anchors; empty: those in the package."""

    def __post_init__(self) -> None:
        if not self.triplets.consecutive or self.triplets.frames < 3:
            raise UsageError(
                f"triplets.consecutive = {str(self.triplets.consecutive).lower()}, triplets.frames = {self.triplets.frames}",
                wanted="at least 3 frames that follow one another: two anchors and what is between them",
                remedy="set triplets.consecutive = true and triplets.frames = 3 or more",
            )


def open_task(settings: TrainingSettings, data: Path, seed: int, *, card: MethodCard) -> NetworkTask:
    """The task; see :class:`colorbench.training.corpus.Corpus` for what else is raised.

    Raises:
        WeightsError: IDC's compact weights are missing, damaged, or of another width.
    """
    image, path = idc.load_anchors(settings.anchors)

    def build() -> Tcvc:
        network = build_compact(settings.shape)
        load_strict(network.fea_key, image.state_dict(), source=path)
        return network

    return NetworkTask(
        card,
        settings,
        Corpus(settings, data),
        build=build,
        seed=seed,
        losses=lambda network, batch: batch_terms(cast(Tcvc, network), batch),
        colorizer=lambda network: CompactColorizer(cast(Tcvc, network), device=next(network.parameters()).device.type),
        shape=asdict(settings.shape),
        exemplars=0,
    )


def batch_terms(network: Tcvc, batch: Batch) -> Terms:
    """The objective over segments.

    Args:
        network: in training.
        batch: of :class:`colorbench.training.triplets.Triplets`, N samples of F frames, the first and the last of them anchors.
    """
    grays = [frame / 100.0 - 0.5 for frame in batch["l_star"].unbind(dim=1)]  # F of (N, 1, h, w)
    ab = CHROMA_SCALE * exact(network(grays))  # (N, F, 2, h, w)
    with torch.autocast(ab.device.type, enabled=False):
        return {f"warp_{distance}": _warping_loss(network, grays, ab, distance) for distance in DISTANCES}


def _warping_loss(network: Tcvc, grays: list[Tensor], ab: Tensor, distance: int) -> Tensor:
    """Over all frames that have one so far back."""
    terms = []
    for index in range(distance, len(grays)):
        before, now = grays[index - distance], grays[index]
        carried = partial(warp, flow=network.motion(now, before))
        mask = torch.exp(-SHARPNESS * (now - carried(before)).square())  # (N, 1, h, w)
        terms.append((mask * (ab[:, index] - carried(ab[:, index - distance]))).square().mean())
    return torch.stack(terms).mean()
