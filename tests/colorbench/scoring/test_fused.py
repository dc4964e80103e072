"""The fused pass against scikit-image, OpenCV and plain integer NumPy."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import structural_similarity

from colorbench.errors import UsageError
from colorbench.metric import PairStatistics
from colorbench.scoring.fused import measure_frame, measure_pair
from colorbench.types import RgbFrame

Pair = tuple[RgbFrame, RgbFrame]

sides = st.tuples(st.integers(1, 24), st.integers(1, 24))
levels = st.one_of(st.integers(0, 255), st.sampled_from((0, 255)))
frames = sides.flatmap(lambda side: arrays(np.uint8, (*side, 3), elements=levels))
pairs = sides.flatmap(lambda side: st.tuples(*(arrays(np.uint8, (*side, 3), elements=levels),) * 2))
tried = settings(deadline=None, max_examples=80, derandomize=True, database=None)


def noise(height: int, width: int, seed: int = 0) -> RgbFrame:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def opponent_of(frame: RgbFrame) -> tuple[int, ...]:
    r, g, b = (frame[..., c].astype(np.int64) for c in range(3))
    rg, yb = r - g, r + g - 2 * b
    return tuple(int(value.sum()) for value in (rg, rg * rg, yb, yb * yb))


def check(truth: RgbFrame, prediction: RgbFrame) -> PairStatistics:
    """Everything the pass finds, against other code."""
    found = measure_pair(truth, prediction)
    difference = truth.astype(np.int64) - prediction
    assert found.squared_error == int((difference * difference).sum())
    if min(truth.shape[:2]) < 7:
        assert math.isnan(found.ssim)
    else:
        assert found.ssim == pytest.approx(structural_similarity(truth, prediction, channel_axis=2, data_range=255), abs=1e-12)
    for statistics in (found.prediction, measure_frame(prediction)):
        counts = np.stack([np.bincount(prediction[..., c].ravel(), minlength=256) for c in range(3)])
        assert np.array_equal(statistics.histogram, counts)
        assert statistics.opponent == opponent_of(prediction)
    return found


def test_it_agrees_with_other_libraries_on_photographs(pair: Pair) -> None:
    check(*pair)


@pytest.mark.data
def test_it_agrees_with_other_libraries_on_real_clips(clip_pairs: list[Pair]) -> None:
    for truth, prediction in clip_pairs:
        check(truth, prediction)


@tried
@given(pairs)
def test_it_agrees_on_any_small_frames(pair: Pair) -> None:
    check(*pair)


@pytest.mark.parametrize("size", [(7, 7), (7, 9), (8, 7), (6, 9), (9, 6), (1, 50), (50, 1), (1, 1), (13, 64), (14, 65)])
def test_it_agrees_at_the_sizes_where_windows_begin(size: tuple[int, int]) -> None:
    check(noise(*size), noise(*size, seed=1))


def test_it_agrees_on_a_frame_of_1080_lines() -> None:
    check(noise(1080, 1920), noise(1080, 1920, seed=1))


@pytest.mark.parametrize(("truth", "prediction"), [(0, 0), (255, 255), (0, 255), (255, 0), (17, 18)])
def test_it_agrees_on_constant_frames(truth: int, prediction: int) -> None:
    check(np.full((40, 30, 3), truth, np.uint8), np.full((40, 30, 3), prediction, np.uint8))


def test_ssim_of_equal_frames_is_exactly_one() -> None:
    for frame in (noise(31, 45), np.zeros((20, 20, 3), np.uint8), np.full((20, 20, 3), 255, np.uint8)):
        found = measure_pair(frame, frame.copy())
        assert found.ssim == 1.0
        assert found.squared_error == 0


@tried
@given(pairs)
def test_error_and_ssim_are_symmetric(pair: Pair) -> None:
    forth, back = measure_pair(*pair), measure_pair(*pair[::-1])
    assert forth.squared_error == back.squared_error
    assert forth.ssim == back.ssim or math.isnan(forth.ssim)


def test_the_largest_window_sums_do_not_overflow() -> None:
    """All sums at their bounds: white against black in checks, and white against white."""
    black_and_white = np.zeros((70, 70, 3), np.uint8)
    black_and_white[::2, ::2] = black_and_white[1::2, 1::2] = 255
    white = np.full_like(black_and_white, 255)
    check(black_and_white, np.bitwise_not(black_and_white))
    check(white, white)
    check(white, np.zeros_like(white))


def test_a_view_scores_as_its_copy() -> None:
    big, other = noise(60, 80), noise(60, 80, seed=1)
    views: list[Any] = [
        (big[::-1], other[::-1]),
        (big[:, ::2], other[:, ::2]),
        (big[..., ::-1], other[..., ::-1]),
        (big.transpose(1, 0, 2), other.transpose(1, 0, 2)),
        (big[5:40, 7:50], other[5:40, 7:50]),
    ]
    for truth, prediction in views:
        found = check(truth, prediction)
        copied = measure_pair(truth.copy(), prediction.copy())
        assert (found.ssim, found.squared_error) == (copied.ssim, copied.squared_error)


def test_the_result_does_not_depend_on_threads() -> None:
    """Many frames of many sizes at once, against one after the other, to the last bit."""
    jobs = [(noise(20 + i, 90 - i, seed=i), noise(20 + i, 90 - i, seed=i + 1)) for i in range(40)]
    alone = [measure_pair(*job) for job in jobs]
    with ThreadPoolExecutor(8) as executor:
        for _ in range(3):
            together = executor.map(lambda job: measure_pair(*job), jobs)
            for first, second in zip(alone, together, strict=True):
                assert (first.ssim, first.squared_error) == (second.ssim, second.squared_error)
                assert first.prediction.opponent == second.prediction.opponent
                assert np.array_equal(first.prediction.histogram, second.prediction.histogram)


def test_the_frames_are_left_alone() -> None:
    truth, prediction = noise(20, 20), noise(20, 20, seed=1)
    truth.flags.writeable = prediction.flags.writeable = False
    check(truth, prediction)


@tried
@given(frames)
def test_histograms_are_those_of_opencv(frame: RgbFrame) -> None:
    expected = [cv2.calcHist([frame], [c], None, [256], [0, 256]).ravel() for c in range(3)]
    assert np.array_equal(measure_frame(frame).histogram, np.stack(expected).astype(np.int64))


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((2, 8, 8, 3), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        [[[0, 0, 0]]],
    ],
)
def test_what_is_no_8_bit_rgb_frame_is_refused_with_what_came(wrong: Any) -> None:
    came = str(wrong.shape) if isinstance(wrong, np.ndarray) else "list"
    for call in (lambda: measure_frame(wrong), lambda: measure_pair(wrong, wrong)):
        with pytest.raises(UsageError) as caught:
            call()
        assert came in caught.value.wrong
        assert "uint8" in caught.value.wanted
        assert caught.value.remedy


def test_frames_of_two_sizes_are_refused_with_both() -> None:
    with pytest.raises(UsageError, match="10x8 pixels, the truth 8x8"):
        measure_pair(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 10, 3), np.uint8))
