"""Where a projection of frozen features begins: their principal components, so that it matches well before it is trained.

Each level, of unit norm at every position, is turned into its principal components, each divided by the root of its deviation
("half whitened"): what varies most says least about which position it is. Levels then get shares of the cosine, and of all of
them together the components of largest variance are kept. All of it is linear, so it is one matrix a level.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

SHARES = (0.35, 0.30, 0.25, 0.10)
"""Of the cosine, levels from fine to coarse: the best of those tried on frames of DAVIS, without any training."""

COMPONENTS = 128
"""Kept of each level."""

_STEP = 37
"""Every so manieth position is looked at; shares no divisor with usual widths."""


def principal_projections(pictures: Iterable[Sequence[Tensor]], width: int) -> list[Tensor]:
    """Weights for the projections of :class:`bistnet.network.features.Embedding`.

    Args:
        pictures: the levels of some pictures, each (1, C, h, w), the first two of one size.
        width: channels D of the embedding.

    Returns:
        (D, C) of each level.
    """
    samples: list[Tensor] = []
    for levels in pictures:
        size = levels[0].shape[-2:]
        columns = []
        for level in levels:
            unit = F.normalize(level.float(), dim=1, eps=1e-6)
            columns.append(F.interpolate(unit, size, mode="bilinear", align_corners=False)[0].flatten(1)[:, ::_STEP])
        samples.append(torch.cat(columns))  # (C of all, positions)
    joint = torch.cat(samples, dim=1).double()
    joint -= joint.mean(dim=1, keepdim=True)
    matrices, parts, start = [], [], 0
    for level, share in zip(levels, SHARES, strict=True):
        rows = joint[start : start + level.shape[1]]
        start += level.shape[1]
        matrix = _half_whitened(rows, COMPONENTS)
        found = matrix @ rows
        gain = share**0.5 / found.norm(dim=0).mean()
        matrices.append(gain * matrix)
        parts.append(gain * found)
    together = torch.cat(parts)  # (components of all, positions)
    _, axes = torch.linalg.eigh(together @ together.T / together.shape[1])
    kept = axes.flip(1)[:, :width].T  # (D, components of all)
    pieces = kept.split([len(matrix) for matrix in matrices], dim=1)
    return [(piece @ matrix).float() for piece, matrix in zip(pieces, matrices, strict=True)]


def _half_whitened(rows: Tensor, count: int) -> Tensor:
    """(C, positions) of zero mean -> (components, C)."""
    variance, axes = torch.linalg.eigh(rows @ rows.T / rows.shape[1])
    variance, axes = variance.flip(0)[:count], axes.flip(1)[:, :count]
    scaled: Tensor = axes / variance.clamp_min(1e-12) ** 0.25
    return scaled.T
