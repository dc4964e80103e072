"""Between the frame's size and the size at which chroma is computed: luminance down, chroma up with the luminance as its guide.

Chroma is enlarged bicubically; then what the luminance has beyond the working size is added, times the slope by which chroma
follows luminance around each pixel (the guided filter's regression, He et al., TPAMI 2013, doi:10.1109/TPAMI.2012.213):

    ab = cubic(ab') + linear(slope) (L - cubic(L')),   slope = cov(L', ab') / (var(L') + RIDGE), averaged, in 3x3 windows

Box filters at the small size make the slope, so a frame costs three interpolations whatever the window. The guided filter's usual
form (slope L + offset) smooths what the network made and loses 6 dB and more; docs/design/inference.md has the table.
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

RIDGE = 100.0
"""Variance of L* below which a window counts as flat: 10 units squared. Smaller values carry texture into the chroma."""

_RADIUS = 1


def working_size(height: int, width: int, *, long_side: int) -> tuple[int, int]:
    """(height, width) at which chroma is computed: the aspect kept, the long side at most ``long_side``; never enlarged.

    >>> working_size(480, 854, long_side=384), working_size(224, 384, long_side=384), working_size(480, 854, long_side=0)
    ((216, 384), (224, 384), (480, 854))
    """
    longest = max(height, width)
    if not 0 < long_side < longest:
        return height, width
    return max(1, round(height * long_side / longest)), max(1, round(width * long_side / longest))


def reference_size(height: int, width: int, *, area: int) -> tuple[int, int]:
    """(height, width) of a reference: as many pixels as the frames it colors are worked at, its own aspect kept.

    So that things in it have about their size in the frames, and nothing is stretched; matching needs no equal shapes.

    >>> reference_size(256, 341, area=284 * 384)
    (286, 381)
    """
    scale = (area / (height * width)) ** 0.5
    return max(1, round(height * scale)), max(1, round(width * scale))


def scale_down(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, C, H, W) to ``size``, bilinear with an antialiasing window where it shrinks."""
    if tuple(maps.shape[-2:]) == size:
        return maps
    return F.interpolate(maps, size=size, mode="bilinear", antialias=True, align_corners=False)


def scale_chroma_up(ab: Tensor, l_small: Tensor, l_star: Tensor) -> Tensor:
    """Chroma at the size of the luminance.

    Args:
        ab: (N, 2, h, w), CIE units.
        l_small: (N, 1, h, w) in [0, 100], the luminance at that size.
        l_star: (N, 1, H, W) in [0, 100].

    Returns:
        (N, 2, H, W). Equal to ``ab`` where the sizes are equal; constant where ``ab`` is constant.
    """
    size = l_star.shape[-2:]
    if ab.shape[-2:] == size:
        return ab
    detail = l_star - F.interpolate(l_small, size=size, mode="bicubic", align_corners=False)  # (N, 1, H, W)
    slope = F.interpolate(_slope(ab, l_small), size=size, mode="bilinear", align_corners=False)  # (N, 2, H, W)
    return F.interpolate(ab, size=size, mode="bicubic", align_corners=False).addcmul_(slope, detail)


def _slope(ab: Tensor, l_star: Tensor) -> Tensor:
    """(N, 2, h, w): change of chroma with luminance around each pixel."""
    center = l_star - 50.0
    mean_l, mean_ab = _box(center), _box(ab)
    covariance = _box(center * ab) - mean_l * mean_ab
    variance = (_box(center * center) - mean_l * mean_l).clamp_min_(0.0)
    return _box(covariance / (variance + RIDGE))


def _box(maps: Tensor) -> Tensor:
    padded = F.pad(maps, (_RADIUS,) * 4, mode="replicate")
    return F.avg_pool2d(padded, 2 * _RADIUS + 1, stride=1)
