"""Consecutive frames of a film as a method sees them, which keeps what a method merges at more than 8 bits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorbench.clips.footage import Footage, resize
from colorbench.color import lab_to_rgb, merge_luminance, rgb_to_lab, to_u8
from colorbench.errors import MethodError
from colorbench.frames.opening import read_image
from colorbench.types import Exemplar, LStar, RgbFrame

Levels = NDArray[np.uint8] | NDArray[np.uint16]
"""(H, W, 3) sRGB in [0, 255] or [0, 65535]."""

LUMINANCE_BYTES = 96 << 20
"""Luminance kept of frames that are asked for again: 11 frames of 1920x1080, as methods look at a frame more than once."""


class FilmClip:
    """Satisfies :class:`colorbench.method.GrayClip`.

    Args:
        footage: of the film.
        first: its frame that is this clip's frame 0.
        last: its frame that is this clip's last.
        deep: frames leave at 16 bits a channel, where the method merges them.
        looked: called when a frame is asked for the first time.
    """

    def __init__(
        self, footage: Footage, first: int, last: int, *, deep: bool = False, looked: Callable[[], None] = lambda: None
    ) -> None:
        self._footage, self._first, self._count, self._deep = footage, first, last - first + 1, deep
        self.name = footage.name
        self.frame_names: Sequence[str] = footage.frame_names[first : last + 1]
        self.height, self.width = footage.height, footage.width
        self._kept: OrderedDict[int, LStar] = OrderedDict()
        self._capacity = max(4, LUMINANCE_BYTES // (4 * self.height * self.width))
        self._seen, self._looked = bytearray(self._count), looked
        self._merged: dict[int, tuple[RgbFrame, NDArray[np.uint16]]] = {}

    def __len__(self) -> int:
        return self._count

    def luminance(self, index: int) -> LStar:
        """See GrayClip."""
        found = self._kept.get(index)
        if found is None:
            found = self._kept[index] = self._footage.luminance(self._first + index)
            if not self._seen[index]:
                self._seen[index] = 1
                self._looked()
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return found

    def merge(self, index: int, ab: NDArray[np.float32]) -> RgbFrame:
        """See GrayClip."""
        if not self._deep:
            return merge_luminance(self.luminance(index), ab, rounding=self._footage.protocol.rounding)
        from torch import cat, from_numpy

        rgb = lab_to_rgb(cat((from_numpy(self.luminance(index))[..., None], from_numpy(ab)), dim=-1))
        merged: RgbFrame = to_u8(rgb, rounding=self._footage.protocol.rounding).numpy()
        self._merged[index] = merged, (rgb * 65535.0).round().numpy().astype(np.uint16)
        return merged

    def levels(self, index: int, rgb: RgbFrame) -> Levels:
        """A frame that a method has yielded, with all its bits: those of ``merge``, if it made just this frame."""
        if not self._deep:
            return rgb
        merged, levels = self._merged.get(index, (None, None))
        self._merged = {at: kept for at, kept in self._merged.items() if at > index}
        return levels if levels is not None and merged is rgb else rgb.astype(np.uint16) * np.uint16(257)

    def gray(self, index: int) -> Levels:
        """A frame without color."""
        return self.levels(index, self.merge(index, np.zeros((self.height, self.width, 2), np.float32)))

    def check(self, index: int, rgb: object, *, method: str) -> RgbFrame:
        """Refuses what is no frame of this clip.

        Raises:
            MethodError: naming the method and the frame.
        """
        if isinstance(rgb, np.ndarray) and rgb.dtype == np.uint8 and rgb.shape == (self.height, self.width, 3):
            return rgb
        came = f"{rgb.dtype} {rgb.shape}" if isinstance(rgb, np.ndarray) else type(rgb).__name__
        raise MethodError(
            f"{method} made of frame {self._first + index} {came}",
            wanted=f"uint8 {(self.height, self.width, 3)}",
            remedy="see docs/add-a-method.md",
        )


class LentClip:
    """Two frames, a still and one that it is lent to: a method that colors the second makes a still of it.

    So a picture of another shot serves as if someone had colored this one's frame; satisfies
    :class:`colorbench.method.GrayClip`.
    """

    frame_names: Sequence[str] = ("still", "frame")

    def __init__(self, still: RgbFrame, frame: LStar, *, name: str) -> None:
        from colorbench.color import luminance

        self.name = name
        self.height, self.width = frame.shape
        self._frames = (luminance(still), frame)

    def __len__(self) -> int:
        return 2

    def luminance(self, index: int) -> LStar:
        """See GrayClip."""
        return self._frames[index]

    def merge(self, index: int, ab: NDArray[np.float32]) -> RgbFrame:
        """See GrayClip."""
        return merge_luminance(self._frames[index], ab)


def still_picture(footage: Footage, path: Path) -> RgbFrame:
    """A still at the film's size."""
    return resize(read_image(path), (footage.width, footage.height), footage.protocol.interpolation)


def still_chroma(still: Exemplar) -> NDArray[np.float32]:
    """(H, W, 2) a* and b*."""
    from torch import from_numpy

    chroma: NDArray[np.float32] = rgb_to_lab(from_numpy(still.rgb))[..., 1:].contiguous().numpy()
    return chroma
