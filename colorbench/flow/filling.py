"""Colors of low trust filled in by their neighbors: a guided filter whose pixels are weighted by trust.

He et al., Guided Image Filtering, TPAMI 2013, doi:10.1109/TPAMI.2012.213.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colorbench.types import LStar

Plane = NDArray[np.float32]
"""(H, W) or (H, W, C) float32."""

_SMOOTHING = ((2, 0.2), (8, 0.05))
"""(radius, weight) of the neighborhoods that fill in where trust is low; a trusted pixel weighs 1."""
_VARIANCE = 4.0


def smoothed(ab: Plane, trust: Plane, l_star: LStar) -> Plane:
    """Fills in by neighbors of like luminance where trust is low.

    In each neighborhood a* and b* are a linear function of L*, fitted by least squares weighted by trust (a guided filter).
    The result is the mean of the pixel's own color, weighted by its trust, and of the fits, by the weights of _SMOOTHING.

    Args:
        ab: (H, W, 2) float32.
        trust: (H, W) float32 in (0, 1].
        l_star: (H, W) float32 in [0, 100].

    Returns:
        (H, W, 2) float32.
    """
    import cv2

    def box(plane: Plane, radius: int) -> Plane:
        mean: Plane = cv2.blur(plane, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT)
        return mean

    # One plane at a time: numpy is five times slower over a last axis of two.
    weighted_l, weighted_ll = trust * l_star, trust * l_star * l_star
    planes = []
    for channel in (0, 1):
        weighted = trust * ab[..., channel]
        weighted_product, total, weight = weighted * l_star, weighted.copy(), trust.copy()
        for radius, share in _SMOOTHING:
            n = box(trust, radius)
            l_mean, mean = box(weighted_l, radius) / n, box(weighted, radius) / n
            slope = box(weighted_product, radius) / n - l_mean * mean
            slope /= box(weighted_ll, radius) / n - l_mean * l_mean + _VARIANCE
            fit = box(slope * n, radius) * l_star + box((mean - slope * l_mean) * n, radius)
            total += share * fit / box(n, radius)
            weight += share
        planes.append(total / weight)
    result: Plane = np.stack(planes, axis=-1)
    return result
