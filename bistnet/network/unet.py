"""The two U-Nets that a level of the multi-scale block may be: the authors' wide one, and a narrow one that is quick on a CPU.

The paper says "Unet" and gives no width. Its released code takes DeepExemplar's ColorVidNet (CVPR 2019, MIT), itself the skeleton
of siggraph17 with instance normalization, which lies where other packages may build with it too
(:mod:`colorbench.nets.colorvid`). :class:`UNet`, the narrow one, is ours: residual blocks without normalization, so a frame's
result depends on no statistics of the frame.
Both map (N, C, H, W) to (N, out, H, W) with no activation at the end; H and W must be multiples of ``stride``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from colorbench.nets.colorvid import small_head


class UNet(nn.Module):
    """A residual U-Net: ``levels`` resolutions, ``depth`` blocks at each, on the way down and on the way up.

    Widths double from one resolution to the next. Skips are added, not concatenated, which halves the work at full size.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        width: channels at the finest resolution.
        depth: blocks at each resolution, in each direction.
        levels: resolutions; 1 is a plain chain of blocks.
        block: "separable" is a depthwise 3x3 and two pointwise convolutions, "plain" two full 3x3 convolutions.
        patch: 1, or 2 to make 2x2 pixels one position of the finest resolution and four outputs of one position 2x2 pixels:
            nothing but the input and the output is then held at full size, where a CPU spends its time on memory.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int,
        depth: int,
        levels: int,
        block: Literal["plain", "separable"],
        patch: Literal[1, 2] = 1,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(levels)]
        make = _Separable if block == "separable" else _Plain
        self.patch = patch
        self.stride = patch * 2 ** (levels - 1)
        self.stem = nn.Conv2d(in_channels, width, patch, stride=patch)
        self.down = nn.ModuleList(nn.Sequential(*(make(w) for _ in range(depth))) for w in widths)
        self.shrink = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(widths))
        self.widen = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairwise(widths))
        self.up = nn.ModuleList(nn.Sequential(*(make(w) for _ in range(depth))) for w in widths[:-1])
        self.head = small_head(nn.Conv2d(width, out_channels * patch**2, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H, W)."""
        x = self.stem(x)  # (N, w, H / patch, W / patch)
        skips = []
        for blocks, shrink in zip(self.down[:-1], self.shrink, strict=True):
            x = blocks(x)
            skips.append(x)
            x = shrink(x)  # (N, 2w, h / 2, w / 2)
        x = self.down[-1](x)
        for blocks, widen, skip in zip(reversed(self.up), reversed(self.widen), reversed(skips), strict=True):
            x = F.interpolate(widen(x), scale_factor=2.0, mode="bilinear", align_corners=False)  # (N, w / 2, 2h, 2w)
            x = blocks(x.add_(skip))
        return F.pixel_shuffle(self.head(x), self.patch)  # (N, out, H, W)


class _Separable(nn.Module):
    """x + project(relu(expand(depthwise(x)))), the inner width twice the outer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.expand = nn.Conv2d(width, 2 * width, 1)
        self.project = nn.Conv2d(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = self.project(F.relu(self.expand(self.depthwise(x)), inplace=True))
        return branch.add_(x)


class _Plain(nn.Module):
    """x + conv(relu(conv(x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = self.second(F.relu(self.first(x), inplace=True))
        return branch.add_(x)
