"""The fused pass of fused.py as two kernels for GPUs, in Triton, which comes with torch where torch runs on a GPU.

The same integers, the same float64 operations in the same order: one lane a column walks down the rows, so each column's
sum of SSIM values has the bits that the CPU's has. What of Triton's arithmetic is not IEEE's in float64 is kept out: its division
of float32, and constants in the code, which it rounds to float32. To be imported only where Triton is installed.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit  # type: ignore[untyped-decorator]
def compare(
    truth: tl.tensor,
    prediction: tl.tensor,
    constants: tl.tensor,
    quotients: tl.tensor,
    errors: tl.tensor,
    height: int,
    columns: int,
    windows: int,
    block: tl.constexpr,
) -> None:
    """Sums of SSIM down the columns of windows, and of squared errors down the columns of values, of (N, H, 3W) uint8 frames.

    Args:
        truth, prediction: frames.
        constants: (2,) float64, the C1 and C2 of ssim_window.py.
        quotients: (N, windows) float64, filled.
        errors: (N, columns) int64, filled.
        height: H.
        columns: 3W.
        windows: ``columns - 18``, or 0 where that is less.
        block: columns a program; the grid is (programs to cover all columns, N).
    """
    first = tl.program_id(0) * block + tl.arange(0, block)
    frame = tl.program_id(1).to(tl.int64)
    at = frame * height * columns + first
    c1, c2 = tl.load(constants), tl.load(constants + 1)
    sum_x = tl.zeros([block], tl.int32)
    sum_y = tl.zeros([block], tl.int32)
    sum_d = tl.zeros([block], tl.int32)
    sum_xy = tl.zeros([block], tl.int32)
    error = tl.zeros([block], tl.int64)
    total = tl.zeros([block], tl.float64)
    for row in range(height):
        # A window is seven columns, three values apart, of which one row enters and one leaves.
        for k in tl.static_range(7):
            inside = first + 3 * k < columns
            x = tl.load(truth + at + 3 * k, mask=inside, other=0).to(tl.int32)
            y = tl.load(prediction + at + 3 * k, mask=inside, other=0).to(tl.int32)
            left = inside & (row >= 7)
            x_old = tl.load(truth + at + 3 * k - 7 * columns, mask=left, other=0).to(tl.int32)
            y_old = tl.load(prediction + at + 3 * k - 7 * columns, mask=left, other=0).to(tl.int32)
            sum_x += x - x_old
            sum_y += y - y_old
            squares = (x - y) * (x - y)
            sum_d += squares - (x_old - y_old) * (x_old - y_old)
            sum_xy += x * y - x_old * y_old
            if k == 0:
                error += squares.to(tl.int64)
        at += columns
        # All of it under 2^31, see fused.py.
        cross = 98 * sum_xy
        p = 2 * sum_x * sum_y
        q = sum_x * sum_x + sum_y * sum_y
        v = cross - p
        w = 49 * sum_d + (cross - q)
        over = (p.to(tl.float64) + c1) * (v.to(tl.float64) + c2)
        under = (q.to(tl.float64) + c1) * (w.to(tl.float64) + c2)
        if row >= 6:
            total += over / under
    tl.store(quotients + frame * windows + first, total, mask=first < windows)
    tl.store(errors + frame * columns + first, error, mask=first < columns)


@triton.jit  # type: ignore[untyped-decorator]
def count(frames: tl.tensor, counts: tl.tensor, opponents: tl.tensor, pixels: int, block: tl.constexpr) -> None:
    """Adds histograms and opponent-color sums of (N, pixels, 3) uint8 frames.

    Args:
        frames: frames.
        counts: (N, 3, 256) int32, of zeros. What a last block lacks in pixels is counted as black.
        opponents: (N, 4) int64, of zeros; the sums of rg, rg^2, yb, yb^2.
        pixels: of a frame.
        block: pixels a program; the grid is (programs to cover all pixels, N).
    """
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    frame = tl.program_id(1).to(tl.int64)
    at = frames + frame * pixels * 3 + 3 * pixel
    inside = pixel < pixels
    r = tl.load(at, mask=inside, other=0).to(tl.int32)
    g = tl.load(at + 1, mask=inside, other=0).to(tl.int32)
    b = tl.load(at + 2, mask=inside, other=0).to(tl.int32)
    table = counts + frame * 768 + tl.arange(0, 256)
    tl.atomic_add(table, tl.histogram(r, 256), sem="relaxed")
    tl.atomic_add(table + 256, tl.histogram(g, 256), sem="relaxed")
    tl.atomic_add(table + 512, tl.histogram(b, 256), sem="relaxed")
    # A block of 1024 pixels stays under 2^31: yb is at most 510 in size.
    rg, yb = r - g, r + g - 2 * b
    sums = opponents + frame * 4
    tl.atomic_add(sums, tl.sum(rg, axis=0).to(tl.int64), sem="relaxed")
    tl.atomic_add(sums + 1, tl.sum(rg * rg, axis=0).to(tl.int64), sem="relaxed")
    tl.atomic_add(sums + 2, tl.sum(yb, axis=0).to(tl.int64), sem="relaxed")
    tl.atomic_add(sums + 3, tl.sum(yb * yb, axis=0).to(tl.int64), sem="relaxed")
