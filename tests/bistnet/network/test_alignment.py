"""Colors fetched at full size: where a reference is shifted, they come from there; where nothing fits, it is said."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bistnet.network.alignment import CELL, fetch_aligned


def picture(*, height: int = 32, width: int = 48, seed: int = 0) -> Tensor:
    """(1, 3, H, W) L*, a*, b*, smooth."""
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, 3, height // 4, width // 4, generator=draw)
    smooth = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    return torch.cat((50 + 15 * smooth[:, :1], 30 * smooth[:, 1:]), dim=1)


def own_places(height: int, width: int) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(height // CELL), torch.arange(width // CELL), indexing="ij")
    return torch.stack((rows, columns))[None].float()


@pytest.mark.parametrize("shift", [(0, 0), (1, -2), (-2, 2), (2, 1)])
def test_a_reference_moved_by_pixels_gives_its_own_colors(shift: tuple[int, int]) -> None:
    whole = picture(height=48, width=64)
    dy, dx = shift
    frame, reference = whole[..., 8:40, 8:56], whole[..., 8 - dy : 40 - dy, 8 - dx : 56 - dx]
    ab, off = fetch_aligned(frame[:, :1], reference[:, :1], reference[:, 1:], own_places(32, 48), radius=2)
    inside = (..., slice(4, -4), slice(4, -4))  # at the border the reference lacks what moved in
    assert torch.equal(ab[inside], frame[:, 1:][inside])
    torch.testing.assert_close(off[inside], torch.zeros_like(off[inside]), rtol=0, atol=1.0)
    assert float(off[..., 8:-8, 8:-8].max()) == 0.0


def test_beyond_the_radius_it_is_said_how_far_luminance_is_off() -> None:
    whole = picture(height=48, width=64)
    frame, reference = whole[..., 8:40, 8:56], whole[..., 13:45, 8:56]
    _, off = fetch_aligned(frame[:, :1], reference[:, :1], reference[:, 1:], own_places(32, 48), radius=2)
    assert float(off.mean()) > 1.0
    _, lighter = fetch_aligned(frame[:, :1], frame[:, :1] + 7.0, frame[:, 1:], own_places(32, 48), radius=0)
    torch.testing.assert_close(lighter, torch.full_like(lighter, 7.0))


def test_flat_cells_stay_where_they_were_matched() -> None:
    flat = torch.full((1, 1, 16, 16), 40.0)
    ab = torch.arange(256.0).reshape(1, 1, 16, 16).expand(1, 2, 16, 16)
    found, _ = fetch_aligned(flat, flat, ab, own_places(16, 16), radius=3)
    assert torch.equal(found, ab)


def test_each_frame_has_its_own_places_and_places_between_cells_count() -> None:
    reference = picture()
    places = torch.cat((own_places(32, 48), own_places(32, 48) + 0.25))  # a quarter of a cell is one pixel
    frames = torch.cat((reference[:, :1], reference[:, :1]))
    ab, _ = fetch_aligned(frames, reference[:, :1], reference[:, 1:], places, radius=0)
    assert torch.equal(ab[:1], reference[:, 1:])
    assert torch.equal(ab[1:, :, :-4, :-4], reference[:, 1:, 1:-3, 1:-3])
