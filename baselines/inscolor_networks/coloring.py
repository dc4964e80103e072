"""The released test script on a clip: each frame and its instances squashed to 256x256, fused, and back to the frame's size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from baselines.inscolor_networks.boxes import Boxes, Window, on_map, windows_of
from baselines.inscolor_networks.colornet import BOUND, MIDDLE, SCALE, TAPS, ColorNet
from baselines.inscolor_networks.fusion import FusionNet, instance_maps
from colorbench.color import rgb_to_lab
from colorbench.frames.gray_picture import gray_picture
from colorbench.nets.working import chroma_picture
from colorbench.types import Exemplar, RgbFrame

if TYPE_CHECKING:
    from colorbench.method import GrayClip

SIDE = 256
"""Rows and columns of what the networks see."""

GrayU8 = NDArray[np.uint8]
"""(H, W) uint8."""


@dataclass(frozen=True, slots=True)
class Networks:
    """The three that were released."""

    instances: ColorNet
    """Their G."""
    fusion: FusionNet
    """Their GF."""
    alone: ColorNet
    """Their GComp, for pictures without instances."""


class ReleasedColorizer:
    """Satisfies Colorizer; keeps nothing of a clip.

    Args:
        networks: with weights; moved to the device.
        boxes: where a frame's instances lie; None colors whole pictures alone.
        device: "cpu" or "cuda".
    """

    def __init__(self, networks: Networks, *, boxes: Boxes | None, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.networks, self.boxes = networks, boxes
        for network in (networks.instances, networks.fusion, networks.alone):
            network.to(self.device).eval()

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:  # noqa: ARG002
        """See Colorizer. One frame is in memory at a time."""
        for index in range(len(clip)):
            boxes = () if self.boxes is None else self.boxes.of(clip, index)
            windows = windows_of(boxes, clip.height, clip.width)
            # Entered for each frame: a generator that is left open must not leave it on for its caller.
            with torch.inference_mode():
                ab = BOUND * self._chroma(gray_picture(clip, index), windows)
                picture = chroma_picture(ab, clip.height, clip.width)
            yield clip.merge(index, picture)

    def _chroma(self, picture: GrayU8, windows: Sequence[Window]) -> Tensor:
        """(1, 2, SIDE, SIDE), in [-1, 1]."""
        whole = self._input([picture])
        if not windows:
            ab: Tensor = self.networks.alone(whole)
            return ab
        crops = [picture[box.top : box.top + box.height, box.left : box.left + box.width] for box in windows]
        height, width = picture.shape
        places = [[[on_map(box, height, width, SIDE // tap.shrunk) for box in windows]] for tap in TAPS]
        return self.networks.fusion.fused(whole, instance_maps(self.networks.instances, self._input(crops)), places)

    def _input(self, pictures: Sequence[GrayU8]) -> Tensor:
        """(h, w) each -> (N, 1, SIDE, SIDE), (L* - 50) / 100 on the device."""
        levels = np.stack([_levels()[squashed(picture)] for picture in pictures])
        return torch.from_numpy(levels)[:, None].to(self.device)


def squashed(picture: GrayU8) -> GrayU8:
    """(h, w) -> (SIDE, SIDE) by Pillow's antialiased bilinear rule, whatever the aspect."""
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


@lru_cache(maxsize=1)
def _levels() -> NDArray[np.float32]:
    """(256,) (L* - 50) / 100 of the gray levels."""
    gray = torch.arange(256, dtype=torch.float64)[:, None].expand(-1, 3) / 255.0
    levels: NDArray[np.float32] = ((rgb_to_lab(gray)[:, 0] - MIDDLE) / SCALE).float().numpy()
    return levels
