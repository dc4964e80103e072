"""The released test script on a clip: frames squeezed to a square, anchors at an interval, what lies between, chroma's return."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from numpy.typing import NDArray
from torch import Tensor

from baselines.tcvc_networks.network import Anchor, Tcvc
from colorbench.types import Exemplar, RgbFrame

if TYPE_CHECKING:
    from colorbench.method import GrayClip

CHROMA_SCALE = 110.0
"""What the network calls 1 in a* and b*."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """How clips are brought to the network."""

    size: tuple[int, int] = (256, 256)
    """Rows and columns, multiples of 8, with FlowNet2 of 64; frames lose their aspect."""
    intervals: tuple[int, ...] = (17,)
    """Frames between two anchors; of several, chroma is the mean of a run for each, as the released code's multi-sampling."""


class ReleasedColorizer:
    """Satisfies Colorizer; keeps nothing of a clip.

    Args:
        network: with weights; moved to the device.
        working: see Working.
        device: "cpu" or "cuda".
    """

    def __init__(self, network: Tcvc, *, working: Working, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.working = working

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:  # noqa: ARG002
        """See Colorizer. Frames up to the next anchor are in memory, their features with them."""
        samples = zip(*(self._chroma(clip, interval) for interval in self.working.intervals), strict=True)
        for index, abs_ in enumerate(samples):
            yield clip.merge(index, self._returned(torch.stack(abs_).mean(dim=0), clip))

    # Inference mode is entered for each frame: a generator that is left open must not leave it on for its caller.
    def _chroma(self, clip: GrayClip, interval: int) -> Iterator[Tensor]:
        """(1, 2, rows, columns) a* and b* over 110 a frame, on the CPU."""
        first = self._anchor(clip, 0)
        yield first.ab.cpu()
        for start, stop in pairwise(anchor_indices(len(clip), interval)):
            last = self._anchor(clip, stop)
            grays = [self._gray(clip, index) for index in range(start, stop + 1)]
            steps = self.network.between(grays, first, last)
            for _ in range(start + 1, stop):
                with torch.inference_mode():
                    ab = next(steps).cpu()
                yield ab
            yield last.ab.cpu()
            first = last

    @torch.inference_mode()
    def _anchor(self, clip: GrayClip, index: int) -> Anchor:
        return self.network.anchor(self._gray(clip, index))

    def _gray(self, clip: GrayClip, index: int) -> Tensor:
        """(1, 1, rows, columns) L* / 100 - 0.5, bilinear and not smoothed before, whatever shrinks."""
        l_star = torch.from_numpy(clip.luminance(index))[None, None].to(self.device)
        return F.interpolate(l_star / 100.0 - 0.5, self.working.size, mode="bilinear", align_corners=False)

    def _returned(self, ab: Tensor, clip: GrayClip) -> NDArray[np.float32]:
        """(1, 2, rows, columns) -> (H, W, 2) a* and b*, bilinear."""
        whole = F.interpolate(CHROMA_SCALE * ab, (clip.height, clip.width), mode="bilinear", align_corners=False)
        result: NDArray[np.float32] = whole[0].permute(1, 2, 0).contiguous().numpy()
        return result


def anchor_indices(count: int, interval: int) -> list[int]:
    """Frames that are colored by themselves: one after each ``interval`` others, and the last.

    >>> anchor_indices(40, 17), anchor_indices(37, 17), anchor_indices(1, 17)
    ([0, 18, 36, 39], [0, 18, 36], [0])
    """
    return sorted({*range(0, count, interval + 1), count - 1})
