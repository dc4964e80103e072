"""Drift: how far colors travel from a shot's begin to its end, whatever comes into view and goes.

Neighboring frames are compared along the motion, as for flicker, but the steps are added up with their signs: what goes to and
fro cancels, what creeps remains. Nothing is compared with the shot's first frame, most of which may be out of view at the end.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from colorbench.inspection.measure import MeasureCard
from colorbench.types import LStar

CARD = MeasureCard(
    name="drift",
    summary="how far colors travel from a shot's begin to its end, along the motion",
    unit="CIE ab",
    direction="lower",
    limit=6.0,
    decimals=1,
    reference="ours; docs/inspect.md",
)
HUE_CARD = MeasureCard(
    name="hue_drift",
    summary="by how much hues turn from a shot's begin to its end, along the motion",
    unit="degrees",
    direction="lower",
    limit=10.0,
    decimals=1,
    reference="ours; the angle is that of the orthogonal Procrustes problem in the plane",
)

BANDS = 5
"""Parts of the range of L*, of equal width: dark and light regions may drift apart."""
STEP_FIELDS = 5
"""Numbers that a step has of each band: share of the frame, a*, b*, angle, squared chroma."""

_STRAY = 5.0
"""A pixel whose change is this far from its band's median, in CIE units, was matched with another thing."""
_FEWEST = 0.005
_GRAY = 1.0


def drift_step(
    ab: NDArray[np.float32], before: NDArray[np.float32], l_star: LStar, mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The change of color of each band of luminance between two frames.

    Of the trusted pixels of a band those count whose change is within 5 units of the band's median: at the edge of a thing that
    moves, wrong matches are always wrong in the same direction and would add up. Over them, with c the color before and n now,

        step = mean(n - c),   angle = atan2(sum(c x n), sum(c . n))

    where the angle is the one by which the colors before, turned about gray, come nearest to those now.

    Args:
        ab: (H, W, 2) float32 of the frame.
        before: (H, W, 2) float32 of the one before, carried to this frame.
        l_star: (H, W) of the source's frame.
        mask: (H, W) where the motion is trusted.

    Returns:
        (BANDS, STEP_FIELDS): share of the frame in [0, 1], step in a* and b*, angle in radians, mean |c|^2. Zero for a band of
        less than 0.5% of the frame; the angle is 0 where chroma is under 1.
    """
    steps = np.zeros((BANDS, STEP_FIELDS), np.float32)
    now, then = ab[mask], before[mask]
    band_of = np.minimum(l_star[mask] * (BANDS / 100.0), BANDS - 1).astype(np.int8)
    for band in range(BANDS):
        inside = band_of == band
        if inside.sum() < _FEWEST * l_star.size:
            continue
        n, c = now[inside], then[inside]
        change = n - c
        kept = np.abs(change - np.median(change, axis=0)).max(axis=1) <= _STRAY
        n, c, change = n[kept].astype(np.float64), c[kept].astype(np.float64), change[kept]
        if not len(n):
            continue
        energy = float((c * c).sum(axis=1).mean())
        turned = math.atan2(float((c[:, 0] * n[:, 1] - c[:, 1] * n[:, 0]).sum()), float((c * n).sum()))
        step = change.mean(axis=0, dtype=np.float64)
        steps[band] = (len(n) / l_star.size, *step, turned if energy >= _GRAY**2 else 0.0, energy)
    return steps


def shot_drift(steps: NDArray[np.float32]) -> tuple[float | None, float | None]:
    """How far a shot's colors travel, and by how much their hues turn.

    ``drift = sum_b w_b |sum_t step_b(t)| / sum_b w_b`` with w the band's mean share of the frames, and
    ``hue = sum_b w_b E_b |sum_t angle_b(t)| / sum_b w_b E_b`` with E its mean squared chroma. Lower is better for both; 0 for
    colors that stay. Errors of the steps add up too: true colors have up to a few units in 80 frames. A light that changes its
    color in the scene drifts as well.

    Args:
        steps: (T, BANDS, STEP_FIELDS) of :func:`drift_step` for each frame of the shot; NaN for its first, and where nothing is
            known.

    Returns:
        In CIE units, and in degrees; None where nothing was judged, or has no color.
    """
    known = steps[~np.isnan(steps).any(axis=(1, 2))].astype(np.float64)
    share, energy = known[..., 0].sum(axis=0), (known[..., 0] * known[..., 4]).sum(axis=0)
    if not share.sum():
        return None, None
    travel = np.hypot(*known[..., 1:3].sum(axis=0).T)
    drift = float((share * travel).sum() / share.sum())
    if energy.sum() < _GRAY**2 * share.sum():
        return drift, None
    turned = np.degrees(np.abs(known[..., 3].sum(axis=0)))
    return drift, float((energy * turned).sum() / energy.sum())
