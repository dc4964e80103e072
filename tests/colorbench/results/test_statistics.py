"""Statistics against scipy, against transcriptions of the papers' formulas, and against values worked out by hand."""

from __future__ import annotations

import itertools
import math
import statistics as stdlib
from typing import Literal

import numpy as np
import pytest
from scipy import stats

from colorbench.results.statistics import (
    RESAMPLES,
    Floats,
    detectable_difference,
    holm,
    mean_interval,
    paired_difference,
    permutation_p,
    smallest_p,
)

PSNR = [30.41, 28.77, 33.02, 29.96, 31.18, 27.40, 35.63, 30.05, 29.11, 32.84, 28.02, 30.77, 31.91, 29.48]
DIFFERENCES = [0.41, -0.13, 0.92, 0.05, 0.38, -0.44, 1.63, 0.25, 0.11, 0.64, -0.02, 0.37, 0.71, 0.18]
FRAMES = [80, 40, 80, 94, 80, 35, 80, 80, 60, 80, 70, 80, 80, 33]


def means(values: Floats, axis: int) -> Floats:
    return np.asarray(values.mean(axis), np.float64)


def mean_differences(first: Floats, second: Floats, axis: int) -> Floats:
    return np.asarray((first - second).mean(axis), np.float64)


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_the_interval_is_scipys(method: Literal["percentile", "BCa"]) -> None:
    expected = stats.bootstrap(
        (sorted(PSNR),), means, method=method, n_resamples=RESAMPLES, random_state=np.random.default_rng(5)
    ).confidence_interval
    found = mean_interval(PSNR, method=method, seed=5)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def bca(values: list[float], weights: list[float], level: float) -> tuple[float, float]:
    """Efron 1987, equations 3.6 and 6.6, for a weighted mean; plain Python but for the draws."""
    n, normal = len(values), stdlib.NormalDist()
    values, weights = map(list, zip(*sorted(zip(values, weights, strict=True)), strict=True))

    def mean(indices: list[int]) -> float:
        return math.fsum(values[i] * weights[i] for i in indices) / math.fsum(weights[i] for i in indices)

    everything = list(range(n))
    seen = mean(everything)
    means = sorted(mean(list(row)) for row in np.random.default_rng(0).integers(0, n, (RESAMPLES, n)))
    z0 = normal.inv_cdf(sum(value < seen for value in means) / len(means))
    left_out = [mean([j for j in everything if j != i]) for i in everything]
    centered = [math.fsum(left_out) / n - value for value in left_out]
    acceleration = sum(u**3 for u in centered) / (6 * sum(u**2 for u in centered) ** 1.5)
    ends = []
    for z in (normal.inv_cdf((1 - level) / 2), normal.inv_cdf((1 + level) / 2)):
        share = normal.cdf(z0 + (z0 + z) / (1 - acceleration * (z0 + z)))
        ends.append(float(np.quantile(means, share)))
    return ends[0], ends[1]


@pytest.mark.parametrize("weights", [[1.0] * 14, [float(count) for count in FRAMES]], ids=["clips", "frames"])
def test_the_interval_is_efrons(weights: list[float]) -> None:
    found = mean_interval(PSNR, weights, level=0.9)
    low, high = bca(PSNR, weights, 0.9)
    assert found.low == pytest.approx(low, abs=2e-3)
    assert found.high == pytest.approx(high, abs=2e-3)


def test_clips_that_weigh_alike_are_as_clips_without_weights() -> None:
    assert mean_interval(PSNR, [7.0] * len(PSNR)).low == pytest.approx(mean_interval(PSNR).low, rel=1e-12)
    assert permutation_p(DIFFERENCES, [7.0] * 14) == permutation_p(DIFFERENCES)
    assert detectable_difference(DIFFERENCES, [7.0] * 14) == pytest.approx(detectable_difference(DIFFERENCES), rel=1e-12)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "0 clips are too few"),
        ([30.0], "1 clip is too few"),
        ([30.0, 31.0], "2 clips are too few"),
        ([30.0, math.inf, 31.0], "infinite"),
    ],
)
def test_no_interval_has_a_reason(values: list[float], reason: str) -> None:
    found = mean_interval(values)
    assert found.low is found.high is None
    assert reason in found.reason


def test_clips_that_are_all_equal_have_an_interval_of_no_width() -> None:
    found = mean_interval([0.1, 0.1, 0.1])
    assert (found.low, found.high, found.reason) == (0.1, 0.1, "")


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 13])
def test_the_exact_test_is_scipys(n: int) -> None:
    first, second = PSNR[:n], [psnr - difference for psnr, difference in zip(PSNR, DIFFERENCES[:n], strict=False)]
    differences = [a - b for a, b in zip(first, second, strict=True)]
    if n == 1:
        assert permutation_p(differences) == 1.0
        return
    expected = stats.permutation_test(
        (first, second), mean_differences, permutation_type="samples", vectorized=True, n_resamples=10**6
    )
    assert permutation_p(differences) == expected.pvalue


