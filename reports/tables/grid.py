"""A run's summary laid out as a table.

The best value of each metric is bold and the second underlined, among the methods; control rows and the truth are set apart. A
missing value is a dash, and its reason stands under the table. A method that a control row beats on PSNR is marked, and so is a
value that differs from the best one by more than chance.
"""

from __future__ import annotations

from colorbench.frames.matching import some
from colorbench.results.statistics import ALPHA, LEVEL, smallest_p
from colorbench.results.summary import RIVALS, TRUTH, Row, Summary
from colorbench.types import MetricCard
from reports.pictures.labels import shown
from reports.tables.cells import ARROWS, DASH, DIFFERS, Cell, Column, Grid, Laid, format_value, ranks
from reports.tables.published import Published

BEATEN = "‡"
SEEN = "§"

_MOST_NOTES = 5
"""Of a method's units, under a table."""
_ENOUGH_CLIPS = 10
"""With fewer, a 95% interval covers less than 0.9 (docs/design/reports.md)."""
_LONGEST_ACRONYM = 5
_SHORT = {"delta-cdc": "ΔCDC", "colorfulness": "color"}


def make_grid(summary: Summary, *, intervals: bool = False, published: Published | None = None) -> Grid:
    """Lays a summary out: the truth, control rows, methods.

    Args:
        summary: of a run.
        intervals: True prints each value's confidence interval.
        published: a paper's figures, beside the measured ones and instead of speed; its methods that were not run come last.
    """
    laid: list[Laid] = [
        (Column("method", "method"), lambda row: _name(row, summary)),
        (Column("exemplars", "exemplars", short="ex."), lambda row: Cell(_span(row.exemplars))),
    ]
    for card in summary.metrics:
        laid.append(_measured(card, summary, intervals=intervals))
        laid += published.laid(card, summary) if published else []
    if not published:
        laid.append((Column("frames_per_second", "frames/s", short="fps"), _speed))
    columns = tuple(column for column, _ in laid)
    rows = [[row for row in summary.rows if row.kind in kinds] for kinds in ((TRUTH,), ("control",), RIVALS)]
    groups = [tuple(tuple(fill(row) for _, fill in laid) for row in group) for group in rows if group]
    notes = [*_missing_notes(summary), *_ceiling_notes(summary), *_row_notes(summary), *_test_notes(summary)]
    if intervals:
        notes.append(_interval_note(_clips(summary)))
    if published:
        groups += published.not_run(summary, columns)
        notes += published.notes(summary)
    return Grid(columns=columns, groups=tuple(groups), notes=tuple(notes), signature=shown(summary.short_signature, 1000))


def _measured(card: MetricCard, summary: Summary, *, intervals: bool) -> Laid:
    rivals = {row.label: row.scores[card.name].value for row in summary.rows if row.kind in RIVALS}
    ranked = ranks({label: value for label, value in rivals.items() if value is not None}, card)
    p_values = summary.p_values.get(card.name, {})

    def fill(row: Row) -> Cell:
        pooled, p = row.scores[card.name], p_values.get(row.label)
        low, high = pooled.interval.low, pooled.interval.high
        return Cell(
            text=format_value(pooled.value, card),
            value=pooled.value,
            rank=ranked.get(row.label, "") if row.kind in RIVALS else "",
            mark=DIFFERS if p is not None and p < ALPHA else "",
            bounds=(format_value(low, card), format_value(high, card)) if intervals and low is not None else None,
            interval=pooled.interval,
            p=p,
        )

    title = card.name.upper() if len(card.name) <= _LONGEST_ACRONYM else card.name
    return Column(card.name, title, ARROWS[card.direction], short=_SHORT.get(card.name, "")), fill


def _speed(row: Row) -> Cell:
    speed = row.frames_per_second
    return Cell(DASH) if speed is None else Cell(f"{speed:.1f}", speed)


def _span(counts: tuple[int, int] | None) -> str:
    """How many exemplars: "2", or "1 to 3"."""
    if counts is None:
        return DASH
    fewest, most = counts
    return str(most) if fewest == most else f"{fewest} to {most}"


def _name(row: Row, summary: Summary) -> Cell:
    name = shown(row.label)
    if row.variant and row.variant not in (row.label, "default") and not row.label.endswith(f":{row.variant}"):
        name += f" ({row.variant})"
    marks = (BEATEN if _beaten_by(row, summary) else "") + (SEEN if row.seen else "")
    return Cell(name, mark=f" {marks}" if marks else "")


