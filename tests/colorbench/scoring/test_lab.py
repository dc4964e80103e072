"""CIE Lab of 8-bit frames against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2lab

from colorbench.errors import UsageError
from colorbench.scoring.lab import lab_planes
from colorbench.types import RgbFrame


def reference(frame: RgbFrame) -> np.ndarray:
    return np.asarray(rgb2lab(frame / 255.0)).reshape(-1, 3).T


def test_it_agrees_with_scikit_image_on_a_photograph(photograph: RgbFrame) -> None:
    assert np.abs(lab_planes(photograph) - reference(photograph)).max() < 1e-12


def test_it_agrees_on_dark_colors_where_the_cube_root_is_a_straight_line() -> None:
    levels = np.arange(24, dtype=np.uint8)
    frame = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(24, -1, 3)
    assert np.abs(lab_planes(frame) - reference(frame)).max() < 1e-12


def test_it_agrees_on_the_corners_of_the_gamut() -> None:
    frame = np.array(np.meshgrid([0, 1, 127, 254, 255], [0, 10, 11, 255], [0, 128, 255]), np.uint8).T.reshape(1, -1, 3)
    assert np.abs(lab_planes(frame) - reference(frame)).max() < 1e-12


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(UsageError):
        lab_planes(np.zeros((4, 4, 3)))  # type: ignore[arg-type]
