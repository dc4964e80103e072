"""A clip's way through a compact network that colors each frame by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from colorbench.nets.working import chroma_picture, luminance_planes, working_size
from colorbench.types import Exemplar, RgbFrame

if TYPE_CHECKING:
    from colorbench.method import GrayClip

SHORT_SIDE = 240
"""The most rows or columns of the shorter side; released image networks see squares of 224 or 256."""

MULTIPLES = (8, 8)
"""Of rows and columns."""


class FrameColorizer:
    """Satisfies Colorizer; keeps nothing of a clip.

    Args:
        network: with weights; moved to the device.
        color: through that network, (1, 1, H, W) L* in [0, 100] -> (1, 2, H, W) a* and b* in CIE units.
        multiples: of rows and columns, which the network takes.
        device: "cpu" or "cuda".
    """

    def __init__(
        self,
        network: nn.Module,
        color: Callable[[Tensor], Tensor],
        *,
        multiples: tuple[int, int] = MULTIPLES,
        device: str = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.color, self.multiples = color, multiples

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:  # noqa: ARG002
        """See Colorizer. One frame is in memory at a time."""
        for index in range(len(clip)):
            yield clip.merge(index, self._chroma(clip, index))

    @torch.inference_mode()
    def _chroma(self, clip: GrayClip, index: int) -> NDArray[np.float32]:
        """(H, W, 2) a* and b*."""
        size = working_size(clip.height, clip.width, short_side=SHORT_SIDE, multiples=self.multiples)
        ab = self.color(luminance_planes(clip.luminance(index), size).to(self.device))
        return chroma_picture(ab, clip.height, clip.width)
