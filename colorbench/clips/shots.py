"""Shots: the frames between two cuts, found in luminance alone, so that a film in color and its gray copy have the same.

The detectors are PySceneDetect's, fed with thumbnails of our own: small, so that motion hardly counts, and brought to one mean
and contrast, so that flicker does not. docs/design/shots.md has what was measured.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from colorbench.types import RgbFrame

if TYPE_CHECKING:
    _Levels = NDArray[np.uint8]

DETECTION = "scenedetect-0.7.2-v1"
"""Part of the signature of what depends on shots. The number after v is raised when the same frames would be cut otherwise."""

_SIZE = (24, 16)
_MEAN, _CONTRAST, _FLATTEST = 128.0, 48.0, 12.0
_RATIO, _LEAST, _WINDOW = 2.0, 20.0, 2
_BLACK, _FADED = 12, 3
_SIDE = 3
_WEIGHTS = np.array((0.299, 0.587, 0.114), np.float32)


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames from the same camera without a break."""

    first: int
    last: int
    """Its last frame, not the one after it."""

    def __len__(self) -> int:
        return self.last - self.first + 1


def find_shots(frames: Iterable[RgbFrame]) -> tuple[Shot, ...]:
    """Cuts a film into its shots.

    A frame begins a shot if its thumbnail differs from the one before by a mean of 20 levels of 255 or more, and by twice as much
    as its four neighbors do from theirs (AdaptiveDetector), unless one of the three frames from it on looks like one of the three
    before: then it is a flash or a damaged frame. One more begins in the middle of three frames or more whose mean luma is under
    12 (ThresholdDetector): a fade through black. Dissolves are not found, nor shots of one or two frames.

    Args:
        frames: (H, W, 3) uint8 in [0, 255], of any size, read once; six thumbnails are in memory.

    Returns:
        Shots that hold every frame once, in order; none for no frame.
    """
    from scenedetect import AdaptiveDetector, FrameTimecode, ThresholdDetector  # type: ignore[import-untyped]

    cuts = AdaptiveDetector(
        adaptive_threshold=_RATIO, min_content_val=_LEAST, window_width=_WINDOW, min_scene_len=1, luma_only=True
    )
    fades = ThresholdDetector(threshold=_BLACK, min_out_length=_FADED, min_scene_len=1)
    recent: deque[_Levels] = deque(maxlen=2 * _SIDE)
    starts, count = {0}, 0
    for count, rgb in enumerate(frames, 1):
        luma = _thumbnail(rgb)
        recent.append(_leveled(luma))
        time = FrameTimecode(count - 1, fps=1.0)
        # The detector speaks of the frame two behind this one.
        if cuts.process_frame(time, _gray(recent[-1])) and _differs(recent):
            starts.add(count - 1 - _WINDOW)
        starts.update(cut.frame_num for cut in fades.process_frame(time, _gray(luma)))
    bounds = [*sorted(starts), count] if count else []
    return tuple(Shot(first, stop - 1) for first, stop in pairwise(bounds))


def _thumbnail(rgb: RgbFrame) -> _Levels:
    """(16, 24) BT.601 luma."""
    import cv2

    small = cv2.resize(rgb, _SIZE, interpolation=cv2.INTER_AREA)
    luma: _Levels = (small @ _WEIGHTS).round().astype(np.uint8)
    return luma


def _leveled(luma: _Levels) -> _Levels:
    """Brought to one mean and standard deviation; what is nearly flat stays so."""
    centered = luma - luma.mean()
    leveled: _Levels = (_MEAN + _CONTRAST * centered / max(float(luma.std()), _FLATTEST)).round().clip(0, 255).astype(np.uint8)
    return leveled


def _gray(levels: _Levels) -> _Levels:
    """Three equal channels, as the detectors want them."""
    return np.repeat(levels[..., None], 3, axis=-1)


def _differs(recent: Iterable[_Levels]) -> bool:
    """No thumbnail before the cut is like one of the last three."""
    stack = np.stack(list(recent)).astype(np.int16)
    before, after = stack[:-_SIDE, None], stack[None, -_SIDE:]
    return bool(np.abs(before - after).mean(axis=(2, 3)).min() >= _LEAST)
