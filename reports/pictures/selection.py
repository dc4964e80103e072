"""Which frames of a clip a picture shows, and which part of a frame: evenly spread, the worst, where the methods differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colorbench.results.reading import Results
from colorbench.types import RgbFrame
from reports.pictures.worst_frames import worst_frames

_ZOOM = 3
"""A box has this part of each side."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a frame, in pixels."""

    left: int
    top: int
    width: int
    height: int

    def of(self, rgb: RgbFrame) -> RgbFrame:
        """The part itself."""
        return rgb[self.top : self.top + self.height, self.left : self.left + self.width]


def spread_frames(results: Results, clip: str, count: int) -> tuple[int, ...]:
    """At most ``count`` of the scored frames, the middle ones of equal parts; empty where no method is done with the clip."""
    scored = _scored(results, clip)
    count = min(count, len(scored))
    return tuple(scored[(2 * part + 1) * len(scored) // (2 * count)] for part in range(count))


def worst_frame(results: Results, clip: str) -> int | None:
    """The clip's worst frame by any method, or by any control row where there is nothing else; None without values of frames."""
    controls = {method.label for method in results.methods if method.kind == "control"}
    found = [worst for worst in worst_frames(results) if worst.clip == clip]
    return next((worst.frame for worst in (*(w for w in found if w.label not in controls), *found)), None)


def middle_frame(results: Results, clip: str) -> int | None:
    """The middle one of the scored frames; None where no method is done with the clip."""
    return next(iter(spread_frames(results, clip, 1)), None)


def telling_box(pictures: Sequence[RgbFrame]) -> Box:
    """The third of each side in which pictures of one frame differ most: the variance over pictures is largest, summed.

    Args:
        pictures: (H, W, 3) each. Of less than two, and of equal ones, the middle is taken.
    """
    import cv2

    height, width = pictures[0].shape[:2]
    box_height, box_width = max(height // _ZOOM, 1), max(width // _ZOOM, 1)
    middle = Box((width - box_width) // 2, (height - box_height) // 2, box_width, box_height)
    variance = np.var(np.stack(pictures).astype(np.float32), axis=0).sum(axis=-1)
    # Whole numbers add up exactly, so that the choice is the same on every machine.
    total = cv2.integral(np.rint(variance).astype(np.int32).astype(np.float64))
    inside = total[box_height:, box_width:] - total[:-box_height, box_width:] - total[box_height:, :-box_width]
    inside = inside + total[:-box_height, :-box_width]
    if inside.max() == inside.min():
        return middle
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return Box(int(left), int(top), box_width, box_height)


def _scored(results: Results, clip: str) -> tuple[int, ...]:
    return next((record.scored for record in results.records if record.clip == clip and record.scored), ())
