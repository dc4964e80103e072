"""Whether the film's luminance was kept: coloring should change chroma alone."""

from __future__ import annotations

import numpy as np

from colorbench.inspection.measure import MeasureCard
from colorbench.types import LStar

CARD = MeasureCard(
    name="luminance",
    summary="mean |L* difference| to the source",
    unit="L*",
    direction="lower",
    limit=2.0,
    decimals=2,
    reference="CIE 15:2004 (L*)",
)
PEAK_CARD = MeasureCard(
    name="luminance_p99",
    summary="|L* difference| to the source that 99 of 100 pixels stay under",
    unit="L*",
    direction="lower",
    limit=8.0,
    decimals=1,
    reference="CIE 15:2004 (L*)",
)

_PERCENTILE = 99.0


def luminance_change(source: LStar, colored: LStar) -> tuple[float, float]:
    """How far a colored frame's luminance is from the source's: mean and 99th percentile of ``|L*_colored - L*_source|``.

    Lower is better; 0 for kept luminance. Rounding to 8 bits makes about 0.2, colors outside the sRGB gamut move single pixels
    by more, and lossy video by 0.5 to 1. The mean tells of a change of tone, the percentile of damage to a part of the frame.

    Args:
        source: (H, W) float32 in [0, 100].
        colored: the same shape.

    >>> luminance_change(np.zeros((2, 2), np.float32), np.full((2, 2), 3.0, np.float32))
    (3.0, 3.0)
    """
    difference = np.abs(colored - source)
    return float(difference.mean(dtype=np.float64)), float(np.percentile(difference, _PERCENTILE))
