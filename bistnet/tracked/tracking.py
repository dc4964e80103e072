"""``bistnet-tracked``: the network's colors and those that flow carries from the exemplars, blended frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from bistnet.method import exemplar_frames
from bistnet.network.fusion import spans
from bistnet.tracked.blending import Blend, planes
from colorbench.flow.carrying import carry
from colorbench.types import Exemplar, LStar, RgbFrame

if TYPE_CHECKING:
    from bistnet.inference import Colorizer
    from colorbench.flow.carrying import Hints
    from colorbench.method import GrayClip


class TrackedColorizer:
    """Satisfies :class:`colorbench.method.Colorizer`; keeps nothing of a clip.

    Args:
        core: the network.
        blend: trained beside it.
    """

    def __init__(self, core: Colorizer, blend: Blend) -> None:
        self._core, self._blend = core, blend.to(core.device).eval()

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        """See Colorizer. The frame of an exemplar gets its colors as they are.

        Raises:
            MethodError: no exemplar, or exemplars on one frame.
        """
        return self.resume(clip, exemplars, 0)

    def resume(self, clip: GrayClip, exemplars: Sequence[Exemplar], start: int) -> Iterator[RgbFrame]:
        """See ResumableColorizer."""
        for own, hints in candidates(clip, exemplars, self._core, first=start):
            ab = hints.exact
            if ab is None:
                ab = self._blended(clip.luminance(hints.index), own, hints)
            yield clip.merge(hints.index, ab)

    @torch.inference_mode()
    def _blended(self, l_star: LStar, own: NDArray[np.float32], hints: Hints) -> NDArray[np.float32]:
        seen = torch.from_numpy(planes(l_star, own, hints))[None].to(self._core.device)
        found: NDArray[np.float32] = self._blend(seen)[0].permute(1, 2, 0).contiguous().cpu().numpy()
        return found


def candidates(
    clip: GrayClip, exemplars: Sequence[Exemplar], core: Colorizer, *, first: int = 0
) -> Iterator[tuple[NDArray[np.float32], Hints]]:
    """The network's a* and b*, (H, W, 2), and flow's hints, of each frame in order, from frame ``first`` on.

    Raises:
        MethodError: as :meth:`TrackedColorizer.colorize`.
    """
    frames = exemplar_frames(clip, exemplars)
    placed = [replace(exemplar, index=index) for exemplar, index in zip(exemplars, frames, strict=True)]
    cut = spans(frames, len(clip))
    stream = core.stream(cut, luminance=clip.luminance, reference=lambda number: placed[number].rgb, first=first)
    with closing(stream):
        for colored, hints in zip(stream, carry(clip, placed, start=first), strict=True):
            yield colored.ab(), hints
