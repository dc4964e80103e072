"""CDC against scipy's entropy, one pair after the other, in float64 and in the published script's float32."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import entropy
from skimage import data

from colorbench.errors import UsageError
from colorbench.metric import ClipEvidence
from colorbench.metrics import cdc as module
from colorbench.metrics.cdc import cdc, jensen_shannon, jensen_shannon_tcvc
from colorbench.metrics.delta_cdc import METRICS as DELTA
from colorbench.metrics.delta_cdc import delta_cdc
from colorbench.scoring.fused import measure_frame
from colorbench.types import RgbFrame

Histograms = NDArray[np.int64]
CDC, CDC_TCVC = module.METRICS
CLIPS = ("blackswan", "car-shadow", "dog", "parkour", "scooter-black")

counts = st.integers(1, 7).flatmap(lambda n: arrays(np.int64, (n, 3, 256), elements=st.integers(0, 40), fill=st.just(0)))


def histograms_of(frames: Sequence[RgbFrame]) -> Histograms:
    return np.stack([measure_frame(frame).histogram for frame in frames])


def film(frames: int, seed: int = 0) -> list[RgbFrame]:
    """A photograph under a changing light, panned."""
    rng = np.random.default_rng(seed)
    photograph = data.astronaut()
    shots = [photograph[i : i + 90, 2 * i : 2 * i + 120] * (1.0 - 0.1 * rng.random()) for i in range(frames)]
    return [np.rint(shot).astype(np.uint8) for shot in shots]


def one_pair(p: NDArray[Any], q: NDArray[Any]) -> Any:
    middle = (p + q) / 2
    return 0.5 * entropy(p, middle) + 0.5 * entropy(q, middle)


def loop(distributions: Sequence[Sequence[NDArray[Any]]]) -> float:
    """Distributions by channel and frame, compared one pair at a time; every step in the precision that they have."""
    per_channel = []
    for channel in distributions:
        weighted: Any = 0
        for gap in (1, 2, 4):
            weighted += 1 / 3 * np.mean([one_pair(p, q) for p, q in zip(channel, channel[gap:], strict=False)])
        assert weighted.dtype == channel[0].dtype
        per_channel.append(float(weighted))
    return float(np.mean(per_channel))


def loop_float64(histograms: Histograms) -> float:
    return loop([[h[c] / h[c].sum() for h in histograms] for c in range(3)])


def loop_float32(frames: Sequence[RgbFrame]) -> float:
    def distribution(frame: RgbFrame, channel: int) -> NDArray[np.float32]:
        histogram = np.asarray(cv2.calcHist([frame], [channel], None, [256], [0, 256]), np.float32).ravel()
        share: NDArray[np.float32] = histogram / (frame.shape[0] * frame.shape[1])
        return share

    distributions = [[distribution(frame, c) for frame in frames] for c in range(3)]
    assert distributions[0][0].dtype == np.float32
    return loop(distributions)


def evidence(histograms: Histograms, indices: Sequence[int] | None = None, truth: Histograms | None = None) -> ClipEvidence:
    return ClipEvidence(prediction=histograms, truth=truth, indices=tuple(range(len(histograms)) if indices is None else indices))


def check(frames: Sequence[RgbFrame]) -> None:
    histograms = histograms_of(frames)
    assert cdc(histograms) == pytest.approx(loop_float64(histograms), rel=0, abs=1e-15)
    assert CDC.open(device="cpu").score_clip(evidence(histograms)) == cdc(histograms)
    in_float32 = CDC_TCVC.open(device="cpu").score_clip(evidence(histograms))
    assert in_float32 == pytest.approx(loop_float32(frames), rel=0, abs=1e-12)


def test_it_agrees_with_scipy_on_a_made_film() -> None:
    check(film(16))


@pytest.mark.data
@pytest.mark.parametrize("name", CLIPS)
def test_it_agrees_with_scipy_on_real_clips(name: str, read_clip: Callable[..., list[RgbFrame]]) -> None:
    check(read_clip(name, 25))


def usable(histograms: Histograms) -> bool:
    return bool((histograms.sum(axis=-1) > 0).all())


@settings(deadline=None, max_examples=60, derandomize=True, database=None)
@given(counts.filter(usable))
def test_each_pair_agrees_with_scipy_whatever_is_empty(histograms: Histograms) -> None:
    first, second = histograms[0], histograms[-1]
    found = jensen_shannon(first, second)
    for channel in range(3):
        p, q = first[channel] / first[channel].sum(), second[channel] / second[channel].sum()
        assert found[channel] == pytest.approx(one_pair(p, q), rel=0, abs=1e-15)
    assert (found >= 0.0).all()
    assert (found <= math.log(2.0) + 1e-15).all()
    assert np.array_equal(found, jensen_shannon(second, first))


def test_each_pair_has_the_published_bits_in_float32() -> None:
    frames = film(2)
    first, second = histograms_of(frames)
    pixels = np.float32(frames[0].shape[0] * frames[0].shape[1])
    expected = [one_pair(first[c].astype(np.float32) / pixels, second[c].astype(np.float32) / pixels) for c in range(3)]
    found = jensen_shannon_tcvc(first, second)
    assert found.dtype == np.float32
    assert np.array_equal(found, np.array(expected, np.float32))


def test_the_two_precisions_differ_and_say_so() -> None:
    histograms = histograms_of(film(16))
    difference = abs(cdc(histograms) - cdc(histograms, divergence=jensen_shannon_tcvc))
    assert 0.0 < difference < 1e-7
    assert CDC.card.signature != CDC_TCVC.card.signature
    assert (CDC.card.default, CDC_TCVC.card.default) == (True, False)


@pytest.mark.parametrize("metric", [CDC, CDC_TCVC], ids=lambda metric: metric.card.name)
def test_identical_frames_score_exactly_zero(metric: Any) -> None:
    still = histograms_of(film(1) * 6)
    flat = histograms_of([np.full((9, 11, 3), 200, np.uint8)] * 6)
    assert metric.open(device="cpu").score_clip(evidence(still)) == 0.0
    assert metric.open(device="cpu").score_clip(evidence(flat)) == 0.0


def test_disjoint_colors_score_the_logarithm_of_two() -> None:
    """Every gap of an alternation of two flat colors that share no level, except the even ones, which see no change."""
    frames = [np.full((4, 4, 3), 10 if i % 2 else 240, np.uint8) for i in range(9)]
    assert cdc(histograms_of(frames), (1,)) == pytest.approx(math.log(2.0), abs=1e-15)
    assert cdc(histograms_of(frames), (2,)) == 0.0
    assert cdc(histograms_of(frames)) == pytest.approx(math.log(2.0) / 3.0, abs=1e-15)


def test_pairs_are_of_frames_both_scored_and_really_so_far_apart() -> None:
    histograms = histograms_of(film(14))
    kept = [0, 1, 2, 4, 5, 6, 9, 10, 13]
    p = histograms / histograms.sum(axis=-1, keepdims=True)
    means = []
    for gap in (1, 2, 4):
        pairs = [(i, i + gap) for i in kept if i + gap in kept]
        means.append(np.mean([[one_pair(p[i, c], p[j, c]) for c in range(3)] for i, j in pairs]))
    value = CDC.open(device="cpu").score_clip(evidence(histograms[kept], kept))
    assert value == pytest.approx(float(np.mean(means)), rel=0, abs=1e-15)
    assert value != pytest.approx(cdc(histograms[kept]), rel=0, abs=1e-9)


def test_where_the_clip_starts_does_not_matter() -> None:
    histograms = histograms_of(film(8))
    assert cdc(histograms, indices=range(6, 14)) == cdc(histograms)


@pytest.mark.parametrize(("indices", "gap"), [([0], 1), ([0, 1, 2, 3], 4), ([0, 2, 4, 6, 8], 1), ([0, 1, 8, 9], 2)])
@pytest.mark.parametrize("metric", [CDC, CDC_TCVC, DELTA[0]], ids=lambda metric: metric.card.name)
def test_a_gap_without_a_pair_is_a_reason_not_a_number(metric: Any, indices: list[int], gap: int) -> None:
    histograms = histograms_of(film(len(indices)))
    reason = metric.open(device="cpu").score_clip(evidence(histograms, indices, truth=histograms))
    assert isinstance(reason, str)
    assert f"{gap} frames apart" in reason
    with pytest.raises(UsageError, match=f"{gap} frames apart"):
        cdc(histograms, indices=indices)


def test_blocks_do_not_change_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    histograms = histograms_of(film(15))
    whole = cdc(histograms)
    monkeypatch.setattr(module, "_BLOCK", 4)
    assert cdc(histograms) == whole


def test_flicker_scores_worse_than_the_film_and_gray_scores_better() -> None:
    """Why CDC is never shown alone: it can't see missing color."""
    frames = film(12)
    flicker = [np.clip(frame * (1.1 if i % 2 else 0.9), 0, 255).astype(np.uint8) for i, frame in enumerate(frames)]
    frozen = [frames[0]] * 12
    values = [cdc(histograms_of(clip)) for clip in (frozen, frames, flicker)]
    assert values == sorted(values)
    assert values[0] < values[1] < values[2]


