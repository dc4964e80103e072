"""References on the time line: which frame of a clip each colored picture shows.

Three rules. By name: the picture's stem is a frame's name, or the last number in both is the same (``ref_049.png`` is frame
``00049``). By place: the frames are given. By likeness: the frame whose luminance looks most like the picture's. Two pictures
never share a frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from colorbench.clips.likeness import ALIKE, describe
from colorbench.errors import FramesError, UnknownNameError, UsageError
from colorbench.types import LStar, RgbFrame

Rule = Literal["auto", "name", "match"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reference stands."""

    name: str
    index: int
    rule: Literal["name", "at", "match"]
    likeness: float | None = None
    """In [-1, 1], of the picture and its frame; None where it was not looked at."""


def check_counts(names: Sequence[str], n_frames: int) -> None:
    """Refuses what can't be placed by any rule.

    Raises:
        UsageError: no reference, or more than frames.
    """
    if not names:
        raise UsageError(
            "no reference picture", wanted="at least one colored picture of the clip", remedy="name it with --references"
        )
    if len(names) > n_frames:
        raise UsageError(
            f"{len(names)} references for a clip of {n_frames} {'frame' if n_frames == 1 else 'frames'}",
            wanted="at most one a frame",
            remedy="leave some out",
        )


def parse_at(text: str) -> tuple[int, ...]:
    """Frame numbers, counted from 0, separated by commas.

    Raises:
        UsageError: something else.

    >>> parse_at("0,49, 99")
    (0, 49, 99)
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"\d+", part, re.ASCII) for part in parts):
        raise UsageError(
            f"--at {text!r}", wanted="frame numbers from 0 on, separated by commas", remedy="for instance --at 0,49,99"
        )
    return tuple(int(part) for part in parts)


def place_at(names: Sequence[str], indices: Sequence[int], n_frames: int) -> tuple[Place, ...]:
    """References at given frames, in the order in which they are named.

    Raises:
        UsageError: another number of frames than of references, one outside the clip, or one given twice.
    """
    check_counts(names, n_frames)
    if len(indices) != len(names):
        raise UsageError(
            f"--at names {len(indices)} frames for {len(names)} references",
            wanted="one frame for each reference, in their order",
            remedy=f"the references in order: {', '.join(names)}",
        )
    for name, index in zip(names, indices, strict=True):
        if not 0 <= index < n_frames:
            raise UsageError(
                f"--at puts {name} at frame {index} of a clip of {n_frames}",
                wanted=f"frames 0 to {n_frames - 1}",
                remedy="frames are counted from 0",
            )
    return _distinct([Place(name, index, "at") for name, index in zip(names, indices, strict=True)])


def place_by_name(names: Sequence[str], frame_names: Sequence[str]) -> tuple[Place | None, ...]:
    """References at the frames that their file names mean; None for those that mean none.

    Args:
        names: file stems of the references.
        frame_names: of the clip; a video's frames are named by their number.

    Raises:
        UsageError: two references mean one frame.

    >>> [place.index if place else None for place in place_by_name(["00002", "ref_1", "wall"], ["00000", "00001", "00002"])]
    [2, 1, None]
    """
    stems = {name: index for index, name in enumerate(frame_names)}
    numbers: dict[int | None, int | None] = {}
    for index, name in enumerate(frame_names):
        number = _last_number(name)
        # Two frames of one number: it means neither.
        numbers[number] = None if number in numbers else index
    numbers[None] = None
    found: list[Place | None] = []
    for name in names:
        at = stems.get(name, numbers.get(_last_number(name)))
        found.append(None if at is None else Place(name, at, "name"))
    _distinct([place for place in found if place is not None])
    return tuple(found)


def place_known(names: Sequence[str], frame_names: Sequence[str], *, rule: Rule) -> tuple[Place, ...] | None:
    """References by name, or None where they are to be found by likeness.

    Args:
        names: file stems of the references.
        frame_names: of the clip.
        rule: "auto" goes by name where all names mean a frame, by likeness where none does.

    Raises:
        UsageError: names that mean no frame, some names that do and some that don't, or two references on one frame.
    """
    if rule not in get_args(Rule):
        raise UnknownNameError("rule for placing references", rule, get_args(Rule))
    check_counts(names, len(frame_names))
    by_name = place_by_name(names, frame_names) if rule != "match" else (None,) * len(names)
    placed = [place for place in by_name if place is not None]
    if len(placed) == len(names):
        return tuple(placed)
    if placed or rule == "name":
        lost = [name for name, place in zip(names, by_name, strict=True) if place is None]
        raise UsageError(
            f"no frame is named like the reference {lost[0]!r}; the clip's are {frame_names[0]!r} to {frame_names[-1]!r}",
            wanted="all references named like frames, or none",
            remedy="give their frames, --at 0,49,99, or look for them with --place match",
        )
    return None


def place_alike(
    names: Sequence[str], indices: Sequence[int], likeness: Sequence[float], *, least: float = ALIKE
) -> tuple[Place, ...]:
    """References at the frames that look most like them.

    Args:
        names: of the pictures.
        indices: of those frames.
        likeness: of each picture and its frame.
        least: likeness under which a picture does not show a frame.

    Raises:
        FramesError: a picture that looks like no frame.
        UsageError: two look most like one frame.
    """
    for name, value, at in zip(names, likeness, indices, strict=True):
        if value < least:
            raise FramesError(
                f"reference {name!r} looks like no frame: the nearest is frame {at}, of likeness {value:.2f}",
                wanted=f"a picture of the clip, of likeness {least} or more",
                remedy="give the frame with --at, or leave the picture out",
            )
    return _distinct([Place(name, at, "match", value) for name, at, value in zip(names, indices, likeness, strict=True)])


def match(pictures: Iterable[RgbFrame], names: Sequence[str], frames: Iterable[LStar]) -> tuple[Place, ...]:
    """References at the frames of a clip that look most like them; the earliest of equals.

    Args:
        pictures: (H, W, 3) uint8 sRGB each.
        names: of the pictures, for messages.
        frames: (H, W) L* each, read once.

    Raises:
        FramesError: a picture that looks like no frame.
        UsageError: two look most like one frame.
    """
    from colorbench.color import luminance

    wanted = np.stack([describe(luminance(picture)) for picture in pictures])
    best, index = np.full(len(wanted), -np.inf), np.zeros(len(wanted), np.int64)
    for number, frame in enumerate(frames):
        likeness = wanted @ describe(frame)
        better = likeness > best
        best[better], index[better] = likeness[better], number
    return place_alike(names, index.tolist(), best.tolist())


def _last_number(name: str) -> int | None:
    numbers = re.findall(r"\d+", name, re.ASCII)
    return int(numbers[-1]) if numbers else None


def _distinct(places: Sequence[Place]) -> tuple[Place, ...]:
    seen: dict[int, Place] = {}
    for place in places:
        other = seen.setdefault(place.index, place)
        if other is not place:
            raise UsageError(
                f"references {other.name!r} and {place.name!r} are both at frame {place.index}",
                wanted="one reference a frame",
                remedy="leave one of them out, or give other frames with --at",
            )
    return tuple(places)
