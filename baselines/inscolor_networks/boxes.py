"""Where instances lie: boxes in a frame, and on the maps of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from colorbench.method import GrayClip

MOST = 8
"""Boxes a frame, those of the highest score."""


@dataclass(frozen=True, slots=True)
class Box:
    """A detected instance, in pixels of a frame; as the detector gives it, edges need not be whole."""

    left: float
    top: float
    right: float
    bottom: float
    score: float


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of whole pixels."""

    left: int
    top: int
    width: int
    height: int


class Boxes(Protocol):
    """Where a clip's boxes are from."""

    def of(self, clip: GrayClip, index: int) -> Sequence[Box]:
        """Those of a frame, in pixels of the clip's size, in any order."""
        ...


def windows_of(boxes: Sequence[Box], height: int, width: int) -> list[Window]:
    """The best MOST of a frame's boxes, edges truncated to whole pixels inside the frame; those of no pixel are left out.

    >>> windows_of([Box(2.7, 0.0, 9.9, 4.2, 0.9)], 4, 8)
    [Window(left=2, top=0, width=6, height=4)]
    """
    found = []
    for box in sorted(boxes, key=lambda box: box.score)[-MOST:]:
        left, top = (max(0, int(edge)) for edge in (box.left, box.top))
        right, bottom = min(width, int(box.right)), min(height, int(box.bottom))
        if left < right and top < bottom:
            found.append(Window(left, top, right - left, bottom - top))
    return found


def on_map(window: Window, height: int, width: int, side: int) -> Window:
    """A window of a frame of that height and width on a square map, edges truncated; one pixel at least each way.

    >>> on_map(Window(10, 0, 3, 100), 100, 100, 32)
    Window(left=3, top=0, width=1, height=32)
    """
    left, across = _span(window.left, window.left + window.width, width, side)
    top, down = _span(window.top, window.top + window.height, height, side)
    return Window(left, top, across, down)


def _span(begin: int, end: int, length: int, side: int) -> tuple[int, int]:
    """Where it begins and how many pixels it has. The order of operations is the authors', as it decides what is truncated."""
    first, last = int(begin / length * side), int(end / length * side)
    if last > first:
        return first, last - first
    return (first, 1) if side - last > 1 else (first - 1, 1)
