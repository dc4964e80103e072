"""Chroma flicker: color that changes from frame to frame where the picture does not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colorbench.inspection.measure import MeasureCard

CARD = MeasureCard(
    name="flicker",
    summary="mean change of a*, b* between neighboring frames along the motion",
    unit="CIE ab",
    direction="lower",
    limit=1.5,
    decimals=2,
    reference="Lai et al., ECCV 2018, DOI 10.1007/978-3-030-01267-0_11 (warping error)",
)
JUMP_CARD = MeasureCard(
    name="jump",
    summary="the largest such change in the shot",
    unit="CIE ab",
    direction="lower",
    limit=4.0,
    decimals=2,
    reference=CARD.reference,
)

_WINDOW = 9


def flicker(ab: NDArray[np.float32], before: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """How much color changes between two frames that motion does not explain.

    ``mean over trusted pixels p of |mean over trusted pixels q in a window of 9x9 about p of (ab(q) - ab_before(q + flow(q)))|``,
    Euclidean, in CIE units. Lower is better; 0 for colors that move with the picture, and for no color at all, so it is read
    beside colorfulness.

    Lai et al. (Learning Blind Video Temporal Consistency) take the squared difference of RGB, pixel by pixel. Ours is of a* and
    b* alone, as luminance is the source's; not squared, so that it has a unit; with flow from the source's luminance, the same
    for every film. The window is for errors of the flow, which have both signs at an edge of color: without it true colors have
    three times as much, and noise of single pixels counts that nobody sees.

    Args:
        ab: (H, W, 2) float32 of the frame.
        before: (H, W, 2) float32 of the one before, carried to this frame.
        mask: (H, W) where the motion is trusted; at least one pixel.
    """
    import cv2

    def total(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        summed: NDArray[np.float32] = cv2.boxFilter(
            plane, cv2.CV_32F, (_WINDOW, _WINDOW), normalize=False, borderType=cv2.BORDER_CONSTANT
        )
        return summed

    trusted = mask.astype(np.float32)
    change = total((ab - before) * trusted[..., None])[mask] / total(trusted)[mask][:, None]
    return float(np.hypot(change[:, 0], change[:, 1]).mean(dtype=np.float64))
