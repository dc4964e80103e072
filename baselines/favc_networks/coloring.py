"""The released test scripts on a clip: the gray picture cut, each frame on its own, one hypothesis in 8 bits, its chroma."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from numpy.typing import NDArray
from torch import Tensor

from baselines.favc_networks.networks import ImageNetwork, VideoNetwork
from baselines.favc_networks.refinement import refined
from baselines.favc_networks.unet import UNet, legacy_resize
from colorbench.color import rgb_to_lab
from colorbench.flow.optical_flow import dis
from colorbench.frames.gray_picture import gray_picture
from colorbench.types import Exemplar, RgbFrame

if TYPE_CHECKING:
    from colorbench.method import GrayClip

Fit = Literal["crop", "pad"]

MULTIPLE = 32
"""Sides that are worked at are multiples of this, in both networks."""

GrayU8 = NDArray[np.uint8]
"""(H, W) uint8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """What is made of a frame."""

    hypothesis: int = 0
    """Which of the network's pictures; training favors the first."""
    fit: Fit = "crop"


@dataclass(frozen=True, slots=True)
class _Before:
    """The frame before, as the second stage sees it."""

    picture: GrayU8
    """At the working size."""
    gray: Tensor
    rgb: Tensor


class ReleasedColorizer:
    """Satisfies Colorizer; keeps nothing of a clip.

    Args:
        network: with weights; moved to the device.
        working: see Working.
        refinement: VCRN with weights, for the second stage; None runs the first alone, as the released test scripts do.
        device: "cpu" or "cuda".
    """

    def __init__(
        self, network: VideoNetwork | ImageNetwork, *, working: Working, refinement: UNet | None = None, device: str = "cpu"
    ) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.refinement = None if refinement is None else refinement.to(self.device).eval()
        self.working = working

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:  # noqa: ARG002
        """See Colorizer. At most two frames are in memory at a time."""
        size = working_size(clip.height, clip.width, self.working.fit)
        levels = stretched_levels if isinstance(self.network, ImageNetwork) else truncated_levels
        before: _Before | None = None
        for index in range(len(clip)):
            picture = fitted(gray_picture(clip, index), size)
            # Entered for each frame: a generator that is left open must not leave it on for its caller.
            with torch.inference_mode():
                if self.refinement is None:
                    rgb = self._first_stage(picture)
                else:
                    before = self._second_stage(self.refinement, picture, before)
                    rgb = legacy_resize(before.rgb, size)
                saved = levels(rgb[0].permute(1, 2, 0).cpu().numpy())
                ab = _whole(_chroma(saved), clip.height, clip.width)
            yield clip.merge(index, ab)

    def _first_stage(self, picture: GrayU8) -> Tensor:
        """(1, 3, H, W) RGB, about [0, 1]."""
        rgb: Tensor = self.network(self._tensor(picture))[:, self.working.hypothesis]
        return rgb

    def _second_stage(self, network: UNet, picture: GrayU8, before: _Before | None) -> _Before:
        """At half size, every second pixel, as the authors' ``main_whole.py`` samples pictures and flow. The first frame keeps
        the first stage's colors."""
        half = np.ascontiguousarray(picture[::2, ::2])
        gray, rgb = self._tensor(half), self._first_stage(half)
        if before is not None:
            flow = torch.from_numpy(dis(picture, before.picture)[::2, ::2] / 2.0).permute(2, 0, 1)[None].to(self.device)
            rgb = refined(network, rgb, gray, before=before.rgb, gray_before=before.gray, flow=flow)
        return _Before(picture, gray, rgb)

    def _tensor(self, picture: GrayU8) -> Tensor:
        """(H, W) -> (1, 1, H, W) in [0, 1] on the device."""
        return torch.from_numpy(picture).to(self.device)[None, None] / 255.0


def working_size(height: int, width: int, fit: Fit) -> tuple[int, int]:
    """Rows and columns worked at: multiples of 32, rounded down to crop and up to pad; 32 at least.

    >>> working_size(480, 854, "crop"), working_size(480, 854, "pad"), working_size(20, 64, "crop")
    ((480, 832), (480, 864), (32, 64))
    """
    beyond = MULTIPLE - 1 if fit == "pad" else 0
    rows, columns = (max(MULTIPLE, (side + beyond) // MULTIPLE * MULTIPLE) for side in (height, width))
    return rows, columns


def fitted(picture: GrayU8, size: tuple[int, int]) -> GrayU8:
    """A picture's upper left part of that size; where it is smaller, its last rows and columns are repeated."""
    rows, columns = size
    part = picture[:rows, :columns]
    return np.pad(part, ((0, rows - part.shape[0]), (0, columns - part.shape[1])), "edge")


def truncated_levels(rgb: NDArray[np.float32]) -> RgbFrame:
    """(H, W, 3) about [0, 1] -> uint8, clipped and truncated: what ``test_div_video.py`` saves, as JPG there."""
    levels: RgbFrame = np.clip(rgb * np.float32(255.0), 0.0, 255.0).astype(np.uint8)
    return levels


def stretched_levels(rgb: NDArray[np.float32]) -> RgbFrame:
    """(H, W, 3) about [0, 1] -> uint8, rounded: what ``test.py`` saves.

    It hands floats to imageio, which brings the least and the greatest value to 0 and 255 as soon as one lies outside [0, 1],
    frame by frame: a slip, followed here.
    """
    values = rgb.astype(np.float64)
    least, greatest = values.min(), values.max()
    if least < 0.0 or greatest > 1.0:
        values = (values - least) / max(greatest - least, np.finfo(np.float64).tiny)
    return (values * 255.0 + 0.499999999).astype(np.uint8)


def _chroma(rgb: RgbFrame) -> Tensor:
    """(H, W, 3) uint8 -> (1, 2, H, W) a* and b*."""
    return rgb_to_lab(torch.from_numpy(rgb))[..., 1:].permute(2, 0, 1)[None]


def _whole(ab: Tensor, height: int, width: int) -> NDArray[np.float32]:
    """(1, 2, rows, columns) -> (H, W, 2): cut where it was padded; where it was cropped, the nearest chroma."""
    part = ab[..., :height, :width]
    whole = F.pad(part, (0, width - part.shape[3], 0, height - part.shape[2]), mode="replicate")
    result: NDArray[np.float32] = whole[0].permute(1, 2, 0).contiguous().numpy()
    return result
