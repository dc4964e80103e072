"""Agreement with a reference picture: whether the colors that were asked for arrive, over its shot and on its frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colorbench.flow.optical_flow import dis, find_motion
from colorbench.inspection.measure import MeasureCard
from colorbench.inspection.motion import carried, is_judged
from colorbench.inspection.view import View

CARD = MeasureCard(
    name="agreement",
    summary="distance of the shot's a*, b* distributions to the reference's",
    unit="CIE ab",
    direction="lower",
    limit=10.0,
    decimals=1,
    reference="Wasserstein-1 distance of the marginals",
)
MATCHED_CARD = MeasureCard(
    name="agreement_matched",
    summary="mean a*, b* difference to the reference, where its pixels are found on its frame",
    unit="CIE ab",
    direction="lower",
    limit=10.0,
    decimals=1,
    reference="CIE 15:2004 (a*, b*); matched by DIS optical flow",
)

_QUANTILES = 32
_SAME = 15.0
"""L* by which two pixels may differ that show the same: someone who colored a picture may have made it brighter."""


def chroma_quantiles(ab: NDArray[np.float32]) -> NDArray[np.float16]:
    """The distributions of a* and of b* as (2, 32) quantiles, at the middles of 32 equal shares."""
    at = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    return np.quantile(ab.reshape(-1, 2), at, axis=0).T.astype(np.float16)


def distribution_distance(first: NDArray[np.float16], second: NDArray[np.float16]) -> NDArray[np.float64]:
    """How far the colors of one picture must be moved, on average, to have the distribution of another's.

    ``sqrt(W1(a)^2 + W1(b)^2)`` with W1 the Wasserstein-1 distance of the distributions of a* and of b*, the mean difference of
    their quantiles. Lower is better; 0 for equal distributions, the length of the shift for a shifted one. What comes into view
    and is not in the reference counts too.

    Args:
        first: (..., 2, 32), of :func:`chroma_quantiles`.
        second: the same.

    Returns:
        (...), in CIE units.

    >>> gray, tinted = np.zeros((2, 2, 2), np.float32), np.full((2, 2, 2), (3.0, 4.0), np.float32)
    >>> float(distribution_distance(chroma_quantiles(gray), chroma_quantiles(tinted)))
    5.0
    """
    moved = np.abs(first.astype(np.float64) - second).mean(axis=-1)
    length: NDArray[np.float64] = np.hypot(moved[..., 0], moved[..., 1])
    return length


def matched_difference(frame: View, luminance: View, reference: View) -> float | None:
    """``mean of |ab - ab_reference|`` over the pixels of a frame that are found again in the reference.

    Found by optical flow of luminance, trusted where the flow back agrees and L* differs by less than 15, so that a reference may
    be cut a little differently. Lower is better.

    Args:
        frame: the colored film's.
        luminance: the source's, the same frame.
        reference: at the working size.

    Returns:
        In CIE units; None where less than a tenth of the pixels is found.
    """
    motion = find_motion(luminance.gray, reference.gray, dis)
    alike = np.abs(carried(reference.l_star, motion) - luminance.l_star) < _SAME
    np.logical_and(motion.mask, alike, out=motion.mask)
    if not is_judged(motion):
        return None
    difference = (frame.ab - carried(reference.ab, motion))[motion.mask]
    return float(np.hypot(difference[:, 0], difference[:, 1]).mean(dtype=np.float64))
