"""Matching again in a window around what was found, at a finer size: where the compact network gets its sharp colors from.

Ours, not the paper's, which matches once, at 1/4 of the frame's size and over the whole reference. Matching over all positions
costs the square of their number: at 1/8 a sixteenth of what it costs at 1/4. As in PWC-Net
(Sun et al., CVPR 2018, arXiv 1709.02371) the reference is first carried to the frame by what is known, then compared with the
frame at every shift up to the radius; ours takes the softmax over the shifts and the colors that they bring: eq. 1 and 2 over a
window.
"""

from __future__ import annotations

from itertools import product

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from colorbench.nets.correspondence import Match


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
        query, grid = query.float(), where.float().permute(0, 2, 3, 1)
        count, width, channels = len(query), query.shape[1], values.shape[1]
        reference = torch.cat((key, values), dim=1).float()
        carried = F.grid_sample(
            reference.expand(count, -1, -1, -1), grid, mode="bilinear", padding_mode="border", align_corners=False
        )  # (N, D + C, h, w)
        padded = F.pad(carried, (radius,) * 4, mode="replicate")
        shifts = list(product(range(2 * radius + 1), repeat=2))
        rows, columns = query.shape[-2:]
        windows = [padded[..., y : y + rows, x : x + columns] for y, x in shifts]
        cosines = torch.stack([(query * window[:, :width]).sum(dim=1) for window in windows], dim=1)  # (N, S, h, w)
        top = cosines.amax(dim=1, keepdim=True)  # (N, 1, h, w)
        weights = torch.softmax((cosines - top.detach()) / temperature, dim=1)
        found = query.new_zeros(count, channels, rows, columns)
        for index, window in enumerate(windows):
            found = torch.addcmul(found, weights[:, index : index + 1], window[:, width:])
    return Match(values=found, similarity=top)
