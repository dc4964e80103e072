"""The network that colors in InsColor, three times over: whole pictures, instances, and whole pictures with instances in them.

Its layers are IDC's (Zhang et al., Real-Time User-Guided Image Colorization with Learned Deep Priors, SIGGRAPH 2017), under their
names, with hints that are always empty; here maps can be replaced on their way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.idc_networks.siggraph17 import Siggraph17


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

NO_HINT = -0.5
"""Of the mask, whose 0.5 means a hint. 0, which other weights of this network take for no hint, lies between the two here."""

Tap = Callable[[int, Tensor], Tensor]
"""The number of a map in TAPS, and the map -> what stands in its place from there on."""


def unchanged(tap: int, x: Tensor) -> Tensor:  # noqa: ARG001 - a Tap
    """The Tap that does nothing."""
    return x


class ColorNet(Siggraph17):
    """Encoder, four blocks at 1/8 of the picture's size, decoder with skips; 34,187,027 parameters at width 64.

    Args:
        width: channels at full size on the way down; 64 in the release.
        classes: of ``model_class``, which the released files hold and regression does not use; 529 there, 0 leaves it out.
        no_hint: see Siggraph17.
    """

    def __init__(self, *, width: int = 64, classes: int = 529, no_hint: float = NO_HINT) -> None:
        super().__init__(width=width, classes=classes, no_hint=no_hint)

    def forward(self, gray: Tensor, tap: Tap = unchanged) -> Tensor:
        """Chroma of gray pictures.

        Args:
            gray: (N, 1, H, W), (L* - 50) / 100. Sides are multiples of 8.
            tap: called for each of TAPS, in order.

        Returns:
            (N, 2, H, W) a* / 110 and b* / 110, in [-1, 1].
        """
        hints = torch.cat((gray.new_zeros(gray.shape).expand(-1, 2, -1, -1), torch.full_like(gray, self.no_hint)), dim=1)
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
