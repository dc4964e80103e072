"""A reference's colors pixel by pixel: the places that were matched at 1/4 of the size, aligned by luminance at full size.

Ours, not the paper's, which warps at 1/4 and enlarges: what a true color map keeps at 1/4 is 32.4 dB on sharp films. A match at
1/4 says where in the reference a cell of 4x4 pixels lies to within two pixels; luminance, which is known of both pictures at full
size, says the rest. Every cell is compared, with a margin, at every shift around its place, and takes the shift at which the
mean of absolute differences is least:

    s(c) = argmin over |s| at most radius of  mean over p in the cell and its margin |L(p) - L_r(p + d(c) + s)| + SHIFT_COST |s|

Colors are then those of the reference at p + d(c) + s(c), sharp as they are there; how far luminance is off around a pixel says
how much to doubt them. No gradient passes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

CELL = 4
"""Pixels a side that one match stands for."""

MARGIN = 2
"""Pixels around a cell that are compared beside it."""

SHIFT_COST = 0.05
"""Units of L* that a shift by one pixel has to be better by than none: flat cells stay where they were matched."""

_AROUND = 5
"""Pixels a side over which the difference that is doubted is averaged."""


def fetch_aligned(
    l_star: Tensor, reference_l: Tensor, reference_ab: Tensor, places: Tensor, *, radius: int
) -> tuple[Tensor, Tensor]:
    """Colors of a reference for every pixel of frames.

    Args:
        l_star: (N, 1, H, W) in [0, 100]; H and W are multiples of CELL.
        reference_l: (N, 1, H', W') or (1, 1, H', W').
        reference_ab: (N, 2, H', W') or (1, 2, H', W').
        places: (N, 2, H / CELL, W / CELL), row and column of the cell of the reference that each cell was matched to.
        radius: of the shifts, in pixels.

    Returns:
        ab (N, 2, H, W), and how far the reference's L* is off around each pixel, (N, 1, H, W), at least 0.
    """
    pairs = [
        _fetch(l_star[i, 0], reference_l[i % len(reference_l), 0], reference_ab[i % len(reference_ab)], places[i], radius)
        for i in range(len(l_star))
    ]
    return torch.stack([ab for ab, _ in pairs]), torch.stack([off for _, off in pairs])


@torch.no_grad()
def _fetch(l_star: Tensor, other: Tensor, ab: Tensor, places: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    """(H, W), (H', W'), (2, H', W'), (2, h, w) -> (2, H, W), (1, H, W)."""
    height, width = l_star.shape
    rows, columns = height // CELL, width // CELL
    side, reach = CELL + 2 * MARGIN, MARGIN + radius
    patches = F.pad(l_star[None, None], (MARGIN,) * 4, mode="replicate")[0, 0].unfold(0, side, CELL).unfold(1, side, CELL)
    own = patches.reshape(rows * columns, side, side)
    corner = (places * CELL).round().long().reshape(2, -1, 1)  # of each cell's place, (2, h w, 1)
    window = torch.arange(-reach, CELL + reach, device=l_star.device)
    y = (corner[0] + window).clamp_(0, other.shape[0] - 1)  # (h w, side + 2 radius)
    x = (corner[1] + window).clamp_(0, other.shape[1] - 1)
    seen = other[y[:, :, None], x[:, None, :]]  # (h w, side + 2 radius, side + 2 radius)
    shifts = [(dy, dx) for dy in range(2 * radius + 1) for dx in range(2 * radius + 1)]
    best = torch.full((len(own),), torch.inf, device=l_star.device)
    chosen = torch.zeros(len(own), dtype=torch.int64, device=l_star.device)
    for number, (dy, dx) in enumerate(shifts):
        cost = (seen[:, dy : dy + side, dx : dx + side] - own).abs_().mean(dim=(1, 2))
        cost += SHIFT_COST * (abs(dy - radius) + abs(dx - radius))
        nearer = cost < best
        best = torch.where(nearer, cost, best)
        chosen[nearer] = number
    moved = corner[..., 0] + torch.stack((chosen // (2 * radius + 1), chosen % (2 * radius + 1))) - radius  # (2, h w)
    inside = torch.arange(CELL, device=l_star.device)
    y = (moved[0, :, None] + inside).clamp_(0, other.shape[0] - 1)  # (h w, CELL)
    x = (moved[1, :, None] + inside).clamp_(0, other.shape[1] - 1)
    both = torch.cat((ab, other[None]))[:, y[:, :, None], x[:, None, :]]  # (3, h w, CELL, CELL)
    both = both.reshape(3, rows, columns, CELL, CELL).transpose(2, 3).reshape(3, height, width)
    off = (both[2:] - l_star).abs()
    margin = _AROUND // 2
    off = F.avg_pool2d(F.pad(off[None], (margin,) * 4, mode="replicate"), _AROUND, stride=1)[0]
    return both[:2], off
