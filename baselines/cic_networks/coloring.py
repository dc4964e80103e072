"""The demo of CIC's and IDC's authors on a clip: each frame squeezed to a square, colored by itself, its chroma brought back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from numpy.typing import NDArray
from torch import Tensor, nn

from baselines.cic_networks.eccv16 import CHROMA_SCALE
from colorbench.frames.gray_picture import gray_picture, lightness
from colorbench.types import Exemplar, RgbFrame

if TYPE_CHECKING:
    from colorbench.method import GrayClip

SIDE = 256
"""Rows and columns of the square; all released weights are for this size."""


class SquareColorizer:
    """Satisfies Colorizer; keeps nothing of a clip. How it differs from the demo: see docs/design/automatic-baselines.md.

    Args:
        network: with weights, (N, 1, S, S) L* / 100 - 0.5 -> (N, 2, S, S) a* and b* over 110; moved to the device.
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
        """(H, W) uint8, a gray picture -> (H, W, 2) a* and b*, enlarged bilinearly and not smoothed where it shrinks."""
        small = torch.from_numpy(lightness(squeezed(gray)))[None, None].to(self.device)  # (1, 1, S, S)
        ab: Tensor = CHROMA_SCALE * self.network(small / 100.0 - 0.5)
        whole = F.interpolate(ab, (gray.shape[0], gray.shape[1]), mode="bilinear", align_corners=False)
        picture: NDArray[np.float32] = whole[0].permute(1, 2, 0).cpu().contiguous().numpy()
        return picture


def squeezed(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) uint8 -> (S, S) uint8, whatever its aspect: PIL's bicubic scaling, smoothed where it shrinks, rounded to 8 bits."""
    from PIL import Image

    return np.asarray(Image.fromarray(gray).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
