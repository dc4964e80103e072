"""DDColor's encoder: a ConvNeXt that gives the maps of all its stages.

After Liu et al., A ConvNet for the 2020s (CVPR 2022). Modules have the names of its authors' release, which DDColor's files keep.
How it differs: no classifier, no stochastic depth, and each stage's map is normalized once more where it leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

_EPS = 1e-6
_LAYER_SCALE = 1e-6


class ConvNeXt(nn.Module):
    """Stages at 1/4, 1/8, 1/16 and 1/32 of the picture's size.

    Args:
        depths: blocks of each of the four stages.
        channels: of each stage's maps.
    """

    def __init__(self, depths: Sequence[int], channels: Sequence[int]) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, channels[0], 4, stride=4), ChannelNorm(channels[0], eps=_EPS))
        halvings = (
            nn.Sequential(ChannelNorm(inside, eps=_EPS), nn.Conv2d(inside, outside, 2, stride=2))
            for inside, outside in pairwise(channels)
        )
        self.downsample_layers = nn.ModuleList((stem, *halvings))
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth))) for depth, width in zip(depths, channels, strict=True)
        )
        self.norm0, self.norm1, self.norm2, self.norm3 = (ChannelNorm(width, eps=_EPS) for width in channels)
        # The classifier's, never run: held for the released files to fit.
        self.norm = nn.LayerNorm(channels[-1], eps=_EPS)

    def forward(self, x: Tensor) -> list[Tensor]:
        """The maps of all stages, the largest first.

        Args:
            x: (N, 3, H, W), normalized as for ImageNet; sides are multiples of 32.

        Returns:
            (N, channels[i], H / 2^(i + 2), W / 2^(i + 2)) for each stage i, from 0.
        """
        maps = []
        norms = (self.norm0, self.norm1, self.norm2, self.norm3)
        for downsample, stage, norm in zip(self.downsample_layers, self.stages, norms, strict=True):
            x = stage(downsample(x))
            maps.append(norm(x))
        return maps


class Block(nn.Module):
    """x + gamma * MLP(norm(depthwise 7x7 convolution of x)), the MLP with GELU and four times the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=_EPS)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), _LAYER_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        y: Tensor = self.norm(self.dwconv(x).permute(0, 2, 3, 1))  # (N, H, W, C)
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + y.permute(0, 3, 1, 2)


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of each pixel of (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
