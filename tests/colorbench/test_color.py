from __future__ import annotations

import numpy as np
import pytest
import skimage.color
import torch

from colorbench.color import lab_to_rgb, luma_rec601, luminance, merge_luminance, rgb_to_lab

GRID = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3).astype(np.uint8)


def test_lab_equals_scikit_image_in_float64() -> None:
    ours = rgb_to_lab(torch.from_numpy(GRID / 255.0)).numpy()
    assert np.abs(ours - skimage.color.rgb2lab(GRID)).max() < 1e-10


def test_lab_of_bytes_equals_scikit_image_in_float32() -> None:
    ours = rgb_to_lab(torch.from_numpy(GRID)).numpy()
    assert ours.dtype == np.float32
    assert np.abs(ours - skimage.color.rgb2lab(GRID)).max() < 1e-4


def test_luminance_is_the_l_of_lab() -> None:
    assert np.abs(luminance(GRID) - skimage.color.rgb2lab(GRID)[..., 0]).max() < 5e-5


@pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB")
def test_rgb_equals_scikit_image_even_outside_the_gamut() -> None:
    lab = np.random.default_rng(0).uniform([0, -110, -110], [100, 110, 110], (4000, 1, 3))
    assert np.abs(lab_to_rgb(torch.from_numpy(lab)).numpy() - skimage.color.lab2rgb(lab)).max() < 1e-10


def test_every_byte_survives_the_round_trip() -> None:
    lab = rgb_to_lab(torch.from_numpy(GRID))
    back = merge_luminance(lab[..., 0].contiguous().numpy(), lab[..., 1:].contiguous().numpy())
    assert np.array_equal(back, GRID)


def test_truncation_is_never_above_rounding_and_differs() -> None:
    l_star = np.linspace(0, 100, 64, dtype=np.float32).reshape(8, 8)
    ab = np.full((8, 8, 2), 7.0, dtype=np.float32)
    near = merge_luminance(l_star, ab).astype(int)
    down = merge_luminance(l_star, ab, rounding="truncate").astype(int)
    assert set(np.unique(near - down)) == {0, 1}


def test_rec601_luma_is_the_rounded_weighted_sum() -> None:
    exact = GRID @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma_rec601(GRID) - exact).max() <= 0.5 + 1e-9


def test_gray_bytes_keep_their_value_as_luma() -> None:
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=-1)
    assert np.array_equal(luma_rec601(levels)[:, 0], np.arange(256))
