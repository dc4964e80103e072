"""InsColor at a size that trains in an hour: IDC's compact network colors frames and boxes, narrow fusion blends their maps.

How it differs from the release: one network looks at whole frames, at boxes, and at frames without any, where the authors train
three from one; boxes are those of what is salient (saliency.py), where no file gives others; maps are blended at three places of
thirteen; frames come at their own size, up to a short side, and boxes fill squares of three quarters of that side, where all of
the authors' are squeezed to 256x256; edges of boxes lie on multiples of 8, so that they fall on whole pixels of every map.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from baselines.compact_networks import loading
from baselines.compact_networks.frames import MULTIPLES, SHORT_SIDE
from baselines.inscolor_networks.boxes import Box, Boxes, Window, windows_of
from baselines.inscolor_networks.colornet import BOUND, MIDDLE, SCALE, TAPS
from baselines.inscolor_networks.fusion import FusionNet, Weighting, instance_maps
from colorbench.nets.working import chroma_picture, luminance_planes, scaled, working_size
from colorbench.types import Exemplar, RgbFrame

if TYPE_CHECKING:
    from colorbench.method import GrayClip

MULTIPLE = 8
"""What rows, columns and edges of boxes are multiples of."""

ENLARGED = 0.75
"""Sides of what a box is brought to, over the frame's shorter side."""

BLENDED = ("conv7_3", "conv8_3", "conv9_3")
"""Of TAPS: the last map of each size on the way up, before the full one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """All that decides the graph."""

    width: int = 14
    """As IDC's compact network has it; 64 in the release."""
    inner: int = 8
    """Channels inside of the fusion's weightings, 16 in the release."""


def build_compact(shape: Shape) -> FusionNet:
    """The network with random weights: 1,664,588 parameters as a rule, 39,356 of them trained.

    As the authors train their fusion, weightings and the last two layers learn, all else is frozen. It begins near the whole
    frame's own maps: the first scores are about 4 for the frame and 1 for a box.
    """
    network = FusionNet(width=shape.width, classes=0, no_hint=0.0, inner=shape.inner, blended=BLENDED).requires_grad_(False)
    for part in network.modules():
        if isinstance(part, Weighting):
            nn.init.constant_(part.simple_bg_conv[4].get_parameter("bias"), 4.0)
            nn.init.constant_(part.simple_instance_conv[4].get_parameter("bias"), 1.0)
            part.requires_grad_(True)
    for last in (network.model10, network.model_out):
        last.requires_grad_(True)
    return network


def load_compact(path: Path) -> FusionNet:
    """The network of a file that ``colorbench train inscolor`` wrote.

    Raises:
        WeightsError: it is missing, damaged, of another method, or does not hold exactly what its card says.
    """
    return loading.load_compact(path, method="inscolor", build=lambda shape: build_compact(Shape(**shape)))


def chroma(network: FusionNet, l_star: Tensor, windows: Sequence[Sequence[Window]]) -> Tensor:
    """Frames' chroma with their boxes'.

    Args:
        network: in evaluation, as its batch normalization is IDC's.
        l_star: (N, 1, H, W) in [0, 100], sides multiples of 8.
        windows: for each frame, of ``windows_on``.

    Returns:
        (N, 2, H, W) a* and b* in CIE units.
    """
    gray = (l_star - MIDDLE) / SCALE
    side = round(ENLARGED * min(gray.shape[2:]) / MULTIPLE) * MULTIPLE
    crops = [
        scaled(picture[None, :, w.top : w.top + w.height, w.left : w.left + w.width], (side, side))
        for picture, there in zip(gray, windows, strict=True)
        for w in there
    ]
    if not crops:
        ab: Tensor = BOUND * network(gray)
        return ab
    places = [[[_shrunk(window, tap.shrunk) for window in there] for there in windows] for tap in TAPS]
    return BOUND * network.fused(gray, instance_maps(network, torch.cat(crops)), places)


def windows_on(boxes: Sequence[Box], *, frame: tuple[int, int], size: tuple[int, int]) -> list[Window]:
    """Boxes of a frame at another size of it, edges moved out to multiples of 8.

    Args:
        boxes: in pixels of the frame, of which the best count.
        frame: its rows and columns.
        size: rows and columns wanted, multiples of 8.

    >>> windows_on([Box(10.0, 0.0, 20.0, 30.0, 1.0)], frame=(30, 60), size=(16, 32))
    [Window(left=0, top=0, width=16, height=16)]
    """
    found = []
    for window in windows_of(boxes, *frame):
        left, across = _moved_out(window.left, window.width, size[1] / frame[1])
        top, down = _moved_out(window.top, window.height, size[0] / frame[0])
        found.append(Window(left, top, across, down))
    return found


def _moved_out(begin: int, length: int, scale: float) -> tuple[int, int]:
    """Where it begins and how long it is."""
    first = math.floor(begin * scale / MULTIPLE)
    # Less what rounding may put beyond the frame.
    last = math.ceil((begin + length) * scale / MULTIPLE - 1e-9)
    return first * MULTIPLE, (last - first) * MULTIPLE


def _shrunk(window: Window, times: int) -> Window:
    return Window(window.left // times, window.top // times, window.width // times, window.height // times)


class CompactColorizer:
    """Satisfies Colorizer; keeps nothing of a clip.

    Args:
        network: with weights; moved to the device.
        boxes: of the clip's frames.
        device: "cpu" or "cuda".
    """

    def __init__(self, network: FusionNet, *, boxes: Boxes, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.boxes = boxes

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:  # noqa: ARG002
        """See Colorizer. One frame is in memory at a time."""
        size = working_size(clip.height, clip.width, short_side=SHORT_SIDE, multiples=MULTIPLES)
        for index in range(len(clip)):
            windows = windows_on(self.boxes.of(clip, index), frame=(clip.height, clip.width), size=size)
            # Entered for each frame: a generator that is left open must not leave it on for its caller.
            with torch.inference_mode():
                ab = chroma(self.network, luminance_planes(clip.luminance(index), size).to(self.device), [windows])
                picture = chroma_picture(ab, clip.height, clip.width)
            yield clip.merge(index, picture)
