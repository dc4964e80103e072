"""Which frames of a clip are exemplars, and which frames are scored.

Rules: ``none``; ``first``; ``ends`` (first and last); ``first-middle-last``; ``every:K`` (frames 0, K, 2K, ... and the last);
``per-shot`` (first and last of each shot, see shots.py); ``given`` (the pictures that came with the clip).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from colorbench.clips.shots import Shot
from colorbench.errors import DatasetError, UsageError
from colorbench.files.composed import composed
from colorbench.types import Clip, Protocol

RULES = ("none", "first", "ends", "first-middle-last", "every:K", "per-shot", "given")


def check_rule(rule: str) -> None:
    """Refuses a rule that does not exist.

    Raises:
        UsageError: naming the rules there are.
    """
    if rule in RULES and rule != "every:K":
        return
    if re.fullmatch(r"every:[1-9]\d*", rule):
        return
    raise UsageError(f"exemplar rule {rule!r}", wanted=f"one of {', '.join(RULES)} (K a number)", remedy="change exemplars")


def exemplar_indices(rule: str, n_frames: int) -> tuple[int, ...]:
    """The frames that a rule other than ``given`` and ``per-shot`` takes, ascending and without repeats.

    >>> exemplar_indices("ends", 90), exemplar_indices("ends", 1), exemplar_indices("every:40", 90)
    ((0, 89), (0,), (0, 40, 80, 89))
    >>> exemplar_indices("first-middle-last", 100)
    (0, 49, 99)
    """
    last = n_frames - 1
    if rule == "none":
        return ()
    if rule == "first":
        return (0,)
    if rule == "ends":
        return tuple(sorted({0, last}))
    if rule == "first-middle-last":
        return tuple(sorted({0, last // 2, last}))
    step = int(rule.removeprefix("every:"))
    return tuple(sorted({*range(0, n_frames, step), last}))


def shot_indices(shots: Sequence[Shot], limit: int | None = None) -> tuple[int, ...]:
    """The frames that ``per-shot`` takes: both ends of each shot, or the first ``limit`` of the two.

    Both, because then no frame has an exemplar of another shot beside it: what takes its colors from the exemplars before and
    after a frame takes none across a cut.

    >>> shot_indices([Shot(0, 43), Shot(44, 44), Shot(45, 90)])
    (0, 43, 44, 45, 90)
    >>> shot_indices([Shot(0, 43), Shot(44, 44), Shot(45, 90)], limit=1)
    (0, 44, 45)
    """
    return tuple(index for shot in shots for index in sorted({shot.first, shot.last})[:limit])


def given_positions(references: Sequence[Path], frame_names: Sequence[str]) -> tuple[int | None, ...]:
    """Where given exemplars stand in a clip: at the frame whose file stem is theirs, else nowhere (None).

    A video's frames are named by their number (``00000``, ``00001``, ...), so a reference ``00049.png`` stands at frame 49.

    >>> given_positions([Path("b.jpg"), Path("wall.png")], ["a", "b", "c"])
    (1, None)
    """
    positions = {composed(name): index for index, name in enumerate(frame_names)}
    return tuple(positions.get(composed(path.stem)) for path in references)


def scored_indices(protocol: Protocol, clip: Clip, n_frames: int, exemplars: Sequence[int | None]) -> tuple[int, ...]:
    """The frames whose scores count, ascending.

    Exemplar frames of the protocol are left out for every method alike, whether it takes exemplars or not, so that all rows
    of a table are scored on the same frames.

    Raises:
        DatasetError: nothing is left to score.
    """
    frames = range(protocol.skip_first, n_frames - protocol.skip_last)
    excluded = set() if protocol.score_exemplars else set(exemplars)
    scored = tuple(index for index in frames if index not in excluded)
    if not scored:
        raise DatasetError(
            f"clip {clip.name!r} of {n_frames} frames has no frame to score under protocol {protocol.name!r}",
            wanted=f"more than {protocol.skip_first + protocol.skip_last} frames besides the exemplars",
            remedy="leave the clip out with --clips, or use --protocol full",
        )
    return scored
