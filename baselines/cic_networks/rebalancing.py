r"""CIC's classification: colors as soft choices among 313 bins, rare ones weighted up (Zhang et al., ECCV 2016, section 2).

A color is encoded by its 5 nearest bins, with weights exp(-d^2 / (2 sigma^2)) of their distances, brought to a sum of 1. With p a
prior over the bins, smoothed by the same Gaussian, and Q = 313,

    L = mean over positions of  -w(q*) sum_q Z_q log P_q,   w(q) ~ 1 / ((1 - lambda) p(q) + lambda / Q),   sum_q p(q) w(q) = 1

where q* is the nearest bin. sigma is 5 and lambda 1/2. How ours differs: a mean over positions where the paper has a sum; the
prior is that of the samples that are trained on, not ImageNet's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from baselines.cic_networks.bins import bin_centers

NEIGHBORS = 5
SIGMA = 5.0
"""In CIE units; half the distance between bins."""


class SoftColors(NamedTuple):
    """Colors as shares of a few bins."""

    bins: Tensor
    """(N, 5, H, W) int64, the nearest first."""
    shares: Tensor
    """(N, 5, H, W), with the sum 1."""


def soft_encoded(ab: Tensor) -> SoftColors:
    """(N, 2, H, W) a* and b* in CIE units -> their shares of the nearest bins."""
    points = ab.movedim(1, -1)  # (N, H, W, 2)
    distances = torch.cdist(points.flatten(0, -2), _centers(ab), compute_mode="donot_use_mm_for_euclid_dist")
    nearest, bins = distances.topk(NEIGHBORS, dim=1, largest=False)  # (N H W, 5)
    shares = torch.softmax(nearest.square() / (-2.0 * SIGMA**2), dim=1)
    bins, shares = (x.reshape(*points.shape[:-1], NEIGHBORS).movedim(-1, 1) for x in (bins, shares))
    return SoftColors(bins, shares)


def class_weights(prior: Tensor, *, uniform: float) -> Tensor:
    """w of the bins.

    Args:
        prior: (313,) with the sum 1.
        uniform: lambda, in (0, 1]; 1 weighs all bins alike.

    Returns:
        (313,), with mean 1 under the smoothed prior.
    """
    centers = _centers(prior)
    kernel = torch.exp(torch.cdist(centers, centers).square() / (-2.0 * SIGMA**2))
    smooth = (kernel / kernel.sum(dim=0)) @ prior  # each bin's share goes to it and its neighbors
    weights = 1.0 / ((1.0 - uniform) * smooth + uniform / len(prior))
    return weights / (smooth * weights).sum()


def classification_loss(logits: Tensor, colors: SoftColors, weights: Tensor) -> Tensor:
    """The rebalanced cross entropy.

    Args:
        logits: (N, 313, H, W).
        colors: what is true there.
        weights: (313,) of :func:`class_weights`.

    Returns:
        A scalar.
    """
    chosen = torch.log_softmax(logits, dim=1).gather(1, colors.bins)  # (N, 5, H, W)
    return -(weights[colors.bins[:, 0]] * (colors.shares * chosen).sum(dim=1)).mean()


def _centers(like: Tensor) -> Tensor:
    """(313, 2) of the type and on the device of another tensor."""
    return torch.from_numpy(np.array(bin_centers())).to(like)
