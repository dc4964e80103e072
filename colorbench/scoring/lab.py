"""8-bit sRGB frames to CIE Lab in float64, compiled: what the color metrics measure in.

The linear light of 256 levels is a table; X, Y, Z are sums of three of its entries. Cube roots are found by Halley's iteration,

    y <- y (y^3 + 2x) / (2 y^3 + x),

which triples the correct digits: from a straight line, within a third of the root all over the range, three steps reach the last
bits of float64. It has nothing but additions, products and quotients, so that the compiler makes vectors of it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from colorbench.scoring.frame_checks import checked_frame
from colorbench.system.compiled import compiled
from colorbench.types import RgbFrame

LabPlanes = NDArray[np.float64]
"""(3, H * W) L* in [0, 100], a*, b*."""

_compiled = compiled(error_model="numpy")

_KNEE = 0.008856
"""Of CIE's f, as scikit-image has it: a straight line below."""


def lab_planes(frame: RgbFrame) -> LabPlanes:
    """A frame in CIE Lab (D65, 2 degrees).

    Args:
        frame: (H, W, 3) uint8 in [0, 255], sRGB.

    Returns:
        (3, H * W) float64, within 1e-12 of scikit-image's ``rgb2lab`` in float64.

    Raises:
        UsageError: the frame is something else.

    >>> lab_planes(np.full((1, 1, 3), (255, 0, 0), np.uint8)).round(3).ravel().tolist()
    [53.241, 80.092, 67.203]
    """
    frame = checked_frame(frame)
    planes = np.empty((3, frame.shape[0] * frame.shape[1]), np.float64)
    _to_lab(frame.reshape(-1, 3), _tables(), planes)
    return planes


@lru_cache(maxsize=1)
def _tables() -> NDArray[np.float64]:
    """(3, 3, 256): the share of each level of R, G, B in X, Y, Z, in units of the white."""
    from colorbench.color import WHITE_D65, XYZ_FROM_RGB

    levels = np.arange(256) / 255.0
    linear = np.where(levels > 0.04045, ((levels + 0.055) / 1.055) ** 2.4, levels / 12.92)
    return np.asarray(np.array(XYZ_FROM_RGB)[:, :, None] * linear / np.array(WHITE_D65)[:, None, None])


@_compiled
def _to_lab(pixels: NDArray[np.uint8], tables: NDArray[np.float64], planes: NDArray[np.float64]) -> None:
    for axis in range(3):
        red, green, blue, sums = tables[axis, 0], tables[axis, 1], tables[axis, 2], planes[axis]
        for i in range(sums.size):
            sums[i] = red[pixels[i, 0]] + green[pixels[i, 1]] + blue[pixels[i, 2]]
        for i in range(sums.size):
            t = sums[i]
            y = 0.26 + 0.76 * t
            for _ in range(3):
                cube = y * y * y
                y = y * (cube + 2.0 * t) / (2.0 * cube + t)
            sums[i] = y if t > _KNEE else 7.787 * t + 16.0 / 116.0
    x, y_, z = planes[0], planes[1], planes[2]
    for i in range(x.size):
        f_x, f_y, f_z = x[i], y_[i], z[i]
        x[i] = 116.0 * f_y - 16.0
        y_[i] = 500.0 * (f_x - f_y)
        z[i] = 200.0 * (f_y - f_z)
