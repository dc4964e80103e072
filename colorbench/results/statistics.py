"""Statistics over clips: how much of a mean, or of a difference between two methods, may be chance. Arrays in, numbers out.

The clip is the unit. The frames of a clip are alike, so counting each as an observation would make intervals several times too
narrow. Where a protocol pools over frames the clip still is the unit: it is drawn, or changes its sign, as a whole, and weighs as
many frames as it has.

Everything is seeded: the same scores give the same numbers, in whatever order they come. docs/design/reports.md has the reasons.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Of intervals."""
ALPHA = 0.05
"""Of tests."""
POWER = 0.8
FEWEST = 3
"""Clips for an interval. The bootstrap of two clips knows three means."""
RESAMPLES = 9_999
EXACT_CLIPS = 16
"""Up to so many clips the permutation test goes through all 2^n signs."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; without bounds, the reason why there is none."""

    low: float | None
    high: float | None
    reason: str = ""


NO_INTERVAL = Interval(None, None)


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How two methods differ on the clips that both have."""

    mean: float | None
    """Of first minus second; None where there is no clip or a difference is not a number."""
    interval: Interval
    p: float | None
    """Two-sided, of the paired permutation test; None where mean is."""
    detectable: float | None
    """See :func:`detectable_difference`."""
    clips: int
    reason: str = ""
    """Why there is no mean."""


def mean_interval(
    values: Sequence[float],
    weights: Sequence[float] | None = None,
    *,
    level: float = LEVEL,
    method: Literal["percentile", "BCa"] = "BCa",
    seed: int = 0,
) -> Interval:
    """Bootstrap confidence interval of the mean over clips, by scipy.stats.bootstrap with 9,999 resamples of whole clips.

    Args:
        values: (n,) a score a clip.
        weights: (n,) frames a clip where frames are pooled: the mean is sum(w x) / sum(w) and a clip is drawn with its weight.
        level: of confidence, in (0, 1).
        method: "BCa" corrects bias and skew (Efron 1987); "percentile" does not.
        seed: of the draws.

    Returns:
        Bounds. (v, v) where all clips have the value v. None with the reason for fewer than 3 clips and for infinite scores.

    >>> mean_interval([30.1, 28.4, 33.0, 29.5, 31.2]).reason
    ''
    >>> mean_interval([30.1, 28.4]).reason
    '2 clips are too few for an interval, which takes 3'
    """
    x, w = _arrays(values, weights)
    if len(x) < FEWEST:
        return Interval(None, None, _too_few(len(x)))
    if not np.isfinite(x).all():
        return Interval(None, None, "an infinite score has no interval")
    if np.ptp(x) <= 1e-12 * np.abs(x).max():
        return Interval(float(x.min()), float(x.max()))
    from scipy.stats import bootstrap

    alike = bool(np.ptp(w) == 0)
    found = bootstrap(
        (x,) if alike else (x, w),
        _means if alike else _weighted_means,
        paired=not alike,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=level,
        method=method,
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(float(found.low), float(found.high))


def permutation_p(differences: Sequence[float], weights: Sequence[float] | None = None, *, seed: int = 0) -> float:
    """Two-sided p of the paired permutation test: if the methods were alike, each clip's difference might have either sign.

    p is the share of sign patterns whose mean is at least as far from 0 as the one seen. Up to 16 clips all 2^n patterns are gone
    through; beyond, 9,999 random ones, and p = (count + 1) / 10,000 (Phipson and Smyth 2010), so that it is never 0. As
    scipy.stats.permutation_test with permutation_type="samples", which is hundreds of times slower.

    Args:
        differences: (n,) first minus second method, finite, n at least 1.
        weights: as in :func:`mean_interval`.
        seed: of the random patterns.

    >>> permutation_p([1.0, 2.0, 0.5])
    0.25
    """
    d, w = _arrays(differences, weights)
    terms = d * w
    signs = _signs(len(terms), seed)
    seen = abs(terms.sum())
    # Patterns that tie with the one seen must count, whatever rounding makes of their sums.
    count = int(np.count_nonzero(np.abs(signs @ terms) >= seen - 1e-12 * np.abs(terms).sum()))
    return count / len(signs) if len(terms) <= EXACT_CLIPS else (count + 1) / (len(signs) + 1)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down correction for many comparisons, in the order given (Holm 1979).

    The i-th smallest of m is multiplied by m - i + 1, no adjusted value is under an earlier one, and none is over 1.

    >>> holm([0.01, 0.04, 0.03])
    (0.03, 0.06, 0.06)
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return tuple(adjusted)


def detectable_difference(
    differences: Sequence[float], weights: Sequence[float] | None = None, *, alpha: float = ALPHA, power: float = POWER
) -> float | None:
    """The smallest true mean difference that so many clips would show with probability ``power``.

    Solved for delta in power = P(T > t(1 - alpha / 2)), T noncentral t with n - 1 degrees of freedom and noncentrality
    delta sqrt(n) / s: the power of the two-sided paired t-test, whose other tail is under 1e-6 then and left out; the permutation
    test's comes near it. s is the standard deviation of the differences seen; with weights, of n w (d - mean) / sum(w).

    Returns:
        In the metric's unit, not negative. None for fewer than 3 clips.

    >>> round(detectable_difference([0.0, 1.0] * 17, power=0.8078), 2)  # n = 34: half a standard deviation of 0.5075
    0.25
    """
    d, w = _arrays(differences, weights)
    n = len(d)
    if n < FEWEST:
        return None
    residuals = n * w * (d - _weighted_means(d, w)) / w.sum()
    spread = float(np.sqrt(np.square(residuals).sum() / (n - 1)))
    return spread / math.sqrt(n) * _noncentrality(n - 1, alpha, power)


def paired_difference(
    first: Sequence[float], second: Sequence[float], weights: Sequence[float] | None = None, *, seed: int = 0
) -> PairedDifference:
    """Everything about the difference of two methods on the same clips, first minus second.

    Args:
        first, second: (n,) scores of the same clips in the same order; may be infinite.
        weights: as in :func:`mean_interval`.
        seed: of resamples and sign patterns.
    """
    d = _differences(first, second)
    if not d:
        return PairedDifference(None, Interval(None, None, "no clip"), None, None, 0, "no clip")
    if not all(map(math.isfinite, d)):
        reason = "an infinite score has no difference"
        return PairedDifference(None, Interval(None, None, reason), None, None, len(d), reason)
    w = [1.0] * len(d) if weights is None else weights
    return PairedDifference(
        mean=math.fsum(a * b for a, b in zip(d, w, strict=True)) / math.fsum(w),
        interval=mean_interval(d, weights, seed=seed),
        p=permutation_p(d, weights, seed=seed),
        detectable=detectable_difference(d, weights),
        clips=len(d),
    )


def paired_p(
    first: Sequence[float], second: Sequence[float], weights: Sequence[float] | None = None, *, seed: int = 0
) -> float | None:
    """The p of :func:`paired_difference` alone."""
    d = _differences(first, second)
    return permutation_p(d, weights, seed=seed) if d and all(map(math.isfinite, d)) else None


def smallest_p(clips: int) -> float:
    """The smallest p that the permutation test can give: 2 of the 2^n sign patterns.

    >>> smallest_p(5)
    0.0625
    """
    return 2.0 ** (1 - clips) if clips <= EXACT_CLIPS else 1 / (RESAMPLES + 1)


def _differences(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """First minus second; 0 where both are infinite."""
    return [0.0 if a == b else a - b for a, b in zip(first, second, strict=True)]


def _arrays(values: Sequence[float], weights: Sequence[float] | None) -> tuple[Floats, Floats]:
    """Both in the order of values, so that the order of clips changes no digit."""
    x = np.asarray(values, np.float64)
    w = np.ones_like(x) if weights is None else np.asarray(weights, np.float64)
    order = np.lexsort((w, x))
    return x[order], w[order]


def _means(x: Floats, axis: int = -1) -> Floats:
    return np.asarray(x.mean(axis), np.float64)


def _weighted_means(x: Floats, w: Floats, axis: int = -1) -> Floats:
    return np.asarray((x * w).sum(axis) / w.sum(axis), np.float64)


def _too_few(clips: int) -> str:
    return f"{clips} clip{' is' if clips == 1 else 's are'} too few for an interval, which takes {FEWEST}"


@lru_cache(maxsize=8)
def _signs(n: int, seed: int) -> Floats:
    """(patterns, n) of +1 and -1: all of them, or random ones."""
    if n <= EXACT_CLIPS:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    else:
        bits = np.random.default_rng(seed).integers(0, 2, (RESAMPLES, n))
    return (1.0 - 2.0 * bits).astype(np.float64)


@lru_cache(maxsize=64)
def _noncentrality(freedom: int, alpha: float, power: float) -> float:
    """The noncentrality at which a two-sided t-test has that power."""
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    limit = float(t.ppf(1 - alpha / 2, freedom))
    high = limit + 1.0
    while nct.sf(limit, freedom, high) < power:
        high += 1.0
    return float(brentq(lambda delta: float(nct.sf(limit, freedom, delta)) - power, 0.0, high))
