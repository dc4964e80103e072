"""A shot of a clip as a clip of its own, for methods that take a fixed number of exemplars.

Such a method can't be given the exemplars of all shots. It colors each shot alone, from as many of the shot's own as it takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from colorbench.clips.footage import Footage
from colorbench.clips.shots import Shot
from colorbench.method import Colorizer, GrayClip
from colorbench.types import Exemplar, LStar, RgbFrame


class ShotClip:
    """The frames of a shot, counted from 0; satisfies :class:`colorbench.method.GrayClip`."""

    def __init__(self, clip: GrayClip, shot: Shot) -> None:
        self._clip, self._shot = clip, shot
        self.name = clip.name
        self.frame_names: Sequence[str] = clip.frame_names[shot.first : shot.last + 1]
        self.height, self.width = clip.height, clip.width

    def __len__(self) -> int:
        return len(self._shot)

    def luminance(self, index: int) -> LStar:
        """See GrayClip."""
        return self._clip.luminance(self._shot.first + index)

    def merge(self, index: int, ab: NDArray[np.float32]) -> RgbFrame:
        """See GrayClip."""
        return self._clip.merge(self._shot.first + index, ab)


def color_clip(colorizer: Colorizer, footage: Footage, exemplars: Sequence[Exemplar], *, limit: int | None) -> Iterator[RgbFrame]:
    """A clip's colored frames, in order: shot by shot where the method takes at most ``limit`` exemplars, else as a whole.

    Args:
        colorizer: the method.
        footage: of one shot, unless its protocol gives exemplars per shot.
        exemplars: of ``footage.exemplars(limit)``.
        limit: the most that the method takes; None for any number. With 0 the clip is whole too.
    """
    if not limit or len(footage.shots) == 1:
        return colorizer.colorize(footage, exemplars)
    return chain.from_iterable(colorizer.colorize(ShotClip(footage, shot), _within(shot, exemplars)) for shot in footage.shots)


def _within(shot: Shot, exemplars: Sequence[Exemplar]) -> tuple[Exemplar, ...]:
    return tuple(
        replace(exemplar, index=exemplar.index - shot.first)
        for exemplar in exemplars
        if exemplar.index is not None and shot.first <= exemplar.index <= shot.last
    )
