"""Clips at a network's size and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from colorbench.nets.working import chroma_picture, lab_planes, luminance_planes, scaled, working_size


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (224, 384, (224, 384)),
        (240, 100, (240, 96)),
        (480, 854, (240, 432)),  # scaled by a half: 240 and 427, of which 432 is the nearest multiple of 16
        (854, 480, (424, 240)),
        (5, 9, (16, 32)),
        (1, 4000, (16, 4000)),
    ],
)
def test_sizes_keep_the_aspect_and_fit_the_network(height: int, width: int, expected: tuple[int, int]) -> None:
    assert working_size(height, width, short_side=240, multiples=(8, 16)) == expected


def test_a_size_that_fits_changes_nothing() -> None:
    planes = torch.rand(1, 2, 16, 32)
    assert scaled(planes, (16, 32)) is planes
    l_star = np.random.default_rng(0).random((16, 32), np.float32)
    assert np.array_equal(luminance_planes(l_star, (16, 32))[0, 0].numpy(), l_star)
    assert np.array_equal(chroma_picture(planes, 16, 32), planes[0].permute(1, 2, 0).numpy())


def test_shrinking_to_a_half_averages() -> None:
    """A checkerboard of single pixels has nothing left but its mean, which aliasing would miss."""
    board = np.indices((32, 64)).sum(0) % 2 * np.float32(100)
    assert luminance_planes(board.astype(np.float32), (16, 32))[0, 0, 4:-4, 4:-4].sub(50).abs().max() < 1.0


def test_bfloat16_is_scaled_in_float32() -> None:
    """torch has no antialiased scaling in bfloat16, which networks are trained in."""
    planes = torch.rand(1, 1, 32, 64).bfloat16()
    assert torch.equal(scaled(planes, (16, 32)), scaled(planes.float(), (16, 32)))


def test_exemplars_are_cie_lab() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (16, 32, 3)).astype(np.uint8)
    np.testing.assert_allclose(lab_planes(rgb, (16, 32))[0].permute(1, 2, 0), rgb2lab(rgb), atol=2e-3)
