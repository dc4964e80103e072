"""SSIM as a function; its agreement in all cases is tested with the fused pass."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from colorbench.metrics.ssim import METRICS, ssim
from colorbench.types import RgbFrame

Pair = tuple[RgbFrame, RgbFrame]


def test_it_agrees_with_scikit_image(pair: Pair) -> None:
    assert ssim(*pair) == pytest.approx(structural_similarity(*pair, channel_axis=2, data_range=255), abs=1e-12)


def test_it_is_another_number_than_the_gaussian_form(pair: Pair) -> None:
    """The signature names the window because this difference is silent elsewhere."""
    gaussian = structural_similarity(
        *pair, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert abs(ssim(*pair) - gaussian) > 1e-5
    assert dict(METRICS[0].card.signature)["window"].startswith("uniform7")


def test_it_falls_as_noise_grows(photograph: RgbFrame) -> None:
    noise = np.random.default_rng(0).normal(0.0, 1.0, photograph.shape)
    values = [ssim(photograph, np.clip(photograph + s * noise, 0, 255).astype(np.uint8)) for s in (0.0, 2.0, 8.0, 30.0)]
    assert values[0] == 1.0
    assert values == sorted(values, reverse=True)


def test_it_is_negative_for_a_negative() -> None:
    checks = (255 * (np.indices((20, 20)).sum(axis=0) % 2)).astype(np.uint8)
    frame = np.repeat(checks[..., None], 3, axis=2)
    assert ssim(frame, 255 - frame) < -0.9


def test_it_is_undefined_for_a_frame_smaller_than_the_window() -> None:
    assert math.isnan(ssim(np.zeros((6, 9, 3), np.uint8), np.zeros((6, 9, 3), np.uint8)))
