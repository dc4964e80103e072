"""The 313 colors that CIC chooses from: points of a grid over a* and b*, 10 apart, those about the sRGB gamut.

The paper says "in gamut"; which points its authors kept is in their ``pts_in_hull.npy``. For each a* they are a run of b* without
gaps, so the runs are all of it: ordered as below they are that file byte for byte (a test compares the SHA-256). A rule comes
close: the corners of all 10x10 cells that hold an 8-bit sRGB color are 309 of them, and the other four lie at the rim (40, 90;
100, -90; 100, -10; 100, 0).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

STEP = 10

_FIRST_A = -90
_RUNS = (
    *((50, 90), (20, 90), (0, 90), (-20, 90), (-30, 100), (-40, 100), (-50, 100), (-50, 100), (-60, 100), (-70, 100)),
    *((-80, 90), (-80, 90), (-90, 90), (-100, 90), (-100, 80), (-110, 80), (-110, 80), (-110, 70), (-110, 70), (-90, 0)),
)
"""Lowest and highest b*, for a* of -90, -80, ... 100."""


@lru_cache(maxsize=1)
def bin_centers() -> NDArray[np.int64]:
    """(313, 2) a* and b* of the bins, by a*, then by b*. Not to be written to.

    >>> bin_centers()[[0, 5, -1]].tolist()
    [[-90, 50], [-80, 20], [100, 0]]
    """
    points = [(_FIRST_A + STEP * i, b) for i, (low, high) in enumerate(_RUNS) for b in range(low, high + 1, STEP)]
    centers = np.array(points, np.int64)
    centers.flags.writeable = False
    return centers
