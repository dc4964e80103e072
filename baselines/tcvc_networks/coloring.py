"""The released test script on a clip: frames squeezed to a square, anchors at an interval, what lies between, chroma's return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
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
        gray = partial(self._gray, clip)
        runs = (colored(self.network, gray, count=len(clip), interval=interval) for interval in self.working.intervals)
        samples = zip(*runs, strict=True)
        for index, abs_ in enumerate(samples):
            yield clip.merge(index, self._returned(torch.stack(abs_).mean(dim=0), clip))

    def _gray(self, clip: GrayClip, index: int) -> Tensor:
        """(1, 1, rows, columns) L* / 100 - 0.5, bilinear and not smoothed before, whatever shrinks."""
        l_star = torch.from_numpy(clip.luminance(index))[None, None].to(self.device)
        return F.interpolate(l_star / 100.0 - 0.5, self.working.size, mode="bilinear", align_corners=False)

    def _returned(self, ab: Tensor, clip: GrayClip) -> NDArray[np.float32]:
        """(1, 2, rows, columns) -> (H, W, 2) a* and b*, bilinear."""
        whole = F.interpolate(CHROMA_SCALE * ab, (clip.height, clip.width), mode="bilinear", align_corners=False)
        result: NDArray[np.float32] = whole[0].permute(1, 2, 0).contiguous().numpy()
        return result


# Inference mode is entered for each frame: a generator that is left open must not leave it on for its caller.
def colored(network: Tcvc, gray: Callable[[int], Tensor], *, count: int, interval: int) -> Iterator[Tensor]:
    """A clip's chroma, one segment after the other.

    Args:
        network: in evaluation.
        gray: (1, 1, rows, columns) L* / 100 - 0.5 of a frame.
        count: of frames.
        interval: frames between two anchors.

    Yields:
        (1, 2, rows, columns) a* and b* over 110 a frame, on the CPU.
    """

    @torch.inference_mode()
    def anchor(index: int) -> Anchor:
        return network.anchor(gray(index))

    first = anchor(0)
    yield first.ab.cpu()
    for start, stop in pairwise(anchor_indices(count, interval)):
        last = anchor(stop)
        steps = network.between([gray(index) for index in range(start, stop + 1)], first, last)
        for _ in range(start + 1, stop):
            with torch.inference_mode():
                ab = next(steps).cpu()
            yield ab
        yield last.ab.cpu()
        first = last


def anchor_indices(count: int, interval: int) -> list[int]:
    """Frames that are colored by themselves: one after each ``interval`` others, and the last.

    >>> anchor_indices(40, 17), anchor_indices(37, 17), anchor_indices(1, 17)
    ([0, 18, 36, 39], [0, 18, 36], [0])
    """
    return sorted({*range(0, count, interval + 1), count - 1})
