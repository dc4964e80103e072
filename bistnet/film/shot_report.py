"""Which references color which shot, for people and as JSON; shots without a good one are named with their timecodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bistnet.film.assignment import ShotColors
from bistnet.film.survey import Survey
from bistnet.film.timeline import Timeline
from colorbench.clips.shots import DETECTION
from colorbench.files.atomic import replacing_file
from colorbench.runs.store import to_json


@dataclass(frozen=True, slots=True)
class ShotReference:
    """A reference as a row names it."""

    name: str
    frame: int
    """Of the shot, the one that it shows or looks most like."""
    likeness: float
    own: bool
    """False: it stands in another shot."""


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
    """What colors it; none: it stays gray."""
    nearest: ShotReference
    """The reference that looks most like it, used or not."""
    good: bool
    """It has a reference that looks like it."""


def timecode(seconds: float) -> str:
    """HH:MM:SS.mmm.

    >>> timecode(3723.4567)
    '01:02:03.457'
    """
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def shot_rows(
    assigned: Sequence[ShotColors], survey: Survey, names: Sequence[str], timeline: Timeline, *, least: float
) -> tuple[ShotRow, ...]:
    """The report, one row a shot.

    Args:
        assigned: of :func:`bistnet.film.assignment.assign`.
        survey: that it was made of.
        names: of the references.
        timeline: of the film.
        least: likeness of a good reference.
    """
    rows = []
    for number, (colors, sights) in enumerate(zip(assigned, survey.sights, strict=True)):
        shot = colors.shot
        used = tuple(ShotReference(names[use.reference], use.index, round(use.likeness, 3), use.own) for use in colors.uses)
        best = max(range(len(names)), key=lambda reference: sights[reference].likeness)
        own = shot.first <= survey.places[best].index <= shot.last
        rows.append(
            ShotRow(
                number=number + 1,
                first=shot.first,
                last=shot.last,
                start=timecode(timeline.at(shot.first)),
                end=timecode(timeline.at(shot.last + 1)),
                references=used,
                nearest=ShotReference(names[best], sights[best].index, round(sights[best].likeness, 3), own),
                good=any(use.likeness >= least for use in colors.uses),
            )
        )
    return tuple(rows)


def describe_rows(rows: Sequence[ShotRow]) -> list[str]:
    """A line on the whole, and one for each shot without a good reference."""
    poor = [row for row in rows if not row.good]
    shots = "1 shot" if len(rows) == 1 else f"{len(rows)} shots"
    lines = [f"{shots}, {len(poor) or 'none'} without a good reference"]
    for row in poor:
        nearest = f"the nearest is {row.nearest.name}, of likeness {row.nearest.likeness:.2f}"
        colors = f"colored from {', '.join(used.name for used in row.references)}" if row.references else "it stays gray"
        lines.append(f"shot {row.number}, {row.start} to {row.end}, frames {row.first} to {row.last}: {nearest}; {colors}")
    return lines


def write_report(path: Path, rows: Sequence[ShotRow], *, source: Path) -> None:
    """The rows as JSON.

    Raises:
        StoreError: it can't be written.
    """
    record = {"film": source.name, "detection": DETECTION, "shots": [asdict(row) for row in rows]}
    with replacing_file(path) as temporary:
        temporary.write_text(to_json(record, indent=1) + "\n", encoding="utf-8")
