"""CIC as a task of the trainer: classification with rebalancing, on single frames of the shared samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from baselines.cic_networks.bins import bin_centers
from baselines.cic_networks.compact import Shape, build_compact, colorizer, network_input
from baselines.cic_networks.eccv16 import Eccv16
from baselines.cic_networks.rebalancing import class_weights, classification_loss, soft_encoded
from baselines.compact_networks.training import frame_task
from colorbench.errors import UsageError
from colorbench.training.corpus import Corpus, CorpusSettings
from colorbench.training.losses.chroma import exact
from colorbench.training.network_task import NetworkTask
from colorbench.training.task import Terms
from colorbench.types import MethodCard

_SHRINK = 4
"""The network's bins are those of 4x4 pixels."""

_PRIOR_SEED = 313
"""The prior's samples are not those of the training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings(CorpusSettings):
    """What it is trained as and on, beside the recipe of the loop."""

    shape: Shape = field(default_factory=Shape)
    uniform: float = 0.5
    """lambda: how much of the prior is taken for uniform; 1 weighs all colors alike."""
    prior_samples: int = 512
    """Samples that the prior is counted on, anew at each start; the same data gives the same."""

    def __post_init__(self) -> None:
        if not 0.0 < self.uniform <= 1.0:
            raise UsageError(f"uniform = {self.uniform:g}", wanted="above 0 and at most 1", remedy="the paper has 0.5")
        if self.prior_samples < 1:
            raise UsageError(f"prior_samples = {self.prior_samples}", wanted="at least 1", remedy="512 is the default")


def open_task(settings: TrainingSettings, data: Path, seed: int, *, card: MethodCard) -> NetworkTask:
    """The task; see :class:`colorbench.training.corpus.Corpus` for what is raised."""
    corpus = Corpus(settings, data)
    weights = class_weights(counted_prior(corpus, settings.prior_samples), uniform=settings.uniform)
    return frame_task(
        card,
        settings,
        corpus,
        seed=seed,
        shape=settings.shape,
        build=lambda: build_compact(settings.shape),
        losses=partial(batch_terms, weights=weights),
        colorizer=lambda network: colorizer(network, device=next(network.parameters()).device.type),
    )


def batch_terms(network: Eccv16, l_star: Tensor, truth_ab: Tensor, *, weights: Tensor) -> Terms:
    """The objective.

    Args:
        network: in training.
        l_star: (N, 1, H, W) in [0, 100].
        truth_ab: (N, 2, H, W) in CIE units; what is classified are means of 4x4 pixels, of which the network gives one choice.
        weights: (313,) of the bins.
    """
    logits = network.logits(network_input(l_star))
    with torch.autocast(l_star.device.type, enabled=False):
        colors = soft_encoded(F.avg_pool2d(exact(truth_ab), _SHRINK))
        logits = exact(logits)
        return {"classification": classification_loss(logits, colors, weights.to(logits))}


def counted_prior(corpus: Corpus, samples: int) -> Tensor:
    """(313,) shares of the bins, each position counted for its nearest one, with the sum 1."""
    counts = torch.zeros(len(bin_centers()))
    for number in range(samples):
        ab = corpus.sample(number, np.random.default_rng((_PRIOR_SEED, number)))["ab"]
        nearest = soft_encoded(F.avg_pool2d(ab, _SHRINK)).bins[:, 0]
        counts += torch.bincount(nearest.flatten(), minlength=len(counts))
    return counts / counts.sum()
