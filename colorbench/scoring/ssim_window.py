"""SSIM's window in numbers, and the order in which its columns are summed: what the passes on every device share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colorbench.system.compiled import compiled

WINDOW = 7
"""Side of SSIM's uniform window."""
SIZE = WINDOW * WINDOW
C1 = SIZE * SIZE * (0.01 * 255.0) ** 2
C2 = SIZE * (SIZE - 1) * (0.03 * 255.0) ** 2
REACH = 3 * (WINDOW - 1)
"""Interleaved values between the first and the last column of a window."""


@compiled(error_model="numpy")
def total_of(quotients: NDArray[np.float64]) -> float:
    """The sum of (n,) columns, one after the other."""
    total = 0.0
    for j in range(quotients.size):
        total += quotients[j]
    return total
