"""The tables of a page by clip: one metric on every clip, and every metric of one clip.

A missing value is a dash with the number of a note that says why.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from colorbench.results.reading import MethodFacts, Results
from colorbench.results.summary import RIVALS, TRUTH, unit_score
from colorbench.types import MetricCard, Score
from reports.tables.cells import Cell, Column, Grid, format_value, ranks

FRAME = "frame:"
"""Begins the key of a column that holds a metric's value of the frame shown; empty until one is."""


@dataclass(slots=True)
class _Notes:
    """Reasons in the order in which they first appear."""

    reasons: dict[str, int] = field(default_factory=dict)

    def cell(self, score: Score, card: MetricCard) -> Cell:
        """A printed score; a missing one with the number of its reason."""
        number = "" if score.value is not None else str(self.reasons.setdefault(score.reason, len(self.reasons) + 1))
        return Cell(format_value(score.value, card), score.value, mark=number)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(f"{number} {reason}" for reason, number in self.reasons.items())


def metric_grid(results: Results, card: MetricCard) -> Grid:
    """A row a clip, a column a method, one for the truth before them where it has values of its own."""
    notes, rows = _Notes(), []
    for clip in results.clip_names:
        truth = () if card.needs_truth else (notes.cell(truth_score(results, clip, card), card),)
        rows.append((Cell(clip), *truth, *_method_cells(results, clip, card, notes)))
    titles = [*([] if card.needs_truth else [TRUTH]), *(method.label for method in results.methods)]
    columns = (Column("clip", "clip"), *(Column(str(place), title) for place, title in enumerate(titles)))
    return Grid(columns, (tuple(rows),), notes.texts)


def clip_grid(results: Results, clip: str, columns: Mapping[str, Column], *, with_frames: Collection[str]) -> Grid:
    """A row for the truth and one a method, a column a metric, beside it one for the frame shown.

    Args:
        results: of a run.
        clip: its name.
        columns: the metrics' columns by name.
        with_frames: the metrics that have values of frames.
    """
    notes = _Notes()
    rows = [[Cell(TRUTH)], *([Cell(method.label)] for method in results.methods)]
    shown = [Column("method", "method")]
    for card in results.metrics:
        cells = (notes.cell(truth_score(results, clip, card), card), *_method_cells(results, clip, card, notes))
        shown.append(columns[card.name])
        for row, cell in zip(rows, cells, strict=True):
            row.append(cell)
            row += [Cell("")] if card.name in with_frames else []
        if card.name in with_frames:
            shown.append(Column(FRAME + card.name, "frame", of=card.name))
    return Grid(tuple(shown), (tuple(map(tuple, rows)),), notes.texts)


def truth_score(results: Results, clip: str, card: MetricCard) -> Score:
    """The truth's own score from whichever method's record has it; without a value, and with the reason, where none has."""
    if card.needs_truth:
        return Score(metric=card.name, value=None, reason="the truth itself")
    own = [score for record in results.records if record.clip == clip for score in record.truth if score.metric == card.name]
    missing = own[0] if own else Score(metric=card.name, value=None, reason="no method's unit is done")
    return next((score for score in own if score.value is not None), missing)


def _method_cells(results: Results, clip: str, card: MetricCard, notes: _Notes) -> tuple[Cell, ...]:
    """The methods' values in the run's order, best and second marked among those that compete."""
    scores = {method.label: _score(results, method, clip, card.name) for method in results.methods}
    rivals = [method.label for method in results.methods if method.kind in RIVALS]
    ranked = ranks({label: value for label in rivals if (value := scores[label].value) is not None}, card)
    return tuple(replace(notes.cell(score, card), rank=ranked.get(label, "")) for label, score in scores.items())


def _score(results: Results, method: MethodFacts, clip: str, metric: str) -> Score:
    record = results.record(method.label, clip)
    if record is not None and record.error:
        return Score(metric=metric, value=None, reason=f"{method.label} failed: {record.error.splitlines()[0]}")
    return unit_score(record, metric)
