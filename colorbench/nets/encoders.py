"""What pictures are matched by: encoders whose levels lie at 1/2, 1/4, 1/8 and 1/16.

All take sRGB (N, 3, H, W) in [0, 1] and return four levels, fine to coarse, each side rounded down. :class:`Vgg19` is what
papers take, :class:`Vgg16` what can be had from an ordinary package; neither is ever trained here. :class:`CompactEncoder` is
ours, of 0.8 M parameters at width 16, trained with the network that it serves, and takes a twentieth of VGG19's time.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from colorbench.errors import UsageError

BGR_MEAN = (0.40760392, 0.45795686, 0.48501961)
"""Means of blue, green and red over ImageNet, of channels in [0, 1]."""

RGB_MEAN, RGB_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue over ImageNet, as torchvision's networks take pictures."""


class Vgg19(nn.Module):
    """The convolutions of VGG19 (Simonyan and Zisserman, arXiv 1409.1556), frozen: 20,024,384 parameters in 32 entries.

    Names and preprocessing are those of ``vgg19_conv.pth`` (Gatys; DeepExemplar): ``conv1_1.weight`` to ``conv5_4.bias``; sRGB in
    [0, 1] becomes BGR, minus its mean, times 255. Random until weights are loaded (:mod:`colorbench.nets.vgg19_weights`). conv5_3
    and conv5_4 are held, for the file to fit, and never run.
    """

    widths = (64, 128, 256, 512, 512)
    depths = (2, 2, 4, 4, 4)
    channels = (128, 256, 512, 512)
    """Of the levels that ``forward`` returns."""
    multiple = 16
    """Frames whose sides are multiples of this lose nothing to rounding."""

    def __init__(self) -> None:
        super().__init__()
        for block, (before, width, depth) in enumerate(zip((3, *self.widths), self.widths, self.depths, strict=False), start=1):
            for index, (a, b) in enumerate(pairwise((before, *[width] * depth)), start=1):
                self.add_module(f"conv{block}_{index}", nn.Conv2d(a, b, 3, padding=1))
        self.register_buffer("mean", torch.tensor(BGR_MEAN).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(N, 3, H, W) in [0, 1] -> relu2_2, relu3_2, relu4_2 and relu5_2, at 1/2, 1/4, 1/8 and 1/16."""
        _, *levels = self.taps(rgb)
        return levels[0], levels[1], levels[2], levels[3]

    def taps(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(N, 3, H, W) in [0, 1], sRGB -> relu1_2, relu2_2, relu3_2, relu4_2 and relu5_2.

        Gradients reach the input, none the weights.

        Raises:
            UsageError: another shape, or a side under 16.
        """
        _check_picture(rgb, self.multiple)
        x = 255.0 * (rgb.flip(1) - self.get_buffer("mean"))  # (N, 3, H, W), BGR
        found = []
        for block, depth in enumerate(self.depths, start=1):
            if block > 1:
                x = F.max_pool2d(x, 2)  # (N, C, H / 2^(block - 1), W / 2^(block - 1)), rounded down
            for index in range(1, depth + 1):
                x = F.relu(self.get_submodule(f"conv{block}_{index}")(x), inplace=True)
                if index == 2:
                    found.append(x)
                    if block == len(self.depths):
                        break
        return found[0], found[1], found[2], found[3], found[4]


class Vgg16(nn.Module):
    """The convolutions of VGG16 (Simonyan and Zisserman, arXiv 1409.1556), frozen: 14,714,688 parameters in 26 entries.

    Names and preprocessing are torchvision's: ``features.0.weight`` to ``features.28.bias``; sRGB in [0, 1], minus ImageNet's
    mean, over its deviation. Random until weights are loaded (:func:`colorbench.nets.vgg16_weights.load_vgg16`). 27 billion
    multiply-adds for 384x224.
    """

    widths = (64, 128, 256, 512, 512)
    depths = (2, 2, 3, 3, 3)
    channels = (128, 256, 512, 512)
    """Of the levels that ``forward`` returns."""
    multiple = 16
    """Frames whose sides are multiples of this lose nothing to rounding."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self._taps: list[int] = []
        for before, width, depth in zip((3, *self.widths), self.widths, self.depths, strict=False):
            for a, b in pairwise((before, *[width] * depth)):
                layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(inplace=True)]
            self._taps.append(len(layers) - 1)
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers[:-1])
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(RGB_DEVIATION).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(N, 3, H, W) in [0, 1] -> relu2_2, relu3_3, relu4_3 and relu5_3, at 1/2, 1/4, 1/8 and 1/16.

        Gradients reach the input, none the weights.

        Raises:
            UsageError: another shape, or a side under 16.
        """
        _check_picture(rgb, self.multiple)
        x = (rgb - self.get_buffer("mean")) / self.get_buffer("deviation")  # (N, 3, H, W)
        found = []
        for place, layer in enumerate(self.features):
            x = layer(x)  # (N, C, H / 2^k, W / 2^k) after k poolings, rounded down
            if place in self._taps[1:]:
                found.append(x)
        return found[0], found[1], found[2], found[3]


class CompactEncoder(nn.Module):
    """A small residual encoder, without normalization: a frame's features depend on no statistics of the frame.

    Widths double from level to level. A residual branch ends in a convolution that starts at a tenth of its usual size, so that
    the sum keeps its scale at first.

    Args:
        width: channels at 1/2 of the frame's size; 16 takes about 12 ms for 384x224 on two cores.
    """

    multiple = 16

    def __init__(self, width: int) -> None:
        super().__init__()
        self.channels = (width, 2 * width, 4 * width, 8 * width)
        self.stem = nn.Conv2d(3, width, 4, stride=2, padding=1)
        self.shrink = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(self.channels))
        self.levels = nn.ModuleList(
            nn.Sequential(*(_Residual(channels) for _ in range(depth)))
            for channels, depth in zip(self.channels, (1, 2, 2, 2), strict=True)
        )

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(N, 3, H, W) in [0, 1] -> (N, w, H / 2, W / 2), (N, 2w, H / 4, W / 4), (N, 4w, H / 8, W / 8), (N, 8w, H / 16, W / 16).

        Raises:
            UsageError: another shape, or a side under 16.
        """
        _check_picture(rgb, self.multiple)
        x = self.stem(2.0 * rgb - 1.0)  # (N, w, H / 2, W / 2)
        found = [self.levels[0](x)]
        for shrink, blocks in zip(self.shrink, self.levels[1:], strict=True):
            found.append(blocks(shrink(found[-1])))  # (N, 2c, h / 2, w / 2)
        return found[0], found[1], found[2], found[3]


class _Residual(nn.Module):
    """x + conv(relu(conv(relu(x)))), 3x3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(F.relu(self.first(F.relu(x)), inplace=True))
        return x + y


def _check_picture(rgb: Tensor, smallest: int) -> None:
    if rgb.dim() != 4 or rgb.shape[1] != 3 or min(rgb.shape[-2:]) < smallest:
        raise UsageError(
            f"a picture of shape {tuple(rgb.shape)}",
            wanted=f"(N, 3, H, W), both sides at least {smallest}",
            remedy="repeat gray three times; enlarge or pad what is smaller",
        )
