"""The report on a film's shots: each one's stills, how far they reach, and what to color next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorbench.files.atomic import replacing_file
from colorbench.film.assignment import Part, ShotColors
from colorbench.film.choice import Choice
from colorbench.film.coverage import LEAST, next_still, part_coverage
from colorbench.film.painting import Item
from colorbench.film.references import Still
from colorbench.film.shot_report import ShotRow, shot_row
from colorbench.film.survey import Survey
from colorbench.film.timeline import Timeline

_KEPT = "coverage.npy"


def report_rows(
    choice: Choice,
    survey: Survey,
    items: Sequence[Item],
    assigned: Sequence[ShotColors],
    stills: Sequence[Still],
    timeline: Timeline,
    *,
    least: float,
) -> tuple[ShotRow, ...]:
    """A row for each shot.

    Args:
        choice: the method; one that needs no stills has no coverage.
        survey: of the film.
        items: what is colored; coverage is kept beside its pieces.
        assigned: stills to shots.
        stills: of the film.
        timeline: of the film.
        least: likeness of a good still.
    """
    folders = {item.part: item.folder for item in items}
    rows = []
    for colors in assigned:
        coverage = proposal = None
        if choice.needs_stills:
            part = Part(colors.shot.first, colors.shot.last, colors.uses)
            coverage = _coverage(survey, part, folders.get(part))
            if coverage.min() < LEAST:
                proposal = next_still(survey, colors.shot, coverage)
        rows.append(shot_row(colors, stills, timeline, least=least, coverage=coverage, proposal=proposal))
    return tuple(rows)


def _coverage(survey: Survey, part: Part, folder: Path | None) -> NDArray[np.float32]:
    if folder is None or not part.uses:
        return part_coverage(survey, part)
    path = folder / _KEPT
    if path.exists():
        kept: NDArray[np.float32] = np.load(path)
        return kept
    found = part_coverage(survey, part)
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, found)
    return found