def _beaten_by(row: Row, summary: Summary) -> str:
    """The best control by PSNR if it is above the method's, of those that were given as many exemplars or fewer."""
    own = row.scores["psnr"].value if "psnr" in row.scores else None
    if own is None or row.kind not in RIVALS:
        return ""
    above = [
        (value, control.label)
        for control in summary.rows
        if control.kind == "control"
        and _most(control) <= _most(row)
        and (value := control.scores["psnr"].value) is not None
        and value > own
    ]
    return max(above)[1] if above else ""


def _most(row: Row) -> int:
    return row.exemplars[1] if row.exemplars else 0


def _missing_notes(summary: Summary) -> list[str]:
    """Why values are missing, each reason once."""
    missing: dict[tuple[str, str], list[str]] = {}
    methods = [row for row in summary.rows if row.kind != TRUTH]
    for card in summary.metrics:
        reasons = {row.label: row.scores[card.name].reason for row in methods}
        for row in methods:
            if row.scores[card.name].value is None:
                whose = "" if len(set(reasons.values())) == 1 else f" of {shown(row.label)}"
                names = missing.setdefault((whose, reasons[row.label]), [])
                names += [card.name] if card.name not in names else []
    return [f"{DASH} {', '.join(names)}{whose}: {shown(reason, 1000)}" for (whose, reason), names in missing.items()]


def _ceiling_notes(summary: Summary) -> list[str]:
    """How many frames count a metric's ceiling, methods with as many together."""
    notes = []
    for card in summary.metrics:
        counted: dict[tuple[int, int], list[str]] = {}
        for row in summary.rows:
            score = row.scores[card.name]
            if score.at_ceiling:
                counted.setdefault((score.at_ceiling, score.frames), []).append(shown(row.label))
        for (count, frames), labels in counted.items():
            what = f"{count} of {frames} frames of {', '.join(labels)} equal the truth, or nearly, and"
            notes.append(f"{card.name}: {what} count {format_value(card.ceiling, card)} {card.unit}".rstrip())
    return notes


def _row_notes(summary: Summary) -> list[str]:
    """Which methods a control beats, whose weights have seen the data, which failed, which were not run."""
    notes = []
    for row in summary.rows:
        name = shown(row.label)
        if control := _beaten_by(row, summary):
            notes.append(f"{BEATEN} {name} has a lower PSNR than the control {shown(control)}")
        for count, what in ((row.failed, "failed"), (row.missing, "not run")):
            if count:
                notes.append(f"{name}: {count} clip{'s' if count > 1 else ''} {what}")
        notes += _unit_notes(row, name)
    if seen := [row for row in summary.rows if row.seen]:
        names = ", ".join(shown(row.label) for row in seen)
        notes.append(f"{SEEN} weights trained on clips of {seen[0].seen}, some of these or others: {names}")
    return notes


def _unit_notes(row: Row, name: str) -> list[str]:
    """The first notes of a method's units; results.json has all."""
    notes = [f"{name} on {shown(some(clips), 200)}: {shown(note, 500)}" for note, clips in row.notes.items()]
    left = len(notes) - _MOST_NOTES
    return [*notes[:_MOST_NOTES], *([f"{name}: {left} more such notes, in results.json"] if left > 0 else [])]


def _test_notes(summary: Summary) -> list[str]:
    """What the mark of a difference means, or that so few clips can't earn it."""
    p_values = [p for of_metric in summary.p_values.values() for p in of_metric.values()]
    if any(p < ALPHA for p in p_values):
        return [
            f"{DIFFERS} differs from the best method: p under {ALPHA:g} in a paired permutation test over clips, Holm-corrected"
        ]
    clips = _clips(summary)
    if p_values and smallest_p(clips) >= ALPHA:
        return [f"{clips} clip{'s' if clips > 1 else ''}: too few for a difference to be beyond chance (p under {ALPHA:g})"]
    return []


def _interval_note(clips: int) -> str:
    note = f"bounds beside a value: {LEVEL:.0%} confidence interval of the mean over clips (BCa bootstrap)"
    return note if clips >= _ENOUGH_CLIPS else f"{note}; with {clips} clip{'s' if clips > 1 else ''} it is too narrow"


def _clips(summary: Summary) -> int:
    return max((score.clips for row in summary.rows for score in row.scores.values()), default=0)
