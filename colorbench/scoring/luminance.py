"""How far colored frames are from the gray input's luminance, where the sRGB gamut leaves them the choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from colorbench.errors import MethodError
from colorbench.types import LStar, RgbFrame

LUMINANCE_TOLERANCE = 1.0
"""Median absolute L* difference a frame that still counts as kept: 8-bit rounding moves L* by less than 0.6."""

REACH = 5
"""Frames by which an offset is looked for."""
MISFIT = 0.5
"""L* from which it is looked for: frames that fit differ by their coding alone, and a slow pan by 1 a frame."""
CLEARLY = 0.6
"""Part of the error at its place under which a frame's error elsewhere has to be."""

_STRIP = 1 << 15
"""Pixels converted at once: from there on torch splits the work over threads of its own, beside ours on the same cores."""


def luminance_in_strips(rgb: RgbFrame, luminance: Callable[[RgbFrame], LStar]) -> LStar:
    """``luminance(rgb)`` of (H, W, 3) uint8 in [0, 255], a pixelwise function, on the calling thread alone; (H, W)."""
    height, width = rgb.shape[:2]
    rows = max(1, (_STRIP - 1) // width)
    return np.concatenate([luminance(rgb[at : at + rows]) for at in range(0, height, rows)])


def luminance_error(gray: LStar, colored: LStar, rgb: RgbFrame) -> float:
    """Median |L* difference| over the pixels where it tells of the method.

    Pixels whose difference the gamut explains are left out (see gamut.py). So what ends with ``clip.merge`` has no error beyond
    rounding, in black and white frames too, whatever its colors.

    Args:
        gray: (H, W) float32, L* of the input.
        colored: (H, W) float32, L* of ``rgb``.
        rgb: (H, W, 3) uint8, what came of it.

    Returns:
        In L*; 0 where no pixel is left.
    """
    from colorbench.scoring.gamut import unexplained_differences
    from colorbench.scoring.median import median

    differences = unexplained_differences(gray, colored, rgb)
    return median(differences) if differences.size else 0.0


def best_offset(frames: Mapping[int, tuple[LStar, RgbFrame]], gray: Callable[[int], LStar], count: int) -> int:
    """By how many frames what a clip's colored frames show comes later (positive) or earlier in the clip.

    Args:
        frames: index to L* and pixels of some colored frames.
        gray: L* of the input's frame of an index.
        count: frames of the clip.

    Returns:
        Of -REACH to REACH the offset at which the largest :func:`luminance_error` is smallest, where that is clearly
        under the one at 0; else 0.
    """

    def error(offset: int) -> float:
        inside = {index: frame for index, frame in frames.items() if 0 <= index + offset < count}
        if len(inside) * 2 <= len(frames):
            return math.inf
        return max(luminance_error(gray(index + offset), *frame) for index, frame in inside.items())

    errors = {offset: error(offset) for offset in sorted(range(-REACH, REACH + 1), key=abs)}
    best = min(errors, key=errors.__getitem__)
    return best if errors[best] < CLEARLY * errors[0] else 0


def check_kept(error: float, *, clip: str, index: int) -> None:
    """Refuses a frame whose :func:`luminance_error` is more than rounding explains.

    Raises:
        MethodError: naming the clip and the frame.
    """
    if error > LUMINANCE_TOLERANCE:
        raise MethodError(
            f"clip {clip!r}, frame {index}: luminance was changed, median |L* difference| {error:.2f}",
            wanted=f"the input's luminance (at most {LUMINANCE_TOLERANCE} in the median)",
            remedy='end with clip.merge(index, ab), or say luminance="own" on the method\'s card',
        )
