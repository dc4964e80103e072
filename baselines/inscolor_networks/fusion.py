"""InsColor's fusion: instances' maps blended into a whole picture's by learned weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from baselines.inscolor_networks.boxes import Window
from baselines.inscolor_networks.colornet import TAPS, ColorNet

_OUTSIDE = 100_000.0
"""Added to the background's score where there is no box."""

_INNER = 16


class Weighting(nn.Module):
    """Scores of instances and of the background at one map, and what they make of it.

    At each pixel, with scores s_i of the boxes and s_0 of the background, and maps f:

        out = sum_i w_i f_i + w_0 f_0,   w = softmax(s_1, ..., s_n, s_0)

    s_i and f_i are resized to the box and zero outside. s_0 is raised by 100,000 where no box lies, so that w_0 = 1 there. A
    box that does not cover a pixel takes part in the softmax nevertheless, with score 0 and a map of zeros: the more boxes a
    picture has, the fainter are its covered pixels. That is what the released weights were trained with.

    Args:
        channels: of the maps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.simple_instance_conv = _scores(channels)
        self.simple_bg_conv = _scores(channels)

    def forward(self, instances: Sequence[Tensor], background: Tensor, windows: Sequence[Window]) -> Tensor:
        """The blended map.

        Args:
            instances: (1, C, h, w) each, of crops; n of them.
            background: (1, C, H, W), of the whole picture.
            windows: where each crop lies on it.

        Returns:
            (1, C, H, W).
        """
        scores = background.new_zeros(len(windows) + 1, *background.shape[-2:])  # (n + 1, H, W)
        outside = torch.ones_like(scores[0])
        for index, (instance, window) in enumerate(zip(instances, windows, strict=True)):
            rows, columns = _slices(window)
            scores[index, rows, columns] = _resized(self.simple_instance_conv(instance), window)[0, 0]
            outside[rows, columns] = 0.0
        scores[-1] = self.simple_bg_conv(background)[0, 0] + _OUTSIDE * outside
        weights = scores.softmax(dim=0)
        blended = background * weights[-1]
        for index, (instance, window) in enumerate(zip(instances, windows, strict=True)):
            rows, columns = _slices(window)
            blended[:, :, rows, columns] += weights[index, rows, columns] * _resized(instance, window)
        return blended


class FusionNet(ColorNet):
    """ColorNet for whole pictures with a Weighting behind each map: 35,270,831 parameters at width 64, in 275 entries.

    ``weight_layerout`` is held, for the released file to fit, and never run.
    """

    def __init__(self, *, width: int = 64, classes: int = 529) -> None:
        super().__init__(width=width, classes=classes)
        for place, layer in zip(TAPS, _LAYERS, strict=True):
            self.add_module(layer, Weighting(place.times * width))
        self.weight_layerout = Weighting(2)

    def fused(self, gray: Tensor, instances: Sequence[Tensor], windows: Sequence[Sequence[Window]]) -> Tensor:
        """A whole picture's chroma with its instances'.

        Args:
            gray: (1, 1, H, W), (L* - 50) / 100, of the whole picture.
            instances: (n, C, h, w) for each of TAPS, of the crops, as ``instance_maps`` gives them.
            windows: for each of TAPS where the n crops lie on the map.

        Returns:
            (1, 2, H, W) a* / 110 and b* / 110.
        """

        def blend(tap: int, background: Tensor) -> Tensor:
            blended: Tensor = self.get_submodule(_LAYERS[tap])(torch.split(instances[tap], 1), background, windows[tap])
            return blended

        ab: Tensor = self(gray, blend)
        return ab


_LAYERS = (
    "weight_layer",
    *(f"weight_layer{number}" for number in ("2", "3", "4", "5", "6", "7", "8_1", "8_2", "9_1", "9_2", "10_1", "10_2")),
)
"""The released names at TAPS."""


def instance_maps(network: ColorNet, crops: Tensor) -> list[Tensor]:
    """Maps of crops at TAPS, (n, C, h, w) each, for FusionNet.

    The released code keeps its maps until the whole network has run, and the ReLUs behind three of them overwrite them
    meanwhile: these are rectified here, as its fusion was trained on them. The whole picture's maps are not.

    Args:
        network: for instances.
        crops: (n, 1, H, W), (L* - 50) / 100.
    """
    maps: list[Tensor] = []

    def keep(tap: int, x: Tensor) -> Tensor:
        maps.append(x.relu() if TAPS[tap].rectified else x)
        return x

    network(crops, keep)
    return maps


def _scores(channels: int) -> nn.Sequential:
    """(N, C, h, w) -> (N, 1, h, w), none below 0."""
    layers: list[nn.Module] = []
    for inside, outside in ((channels, _INNER), (_INNER, _INNER), (_INNER, 1)):
        layers += (nn.Conv2d(inside, outside, 3, padding=1), nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _resized(x: Tensor, window: Window) -> Tensor:
    return F.interpolate(x, (window.height, window.width), mode="bilinear", align_corners=False)


def _slices(window: Window) -> tuple[slice, slice]:
    return slice(window.top, window.top + window.height), slice(window.left, window.left + window.width)
