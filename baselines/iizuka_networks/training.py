"""Iizuka as a task of the trainer: a mean square, on single frames of the samples that every method is trained on.

The paper adds 1/300 of the cross entropy of the scene's class, told from the whole picture's features. There is no such term
here: the shared data has no labels. So the whole picture's features learn from color alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from baselines.compact_networks.training import frame_task
from baselines.iizuka_networks.coloring import CHROMA_SCALE
from baselines.iizuka_networks.compact import CompactIizuka, Shape, build_compact, colorizer
from colorbench.errors import UsageError
from colorbench.training.corpus import Corpus, CorpusSettings
from colorbench.training.losses.chroma import exact
from colorbench.training.network_task import NetworkTask
from colorbench.training.task import Terms
from colorbench.types import MethodCard


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings(CorpusSettings):
    """What it is trained as and on, beside the recipe of the loop."""

    shape: Shape = field(default_factory=Shape)

    def __post_init__(self) -> None:
        if self.shape.side < 32 or self.shape.side % 32:
            raise UsageError(f"shape.side = {self.shape.side}", wanted="a multiple of 32", remedy="change shape.side")


def open_task(settings: TrainingSettings, data: Path, seed: int, *, card: MethodCard) -> NetworkTask:
    """The task; see :class:`colorbench.training.corpus.Corpus` for what is raised."""
    return frame_task(
        card,
        settings,
        Corpus(settings, data),
        seed=seed,
        shape=settings.shape,
        build=lambda: build_compact(settings.shape),
        losses=batch_terms,
        colorizer=lambda network: colorizer(network, device=next(network.parameters()).device.type),
    )


def batch_terms(network: CompactIizuka, l_star: Tensor, truth_ab: Tensor) -> Terms:
    """The objective: the mean square in the network's own units, 1/200 of CIE's, at half the size.

    Args:
        network: in training.
        l_star: (N, 1, H, W) in [0, 100].
        truth_ab: (N, 2, H, W) in CIE units; of four pixels their mean counts.
    """
    found = network.halves(l_star)
    with torch.autocast(l_star.device.type, enabled=False):
        truth = 0.5 + F.avg_pool2d(exact(truth_ab), 2) / (2.0 * CHROMA_SCALE)
        return {"regression": F.mse_loss(exact(found), truth)}
