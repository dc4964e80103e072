"""One compiled pass over the pixels for all that PSNR, SSIM, CDC and colorfulness need of them; gpu_pass.py has its twin.

Window sums of 8-bit values are integers, so they are kept as integers: exact, and therefore equal on every machine. Four
running column sums over 7 rows are enough, of x, y, (x - y)^2 and xy, because x^2 + y^2 = (x - y)^2 + 2xy. A row that enters is
added, the row that leaves is subtracted, and seven neighbors of one channel (three values apart) make a window. With
n = 49, P = 2 Sx Sy, Q = Sx^2 + Sy^2, V = 2n Sxy - P, W = n Sd + 2n Sxy - Q (all exact and under 2^31)

    SSIM = (P + n^2 C1)(V + n (n - 1) C2) / ((Q + n^2 C1)(W + n (n - 1) C2)),   C1 = (0.01 * 255)^2, C2 = (0.03 * 255)^2

is the formula of Wang et al. 2004 (DOI 10.1109/TIP.2003.819861) with sample covariances, as scikit-image has it: one division
a window, in float64. The kernels are single-threaded, release the GIL and share nothing, so threads may call them at once; sums
run in a fixed order, one accumulator a column, so the result does not depend on the width of the machine's vectors. Contraction
to fused multiply-add is allowed because every product it can touch is an exact integer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from colorbench.metric import FrameStatistics, PairStatistics
from colorbench.scoring.frame_checks import checked_frame, checked_pair
from colorbench.scoring.ssim_window import C1, C2, REACH, SIZE, WINDOW, total_of
from colorbench.system.compiled import compiled
from colorbench.types import RgbFrame

_compiled = compiled(error_model="numpy", fastmath={"contract"})


def measure_frame(frame: RgbFrame) -> FrameStatistics:
    """Histograms and opponent-color sums of one frame.

    Args:
        frame: (H, W, 3) uint8 in [0, 255], sRGB.

    Raises:
        UsageError: the frame is something else.

    >>> statistics = measure_frame(np.full((2, 2, 3), (200, 100, 50), np.uint8))
    >>> statistics.opponent
    (400, 40000, 800, 160000)
    """
    return _frame_statistics(checked_frame(frame))


def measure_pair(truth: RgbFrame, prediction: RgbFrame) -> PairStatistics:
    """Squared error and SSIM of a prediction, and the prediction's own statistics.

    Args:
        truth: (H, W, 3) uint8 in [0, 255], sRGB.
        prediction: the same shape.

    Returns:
        ``ssim`` is NaN where the frame is smaller than 7x7, and exactly 1 for equal frames.

    Raises:
        UsageError: a frame is something else, or the sizes differ.

    >>> measure_pair(np.full((8, 8, 3), 250, np.uint8), np.full((8, 8, 3), 5, np.uint8)).squared_error
    11524800
    """
    truth, prediction = checked_pair(truth, prediction)
    height, width, _ = truth.shape
    columns = 3 * width
    windows = max(columns - REACH, 0)
    error, total = _compare(
        truth.reshape(height, columns),
        prediction.reshape(height, columns),
        np.zeros((2, columns), np.int16),
        np.zeros((2, columns), np.int32),
        np.empty((2, windows), np.int16),
        np.empty((2, windows), np.int32),
        np.zeros(windows, np.float64),
    )
    count = windows * max(height - WINDOW + 1, 0)
    return PairStatistics(
        prediction=_frame_statistics(prediction),
        squared_error=int(error),
        ssim=total / count if count else math.nan,
    )


class CpuPass:
    """Satisfies colorbench.metric.FusedPass in the thread that calls."""

    def frames(self, frames: Sequence[RgbFrame]) -> list[FrameStatistics]:
        return [measure_frame(frame) for frame in frames]

    def pairs(self, pairs: Sequence[tuple[RgbFrame, RgbFrame]]) -> list[PairStatistics]:
        return [measure_pair(truth, prediction) for truth, prediction in pairs]


def _frame_statistics(frame: RgbFrame) -> FrameStatistics:
    height, width, _ = frame.shape
    counts = np.zeros((2, 3 * 256), np.int64)
    rg, rg_squares, yb, yb_squares = _count(frame.reshape(height, 3 * width), counts)
    return FrameStatistics(
        histogram=counts.sum(axis=0).reshape(3, 256), opponent=(int(rg), int(rg_squares), int(yb), int(yb_squares))
    )


@_compiled
def _compare(
    x: NDArray[np.uint8],
    y: NDArray[np.uint8],
    small: NDArray[np.int16],
    large: NDArray[np.int32],
    small_windows: NDArray[np.int16],
    large_windows: NDArray[np.int32],
    quotients: NDArray[np.float64],
) -> tuple[np.int64, float]:
    """Squared error and the sum of SSIM over all windows, of (H, 3W) interleaved frames and zeroed buffers."""
    height = x.shape[0]
    nothing = np.zeros(x.shape[1], np.uint8)
    error = np.int64(0)
    for i in range(height):
        if i < WINDOW:
            _slide(x[i], y[i], nothing, nothing, small[0], small[1], large[0], large[1])
        else:
            _slide(x[i], y[i], x[i - WINDOW], y[i - WINDOW], small[0], small[1], large[0], large[1])
        # Every seventh row, counted from the last, the column sums of (x - y)^2 hold rows that no other such row holds.
        if (height - 1 - i) % WINDOW == 0:
            error += large[0].sum()
        if i >= WINDOW - 1 and quotients.size:
            for k in range(2):
                _windows(small[k], small_windows[k])
                _windows(large[k], large_windows[k])
            _add_quotients(small_windows[0], small_windows[1], large_windows[0], large_windows[1], quotients)
    return error, total_of(quotients)


@_compiled
def _slide(
    x: NDArray[np.uint8],
    y: NDArray[np.uint8],
    x_old: NDArray[np.uint8],
    y_old: NDArray[np.uint8],
    sum_x: NDArray[np.int16],
    sum_y: NDArray[np.int16],
    sum_d: NDArray[np.int32],
    sum_xy: NDArray[np.int32],
) -> None:
    """Lets one row enter the column sums and one leave. A column of 7 values is at most 1785, its squares at most 455175."""
    for j in range(x.size):
        sum_x[j] += np.int16(x[j]) - np.int16(x_old[j])
    for j in range(x.size):
        sum_y[j] += np.int16(y[j]) - np.int16(y_old[j])
    for j in range(x.size):
        a, b, a_old, b_old = np.int16(x[j]), np.int16(y[j]), np.int16(x_old[j]), np.int16(y_old[j])
        d, d_old = np.int32(np.int16(a - b)), np.int32(np.int16(a_old - b_old))
        sum_d[j] += d * d - d_old * d_old
        sum_xy[j] += np.int32(a) * np.int32(b) - np.int32(a_old) * np.int32(b_old)


@_compiled
def _windows(columns: NDArray[np.generic], windows: NDArray[np.generic]) -> None:
    """Sums of seven columns, three values apart. A window of 49 values is at most 12495: int16 holds it."""
    n = windows.size
    c0, c1, c2, c3 = columns[:n], columns[3 : n + 3], columns[6 : n + 6], columns[9 : n + 9]
    c4, c5, c6 = columns[12 : n + 12], columns[15 : n + 15], columns[18 : n + 18]
    for j in range(n):
        windows[j] = c0[j] + c1[j] + c2[j] + c3[j] + c4[j] + c5[j] + c6[j]


@_compiled
def _add_quotients(
    window_x: NDArray[np.int16],
    window_y: NDArray[np.int16],
    window_d: NDArray[np.int32],
    window_xy: NDArray[np.int32],
    quotients: NDArray[np.float64],
) -> None:
    """Adds one row's SSIM values to their columns."""
    for j in range(quotients.size):
        sx, sy = np.float64(window_x[j]), np.float64(window_y[j])
        cross = 2.0 * SIZE * np.float64(window_xy[j])
        p = 2.0 * sx * sy
        q = sx * sx + sy * sy
        v = cross - p
        w = SIZE * np.float64(window_d[j]) + (cross - q)
        quotients[j] += ((p + C1) * (v + C2)) / ((q + C1) * (w + C2))


@_compiled
def _count(frame: NDArray[np.uint8], counts: NDArray[np.int64]) -> tuple[np.int64, np.int64, np.int64, np.int64]:
    """Fills (2, 768) counts and returns the sums of rg, rg^2, yb, yb^2, of an (H, 3W) interleaved frame."""
    height, columns = frame.shape
    rg_sum, rg_squares, yb_sum, yb_squares = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for i in range(height):
        row = frame[i]
        for j in range(columns // 3):
            # Two tables in turn: neighbors are often equal, and a counter just written is slow to read back.
            table = counts[j % 2]
            r, g, b = np.int64(row[3 * j]), np.int64(row[3 * j + 1]), np.int64(row[3 * j + 2])
            table[r] += 1
            table[256 + g] += 1
            table[512 + b] += 1
            rg, yb = r - g, r + g - 2 * b
            rg_sum += rg
            yb_sum += yb
            rg_squares += rg * rg
            yb_squares += yb * yb
    return rg_sum, rg_squares, yb_sum, yb_squares
