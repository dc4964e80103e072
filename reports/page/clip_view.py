"""What a page shows of a clip: its pictures, its scores, and every frame's values as data for the curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorbench.results.reading import ClipFacts, Results
from colorbench.results.summary import RIVALS
from colorbench.types import MetricCard
from reports.page.pictures import TRUTH_ROW, ClipPictures, slug, write_pictures
from reports.page.tables import clip_grid, truth_score
from reports.pictures.worst_frames import WorstFrame
from reports.tables.cells import Column, Grid

_SPARE_DIGITS = 3
"""Of a frame's value beyond those that are printed, so that rounding it once more does no harm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipView:
    """A clip on a page."""

    name: str
    anchor: str
    frame_count: int
    exemplars: tuple[int, ...]
    """Frames that methods were given in color."""
    scored: tuple[int, ...]
    steps: tuple[int, ...]
    """The frames to step through: those with pictures, else the scored ones."""
    start: int
    """The place in ``steps`` of the frame that is shown first: the middle one of those that are scored."""
    curves: tuple[dict[str, Any], ...]
    """A metric each: name, title, unit, decimals, and by row (the truth is -1) a value for each scored frame, or None."""
    pictures: ClipPictures
    sides: tuple[int, int]
    """The tracks that are on the left and on the right at first: the truth, and the first method that competes."""
    table: Grid

    @property
    def data(self) -> dict[str, Any]:
        """What the page's script needs, as JSON values."""
        return {
            "count": self.frame_count,
            "steps": self.steps,
            "start": self.start,
            "scored": self.scored,
            "exemplars": self.exemplars,
            "curves": self.curves,
            "tracks": [{"folder": track.folder, "row": track.row, "map": track.has_map} for track in self.pictures.tracks],
        }


def view_clip(
    results: Results,
    clip: ClipFacts,
    page: Path,
    *,
    columns: Mapping[str, Column],
    most: int | None,
    worst: Sequence[WorstFrame],
) -> ClipView:
    """Writes a clip's pictures and gathers its numbers.

    Args:
        results: of a run.
        clip: one of its clips.
        page: the folder of the page.
        columns: the metrics' columns by name.
        most: frames with pictures, spread evenly; None for all. The methods' worst frames have them besides.
        worst: of all methods and clips.
    """
    number = results.clips.index(clip) + 1
    pictures = write_pictures(
        results,
        clip.name,
        page,
        place=f"pictures/{number:02d}-{slug(clip.name)}".rstrip("-"),
        most=most,
        always=[frame.frame for frame in worst if frame.clip == clip.name],
    )
    records = [record for record in results.records if record.clip == clip.name and record.status == "done"]
    scored = tuple(sorted({frame for record in records for frame in record.scored}))
    steps = pictures.frames or scored
    curves: tuple[dict[str, Any], ...] = tuple(
        {"name": card.name, "title": columns[card.name].title, "unit": card.unit, "decimals": card.decimals, "rows": rows}
        for card in results.metrics
        if (rows := _rows(results, clip.name, card, scored))
    )
    return ClipView(
        name=clip.name,
        anchor=f"clip-{number}",
        frame_count=max((record.frame_count for record in records), default=0),
        exemplars=tuple(sorted({frame for record in records for frame in record.exemplars if frame is not None})),
        scored=scored,
        steps=steps,
        start=_middle(steps, scored),
        curves=curves,
        pictures=pictures,
        sides=_sides(results, pictures),
        table=clip_grid(results, clip.name, columns, with_frames={curve["name"] for curve in curves}),
    )


def _rows(results: Results, clip: str, card: MetricCard, scored: Sequence[int]) -> dict[int, list[float | None]]:
    """Values of the scored frames by row; rows without any are left out."""
    found: dict[int, dict[int, float]] = {TRUTH_ROW: dict(zip(scored, truth_score(results, clip, card).frames, strict=False))}
    for row, method in enumerate(results.methods):
        record = results.record(method.label, clip)
        score = record.score(card.name) if record else None
        found[row] = dict(zip(record.scored, score.frames, strict=False)) if record and score else {}
    digits = card.decimals + _SPARE_DIGITS
    return {
        row: [round(values[frame], digits) if frame in values else None for frame in scored]
        for row, values in found.items()
        if values
    }


def _middle(steps: Sequence[int], scored: Sequence[int]) -> int:
    known = set(scored)
    places = [place for place, frame in enumerate(steps) if frame in known] or range(len(steps))
    return places[len(places) // 2] if places else 0


def _sides(results: Results, pictures: ClipPictures) -> tuple[int, int]:
    methods = {place: track.row for place, track in enumerate(pictures.tracks) if track.role == "method"}
    rivals = [place for place, row in methods.items() if row is not None and results.methods[row].kind in RIVALS]
    return 0, next(iter(rivals or methods), 0)
