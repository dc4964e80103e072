"""InsColor's fusion: instances' maps blended into a whole picture's by learned weights."""

from __future__ import annotations

from collections.abc import Container, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from baselines.inscolor_networks.boxes import Window
from baselines.inscolor_networks.colornet import NO_HINT, TAPS, ColorNet

EVERYWHERE = tuple(place.name for place in TAPS)
"""Where the release blends."""

_OUTSIDE = 100_000.0
"""Added to the background's score where there is no box."""


class Weighting(nn.Module):
    """Scores of instances and of the background at one map, and what they make of it.

    At each pixel, with scores s_i of the boxes and s_0 of the background, and maps f:

        out = sum_i w_i f_i + w_0 f_0,   w = softmax(s_1, ..., s_n, s_0)

    s_i and f_i are resized to the box and zero outside. s_0 is raised by 100,000 where no box lies, so that w_0 = 1 there. A
    box that does not cover a pixel takes part in the softmax nevertheless, with score 0 and a map of zeros: the more boxes a
    picture has, the fainter are its covered pixels. That is what the released weights were trained with.

    Args:
        channels: of the maps.
        inner: channels on the way to the scores, 16 in the release.
    """

    def __init__(self, channels: int, *, inner: int = 16) -> None:
        super().__init__()
        self.simple_instance_conv = _scores(channels, inner)
        self.simple_bg_conv = _scores(channels, inner)

    def forward(self, instances: Tensor, background: Tensor, windows: Sequence[Sequence[Window]]) -> Tensor:
        """The blended maps.

        Args:
            instances: (n, C, h, w), of the crops of all pictures, the first one's first.
            background: (N, C, H, W), of whole pictures.
            windows: for each picture where its crops lie on it.

        Returns:
            (N, C, H, W).
        """
        crops = iter(torch.cat((self.simple_instance_conv(instances), instances), dim=1).split(1))  # type: ignore[no-untyped-call]
        pictures = zip(background, self.simple_bg_conv(background)[:, 0], windows, strict=True)
        return torch.stack([_blended(x, score, [(window, next(crops)) for window in there]) for x, score, there in pictures])


def _blended(background: Tensor, score: Tensor, crops: Sequence[tuple[Window, Tensor]]) -> Tensor:
    """One picture's map: (C, H, W), its score (H, W) and, for each crop, where it lies and (1, 1 + C, h, w) score and map."""
    scores = background.new_zeros(len(crops) + 1, *score.shape)  # (n + 1, H, W)
    outside = torch.ones_like(score)
    placed = []
    for index, (window, crop) in enumerate(crops):
        rows, columns = slice(window.top, window.top + window.height), slice(window.left, window.left + window.width)
        resized = F.interpolate(crop, (window.height, window.width), mode="bilinear", align_corners=False)[0]
        scores[index, rows, columns] = resized[0]
        outside[rows, columns] = 0.0
        placed.append((rows, columns, resized[1:]))
    scores[-1] = score + _OUTSIDE * outside
    weights = scores.softmax(dim=0)
    blended = background * weights[-1]
    for weight, (rows, columns, instance) in zip(weights, placed, strict=False):
        blended[:, rows, columns] += weight[rows, columns] * instance
    return blended


class FusionNet(ColorNet):
    """ColorNet for whole pictures with a Weighting behind each map: 35,270,831 parameters at width 64, in 275 entries.

    Args:
        width: see ColorNet.
        classes: see ColorNet; with 0, ``weight_layerout`` is left out too, which is held for the released file to fit, never run.
        no_hint: see Siggraph17.
        inner: see Weighting.
        blended: names of the TAPS that are; all of them in the release.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        classes: int = 529,
        no_hint: float = NO_HINT,
        inner: int = 16,
        blended: Container[str] = EVERYWHERE,
    ) -> None:
        super().__init__(width=width, classes=classes, no_hint=no_hint)
        self.weightings = {index: layer for index, layer in enumerate(_LAYERS) if TAPS[index].name in blended}
        for index, layer in self.weightings.items():
            self.add_module(layer, Weighting(TAPS[index].times * width, inner=inner))
        if classes:
            self.weight_layerout = Weighting(2, inner=inner)

    def fused(self, gray: Tensor, instances: Sequence[Tensor], windows: Sequence[Sequence[Sequence[Window]]]) -> Tensor:
        """Whole pictures' chroma with their instances'.

        Args:
            gray: (N, 1, H, W), (L* - 50) / 100, of whole pictures.
            instances: (n, C, h, w) for each of TAPS, of the crops of all pictures, as ``instance_maps`` gives them.
            windows: for each of TAPS, and each picture, where its crops lie on the map.

        Returns:
            (N, 2, H, W) a* / 110 and b* / 110.
        """

        def blend(tap: int, background: Tensor) -> Tensor:
            if tap not in self.weightings:
                return background
            blended: Tensor = self.get_submodule(self.weightings[tap])(instances[tap], background, windows[tap])
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


def _scores(channels: int, inner: int) -> nn.Sequential:
    """(N, C, h, w) -> (N, 1, h, w), none below 0."""
    layers: list[nn.Module] = []
    for inside, outside in ((channels, inner), (inner, inner), (inner, 1)):
        layers += (nn.Conv2d(inside, outside, 3, padding=1), nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