def test_the_exact_test_with_weights_counts_all_sign_patterns() -> None:
    terms = [d * w for d, w in zip(DIFFERENCES[:9], FRAMES, strict=False)]
    sums = [math.fsum(s * t for s, t in zip(signs, terms, strict=True)) for signs in itertools.product((1, -1), repeat=9)]
    count = sum(abs(value) >= abs(math.fsum(terms)) - 1e-9 for value in sums)
    assert permutation_p(DIFFERENCES[:9], FRAMES[:9]) == count / 2**9


def test_patterns_that_tie_with_the_one_seen_count_whatever_their_rounding() -> None:
    assert permutation_p([0.1, 0.2, 0.3, -0.6]) == 1.0
    assert permutation_p([0.1] * 3 + [0.3] * 3) == 2 / 64


def test_the_random_test_is_near_scipys_and_never_zero() -> None:
    first = np.random.default_rng(1).normal(0.3, 1.0, 30)
    expected = stats.permutation_test(
        (first, np.zeros(30)),
        mean_differences,
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        random_state=np.random.default_rng(2),
    ).pvalue
    # Each of the two has a standard error of sqrt(p (1 - p) / 9999).
    assert permutation_p(list(first)) == pytest.approx(expected, abs=4 * math.sqrt(2 * expected * (1 - expected) / RESAMPLES))
    assert permutation_p([1.0] * 30) == 1 / (RESAMPLES + 1) == smallest_p(30)


def test_equal_methods_do_not_differ() -> None:
    assert permutation_p([0.0] * 5) == 1.0
    found = paired_difference([math.inf, 30.0, 31.0], [math.inf, 30.0, 31.0])
    assert (found.mean, found.p, found.detectable) == (0.0, 1.0, 0.0)
    assert (found.interval.low, found.interval.high) == (0.0, 0.0)


@pytest.mark.parametrize("n", [1, 5, 16])
def test_the_smallest_p_is_that_of_differences_of_one_sign(n: int) -> None:
    assert permutation_p([1.0 + index for index in range(n)]) == smallest_p(n)


def closed_testing(p_values: list[float]) -> list[float]:
    """Holm's correction as the closure of Bonferroni's: the largest, over the sets that hold i, of size times least p."""
    m = len(p_values)
    sets = [s for size in range(1, m + 1) for s in itertools.combinations(range(m), size)]
    return [max(min(1.0, len(s) * min(p_values[j] for j in s)) for s in sets if i in s) for i in range(m)]


@pytest.mark.parametrize(
    "p_values", [[], [0.2], [0.01, 0.04, 0.03, 0.005], [0.5, 0.5, 0.9], [0.02, 0.02, 0.001, 0.3, 0.04, 0.02]]
)
def test_holms_correction_is_the_closure_of_bonferronis(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(closed_testing(p_values))


def test_holms_own_values() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


def test_the_detectable_difference_is_found_as_often_as_the_power_says() -> None:
    delta = detectable_difference(DIFFERENCES, power=0.8)
    assert delta is not None
    draws = np.random.default_rng(0).normal(delta, np.std(DIFFERENCES, ddof=1), (20_000, 14))
    rejected = np.asarray(stats.ttest_1samp(draws, 0.0, axis=1).pvalue) < 0.05
    assert rejected.mean() == pytest.approx(0.8, abs=0.012)


def test_the_detectable_difference_of_frames_follows_the_ratios_spread() -> None:
    """The ratio's standard error over many bootstrap draws, times the noncentrality, is the same within a tenth."""
    draws = np.random.default_rng(0).integers(0, 14, (20_000, 14))
    d, w = np.array(DIFFERENCES), np.array(FRAMES)
    spread = ((d * w)[draws].sum(1) / w[draws].sum(1)).std()
    unweighted = detectable_difference(DIFFERENCES)
    assert unweighted is not None
    noncentrality = unweighted / (np.std(d, ddof=1) / math.sqrt(14))
    assert detectable_difference(DIFFERENCES, FRAMES) == pytest.approx(spread * noncentrality, rel=0.1)


def test_too_few_clips_have_a_mean_and_a_p_and_nothing_else() -> None:
    found = paired_difference([30.0, 31.0], [29.0, 30.5])
    assert (found.mean, found.p, found.detectable, found.clips) == (0.75, 0.5, None, 2)
    assert "2 clips" in found.interval.reason


@pytest.mark.parametrize(("first", "second"), [([], []), ([math.inf, 30.0, 31.0], [30.0, 29.0, 31.0])])
def test_what_has_no_difference_says_so(first: list[float], second: list[float]) -> None:
    found = paired_difference(first, second)
    assert found.mean is found.p is None
    assert found.reason


def test_the_same_scores_give_the_same_numbers_in_any_order() -> None:
    many = [math.sin(index) + 0.3 for index in range(40)]
    weights = [float(index % 7 + 1) for index in range(40)]
    assert paired_difference(many, [0.0] * 40, weights) == paired_difference(many[::-1], [0.0] * 40, weights[::-1])
    assert mean_interval(many, seed=1) != mean_interval(many, seed=2)
