"""How far colored frames are from the gray input's luminance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import MethodError
from colorbench.types import LStar, RgbFrame

LUMINANCE_TOLERANCE = 1.0
"""Median absolute L* difference a frame that still counts as kept: 8-bit rounding moves L* by less than 0.6, colors out of the
sRGB gamut move single pixels by more, so the median is what is bounded."""

_STRIP = 1 << 15
"""Pixels converted at once: from there on torch splits the work over threads of its own, beside ours on the same cores."""


def luminance_in_strips(rgb: RgbFrame, luminance: Callable[[RgbFrame], LStar]) -> LStar:
    """``luminance(rgb)`` of (H, W, 3) uint8 in [0, 255], a pixelwise function, on the calling thread alone; (H, W)."""
    height, width = rgb.shape[:2]
    rows = max(1, (_STRIP - 1) // width)
    return np.concatenate([luminance(rgb[at : at + rows]) for at in range(0, height, rows)])


def median_difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Median |L* difference| of two frames."""
    from colorbench.scoring.median import median_absolute_difference

    return median_absolute_difference(first, second)


def check_kept(error: float, *, clip: str, index: int) -> None:
    """Refuses a frame whose :func:`median_difference` to the input is more than rounding and the gamut explain.

    Raises:
        MethodError: naming the clip and the frame.
    """
    if error > LUMINANCE_TOLERANCE:
        raise MethodError(
            f"clip {clip!r}, frame {index}: luminance was changed, median |L* difference| {error:.2f}",
            wanted=f"the input's luminance (at most {LUMINANCE_TOLERANCE} in the median)",
            remedy='end with clip.merge(index, ab), or say luminance="own" on the method\'s card',
        )
