"""PSNR against scikit-image, and the traps of 8-bit arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from colorbench.metrics.psnr import CEILING, psnr, psnr_of
from colorbench.scoring.fused import measure_pair
from colorbench.types import RgbFrame

Pair = tuple[RgbFrame, RgbFrame]


def noisy(frame: RgbFrame, sigma: float) -> RgbFrame:
    noise = np.random.default_rng(0).normal(0.0, sigma, frame.shape)
    result: RgbFrame = np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)
    return result


def check(truth: RgbFrame, prediction: RgbFrame) -> None:
    expected = peak_signal_noise_ratio(truth, prediction, data_range=255)
    assert psnr(truth, prediction) == pytest.approx(expected, abs=1e-12)
    assert psnr_of(measure_pair(truth, prediction).squared_error, truth.size) == psnr(truth, prediction)


def test_it_agrees_with_scikit_image_on_photographs(pair: Pair) -> None:
    check(*pair)
    check(pair[0], noisy(pair[0], 40.0))


@pytest.mark.data
def test_it_agrees_with_scikit_image_on_real_clips(clip_pairs: list[Pair]) -> None:
    for truth, prediction in clip_pairs:
        check(truth, prediction)


def test_it_ends_at_60_for_equal_frames_and_for_what_is_nearer_than_rounding(photograph: RgbFrame) -> None:
    assert psnr(photograph, photograph.copy()) == CEILING == 60.0
    assert psnr_of(1, 300) == CEILING
    highest = math.ceil(255.0**2 * 300 / 10**6)
    assert psnr_of(highest, 300) == pytest.approx(10.0 * math.log10(255.0**2 * 300 / highest), abs=1e-12)
    assert psnr_of(highest - 1, 300) == CEILING > psnr_of(highest, 300)


def test_it_is_symmetric(pair: Pair) -> None:
    assert psnr(*pair) == psnr(*pair[::-1])


def test_it_is_zero_for_black_against_white() -> None:
    assert psnr(np.zeros((3, 5, 3), np.uint8), np.full((3, 5, 3), 255, np.uint8)) == 0.0


def test_one_level_in_one_channel_of_one_pixel_counts() -> None:
    truth = np.full((2, 2, 3), 128, np.uint8)
    prediction = truth.copy()
    prediction[0, 1, 1] += 1
    assert psnr(truth, prediction) == pytest.approx(10.0 * math.log10(255.0**2 * 12), abs=1e-12)


def test_8_bit_subtraction_does_not_wrap_around(photograph: RgbFrame) -> None:
    """Squared in uint8 no error exceeds 255, so nothing falls under 24.07 dB. True PSNR does."""
    bad = noisy(photograph, 60.0)
    with np.errstate(over="ignore"):
        wrapped = 10.0 * math.log10(255.0**2 / np.mean((photograph - bad) ** 2))
    assert wrapped > 24.0
    assert psnr(photograph, bad) < 18.0
    assert psnr(np.full((4, 4, 3), 250, np.uint8), np.full((4, 4, 3), 5, np.uint8)) == pytest.approx(
        20.0 * math.log10(255.0 / 245.0), abs=1e-12
    )


def test_it_falls_as_noise_grows(photograph: RgbFrame) -> None:
    values = [psnr(photograph, noisy(photograph, sigma)) for sigma in (1.0, 5.0, 15.0, 40.0, 90.0)]
    assert values == sorted(values, reverse=True)