@pytest.mark.parametrize(
    ("histograms", "words"),
    [
        (np.ones((6, 256), np.int64), r"shape \(6, 256\)"),
        (np.ones((6, 3, 256)), "float64"),
        (np.zeros((6, 3, 256), np.int64), "histogram 0 counts no pixel"),
    ],
)
def test_what_is_no_histogram_is_refused(histograms: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        cdc(histograms)


@pytest.mark.parametrize("indices", [[0, 1, 2], [0, 2, 1, 3, 4, 5], [0, 1, 2, 3, 4, 4]])
def test_frame_numbers_that_do_not_fit_are_refused(indices: list[int]) -> None:
    with pytest.raises(UsageError, match="frame numbers"):
        cdc(np.ones((6, 3, 256), np.int64), indices=indices)


def test_delta_cdc_is_the_distance_either_way() -> None:
    truth, other = histograms_of(film(10)), histograms_of(film(10, seed=3))
    expected = abs(loop_float64(truth) - loop_float64(other))
    assert expected > 0.0
    assert delta_cdc(truth, other) == pytest.approx(expected, rel=0, abs=1e-15)
    assert delta_cdc(other, truth) == delta_cdc(truth, other)
    assert delta_cdc(truth, truth) == 0.0
    assert DELTA[0].open(device="cpu").score_clip(evidence(other, truth=truth)) == delta_cdc(truth, other)


def test_delta_cdc_without_a_truth_is_a_reason() -> None:
    reason = DELTA[0].open(device="cpu").score_clip(evidence(histograms_of(film(6))))
    assert isinstance(reason, str)
    assert "no color ground truth" in reason
