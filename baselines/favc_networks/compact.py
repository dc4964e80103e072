"""FAVC at a size that trains in an hour: its first stage, narrow, over features that are learned with it.

The hypercolumn is that of a small encoder of VGG19's plan, trained from nothing together with the U-Net: weights of ImageNet are
not at hand. The U-Net's own levels could not take its place, as they come after it. A hypothesis is a* and b*, not RGB, since
luminance is the clip's; L* / 100 goes in, where the authors' see gamma-encoded gray. Frames come at the clip's own size, up to a
short side, and are each colored on their own, as by the released test scripts; there is no second stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from baselines.compact_networks import loading
from baselines.compact_networks.frames import FrameColorizer
from baselines.favc_networks.networks import VideoNetwork
from baselines.favc_networks.unet import SLOPE, conv3

CHROMA_SCALE = 110.0
"""What the network calls 1 in a* and b*; it has no bound."""

MULTIPLES = (16, 16)
"""Of rows and columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """All that decides the graph."""

    width: int = 12
    """Of the U-Net at full size, 32 in the release."""
    features: int = 8
    """Of the encoder at full size, 64 in VGG19."""
    hypotheses: int = 4
    """As in the release."""


class Encoder(nn.Module):
    """VGG19's plan as FAVC takes it: five levels, average pooling, two convolutions a level, each with ReLU. Satisfies Features.

    Args:
        width: channels at full size; twice, four, eight and eight times as many below.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = (width, 2 * width, 4 * width, 8 * width, 8 * width)
        self.channels = widths[::-1]
        self.levels = nn.ModuleList(
            nn.Sequential(conv3(inside, outside), nn.ReLU(inplace=True), conv3(outside, outside), nn.ReLU(inplace=True))
            for inside, outside in zip((1, *widths), widths, strict=False)
        )

    def forward(self, gray: Tensor) -> list[Tensor]:
        """(N, 1, H, W) in [0, 1], sides multiples of 16 -> five maps, deepest first, at 1/16 to 1 of the size."""
        found: list[Tensor] = []
        x = gray - 0.5
        for level in self.levels:
            x = level(F.avg_pool2d(x, 2) if found else x)
            found.insert(0, x)
        return found


def build_compact(shape: Shape) -> VideoNetwork:
    """The network with random weights: 1,363,468 parameters as a rule."""
    network = VideoNetwork(Encoder(shape.features), width=shape.width, hypotheses=shape.hypotheses, planes=2)
    # Nothing here is normalized: at torch's own scale signals would die out over so many layers. The last one keeps that scale.
    for name, parameter in network.named_parameters():
        if not name.startswith("unet.conv9_2"):
            if parameter.dim() > 1:
                nn.init.kaiming_normal_(parameter, a=SLOPE)
            else:
                nn.init.zeros_(parameter)
    return network


def load_compact(path: Path) -> VideoNetwork:
    """The network of a file that ``colorbench train favc`` wrote.

    Raises:
        WeightsError: it is missing, damaged, of another method, or does not hold exactly what its card says.
    """
    return loading.load_compact(path, method="favc", build=lambda shape: build_compact(Shape(**shape)))


def hypotheses(network: VideoNetwork, l_star: Tensor) -> Tensor:
    """(N, 1, H, W) L* in [0, 100], sides multiples of 16 -> (N, K, 2, H, W) a* and b* in CIE units."""
    ab: Tensor = CHROMA_SCALE * network(l_star / 100.0)
    return ab


def colorizer(network: VideoNetwork, *, device: str = "cpu") -> FrameColorizer:
    """Each frame by itself, by the first hypothesis, which training favors."""
    return FrameColorizer(network, lambda l_star: hypotheses(network, l_star)[:, 0], multiples=MULTIPLES, device=device)
