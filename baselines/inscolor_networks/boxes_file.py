"""Boxes from a file, for frames that were searched elsewhere: with the authors' detectron2, say, or by hand.

The file is JSON. Each clip has the size that its boxes count in, which need not be the size that it is colored at, and a list
of boxes for each of its frames, by the stem of the frame's file name (a video's frames are numbered, as ``colorbench`` lists
them)::

    {"clips": {"cows": {"width": 854, "height": 480, "frames": {
        "00000": [[12.5, 40.0, 300.0, 400.0, 0.98], [500, 60, 640, 300, 0.91]],
        "00001": []
    }}}}

A box is left, top, right, bottom and score. A frame without boxes is listed with none; one that is not listed is an error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.inscolor_networks.boxes import Box
from colorbench.errors import MethodError, UsageError

if TYPE_CHECKING:
    from colorbench.method import GrayClip

_WANTED = '{"clips": {NAME: {"width": W, "height": H, "frames": {STEM: [[left, top, right, bottom, score], ...]}}}}'


@dataclass(frozen=True, slots=True)
class _Clip:
    width: float
    height: float
    frames: Mapping[str, Sequence[Box]]


@dataclass(frozen=True, slots=True)
class BoxesFile:
    """Satisfies Boxes."""

    path: Path
    clips: Mapping[str, _Clip]

    def of(self, clip: GrayClip, index: int) -> list[Box]:
        """See Boxes.

        Raises:
            MethodError: the file doesn't list the clip or the frame.
        """
        stem = clip.frame_names[index]
        listed = self.clips.get(clip.name)
        if listed is None or stem not in listed.frames:
            what = f"clip {clip.name!r}" if listed is None else f"frame {stem!r} of clip {clip.name!r}"
            raise MethodError(f"no boxes for {what} in {self.path}", wanted=_WANTED, remedy="list it, with [] where it has none")
        x, y = clip.width / listed.width, clip.height / listed.height
        return [Box(box.left * x, box.top * y, box.right * x, box.bottom * y, box.score) for box in listed.frames[stem]]


def read_boxes(path: Path) -> BoxesFile:
    """Reads a file of boxes.

    Raises:
        UsageError: it can't be read, or is laid out in another way; says where.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return BoxesFile(path, {name: _clip(name, clip) for name, clip in _table(content, "clips", "the file").items()})
    except (OSError, ValueError) as error:
        raise UsageError(f"boxes = {path}: {error}", wanted=_WANTED, remedy="check the path and what it holds") from error


def _clip(name: str, content: Any) -> _Clip:
    frames = {stem: _boxes(f"{name}/{stem}", boxes) for stem, boxes in _table(content, "frames", name).items()}
    width, height = (_positive(content.get(side), f"{side} of {name}") for side in ("width", "height"))
    return _Clip(width, height, frames)


def _boxes(where: str, content: Any) -> list[Box]:
    if not isinstance(content, list):
        raise ValueError(f"{where} is no list")
    found = []
    for values in content:
        if not isinstance(values, list) or len(values) != 5 or not all(_is_number(value) for value in values):
            raise ValueError(f"{where} has a box {values!r}")
        box = Box(*(float(value) for value in values))
        if box.left >= box.right or box.top >= box.bottom:
            raise ValueError(f"{where} has an empty box {values!r}")
        found.append(box)
    return found


def _table(content: Any, key: str, where: str) -> dict[str, Any]:
    table = content.get(key) if isinstance(content, dict) else None
    if not isinstance(table, dict):
        raise ValueError(f"{where} has no table {key!r}")
    return table


def _positive(value: Any, what: str) -> float:
    if not _is_number(value) or value <= 0:
        raise ValueError(f"{what} is {value!r}")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
