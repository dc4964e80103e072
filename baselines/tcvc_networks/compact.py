"""TCVC at a size that trains in an hour: IDC's compact network colors the anchors, narrow networks carry its features on.

Flow is DIS (EstimatedFlow), which needs no weights. Frames come at the clip's own size, up to a short side, where the authors'
are squeezed to 256x256; anchors lie as far apart as the authors'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from baselines.compact_networks import loading
from baselines.compact_networks.frames import MULTIPLES, SHORT_SIDE
from baselines.tcvc_networks.coloring import CHROMA_SCALE, colored
from baselines.tcvc_networks.flows import EstimatedFlow
from baselines.tcvc_networks.network import Tcvc
from colorbench.flow.optical_flow import dis
from colorbench.nets.working import chroma_picture, luminance_planes, working_size
from colorbench.types import Exemplar, RgbFrame

if TYPE_CHECKING:
    from colorbench.method import GrayClip

INTERVAL = 17
"""Frames between two anchors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """All that decides the graph."""

    width: int = 14
    """Of the image network, as IDC's compact network has it; 64 in the release."""
    gray: int = 16
    """Channels of the features of luminance, 32 in the release."""
    hidden: int = 64
    """Channels of the first layer of mixing and of refinement, 196 in the release."""


def build_compact(shape: Shape) -> Tcvc:
    """The network with random weights: 1,780,565 parameters as a rule, 148,191 of them outside the image network."""
    return Tcvc(EstimatedFlow(dis), width=shape.width, gray_width=shape.gray, hidden=shape.hidden, classes=0)


def load_compact(path: Path) -> Tcvc:
    """The network of a file that ``colorbench train tcvc`` wrote, which holds the image network too.

    Raises:
        WeightsError: it is missing, damaged, of another method, or does not hold exactly what its card says.
    """
    return loading.load_compact(path, method="tcvc", build=lambda shape: build_compact(Shape(**shape)))


class CompactColorizer:
    """Satisfies Colorizer; keeps nothing of a clip.

    Args:
        network: with weights; moved to the device.
        device: "cpu" or "cuda".
    """

    def __init__(self, network: Tcvc, *, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:  # noqa: ARG002
        """See Colorizer. Frames up to the next anchor are in memory, their features with them."""
        size = working_size(clip.height, clip.width, short_side=SHORT_SIDE, multiples=MULTIPLES)

        def gray(index: int) -> Tensor:
            return luminance_planes(clip.luminance(index), size).to(self.device) / 100.0 - 0.5

        for index, ab in enumerate(colored(self.network, gray, count=len(clip), interval=INTERVAL)):
            yield clip.merge(index, chroma_picture(CHROMA_SCALE * ab, clip.height, clip.width))
