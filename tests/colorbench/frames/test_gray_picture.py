"""Frames as gray pictures, and their lightness."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from skimage.color import rgb2lab

from colorbench.clips.footage import Footage
from colorbench.clips.protocol import load_protocol
from colorbench.frames.gray_picture import gray_picture, lightness
from colorbench.types import Clip


def test_lightness_is_scikit_image_s_of_the_gray_picture() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = lightness(levels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, rgb2lab(np.repeat(levels[..., None], 3, axis=2))[..., 0], rtol=0, atol=1e-5)


def test_a_gray_picture_has_the_frame_s_luminance_and_no_color(
    make_clips: Callable[..., Path], executor: ThreadPoolExecutor
) -> None:
    root = make_clips(clip=2)
    footage = Footage(Clip(name="clip", dataset="test", source=root / "clip"), load_protocol("full"), executor=executor)
    try:
        found = gray_picture(footage, 1)
        assert found.shape == (footage.height, footage.width)
        assert found.dtype == np.uint8
        # Half a level of 255 is at most 0.57 of L*, where the curve is steepest.
        assert np.abs(lightness(found) - footage.luminance(1)).max() < 0.58
        assert np.abs(lightness(found) - footage.luminance(0)).max() > 5
        assert found[3, 5] == pytest.approx(int(footage.merge(1, np.zeros((*found.shape, 2), np.float32))[3, 5, 1]), abs=1)
    finally:
        footage.close()
