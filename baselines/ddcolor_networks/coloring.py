"""The authors' script on a clip: each frame squeezed to a square, colored by itself, its chroma brought back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from numpy.typing import NDArray
from torch import Tensor, nn

from colorbench.frames.gray_picture import gray_picture
from colorbench.types import Exemplar, RgbFrame

if TYPE_CHECKING:
    from colorbench.method import GrayClip

SIDE = 512
"""Rows and columns of the square; the networks were trained at 256, the script's default is this."""


class ReleasedColorizer:
    """Satisfies Colorizer; keeps nothing of a clip. How it differs from the script: see docs/design/ddcolor-colormnet.md.

    Args:
        network: with weights, (N, 3, S, S) gray sRGB in [0, 1] -> (N, 2, S, S) a* and b*; moved to the device.
        device: "cpu" or "cuda".
    """

    def __init__(self, network: nn.Module, *, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:  # noqa: ARG002
        """See Colorizer. One frame is in memory at a time."""
        for index in range(len(clip)):
            yield clip.merge(index, self.chroma(gray_picture(clip, index)))

    @torch.inference_mode()
    def chroma(self, gray: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W) uint8, a gray picture -> (H, W, 2) a* and b*, of the square's nearest pixels."""
        square = torch.from_numpy(squeezed(gray)).permute(2, 0, 1)[None].to(self.device)  # (1, 3, S, S)
        ab: Tensor = self.network(square)
        whole = F.interpolate(ab, (gray.shape[0], gray.shape[1]), mode="nearest")
        picture: NDArray[np.float32] = whole[0].permute(1, 2, 0).cpu().contiguous().numpy()
        return picture


def squeezed(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W) uint8 -> (S, S, 3) float32 in [0, 1], three times the same but for rounding.

    Bilinear whatever its aspect, not smoothed where it shrinks; then to Lab, without chroma, and back. OpenCV's Lab is read from
    tables and does not give back what it was given: levels differ by up to 0.0019.
    """
    small = cv2.resize(gray.astype(np.float32) / 255.0, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    lab = cv2.cvtColor(cv2.cvtColor(small, cv2.COLOR_GRAY2RGB), cv2.COLOR_RGB2Lab)
    lab[..., 1:] = 0.0
    picture: NDArray[np.float32] = cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)
    return picture
