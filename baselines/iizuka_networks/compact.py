"""Iizuka at a size that trains in an hour: the paper's layers with batch normalization, narrow.

The square copy has 128 rows in place of 224: on it hangs the first linear layer, which is most of the paper's network. The frame
comes at the clip's own size up to a short side, its mean is taken for 50, and the copy is scaled by torch's antialiased
bilinear rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from baselines.compact_networks import loading
from baselines.compact_networks.frames import FrameColorizer
from baselines.iizuka_networks.coloring import CHROMA_SCALE
from baselines.iizuka_networks.network import IizukaNet
from colorbench.nets.working import scaled


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """All that decides the graph."""

    width: int = 16
    """Channels of the first layer, 64 in the paper."""
    side: int = 128
    """Rows and columns of the copy that the whole picture's features are made of, a multiple of 32; 224 in the paper."""


class CompactIizuka(IizukaNet):
    """The paper's network, which makes the copy itself."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(width=shape.width, side=shape.side)
        self.side = shape.side

    def halves(self, l_star: Tensor) -> Tensor:
        """(N, 1, H, W) L* in [0, 100] -> (N, 2, H / 2, W / 2) in [0, 1]: a* and b* over 200, plus 0.5; sides multiples of 8."""
        frame = l_star / 100.0 - 0.5
        chosen: Tensor = self(frame, scaled(frame, (self.side, self.side)))
        return chosen

    def chroma(self, l_star: Tensor) -> Tensor:
        """(N, 1, H, W) L* in [0, 100] -> (N, 2, H, W) a* and b* in CIE units, enlarged bilinearly."""
        ab = CHROMA_SCALE * (2.0 * self.halves(l_star) - 1.0)
        return F.interpolate(ab, scale_factor=2.0, mode="bilinear", align_corners=False)


def build_compact(shape: Shape) -> CompactIizuka:
    """The network with random weights: 1,558,954 parameters as a rule."""
    return CompactIizuka(shape)


def load_compact(path: Path) -> CompactIizuka:
    """The network of a file that ``colorbench train iizuka`` wrote.

    Raises:
        WeightsError: it is missing, damaged, of another method, or does not hold exactly what its card says.
    """
    return loading.load_compact(path, method="iizuka", build=lambda shape: build_compact(Shape(**shape)))


def colorizer(network: CompactIizuka, *, device: str = "cpu") -> FrameColorizer:
    """Each frame by itself."""
    return FrameColorizer(network, network.chroma, device=device)
