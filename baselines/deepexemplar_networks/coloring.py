"""The released test script on a clip: preparation, recurrence at half the working size, saturation, smoothing, return."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from numpy.typing import NDArray
from torch import Tensor

from baselines.deepexemplar_networks.placement import Fit, place, prepared, returned
from baselines.deepexemplar_networks.recurrence import MIDDLE, DeepExemplar, predictions
from baselines.deepexemplar_networks.smoothing import smoothed
from colorbench.color import rgb_to_lab
from colorbench.frames.gray_picture import gray_picture, lightness
from colorbench.method import GrayClip, require_exemplars
from colorbench.types import Exemplar, RgbFrame

SATURATION = 1.25
"""The released code's factor on a* and b*."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """How clips are brought to the networks."""

    size: tuple[int, int] = (432, 768)
    """Rows, a multiple of 16, and columns, a multiple of 32; the networks work at half of it."""
    fit: Fit = "crop"
    propagate: bool = False
    """The reference stands for the frame before the first one, as the released code's ``--frame_propagate`` has it."""


class ReleasedColorizer:
    """Satisfies Colorizer; keeps nothing of a clip.

    Args:
        network: with weights; moved to the device.
        working: see Working.
        device: "cpu" or "cuda".
    """

    def __init__(self, network: DeepExemplar, *, working: Working, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.working = working

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        """See Colorizer. Takes the first exemplar; one frame is in memory at a time.

        Raises:
            MethodError: there is no exemplar.
        """
        require_exemplars(clip, exemplars)
        for index, ab in enumerate(self._chroma(clip, exemplars[0].rgb)):
            yield clip.merge(index, ab)

    # Inference mode is entered for each frame: a generator that is left open must not leave it on for its caller.
    def _chroma(self, clip: GrayClip, reference: RgbFrame) -> Iterator[NDArray[np.float32]]:
        """(H, W, 2) a frame."""
        size, fit = self.working.size, self.working.fit
        placed = place(clip.height, clip.width, size, fit)
        with torch.inference_mode():
            own = place(reference.shape[0], reference.shape[1], size, fit)
            lab = _half(self._tensor(_lab(prepared(reference, size, own))))  # (1, 3, h, w)
            kept = self.network.encode_reference(lab)
        first = torch.cat((lab[:, :1] - MIDDLE, lab[:, 1:]), dim=1) if self.working.propagate else None
        # The picture that goes in last is the one whose chroma comes out.
        large: list[NDArray[np.float32]] = []

        def frames() -> Iterator[Tensor]:
            for index in range(len(clip)):
                large[:] = [lightness(prepared(gray_picture(clip, index), size, placed))]
                yield _half(self._tensor(large[0][..., None]))

        steps = predictions(self.network, frames(), kept, before=first)
        while True:
            with torch.inference_mode():
                ab = next(steps, None)
                if ab is None:
                    return
                whole = returned(self._finished(ab, large[0]), placed, clip.height, clip.width)
                result: NDArray[np.float32] = whole[0].permute(1, 2, 0).contiguous().numpy()
            yield result

    def _finished(self, ab: Tensor, l_star: NDArray[np.float32]) -> Tensor:
        """(1, 2, h, w) as the network gives it -> (1, 2, rows, columns), on the CPU."""
        doubled = F.interpolate(ab.cpu(), scale_factor=2.0, mode="bilinear", align_corners=False) * SATURATION
        planes = doubled[0].permute(1, 2, 0).contiguous().numpy()  # (rows, columns, 2)
        return torch.from_numpy(smoothed(planes, guide_of(l_star))).permute(2, 0, 1)[None]

    def _tensor(self, picture: NDArray[np.float32]) -> Tensor:
        """(H, W, C) -> (1, C, H, W) on the device."""
        return torch.from_numpy(picture).permute(2, 0, 1)[None].to(self.device)


def guide_of(l_star: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(H, W) L* in [0, 100] -> (H, W) uint8, truncated."""
    return (l_star * np.float32(255.0) / np.float32(100.0)).astype(np.uint8)


def _lab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3) uint8 -> L*, a*, b*, computed in float64."""
    lab: NDArray[np.float32] = rgb_to_lab(torch.from_numpy(rgb).double() / 255.0).float().numpy()
    return lab


def _half(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False)
