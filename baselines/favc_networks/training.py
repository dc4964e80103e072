r"""FAVC as a task of the trainer: the objective of its released training, on pairs of frames of the samples that all methods see.

    L = L_diversity + temporal L_temporal
    L_diversity = mean over frames of  min_i d_i + sum_i 0.01 2^(K - i) d_i,   d_i = mean |x_i - y|,   i = 1 to K
    L_temporal = mean over hypotheses, pairs and pixels of M |x_t - W(x_{t-1}, f)|

with x_i the hypotheses for a frame, y its true colors, f the flow to the frame before, M where it is trusted. So the best
hypothesis learns, whichever it is, and the first of the others most. The paper's bilateral loss, over neighbors in space and
luminance, is computed by the released code and not part of the sum that it minimizes; it is left out.

How ours differs: d compares a* and b* in CIE units, theirs features of VGG19, whose weights are not at hand. Beside those the
temporal term weighs 5, in RGB from 0 to 1; here 1, in CIE units. Flow is DIS's, theirs PWC-Net's; M is of flow there and back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from baselines.favc_networks.compact import Shape, build_compact, colorizer, hypotheses
from baselines.favc_networks.networks import VideoNetwork
from colorbench.errors import UsageError
from colorbench.training.corpus import Corpus, CorpusSettings
from colorbench.training.losses.chroma import exact
from colorbench.training.losses.warping import warp
from colorbench.training.network_task import NetworkTask
from colorbench.training.task import Batch, Terms
from colorbench.types import MethodCard

LEAST = 0.01
"""Weight of the last hypothesis; each one before it has twice as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings(CorpusSettings):
    """What it is trained as and on, beside the recipe of the loop."""

    shape: Shape = field(default_factory=Shape)
    temporal: float = 1.0
    """Weight of the temporal term."""

    def __post_init__(self) -> None:
        if not self.triplets.consecutive or self.triplets.frames < 2:
            raise UsageError(
                f"triplets.consecutive = {str(self.triplets.consecutive).lower()}, triplets.frames = {self.triplets.frames}",
                wanted="at least 2 frames that follow one another",
                remedy="set triplets.consecutive = true and triplets.frames = 2 or more",
            )


def open_task(settings: TrainingSettings, data: Path, seed: int, *, card: MethodCard) -> NetworkTask:
    """The task; see :class:`colorbench.training.corpus.Corpus` for what is raised."""
    return NetworkTask(
        card,
        settings,
        Corpus(settings, data, flow=True),
        build=lambda: build_compact(settings.shape),
        seed=seed,
        losses=lambda network, batch: batch_terms(cast(VideoNetwork, network), batch, temporal=settings.temporal),
        colorizer=lambda network: colorizer(cast(VideoNetwork, network), device=next(network.parameters()).device.type),
        shape=asdict(settings.shape),
        exemplars=0,
    )


def batch_terms(network: VideoNetwork, batch: Batch, *, temporal: float) -> Terms:
    """The objective over all frames of a batch.

    Args:
        network: in training.
        batch: of :class:`colorbench.training.corpus.Corpus`, N samples of F frames in a row, with "flow" and "mask".
        temporal: weight of the temporal term.
    """
    count, frames = batch["l_star"].shape[:2]
    l_star = batch["l_star"].flatten(0, 1).contiguous(memory_format=torch.channels_last)  # (N F, 1, h, w)
    ab = exact(hypotheses(network, l_star))  # (N F, K, 2, h, w)
    with torch.autocast(ab.device.type, enabled=False):
        each = ab.reshape(count, frames, -1, *ab.shape[3:])  # (N, F, 2 K, h, w)
        carried = warp(each[:, :-1].flatten(0, 1), batch["flow"][:, 1:].flatten(0, 1))  # (N (F - 1), 2 K, h, w)
        change = (each[:, 1:].flatten(0, 1) - carried).abs() * batch["mask"][:, 1:].flatten(0, 1)
        return {"diversity": diversity_loss(ab, batch["ab"].flatten(0, 1)), "temporal": temporal * change.mean()}


def diversity_loss(ab: Tensor, truth_ab: Tensor) -> Tensor:
    """L_diversity: the best hypothesis, and all by rank.

    Args:
        ab: (N, K, 2, H, W), CIE units.
        truth_ab: (N, 2, H, W).

    Returns:
        A scalar.
    """
    distances = (ab - truth_ab[:, None]).abs().mean(dim=(2, 3, 4))  # (N, K)
    ranks = torch.arange(ab.shape[1] - 1, -1, -1, device=ab.device)
    weights = LEAST * 2.0 ** ranks.to(ab.dtype)  # (K,)
    return (distances.amin(dim=1) + distances @ weights).mean()
