"""Holistically-nested edge detection (HED): VGG16's convolutions with a side output after each stage, and their fusion.

Xie and Tu, "Holistically-Nested Edge Detection", ICCV 2015, DOI 10.1109/ICCV.2015.164; the trunk is Simonyan and Zisserman,
arXiv 1409.1556, network D without its last pooling. Written from the papers. Two things differ from the paper's own network and
follow the weights that can be had (docs/design/experts.md): every convolution pads by 1 instead of the picture by 35 and a
crop at the end, and side outputs are enlarged by plain bilinear interpolation instead of a deconvolution with fixed bilinear
weights. Their names: :mod:`colorbench.nets.hed_weights`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, cast

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from bistnet.experts.gray import gray_level

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = (2, 2, 3, 3, 3)
PARAMETERS = 14_716_171

BGR_MEAN = (104.00698793, 116.66876762, 122.67891434)
"""Means over ImageNet, of channels in [0, 255] in the order blue, green, red."""


class Hed(nn.Module):
    """HED on gray frames.

    Args:
        form: "paper" gives the network the gray sRGB picture in [0, 255], as it was trained, and rounds odd sides up where it
            pools, as Caffe and Keras do. "release" is what BiSTNet's released code does: (L* - 50) is taken for a level in
            [0, 1] and multiplied by 255, so nearly every pixel lies far outside of what HED has seen, and sides are rounded
            down; but the release's fusion network knows no other edges.
    """

    mean: Tensor

    def __init__(self, *, form: Literal["paper", "release"] = "paper") -> None:
        super().__init__()
        self.form = form
        self.stages = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise((before, *[width] * depth)))
            for before, width, depth in zip((3, *WIDTHS[:-1]), WIDTHS, DEPTHS, strict=True)
        )
        self.sides = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in WIDTHS)
        self.fusion = nn.Conv2d(len(WIDTHS), 1, 1)
        self.register_buffer("mean", torch.tensor(BGR_MEAN).view(1, 3, 1, 1), persistent=False)

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
        level = gray_level(l_star) if self.form == "paper" else l_star - 50.0
        x = level * 255.0 - self.mean  # (N, 3, H, W)
        sides = []
        for index, (stage, side) in enumerate(zip(self.stages, self.sides, strict=True)):
            if index:
                x = F.max_pool2d(x, 2, ceil_mode=self.form == "paper")  # (N, C, H / 2^index, W / 2^index)
            for convolution in cast("nn.ModuleList", stage):
                x = F.relu(convolution(x), inplace=True)
            sides.append(F.interpolate(side(x), l_star.shape[-2:], mode="bilinear", align_corners=False))
        return torch.cat(sides, dim=1)

    def forward(self, l_star: Tensor) -> Tensor:
        """(N, 1, H, W) L* in [0, 100] -> (N, 1, H, W) probability of an edge, in [0, 1]."""
        fused: Tensor = self.fusion(self._sides(l_star))
        return fused.sigmoid()
