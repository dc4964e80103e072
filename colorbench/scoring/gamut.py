"""Which differences of luminance a method may be blamed for.

A color out of the sRGB gamut is cut off channel by channel. Luminance grows with each channel, so a pixel that was cut off at 0
is lighter than it was asked to be, and one that was cut off at 255 is darker.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colorbench.system.compiled import compiled
from colorbench.types import LStar, RgbFrame


def unexplained_differences(gray: LStar, colored: LStar, rgb: RgbFrame) -> NDArray[np.float32]:
    """|colored - gray| of all pixels but those with a channel at 0 that are too light or with one at 255 that are too dark.

    Args:
        gray: (H, W) float32, L* of the input.
        colored: (H, W) float32, L* of ``rgb``.
        rgb: (H, W, 3) uint8 in [0, 255].

    Returns:
        (n,) float32, in the order of rows; n may be 0.
    """
    found: NDArray[np.float32] = _unexplained(gray.reshape(-1), colored.reshape(-1), np.ascontiguousarray(rgb).reshape(-1, 3))
    return found


@compiled()
def _unexplained(gray: NDArray[np.float32], colored: NDArray[np.float32], rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    differences = np.empty(gray.size, np.float32)
    taken = 0
    for i in range(gray.size):
        r, g, b = rgb[i, 0], rgb[i, 1], rgb[i, 2]
        difference = colored[i] - gray[i]
        lightened = r == 0 or g == 0 or b == 0
        darkened = r == 255 or g == 255 or b == 255
        if not ((difference > 0 and lightened) or (difference < 0 and darkened)):
            differences[taken] = abs(difference)
            taken += 1
    return differences[:taken]
