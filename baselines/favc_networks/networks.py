"""FAVC's two networks that color: of videos (VCN, four hypotheses) and of single pictures (at half size, then once more up).

Both see gray in [0, 1] and a hypercolumn of it (Larsson et al., Learning Representations for Automatic Colorization, ECCV
2016): features of several depths, resized to the picture's size. They answer with RGB, without a bound; luminance is predicted
with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from baselines.favc_networks.unet import UNet, conv3, leaky, legacy_resize
from colorbench.nets.encoders import Vgg19


class Features(Protocol):
    """A module that the networks look with."""

    @property
    def channels(self) -> tuple[int, ...]:
        """Of its maps, deepest first."""
        ...

    def __call__(self, gray: Tensor) -> Sequence[Tensor]:
        """(N, 1, H, W) in [0, 1] -> maps of any size."""
        ...


class AveragedVgg19(nn.Module):
    """VGG19 with average pooling, as FAVC takes it: conv5_2, conv4_2, conv3_2, conv2_2, conv1_2, each behind its ReLU, over 255.

    Gray is repeated in three channels and scaled to [0, 255], minus the means of ImageNet. The weights are never trained.
    """

    def __init__(self) -> None:
        super().__init__()
        self.vgg = Vgg19()
        self.channels = self.vgg.widths[::-1]

    def forward(self, gray: Tensor) -> list[Tensor]:
        """(N, 1, H, W) in [0, 1], sides multiples of 16 -> five maps, at 1/16 to 1 of the size."""
        x = 255.0 * (gray - self.vgg.get_buffer("mean"))  # (N, 3, H, W)
        found: list[Tensor] = []
        for block, depth in enumerate(self.vgg.depths, start=1):
            if block > 1:
                x = F.avg_pool2d(x, 2)
            for index in range(1, depth + 1):
                x = F.relu(self.vgg.get_submodule(f"conv{block}_{index}")(x), inplace=True)
                if index == 2:
                    found.insert(0, x / 255.0)
                    if block == len(self.vgg.depths):
                        break
        return found


class VideoNetwork(nn.Module):
    """VCN, the first of the paper's two stages: a U-Net over the hypercolumn and gray.

    Args:
        features: see Features; AveragedVgg19 in the release.
        width: of the U-Net, 32 in the release.
        hypotheses: pictures it answers with, 4 in the release; trained by a loss that ranks them, so that they differ.
        planes: of a picture; RGB's in the release.
    """

    scope = "individual/g_"
    """What the released names of its variables begin with."""

    def __init__(self, features: Features, *, width: int = 32, hypotheses: int = 4, planes: int = 3) -> None:
        super().__init__()
        self.features = features
        self.unet = UNet(sum(features.channels) + 3, planes * hypotheses, width=width)
        self.hypotheses = hypotheses

    def forward(self, gray: Tensor) -> Tensor:
        """(N, 1, H, W) in [0, 1], sides multiples of 16 -> (N, hypotheses, planes, H, W); RGB is about [0, 1]."""
        pictures: Tensor = self.unet((*self.features(gray), gray.expand(-1, 3, -1, -1)))
        return pictures.reshape(pictures.shape[0], self.hypotheses, -1, *pictures.shape[2:])


class ImageNetwork(nn.Module):
    """The release's network for single pictures, which is not in the paper: VCN's U-Net at half size, two convolutions at full.

    At width 32 it has the release's 8,734,435 parameters, besides VGG19's.

    Args:
        features: see Features; AveragedVgg19 in the release.
        width: of both, 32 in the release.
    """

    scope = "siamese_nework/g_"
    """Spelled so in the release."""

    hypotheses = 1

    def __init__(self, features: Features, *, width: int = 32) -> None:
        super().__init__()
        self.features = features
        self.conv0_1 = conv3(1, width)
        self.conv0_2 = conv3(width, width)
        self.unet = UNet(width + sum(features.channels) + 3, 2 * width, width=width)
        self.up_5 = conv3(2 * width, width)
        self.conv10_1 = conv3(2 * width, width)
        self.conv10_2 = conv3(width, 3)

    def forward(self, gray: Tensor) -> Tensor:
        """(N, 1, H, W) in [0, 1], sides multiples of 32 -> (N, 1, 3, H, W) RGB, about [0, 1]."""
        fine = leaky(self.conv0_2(leaky(self.conv0_1(gray))))  # (N, width, H, W)
        half = legacy_resize(gray, [side // 2 for side in gray.shape[-2:]])
        coarse = self.unet((F.max_pool2d(fine, 2), *self.features(half), half.expand(-1, 3, -1, -1)))  # (N, 2 width, H/2, W/2)
        up = self.up_5(legacy_resize(coarse, gray.shape[-2:]))
        rgb: Tensor = self.conv10_2(leaky(self.conv10_1(torch.cat((up, fine), dim=1))))
        return rgb[:, None]
