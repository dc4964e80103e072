"""Which stills color which shot and how far they reach, for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorbench.clips.shots import DETECTION
from colorbench.files.atomic import replacing_file
from colorbench.film.assignment import ShotColors
from colorbench.film.coverage import LEAST, Proposal
from colorbench.film.references import Still
from colorbench.film.timeline import Timeline
from colorbench.runs.store import to_json

_TABLED = 12
"""Lines of the table; the JSON has all shots."""


@dataclass(frozen=True, slots=True)
class ShotReference:
    """A still as a row names it."""

    name: str
    frame: int
    """Of the shot, the one that it shows or looks most like."""
    likeness: float
    own: bool
    """False: it stands in another shot."""
    automatic: bool
    """A method made it, not a person."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames of a shot that the stills hardly reach."""

    first: int
    last: int
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class ShotRow:
    """A shot of the report."""

    number: int
    """From 1 on."""
    first: int
    last: int
    start: str
    """Timecode of its first frame, HH:MM:SS.mmm from the beginning of the film."""
    end: str
    """Of the frame after its last."""
    references: tuple[ShotReference, ...]
    """What colors it; none: it stays gray, or the method does without."""
    nearest: ShotReference | None
    """The still that looks most like it, used or not."""
    good: bool
    """It has a still of its own that looks like it, or needs none."""
    coverage: float | None
    """Mean over its frames, in [0, 1]; None where no still is needed."""
    worst: int | None
    """The frame that is covered least."""
    worst_coverage: float | None
    uncovered: tuple[Stretch, ...]
    """Where colors run out."""
    next: int | None
    """The frame to color next."""
    next_at: str | None
    """Its timecode."""
    gain: float | None
    """Frames that it would cover and that nothing covers now."""


def timecode(seconds: float) -> str:
    """HH:MM:SS.mmm.

    >>> timecode(3723.4567)
    '01:02:03.457'
    """
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def shot_row(
    colors: ShotColors,
    stills: Sequence[Still],
    timeline: Timeline,
    *,
    least: float,
    coverage: NDArray[np.float32] | None,
    proposal: Proposal | None,
) -> ShotRow:
    """A shot's row.

    Args:
        colors: what colors it.
        stills: of the film.
        timeline: of the film.
        least: likeness of a good still.
        coverage: of each of its frames; None: the method needs no stills.
        proposal: the frame to color next.
    """
    shot = colors.shot
    used = tuple(_named(stills[use.still], use.index, use.likeness, own=use.own) for use in colors.uses)
    nearest = None
    if colors.nearest is not None:
        still, sight = colors.nearest
        own = any(use.own and use.still == still for use in colors.uses)
        nearest = _named(stills[still], sight.index, sight.likeness, own=own)
    worst = None if coverage is None else int(coverage.argmin())
    return ShotRow(
        number=colors.number + 1,
        first=shot.first,
        last=shot.last,
        start=timecode(timeline.at(shot.first)),
        end=timecode(timeline.at(shot.last + 1)),
        references=used,
        nearest=nearest,
        good=coverage is None or any(use.likeness >= least for use in colors.uses),
        coverage=None if coverage is None else round(float(coverage.mean()), 3),
        worst=None if worst is None else shot.first + worst,
        worst_coverage=None if coverage is None else round(float(coverage.min()), 3),
        uncovered=() if coverage is None else _stretches(coverage, shot.first, timeline),
        next=None if proposal is None else proposal.index,
        next_at=None if proposal is None else timecode(timeline.at(proposal.index)),
        gain=None if proposal is None else round(proposal.gain, 1),
    )


def describe_rows(rows: Sequence[ShotRow]) -> list[str]:
    """A line on the whole, one for each shot without a good still, and the shots in which most is left to gain."""
    poor = [row for row in rows if not row.good]
    shots = "1 shot" if len(rows) == 1 else f"{len(rows)} shots"
    lines = [f"{shots}, {len(poor) or 'none'} without a good reference"]
    for row in poor:
        at = f"shot {row.number}, {row.start} to {row.end}, frames {row.first} to {row.last}"
        seen = f"the nearest is {row.nearest.name}, of likeness {row.nearest.likeness:.2f}" if row.nearest else "there is none"
        colors = f"colored from {', '.join(used.name for used in row.references)}" if row.references else "it stays gray"
        lines.append(f"{at}: {seen}; {colors}")
    wanting = sorted((row for row in rows if row.gain is not None), key=lambda row: -(row.gain or 0.0))
    wanting = [row for row in wanting if (row.worst_coverage or 0.0) < LEAST][:_TABLED]
    if wanting:
        lines.append(f"colors run out (coverage under {LEAST}) in these shots; a still of the frame named brings most:")
        lines += [
            f"  shot {row.number}: coverage {row.coverage:.2f}, {row.worst_coverage:.2f} at frame {row.worst}; "
            f"next frame {row.next}, {row.next_at}, gains {row.gain:.0f} frames"
            for row in wanting
        ]
    return lines


def write_report(path: Path, rows: Sequence[ShotRow], *, source: Path, facts: Mapping[str, object]) -> None:
    """The rows as JSON.

    Raises:
        StoreError: it can't be written.
    """
    record = {"film": source.name, "detection": DETECTION, **facts, "shots": [asdict(row) for row in rows]}
    with replacing_file(path) as temporary:
        temporary.write_text(to_json(record, indent=1) + "\n", encoding="utf-8")


def _named(still: Still, frame: int, likeness: float, *, own: bool) -> ShotReference:
    return ShotReference(still.name, frame, round(likeness, 3), own, still.automatic)


def _stretches(coverage: NDArray[np.float32], first: int, timeline: Timeline) -> tuple[Stretch, ...]:
    found, at = [], first
    for low, group in groupby(coverage < LEAST):
        stop = at + len(list(group))
        if low:
            found.append(Stretch(at, stop - 1, timecode(timeline.at(at)), timecode(timeline.at(stop))))
        at = stop
    return tuple(found)
