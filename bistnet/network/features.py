"""What frames are matched by: the embedding that is made of an encoder's levels (:mod:`colorbench.nets.encoders`).

The paper matches VGG19's features as they are and says neither which layers nor how they are normalized. Ours follows
DeepExemplar (Zhang et al., CVPR 2019), which it builds on: relu2_2 to relu5_2, each of unit norm, projected by learned layers to
one map at 1/4 of the size, its mean over the positions subtracted, unit norm again. Where DeepExemplar has two convolutions a
level and three residual blocks (6.9 M parameters), ours has one linear projection a level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

FLOOR = 1e-4
"""A position whose embedding differs from the mean by less than this is not enlarged to unit norm: it would be rounding noise."""

PATCH = 5
"""Cells a side of a patch of luminance."""

FLAT = 2.0
"""Norm of a patch, in L*, under which it is flat."""

_SMALL = 1e-6
"""Of a level's norm, under which it is taken for zero."""


class Embedding(nn.Module):
    """Levels to one map of unit vectors at 1/4 of the frame's size; the cosine of two of them is what eq. 1 compares.

    The level at 1/2 is averaged down to 1/4 first. Each level is brought to unit norm over its channels and projected linearly;
    from the coarsest on, the sum is enlarged (bilinear) and the next level's projection added. Projections start orthogonal:
    untrained, they keep the cosines of the features as well as their width allows.

    Args:
        channels: of the levels, fine to coarse; the second is at 1/4.
        width: channels D of the embedding.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.projections = nn.ModuleList(nn.Conv2d(c, width, 1, bias=False) for c in channels)
        for projection in self.projections:
            nn.init.orthogonal_(projection.get_parameter("weight"))

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Embeds a frame.

        Args:
            levels: as an encoder returns them, the first at 1/2, or averaged down to 1/4 already, the second at 1/4.

        Returns:
            (N, D, H / 4, W / 4): of zero mean over the positions before it is normalized, then of unit norm at each position.
            Where nothing differs from the mean it is about zero instead, never noise of unit norm.
        """
        finest, *coarser = levels
        pooled = finest if finest.shape[-2:] == coarser[0].shape[-2:] else F.avg_pool2d(finest, 2)
        maps = [pooled, *coarser]  # the first two at 1/4
        total = self._project(len(maps) - 1, maps[-1])
        for index in range(len(maps) - 2, -1, -1):
            size = maps[index].shape[-2:]
            if total.shape[-2:] != size:
                total = F.interpolate(total, size, mode="bilinear", align_corners=False)  # (N, D, 2h, 2w)
            total = total + self._project(index, maps[index])  # at last (N, D, H / 4, W / 4)
        return F.normalize(total - total.mean(dim=(2, 3), keepdim=True), dim=1, eps=FLOOR)

    def _project(self, index: int, level: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, D, h, w)."""
        result: Tensor = self.projections[index](F.normalize(level, dim=1, eps=_SMALL))
        return result


def luminance_patches(l_star: Tensor, *, cell: int) -> Tensor:
    """The 5x5 cells about each cell, as a vector to be matched beside learned features: what a small encoder has not learned yet.

    Ours, not the paper's.

    Args:
        l_star: (N, 1, H, W) in [0, 100].
        cell: pixels a side, over which L* is averaged.

    Returns:
        (N, 25, H / cell, W / cell): of zero mean at each position and of unit norm, of less where a patch is flat.
    """
    cells = F.avg_pool2d(l_star, cell)
    count, _, height, width = cells.shape
    margin = PATCH // 2
    around = F.unfold(F.pad(cells, (margin,) * 4, mode="replicate"), PATCH).view(count, PATCH * PATCH, height, width)
    return F.normalize(around - around.mean(dim=1, keepdim=True), dim=1, eps=FLAT)


def joined(embedding: Tensor, other: Tensor, share: float | Tensor) -> Tensor:
    """(N, D, h, w) and (N, E, h, w) -> (N, D + E, h, w); cosines become (1 - share) embedding + share other."""
    return torch.cat(((1.0 - share) ** 0.5 * embedding, share**0.5 * other.to(embedding.dtype)), dim=1)


class PositionCode(nn.Module):
    """Where a position is, as a unit vector to be matched beside its features: things stay near where they were.

    Ours, not the paper's. The inner product of two codes is

        sum_k a_k (cos(w_k dx) + cos(w_k dy)) / 2,   w_k = pi 2^k / 2

    with dx and dy in units of the picture's sides and learned a_k that add up to 1: largest at no displacement. ``join`` gives
    the code a learned share of the cosine, 0.3 at first.

    Args:
        frequencies: a side; 4 go down to an eighth of the picture.
    """

    def __init__(self, frequencies: int) -> None:
        super().__init__()
        self.frequencies = frequencies
        self.weights = nn.Parameter(torch.zeros(frequencies))
        self.share = nn.Parameter(torch.tensor(_logit(0.3)))

    def forward(self, maps: Tensor) -> Tensor:
        """(1, 4 frequencies, h, w) for maps (N, C, h, w), unit norm over the channels."""
        height, width = maps.shape[-2:]
        amplitude = (self.weights.softmax(dim=0) / 2.0).sqrt()  # (K,)
        rates = (math.pi / 2.0) * 2.0 ** torch.arange(self.frequencies, device=maps.device)  # (K,)
        codes = []
        for axis, side in ((1, height), (0, width)):
            place = (torch.arange(side, device=maps.device) + 0.5) / side
            angles = rates[:, None] * place  # (K, side)
            both = amplitude[:, None] * torch.stack((angles.sin(), angles.cos()))  # (2, K, side)
            codes.append(both.flatten(0, 1).unsqueeze(1 + axis).expand(-1, height, width))
        return torch.cat(codes)[None]

    def join(self, embedding: Tensor) -> Tensor:
        """(N, D, h, w) -> (N, D + 4 frequencies, h, w), both unit norm: cosines become (1 - share) features + share code."""
        return joined(embedding, self(embedding).expand(len(embedding), -1, -1, -1), self.share.sigmoid())


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))
