"""The protocol of everything frames come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from colorbench.types import RgbFrame


class FrameSource(Protocol):
    """Frames in order, and one by one. All have the size of frame 0."""

    path: Path
    n_frames: int
    height: int
    width: int
    names: Sequence[str]
    """File stems, one a frame; zero-padded indices ("00000") for a video."""
    fps: Fraction | None
    """None for pictures."""

    def read(self, index: int) -> RgbFrame:
        """Frame ``index``, exactly, in any order.

        Returns:
            (height, width, 3) uint8 in [0, 255], sRGB.

        Raises:
            IndexError: there is no such frame.
            FramesError: it can't be decoded, or is of another size.
        """
        ...

    def iterate(self, start: int = 0, stop: int | None = None) -> Iterator[RgbFrame]:
        """Frames ``start`` to ``stop`` - 1 in order, one in memory at a time; raises as ``read`` does."""
        ...
