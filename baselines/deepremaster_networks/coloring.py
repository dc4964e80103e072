"""The released script on a clip: blocks of five frames, restored and colored, each told of all references; chroma's return."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.deepremaster_networks.colornet import References, joined
from baselines.deepremaster_networks.loading import DeepRemaster
from baselines.deepremaster_networks.placement import canvas_size, on_canvas, scaled_gray, working_size
from colorbench.frames.gray_picture import gray_picture
from colorbench.nets.working import chroma_picture
from colorbench.types import Exemplar, RgbFrame

if TYPE_CHECKING:
    from colorbench.method import GrayClip

CHROMA_BOUND = 100.0
"""a* and b* beyond this are cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """How clips are brought to the networks."""

    mindim: int = 320
    """The shorter side that is worked at, in pixels, as the released code's ``--mindim``."""
    block: int = 5
    """Frames that are seen together; blocks share none."""


class ReleasedColorizer:
    """Satisfies Colorizer; keeps nothing of a clip.

    Args:
        networks: with weights; moved to the device.
        working: see Working.
        device: "cpu" or "cuda".
    """

    def __init__(self, networks: DeepRemaster, *, working: Working, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.restoration = networks.restoration.to(self.device).eval()
        self.color = networks.color.to(self.device).eval()
        self.working = working

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        """See Colorizer. Takes any number of exemplars, none as well; a block and all exemplars' features are in memory."""
        size = working_size(clip.height, clip.width, self.working.mindim)
        references = self._remembered(exemplars) if exemplars else None
        for start in range(0, len(clip), self.working.block):
            indices = range(start, min(start + self.working.block, len(clip)))
            chroma = self._chroma([scaled_gray(gray_picture(clip, index), size) for index in indices], references)
            for index, ab in zip(indices, chroma, strict=True):
                yield clip.merge(index, chroma_picture(ab[None], clip.height, clip.width))

    @torch.inference_mode()
    def _remembered(self, exemplars: Sequence[Exemplar]) -> References:
        """One exemplar is encoded at a time."""
        canvas = canvas_size([(one.rgb.shape[0], one.rgb.shape[1]) for one in exemplars])
        pictures = (torch.from_numpy(on_canvas(one.rgb, canvas).copy()).to(self.device) for one in exemplars)
        return joined([self.color.encode_references(x.permute(2, 0, 1)[None, :, None].float() / 255.0) for x in pictures])

    @torch.inference_mode()
    def _chroma(self, grays: Sequence[NDArray[np.uint8]], references: References | None) -> list[Tensor]:
        """(h, w) uint8 frames -> (2, h, w) a* and b* each, on the CPU."""
        gray = torch.from_numpy(np.stack(grays)).to(self.device)[None, None].float() / 255.0  # (1, 1, T, h, w)
        ab = self.color(self.restoration(gray), references) * 255.0 - 128.0
        return list(ab[0].clamp(-CHROMA_BOUND, CHROMA_BOUND).transpose(0, 1).cpu())
