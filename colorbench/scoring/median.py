"""The exact median by counting: half the time of NumPy's, which every frame pays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colorbench.system.compiled import compiled


def median(values: NDArray[np.float32]) -> float:
    """The value that np.median gives, to the bit.

    Args:
        values: (n,) contiguous, at least one, none of them negative or NaN.

    >>> median(np.array([0, 1, 5, 9], np.float32))
    3.0
    """
    return float(_median(values))


@compiled()
def _median(values: NDArray[np.float32]) -> np.float32:
    # The bits of floats that are not negative are in the floats' order. The upper half of them is counted; of the bins that hold
    # the two middle values, the few values are sorted.
    count = values.size
    bits = values.view(np.uint32)
    bins = np.zeros(1 << 15, np.int64)
    for i in range(count):
        bins[bits[i] >> 16] += 1
    lower, upper = (count - 1) // 2, count // 2
    low, below = 0, np.int64(0)
    while below + bins[low] <= lower:
        below += bins[low]
        low += 1
    high, up_to = low, below + bins[low]
    while up_to <= upper:
        high += 1
        up_to += bins[high]
    middle = np.empty(up_to - below, np.float32)
    taken = 0
    for i in range(count):
        if low <= bits[i] >> 16 <= high:
            middle[taken] = values[i]
            taken += 1
    middle.sort()
    return np.float32((middle[lower - below] + middle[upper - below]) / np.float32(2.0))
