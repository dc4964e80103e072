"""What `colorbench compare` found, as a grid and as JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from colorbench.results.compare import Contrast
from colorbench.results.statistics import LEVEL, POWER
from reports.pictures.labels import shown
from reports.tables.cells import ARROWS, DASH, Cell, Column, Grid, format_value

COLUMNS = (
    Column("metric", "metric"),
    Column("first", "first"),
    Column("second", "second"),
    Column("difference", "second - first"),
    Column("p", "p (Holm)"),
    Column("detectable", "detectable"),
    Column("clips", "clips"),
    Column("verdict", "verdict on the second"),
)


def comparison_grid(contrasts: Sequence[Contrast]) -> Grid:
    """A row a metric, a group a pair of methods."""
    pairs = list(dict.fromkeys((contrast.first, contrast.second) for contrast in contrasts))
    groups = [[contrast for contrast in contrasts if (contrast.first, contrast.second) == pair] for pair in pairs]
    notes = [f"{shown(first)} is compared with {shown(second)}" for first, second in pairs]
    notes += dict.fromkeys(
        f"{DASH} {contrast.metric.name}: {shown(contrast.reason, 1000)}" for contrast in contrasts if contrast.reason
    )
    left_out = dict.fromkeys(clip for contrast in contrasts for clip in contrast.left_out)
    if left_out:
        notes.append("left out, as not both sides have a value or the same frames: " + ", ".join(map(shown, left_out)))
    notes.append(f"bounds: {LEVEL:.0%} confidence interval; detectable: what so many clips show with probability {POWER:g}")
    return Grid(COLUMNS, tuple(tuple(map(_row, group)) for group in groups), tuple(notes))


def comparison_record(contrasts: Sequence[Contrast]) -> list[dict[str, Any]]:
    """JSON values."""
    return [{**asdict(contrast), "metric": contrast.metric.name} for contrast in contrasts]


def _row(contrast: Contrast) -> tuple[Cell, ...]:
    card, difference = contrast.metric, contrast.difference
    p = contrast.corrected_p
    return (
        Cell(f"{card.name} {ARROWS[card.direction]}".strip()),
        Cell(format_value(contrast.mean_first, card), contrast.mean_first),
        Cell(format_value(contrast.mean_second, card), contrast.mean_second),
        _difference(contrast),
        Cell(DASH if p is None else f"{p:.4f}", p),
        Cell(format_value(difference.detectable, card), difference.detectable) if difference else Cell(DASH),
        Cell(str(difference.clips), difference.clips) if difference else Cell(DASH),
        Cell(contrast.verdict),
    )


def _difference(contrast: Contrast) -> Cell:
    difference, digits = contrast.difference, contrast.metric.decimals
    if difference is None or difference.mean is None:
        return Cell(DASH)
    low, high = difference.interval.low, difference.interval.high
    return Cell(
        f"{difference.mean:+.{digits}f}",
        difference.mean,
        bounds=None if low is None or high is None else (f"{low:+.{digits}f}", f"{high:+.{digits}f}"),
        interval=difference.interval,
    )
