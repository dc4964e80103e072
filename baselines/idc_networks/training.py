"""IDC as a task of the trainer: regression without hints, on single frames of the samples that every method is trained on.

The loss is the paper's, a Huber loss with delta = 1, here of CIE units and a mean where the paper has a sum over channels; so it
is an L1 for all but the smallest errors, which the authors' PyTorch code takes. No hints are given, where the authors draw some
for each picture: the compact network colors without any, so all of its training is for that. Nor is it
trained to classify before, as the authors' is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from baselines.compact_networks.training import frame_task
from baselines.idc_networks.compact import Shape, build_compact, chroma, colorizer
from baselines.idc_networks.siggraph17 import Siggraph17
from colorbench.training.corpus import Corpus, CorpusSettings
from colorbench.training.losses.chroma import exact
from colorbench.training.network_task import NetworkTask
from colorbench.training.task import Terms
from colorbench.types import MethodCard


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings(CorpusSettings):
    """What it is trained as and on, beside the recipe of the loop."""

    shape: Shape = field(default_factory=Shape)


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


def batch_terms(network: Siggraph17, l_star: Tensor, truth_ab: Tensor) -> Terms:
    """The objective.

    Args:
        network: in training.
        l_star: (N, 1, H, W) in [0, 100].
        truth_ab: (N, 2, H, W) in CIE units.
    """
    ab = chroma(network, l_star)
    with torch.autocast(l_star.device.type, enabled=False):
        return {"regression": F.huber_loss(exact(ab), exact(truth_ab), delta=1.0)}
