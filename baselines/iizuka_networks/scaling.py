"""Pictures to another size as Torch7's ``image.scale`` does it, by another rule than torch's, to more and to fewer pixels."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


def scaled(planes: Tensor, height: int, width: int) -> Tensor:
    """(..., h, w) -> (..., H, W).

    Along each axis by itself: to more pixels, linear with the first and the last pixel kept in place (align_corners=True); to
    fewer, the mean over the part of the axis that a pixel covers, parts of pixels counted as parts.

    >>> scaled(torch.tensor([[0.0, 1.0, 2.0]]), 1, 5).tolist()
    [[0.0, 0.5, 1.0, 1.5, 2.0]]
    >>> scaled(torch.tensor([[0.0, 1.0, 2.0]], dtype=torch.float64), 1, 2).round(decimals=3).tolist()
    [[0.333, 1.667]]
    """
    rows, columns = (_weights(*pair).to(planes) for pair in ((planes.shape[-2], height), (planes.shape[-1], width)))
    return rows @ planes @ columns.T


@lru_cache(maxsize=16)
def _weights(before: int, after: int) -> Tensor:
    """(after, before) float64, what each new pixel takes of each old one."""
    old = torch.arange(before, dtype=torch.float64)
    new = torch.arange(after, dtype=torch.float64)[:, None]
    if after > before:
        place = new * ((before - 1) / (after - 1))
        return (1.0 - (place - old).abs()).clamp_min(0.0)
    covered = before / after
    overlap = torch.minimum((new + 1.0) * covered, old + 1.0) - torch.maximum(new * covered, old)
    return overlap.clamp_min(0.0) / covered
