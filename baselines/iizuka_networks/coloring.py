"""The authors' script on a clip: each frame by itself, with a small square copy of it, and its chroma brought back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.iizuka_networks.network import SIDE, IizukaNet
from baselines.iizuka_networks.scaling import scaled
from colorbench.frames.gray_picture import gray_picture
from colorbench.types import Exemplar, RgbFrame

if TYPE_CHECKING:
    from colorbench.method import GrayClip

MULTIPLE = 8
"""Of the sides of the frame that the network sees."""

CHROMA_SCALE = 100.0
"""What outputs of 0 and 1 stand for in a* and b*: -100 and 100."""


class IizukaColorizer:
    """Satisfies Colorizer; keeps nothing of a clip.

    Args:
        network: with weights; moved to the device.
        mean: of gray levels in [0, 1], taken off.
        device: "cpu" or "cuda".
    """

    def __init__(self, network: IizukaNet, *, mean: float, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.mean = mean

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:  # noqa: ARG002
        """See Colorizer. One frame is in memory at a time."""
        for index in range(len(clip)):
            yield clip.merge(index, self.chroma(gray_picture(clip, index)))

    @torch.inference_mode()
    def chroma(self, gray: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W) uint8, a gray picture -> (H, W, 2) a* and b*."""
        height, width = gray.shape
        levels = torch.from_numpy(gray).to(self.device)[None, None].float() / 255.0  # (1, 1, H, W)
        frame = scaled(levels, rounded(height), rounded(width)) - self.mean
        ab: Tensor = CHROMA_SCALE * (2.0 * self.network(frame, scaled(frame, SIDE, SIDE)) - 1.0)
        picture: NDArray[np.float32] = scaled(ab, height, width)[0].permute(1, 2, 0).cpu().contiguous().numpy()
        return picture


def rounded(side: int) -> int:
    """To the nearest multiple of 8, upwards from the middle; at least 8.

    >>> rounded(854), rounded(100), rounded(3)
    (856, 104, 8)
    """
    return max(1, (2 * side + MULTIPLE) // (2 * MULTIPLE)) * MULTIPLE
