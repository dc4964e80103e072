"""PSNR of chroma against the definition over scikit-image's Lab."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2lab
from skimage.metrics import peak_signal_noise_ratio

from colorbench.metrics.psnr import CEILING
from colorbench.metrics.psnr_ab import psnr_ab
from colorbench.types import RgbFrame

Pair = tuple[RgbFrame, RgbFrame]


def reference(truth: RgbFrame, prediction: RgbFrame) -> float:
    one, other = (rgb2lab(frame / 255.0)[..., 1:] for frame in (truth, prediction))
    return float(peak_signal_noise_ratio(one, other, data_range=255))


def test_it_agrees_with_scikit_image(pair: Pair) -> None:
    assert psnr_ab(*pair) == pytest.approx(reference(*pair), abs=1e-10)


def test_luminance_alone_costs_little(photograph: RgbFrame) -> None:
    darker = (photograph * 0.9).astype(np.uint8)
    grayer = np.repeat(photograph.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert psnr_ab(photograph, darker) > psnr_ab(photograph, grayer) + 6


def test_equal_frames_have_the_ceiling(photograph: RgbFrame) -> None:
    assert psnr_ab(photograph, photograph) == CEILING
