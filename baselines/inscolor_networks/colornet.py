"""The network that colors in InsColor, three times over: whole pictures, instances, and whole pictures with instances in them.

Its layers are those of Zhang et al., Real-Time User-Guided Image Colorization with Learned Deep Priors (SIGGRAPH 2017), with
hints that are always empty; modules have the released names.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Place(NamedTuple):
    """A map of the network at which instances are blended in."""

    name: str
    """The authors'."""
    times: int
    """Its channels over the network's width."""
    shrunk: int
    """The picture's side over the map's."""
    rectified: bool = False
    """A ReLU follows."""


TAPS = (
    Place("conv1_2", 1, 1),
    Place("conv2_2", 2, 2),
    Place("conv3_3", 4, 4),
    Place("conv4_3", 8, 8),
    Place("conv5_3", 8, 8),
    Place("conv6_3", 8, 8),
    Place("conv7_3", 8, 8),
    Place("conv8_up", 4, 4, rectified=True),
    Place("conv8_3", 4, 4),
    Place("conv9_up", 2, 2, rectified=True),
    Place("conv9_3", 2, 2),
    Place("conv10_up", 2, 1, rectified=True),
    Place("conv10_2", 2, 1),
)
"""In the order that they are computed in."""

MIDDLE, SCALE = 50.0, 100.0
"""Taken off L*, then divided by."""

BOUND = 110.0
"""Of a* and b*."""

_NO_HINT = -0.5
"""Of the mask, whose 0.5 means a hint. 0, which other weights of this network take for no hint, lies between the two here."""

Tap = Callable[[int, Tensor], Tensor]
"""The number of a map in TAPS, and the map -> what stands in its place from there on."""


def unchanged(tap: int, x: Tensor) -> Tensor:  # noqa: ARG001 - a Tap
    """The Tap that does nothing."""
    return x


class ColorNet(nn.Module):
    """Encoder, four blocks at 1/8 of the picture's size, decoder with skips; 34,187,027 parameters at width 64.

    Maps are halved by taking every second pixel, after the skips have left. A block is convolutions, each with its ReLU, and
    one batch normalization behind the last.

    Args:
        width: channels at full size on the way down; 64 in the release.
        classes: of ``model_class``, which the released files hold and regression does not use; 529 there.
    """

    def __init__(self, *, width: int = 64, classes: int = 529) -> None:
        super().__init__()
        w1, w2, w4, w8 = width, 2 * width, 4 * width, 8 * width
        self.model1 = _block(4, w1, w1)
        self.model2 = _block(w1, w2, w2)
        self.model3 = _block(w2, w4, w4, w4)
        self.model4 = _block(w4, w8, w8, w8)
        self.model5 = _block(w8, w8, w8, w8, dilation=2)
        self.model6 = _block(w8, w8, w8, w8, dilation=2)
        self.model7 = _block(w8, w8, w8, w8)
        self.model8up = _doubling(w8, w4)
        self.model3short8 = nn.Sequential(_conv3(w4, w4))
        self.model8 = nn.Sequential(nn.ReLU(), *_block(w4, w4, w4))
        self.model9up = _doubling(w4, w2)
        self.model2short9 = nn.Sequential(_conv3(w2, w2))
        self.model9 = nn.Sequential(nn.ReLU(), *_block(w2, w2))
        self.model10up = _doubling(w2, w2)
        self.model1short10 = nn.Sequential(_conv3(w1, w2))
        self.model10 = nn.Sequential(nn.ReLU(), _conv3(w2, w2), nn.LeakyReLU(0.2))
        self.model_class = nn.Sequential(nn.Conv2d(w4, classes, 1))
        self.model_out = nn.Sequential(nn.Conv2d(w2, 2, 1), nn.Tanh())

    def forward(self, gray: Tensor, tap: Tap = unchanged) -> Tensor:
        """Chroma of gray pictures.

        Args:
            gray: (N, 1, H, W), (L* - 50) / 100. Sides are multiples of 8.
            tap: called for each of TAPS, in order.

        Returns:
            (N, 2, H, W) a* / 110 and b* / 110, in [-1, 1].
        """
        hints = torch.cat((gray.new_zeros(gray.shape).expand(-1, 2, -1, -1), torch.full_like(gray, _NO_HINT)), dim=1)
        one = tap(0, self.model1(torch.cat((gray, hints), dim=1)))  # (N, w, H, W)
        two = tap(1, self.model2(one[:, :, ::2, ::2]))  # (N, 2w, H/2, W/2)
        three = tap(2, self.model3(two[:, :, ::2, ::2]))  # (N, 4w, H/4, W/4)
        x = three[:, :, ::2, ::2]
        for index, block in enumerate((self.model4, self.model5, self.model6, self.model7), start=3):
            x = tap(index, block(x))  # (N, 8w, H/8, W/8)
        x = tap(7, self.model8up(x) + self.model3short8(three))  # (N, 4w, H/4, W/4)
        x = tap(8, self.model8(x))
        x = tap(9, self.model9up(x) + self.model2short9(two))  # (N, 2w, H/2, W/2)
        x = tap(10, self.model9(x))
        x = tap(11, self.model10up(x) + self.model1short10(one))  # (N, 2w, H, W)
        x = tap(12, self.model10(x))
        ab: Tensor = self.model_out(x)
        return ab


def _block(*channels: int, dilation: int = 1) -> nn.Sequential:
    """Convolutions from each number of channels to the next."""
    layers: list[nn.Module] = []
    for inside, outside in pairwise(channels):
        layers += (_conv3(inside, outside, dilation), nn.ReLU(inplace=True))
    return nn.Sequential(*layers, nn.BatchNorm2d(channels[-1]))


def _conv3(inside: int, outside: int, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, padding=dilation, dilation=dilation)


def _doubling(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(inside, outside, 4, stride=2, padding=1))
