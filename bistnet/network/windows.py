"""Matching in windows where no gradient is wanted, on a CPU: one compiled pass over the positions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from colorbench.system.compiled import compiled

Maps = NDArray[np.float32]


def window_match(query: Maps, carried: Maps, width: int, radius: int, temperature: float) -> Maps:
    """The softmax over a window of what a reference brings, and the largest cosine.

    Args:
        query: (h, w, D), the frame's embedding.
        carried: (h + 2 radius, w + 2 radius, D + C), the reference's embedding and values where each position looks, with a rim.
        width: D.
        radius: of the window, in positions.
        temperature: what cosines are divided by.

    Returns:
        (h, w, C + 1) float32.
    """
    found = np.empty((*query.shape[:2], carried.shape[2] - width + 1), np.float32)
    _match(query, carried, radius, np.float32(1.0 / temperature), found)
    return found


@compiled(error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _match(query: Maps, carried: Maps, radius: int, sharpness: np.float32, found: Maps) -> None:
    rows, columns, width = query.shape
    values = carried.shape[2] - width
    side = 2 * radius + 1
    cosines = np.empty(side * side, np.float32)
    for i in range(rows):
        for j in range(columns):
            own = query[i, j]
            top = np.float32(-math.inf)
            for y in range(side):
                for x in range(side):
                    other = carried[i + y, j + x]
                    cosine = np.float32(0.0)
                    for channel in range(width):
                        cosine += own[channel] * other[channel]
                    cosines[y * side + x] = cosine
                    top = max(top, cosine)
            total = np.float32(0.0)
            found[i, j, :] = 0.0
            for at in range(side * side):
                weight = np.float32(math.exp((cosines[at] - top) * sharpness))
                total += weight
                for channel in range(values):
                    found[i, j, channel] += weight * carried[i + at // side, j + at % side, width + channel]
            for channel in range(values):
                found[i, j, channel] /= total
            found[i, j, values] = top
