"""The released code's last step: chroma smoothed along the picture's edges, as cv2.ximgproc's FastGlobalSmoother does.

After Min et al., Fast Global Image Smoothing Based on Weighted Least Squares (TIP 2014, doi:10.1109/TIP.2014.2366600). With
weights w of neighbors p, q by the guide g, three times over, rows are solved and then columns:

    w_pq = exp(-|g_p - g_q| / sigma),   u_p + scale * sum over p's two neighbors q of w_pq (u_p - u_q) = f_p

for u, with f what came before; ``scale`` starts at lambda and falls to a quarter each time (the paper has another sequence,
1.5 lambda 4^(3 - t) / 63; OpenCV's is this one). OpenCV's filter is taken where opencv-contrib is installed; it computes in
float32 and ours in float64, docs/design/deepexemplar.md has the difference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LAMBDA, SIGMA = 500.0, 4.0
"""Of the released code."""

ITERATIONS, ATTENUATION = 3, 0.25
"""OpenCV's defaults, which the released code takes."""

Plane = NDArray[np.float32]
"""(H, W) or (H, W, C) float32."""
GuideU8 = NDArray[np.uint8]
"""(H, W) uint8: L* scaled to [0, 255] and truncated."""


def smoothed(planes: Plane, guide: GuideU8) -> Plane:
    """Smooths by OpenCV where it can, else by the same equations.

    Args:
        planes: (H, W, C) float32.
        guide: (H, W) uint8.

    Returns:
        (H, W, C) float32.
    """
    opencv = _opencv()
    if opencv is None:
        return solved(planes, guide)
    smoother = opencv(guide, LAMBDA, SIGMA)
    return np.stack([smoother.filter(np.ascontiguousarray(plane)) for plane in np.moveaxis(planes, -1, 0)], axis=-1)


def smoother_name() -> str:
    """Which of the two this machine has."""
    return "own" if _opencv() is None else "opencv"


def solved(planes: Plane, guide: GuideU8) -> Plane:
    """``smoothed`` by LAPACK: a pass is one tridiagonal system, the lines end to end with weight 0 between them."""
    levels = guide.astype(np.float64)
    along_rows, along_columns = _weights(levels), _weights(levels.T)
    u, scale = planes.astype(np.float64), LAMBDA
    for _ in range(ITERATIONS):
        u = _lines(u, along_rows, scale)
        u = _lines(u.swapaxes(0, 1), along_columns, scale).swapaxes(0, 1)
        scale *= ATTENUATION
    return np.ascontiguousarray(u, dtype=np.float32)


def _weights(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R, N): of each pixel and the next in its line; 0 at a line's end."""
    weights = np.zeros(levels.shape)
    weights[:, :-1] = np.exp(-np.abs(np.diff(levels, axis=1)) / SIGMA)
    return weights


def _lines(f: NDArray[np.float64], weights: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """(R, N, C) solved along the second axis."""
    from scipy.linalg import solveh_banded

    after = scale * weights.ravel()
    diagonal = 1.0 + after
    diagonal[1:] += after[:-1]
    matrix = np.stack((diagonal, -after))  # LAPACK's lower form; the last of the second row is not read
    u: NDArray[np.float64] = solveh_banded(matrix, f.reshape(after.size, -1), lower=True, check_finite=False)
    return u.reshape(f.shape)


def _opencv() -> Any:
    """``cv2.ximgproc.createFastGlobalSmootherFilter``; None without opencv-contrib."""
    import cv2

    return getattr(getattr(cv2, "ximgproc", None), "createFastGlobalSmootherFilter", None)
