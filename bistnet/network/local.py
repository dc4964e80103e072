"""Matching again in a window around what was found, at a finer size: where the compact network gets its sharp colors from.

Ours, not the paper's, which matches once, at 1/4 of the frame's size and over the whole reference. Matching over all positions
costs the square of their number: at 1/8 a sixteenth of what it costs at 1/4. As in PWC-Net
(Sun et al., CVPR 2018, arXiv 1709.02371) the reference is first carried to the frame by what is known, then compared with the
frame at every shift up to the radius; ours takes the softmax over the shifts and the colors that they bring: eq. 1 and 2 over a
window.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from bistnet.network.windows import window_match
from colorbench.nets.correspondence import Match

_TILE = 8
"""Positions a side. Of 4, 8 and 16 the quickest with a gradient; tried on a CPU."""


def positions_of(maps: Tensor) -> Tensor:
    """(1, 2, h, w): each position's own x and y, in units of :func:`match_locally`.

    >>> positions_of(torch.empty(1, 1, 1, 4))[0, 0, 0].tolist()
    [-0.75, -0.25, 0.25, 0.75]
    """
    height, width = maps.shape[-2:]
    y = (2.0 * torch.arange(height, device=maps.device, dtype=torch.float32) + 1.0) / height - 1.0
    x = (2.0 * torch.arange(width, device=maps.device, dtype=torch.float32) + 1.0) / width - 1.0
    return torch.stack((x.expand(height, width), y[:, None].expand(height, width)))[None]


def match_locally(query: Tensor, key: Tensor, values: Tensor, where: Tensor, *, radius: int, temperature: float) -> Match:
    """Warps a reference's values to frames, looking around a position that is known.

    With q the query at a position, and k', v' the reference's embedding and values fetched (bilinear) at ``where``,

        c_s = q . k'(shifted by s) / temperature,   w = sum over s of softmax(c)_s v'(shifted by s),   |s| at most radius

    Shifts are by whole positions of the frame; at the borders the last row and column are repeated. Computed in float32.

    Where no gradient is wanted, on a CPU, it is one compiled pass (windows.py). Else frames are cut into tiles, and every
    position of a tile is compared with all that any of them looks at: six times the products wanted at radius 2, but by matrix
    multiplication and without a pass through memory for every shift, which takes half the time with the gradient.

    Args:
        query: (N, D, h, w), the frames' embedding, unit norm over D.
        key: (N, D, h', w') or (1, D, h', w'), the reference's.
        values: (N, C, h', w') or (1, C, h', w').
        where: (N, 2, h, w), x and y in the reference, -1 and 1 its borders.
        radius: of the window, in positions.
        temperature: what cosines are divided by.

    Returns:
        Values (N, C, h, w), and the largest cosine over the window (N, 1, h, w).
    """
    with torch.autocast(query.device.type, enabled=False):
        query, where = query.float(), where.float()
        reference = torch.cat((key, values), dim=1).float().expand(len(query), -1, -1, -1)
        wanted = torch.is_grad_enabled() and any(maps.requires_grad for maps in (query, reference, where))
        match = _in_tiles if wanted or query.device.type != "cpu" else _in_one_pass
        return match(query, reference, where, radius, temperature)


def _in_one_pass(query: Tensor, reference: Tensor, where: Tensor, radius: int, temperature: float) -> Match:
    grid = F.pad(where, (radius,) * 4, mode="replicate").permute(0, 2, 3, 1)
    carried = F.grid_sample(reference, grid, mode="bilinear", padding_mode="border", align_corners=False)
    last = [maps.permute(0, 2, 3, 1).contiguous().numpy() for maps in (query, carried)]  # (N, h, w, D), (N, h', w', D + C)
    found = [window_match(one, other, query.shape[1], radius, temperature) for one, other in zip(*last, strict=True)]
    whole = torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2)
    return Match(values=whole[:, :-1], similarity=whole[:, -1:])


def _in_tiles(query: Tensor, reference: Tensor, where: Tensor, radius: int, temperature: float) -> Match:
    count, width, rows, columns = query.shape
    bottom, right = -rows % _TILE, -columns % _TILE
    query = F.pad(query, (0, right, 0, bottom), mode="replicate")
    where = F.pad(where, (radius, radius + right, radius, radius + bottom), mode="replicate")
    down, across, side = query.shape[-2] // _TILE, query.shape[-1] // _TILE, _TILE + 2 * radius
    grid = where.unfold(2, side, _TILE).unfold(3, side, _TILE)  # (N, 2, down, across, side, side): what each tile looks at
    grid = grid.permute(0, 2, 4, 3, 5, 1).reshape(count, down * side, across * side, 2)
    carried = F.grid_sample(reference, grid, mode="bilinear", padding_mode="border", align_corners=False)
    looked_at = _tiles(carried, down, across).transpose(1, 2)  # (tiles, D + C, side^2)
    cosines = torch.baddbmm(_outside(radius, query.device), _tiles(query, down, across), looked_at[:, :width])
    top = cosines.amax(dim=2, keepdim=True)  # (tiles, _TILE^2, 1)
    weights = torch.softmax((cosines - top.detach()) / temperature, dim=2)
    found = torch.cat((weights @ looked_at[:, width:].transpose(1, 2), top), dim=2)  # (tiles, _TILE^2, C + 1)
    whole = found.reshape(count, down, across, _TILE, _TILE, -1).permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)
    whole = whole[..., :rows, :columns]
    return Match(values=whole[:, :-1], similarity=whole[:, -1:])


def _tiles(maps: Tensor, down: int, across: int) -> Tensor:
    """(N, C, down h, across w) -> (N down across, h w, C)."""
    count, channels, height, width = maps.shape
    cut = maps.reshape(count, channels, down, height // down, across, width // across)
    return cut.permute(0, 2, 4, 3, 5, 1).reshape(count * down * across, -1, channels)


def _outside(radius: int, device: torch.device) -> Tensor:
    """(_TILE^2, (_TILE + 2 radius)^2): 0 where a position of a tile looks, -infinity elsewhere."""
    own, others = torch.arange(_TILE, device=device), torch.arange(_TILE + 2 * radius, device=device)
    shifts = others - own[:, None]
    near = (shifts >= 0) & (shifts <= 2 * radius)  # along one side
    near = (near[:, None, :, None] & near[None, :, None, :]).flatten(2).flatten(0, 1)
    return torch.zeros(near.shape, device=device).masked_fill(~near, -math.inf)
