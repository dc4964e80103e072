"""Color across edges: chroma that does not follow luminance where luminance has its edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colorbench.inspection.measure import MeasureCard
from colorbench.types import LStar

CARD = MeasureCard(
    name="bleeding",
    summary="share of local chroma variance that luminance does not explain",
    unit="",
    direction="lower",
    limit=0.75,
    decimals=3,
    reference="Levin et al., SIGGRAPH 2004, DOI 10.1145/1015706.1015780 (colors are locally linear in luminance)",
)

_WINDOW = 5
_NOISE = 1.0
_GRAY = 0.5


def bleeding(l_star: LStar, ab: NDArray[np.float32]) -> float | None:
    """How much color crosses the edges of luminance, or lies beside them.

    In each window of 5x5 pixels a* and b* are fitted by a linear function of L* (Levin et al.'s assumption, and the model of the
    guided filter of He et al., DOI 10.1109/TPAMI.2012.213):

        share = 1 - sum over windows of (cov(L, a)^2 + cov(L, b)^2) / (var(L) + 1)  /  sum of (var(a) + var(b))

    In [0, 1], lower is better: 0 where color changes only as luminance does, higher where it runs over an edge, ends before it,
    or changes where there is none. True colors are not 0: things of one luminance differ in color. So it compares methods on the
    same footage, and says little of one alone. Levin et al. minimize such a residual; to measure it as a share is ours.

    Args:
        l_star: (H, W) float32 in [0, 100], of the source.
        ab: (H, W, 2) float32.

    Returns:
        None where the chroma's local variance is under 0.5: rounding and compression make as much.
    """
    import cv2

    def mean(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        blurred: NDArray[np.float32] = cv2.blur(plane, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REFLECT)
        return blurred

    luma_mean = mean(l_star)
    luma_variance = mean(l_star * l_star) - luma_mean * luma_mean
    total = explained = 0.0
    for channel in (0, 1):
        chroma = np.ascontiguousarray(ab[..., channel])
        chroma_mean = mean(chroma)
        covariance = mean(l_star * chroma) - luma_mean * chroma_mean
        total += float((mean(chroma * chroma) - chroma_mean * chroma_mean).mean(dtype=np.float64))
        explained += float((covariance * covariance / (np.maximum(luma_variance, 0.0) + _NOISE)).mean(dtype=np.float64))
    return None if total < _GRAY else min(max(1.0 - explained / total, 0.0), 1.0)
