from __future__ import annotations

import cv2
import numpy as np
import pytest

from colorbench.clips.likeness import ALIKE, describe, describe_picture
from colorbench.color import luminance
from colorbench.types import RgbFrame


def picture(seed: int, *, height: int = 72, width: int = 96) -> RgbFrame:
    small = np.random.default_rng(seed).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    resized: RgbFrame = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return resized


def test_likeness_is_1_for_equal_pictures_and_0_for_a_flat_one() -> None:
    l_star = luminance(picture(0))
    assert describe(l_star) @ describe(l_star) == pytest.approx(1.0, abs=1e-5)
    assert describe(l_star) @ describe(np.full_like(l_star, 40.0)) == 0.0


def test_brighter_and_of_more_contrast_is_alike_and_another_picture_is_not() -> None:
    l_star = luminance(picture(0))
    assert describe(l_star) @ describe(np.clip(1.3 * l_star - 5, 0, 100).astype(np.float32)) > 0.9
    assert describe(l_star) @ describe(luminance(picture(1, height=90))) < ALIKE


def test_a_large_picture_is_described_as_its_luminance_is() -> None:
    large = cv2.resize(picture(0), (960, 640), interpolation=cv2.INTER_CUBIC)
    assert float(describe_picture(large) @ describe(luminance(large))) > 0.999
