"""IDC at a size that trains in an hour: the same layers, narrow, at the clip's own size, where the authors' see 256x256.

The head that suggests colors to a user is left out, as no color is made of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from baselines.cic_networks.eccv16 import CHROMA_SCALE
from baselines.compact_networks import loading
from baselines.compact_networks.frames import FrameColorizer
from baselines.compact_networks.shipped import compact_file
from baselines.idc_networks.siggraph17 import Siggraph17
from colorbench.errors import WeightsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """All that decides the graph."""

    width: int = 14
    """Channels at full size, 64 in the release."""


def build_compact(shape: Shape) -> Siggraph17:
    """The network with random weights: 1,632,374 parameters as a rule."""
    return Siggraph17(width=shape.width, classes=0)


def load_compact(path: Path) -> Siggraph17:
    """The network of a file that ``colorbench train idc`` wrote.

    Raises:
        WeightsError: it is missing, damaged, of another method, or does not hold exactly what its card says.
    """
    return loading.load_compact(path, method="idc", build=lambda shape: build_compact(Shape(**shape)))


def load_anchors(named: str) -> tuple[Siggraph17, Path]:
    """The network that others are built around and trained after, and its file.

    Args:
        named: the setting ``anchors``, a file; empty for the one in the package.

    Raises:
        WeightsError: it is missing, or as :func:`load_compact`.
    """
    path = Path(named) if named else compact_file("idc")
    if not path.is_file():
        raise WeightsError(
            f"there is no {path}, which this network is built around",
            wanted="IDC's compact weights",
            remedy="train them with colorbench train idc, or set anchors to the path of such a file",
        )
    return load_compact(path), path


def chroma(network: Siggraph17, l_star: Tensor) -> Tensor:
    """(N, 1, H, W) L* in [0, 100] -> (N, 2, H, W) a* and b* in CIE units; sides are multiples of 8."""
    ab: Tensor = CHROMA_SCALE * network(l_star / 100.0 - 0.5)
    return ab


def colorizer(network: Siggraph17, *, device: str = "cpu") -> FrameColorizer:
    """Each frame by itself."""
    return FrameColorizer(network, lambda l_star: chroma(network, l_star), device=device)
