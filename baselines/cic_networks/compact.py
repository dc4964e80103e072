"""CIC at a size that trains in an hour: the same layers, narrow, at the clip's own size, where the authors' see 256x256.

The mean is annealed as in the paper, T = 0.38.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from baselines.cic_networks.eccv16 import CHROMA_SCALE, Eccv16
from baselines.compact_networks import loading
from baselines.compact_networks.frames import FrameColorizer

TEMPERATURE = 0.38
"""The paper's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """All that decides the graph."""

    width: int = 14
    """Channels of the first level, 64 in the release."""


def build_compact(shape: Shape) -> Eccv16:
    """The network with random weights: 1,559,461 parameters as a rule."""
    return Eccv16(width=shape.width, temperature=TEMPERATURE)


def load_compact(path: Path) -> Eccv16:
    """The network of a file that ``colorbench train cic`` wrote.

    Raises:
        WeightsError: it is missing, damaged, of another method, or does not hold exactly what its card says.
    """
    return loading.load_compact(path, method="cic", build=lambda shape: build_compact(Shape(**shape)))


def network_input(l_star: Tensor) -> Tensor:
    """(N, 1, H, W) L* in [0, 100] -> what the network takes."""
    return l_star / 100.0 - 0.5


def colorizer(network: Eccv16, *, device: str = "cpu") -> FrameColorizer:
    """Each frame by itself."""
    return FrameColorizer(network, lambda l_star: CHROMA_SCALE * network(network_input(l_star)), device=device)
