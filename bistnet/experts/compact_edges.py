"""The compact preset's edge network: HED's design at a size for laptops.

As in HED (Xie and Tu, ICCV 2015, DOI 10.1109/ICCV.2015.164) each of five stages has a side output, enlarged to the
frame and fused by a 1x1 convolution. Ours differs: luminance alone goes in, stages are
narrow (the first, at full size, has one convolution, where most of the time goes), and convolutions are followed by batch
normalization because it is trained from nothing.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

WIDTHS = (16, 24, 48, 96, 128)
DEPTHS = (1, 2, 2, 2, 3)


class CompactEdges(nn.Module):
    """A small HED: 572 thousand parameters, receptive field of 170 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.ModuleList(_normalized(a, b) for a, b in pairwise((before, *[width] * depth)))
            for before, width, depth in zip((1, *WIDTHS[:-1]), WIDTHS, DEPTHS, strict=True)
        )
        self.sides = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in WIDTHS)
        self.fusion = nn.Conv2d(len(WIDTHS), 1, 1)
        # The mean of the sides, as HED starts from: each side learns before the fusion has taken its choice.
        nn.init.constant_(self.fusion.weight, 1.0 / len(WIDTHS))
        nn.init.zeros_(cast("Tensor", self.fusion.bias))

    def logits(self, l_star: Tensor) -> Tensor:
        """The five side outputs, fine to coarse, and the fused one; each has its own loss in training.

        Args:
            l_star: (N, 1, H, W) in [0, 100], sides of at least 16.

        Returns:
            (N, 6, H, W) before the sigmoid.
        """
        sides = self._sides(l_star)
        return torch.cat((sides, self.fusion(sides)), dim=1)

    def _sides(self, l_star: Tensor) -> Tensor:
        """(N, 1, H, W) -> (N, 5, H, W)."""
        x = l_star / 50.0 - 1.0  # (N, 1, H, W) in [-1, 1]
        sides = []
        for index, (stage, side) in enumerate(zip(self.stages, self.sides, strict=True)):
            if index:
                x = F.max_pool2d(x, 2)  # (N, C, H / 2^index, W / 2^index), rounded down
            for convolution in cast("nn.ModuleList", stage):
                x = F.relu(convolution(x), inplace=True)
            sides.append(F.interpolate(side(x), l_star.shape[-2:], mode="bilinear", align_corners=False))
        return torch.cat(sides, dim=1)

    def forward(self, l_star: Tensor) -> Tensor:
        """(N, 1, H, W) L* in [0, 100] -> (N, 1, H, W) probability of an edge, in [0, 1]."""
        fused: Tensor = self.fusion(self._sides(l_star))
        return fused.sigmoid()

    def folded(self) -> CompactEdges:
        """A copy in evaluation mode whose batch normalization is part of its convolutions: the same maps to rounding, faster."""
        network = copy.deepcopy(self).eval()
        for stage in network.stages:
            blocks = cast("nn.ModuleList", stage)
            for index, block in enumerate(blocks):
                convolution, norm = cast("nn.Sequential", block)
                blocks[index] = fuse_conv_bn_eval(cast("nn.Conv2d", convolution), cast("nn.BatchNorm2d", norm))
        return network


def _normalized(before: int, width: int) -> nn.Sequential:
    convolution = nn.Conv2d(before, width, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(width))
