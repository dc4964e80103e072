"""Stills on the time line: which frame of a film each colored picture shows.

A file's name proposes a frame: its stem is a frame's name, or the last number in both is the same (``ref_049.png`` is frame
``00049``). The proposal is believed where the picture looks like that frame, nearly as much as like any other; else it stands at
the frame that it looks most like. A place that is given is taken as it is. Two pictures never share a frame.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from colorbench.clips.likeness import check_alike
from colorbench.errors import UnknownNameError, UsageError

Rule = Literal["auto", "name", "match"]

NEARLY = 0.1
"""A name is believed if its frame is at most so much less like the picture than the frame that is most like it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a still stands."""

    name: str
    index: int
    rule: Literal["name", "at", "match"]
    likeness: float = 1.0
    """In [-1, 1], of the picture and its frame."""
    named: int | None = None
    """The frame that its name means, where that was not believed."""


def check_counts(names: Sequence[str], n_frames: int) -> None:
    """Refuses what can't be placed by any rule.

    Raises:
        UsageError: more stills than frames.
    """
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


def check_at(names: Sequence[str], indices: Sequence[int], n_frames: int) -> None:
    """Refuses frames that can't be given for these stills.

    Raises:
        UsageError: another number of frames than of stills, one outside the film, or one given twice.
    """
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
    _check_distinct([Place(name, index, "at") for name, index in zip(names, indices, strict=True)])


def named_frames(names: Sequence[str], frame_names: Sequence[str]) -> tuple[int | None, ...]:
    """The frames that file names mean; None for those that mean none.

    Args:
        names: file stems of the stills.
        frame_names: of the film; a video's frames are named by their number.

    >>> named_frames(["00002", "ref_1", "wall"], ["00000", "00001", "00002"])
    (2, 1, None)
    """
    stems = {name: index for index, name in enumerate(frame_names)}
    numbers: dict[int | None, int | None] = {}
    for index, name in enumerate(frame_names):
        number = _last_number(name)
        # Two frames of one number: it means neither.
        numbers[number] = None if number in numbers else index
    numbers[None] = None
    return tuple(stems.get(name, numbers.get(_last_number(name))) for name in names)


def check_rule(names: Sequence[str], frame_names: Sequence[str], rule: str) -> None:
    """Refuses a rule that does not exist, and names that mean no frame where names are to decide.

    Raises:
        UsageError: saying which.
    """
    if rule not in get_args(Rule):
        raise UnknownNameError("rule for placing references", rule, get_args(Rule))
    if rule != "name":
        return
    for name, index in zip(names, named_frames(names, frame_names), strict=True):
        if index is None:
            raise UsageError(
                f"no frame is named like the reference {name!r}; the clip's are {frame_names[0]!r} to {frame_names[-1]!r}",
                wanted="all references named like frames",
                remedy="give their frames, --at 0,49,99, or leave --place out",
            )
    _check_distinct(
        [Place(name, index or 0, "name") for name, index in zip(names, named_frames(names, frame_names), strict=True)]
    )


def place(
    names: Sequence[str],
    frame_names: Sequence[str],
    likeness: NDArray[np.float32],
    *,
    at: Sequence[int] | None,
    rule: Rule,
    least: float,
) -> tuple[Place, ...]:
    """Where each still stands.

    Args:
        names: file stems of the stills.
        frame_names: of the film.
        likeness: (N, R), of each frame and still.
        at: frames that were given; None: by ``rule``.
        rule: "auto": see above; "name": names are believed unseen; "match": they are not looked at.
        least: likeness under which a picture does not show a frame.

    Raises:
        FramesError: a picture that looks like no frame, and is not named like one.
        UsageError: two on one frame.
    """
    if at is not None:
        places = [Place(name, index, "at") for name, index in zip(names, at, strict=True)]
    else:
        meant = named_frames(names, frame_names) if rule != "match" else (None,) * len(names)
        places = [
            _placed(name, index, likeness[:, number], believed=rule == "name", exact=name in frame_names, least=least)
            for number, (name, index) in enumerate(zip(names, meant, strict=True))
        ]
    _check_distinct(places)
    return tuple(replace(found, likeness=float(likeness[found.index, number])) for number, found in enumerate(places))


def _placed(name: str, meant: int | None, likeness: NDArray[np.float32], *, believed: bool, exact: bool, least: float) -> Place:
    best = int(likeness.argmax())
    if meant is not None:
        looks_so = likeness[meant] >= max(least, likeness[best] - NEARLY)
        # A picture that looks like nothing at all, but has a frame's own name, was changed by whoever colored it.
        changed = exact and likeness[best] < least
        if believed or looks_so or changed:
            return Place(name, meant, "name")
    check_alike(name, best, float(likeness[best]), least=least)
    return Place(name, best, "match", named=meant)


def _last_number(name: str) -> int | None:
    numbers = re.findall(r"\d+", name, re.ASCII)
    return int(numbers[-1]) if numbers else None


def _check_distinct(places: Sequence[Place]) -> None:
    seen: dict[int, Place] = {}
    for found in places:
        other = seen.setdefault(found.index, found)
        if other is not found:
            raise UsageError(
                f"references {other.name!r} and {found.name!r} are both at frame {found.index}",
                wanted="one reference a frame",
                remedy="leave one of them out, or give other frames with --at",
            )
