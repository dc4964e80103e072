"""A gate's report as a table, a row a method and metric, and the reasons of its verdicts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from colorbench.results.gate import ClipChange, Comparison, GateReport
from colorbench.results.statistics import LEVEL
from reports.pictures.labels import shown
from reports.tables.cells import DASH, Cell, Column, Grid

COLUMNS = (
    Column("method", "method"),
    Column("metric", "metric"),
    Column("verdict", "verdict"),
    Column("baseline", "baseline"),
    Column("run", "run"),
    Column("change", f"change [{LEVEL:.0%}]"),
    Column("tolerance", "tolerance"),
    Column("p", "p"),
    Column("worst_clip", "worst clip"),
)

_LONGEST_NOTE = 1000


def make_gate_grid(report: GateReport) -> Grid:
    """Lays a report out, a group a method."""
    groups: dict[str, list[tuple[Cell, ...]]] = {}
    for comparison in report.comparisons:
        groups.setdefault(comparison.label, []).append(_cells(comparison))
    return Grid(
        columns=COLUMNS,
        groups=tuple(tuple(rows) for rows in groups.values()),
        notes=(*_column_notes(report.comparisons), *(shown(note, _LONGEST_NOTE) for note in report.notes)),
        signature=shown(report.signature, _LONGEST_NOTE),
        keys=2,
    )


def verdict_notes(comparisons: Sequence[Comparison]) -> list[str]:
    """Why verdicts are not "pass", each reason once."""
    reasons: dict[tuple[str, str], dict[str, list[str]]] = {}
    for found in comparisons:
        if found.verdict != "pass":
            metrics = reasons.setdefault((found.verdict, found.reason), {})
            metrics.setdefault(found.metric, []).append(shown(found.label))
    return [
        shown(f"{verdict}: {'; '.join(_whose(metrics))}: {reason}", _LONGEST_NOTE)
        for (verdict, reason), metrics in reasons.items()
    ]


def headline(report: GateReport) -> str:
    """The verdict in one line."""
    if not report.comparisons:
        return f"gate: {report.verdict}, nothing was compared (exit code {report.exit_code})"
    count = sum(found.verdict == report.verdict for found in report.comparisons)
    return f"gate: {report.verdict} in {count} of {len(report.comparisons)} comparisons (exit code {report.exit_code})"


def change_text(change: float | None, decimals: int) -> str:
    """A change with its sign; a zero has none.

    >>> change_text(-0.004, 2), change_text(0.5, 2), change_text(None, 2)
    ('0.00', '+0.50', '\N{EN DASH}')
    """
    if change is None:
        return DASH
    if math.isinf(change):
        return f"{'+' if change > 0 else '-'}\N{INFINITY}"
    text = f"{change:+.{decimals}f}"
    return text[1:] if float(text) == 0 else text


def tolerance_text(found: Comparison) -> str:
    """The mean's tolerance with the metric's digits, or with its own where those show nothing of it."""
    text = f"{found.tolerance.mean:.{found.decimals}f}"
    return text if float(text) == found.tolerance.mean else f"{found.tolerance.mean:g}"


def worst_clip(comparison: Comparison) -> ClipChange | None:
    """The clip that fell most; None where none fell."""
    fallen = [change for change in comparison.clips if change.change < 0]
    return min(fallen, key=lambda change: change.change, default=None)


def _cells(found: Comparison) -> tuple[Cell, ...]:
    difference, worst, decimals = found.difference, worst_clip(found), found.decimals
    change = difference.mean if difference else None
    interval = difference.interval if difference else None
    bounds = None
    if interval and interval.low is not None and interval.high is not None:
        bounds = (change_text(interval.low, decimals), change_text(interval.high, decimals))
    p = difference.p if difference else None
    return (
        Cell(shown(found.label)),
        Cell(shown(found.metric)),
        Cell(found.verdict, rank="" if found.verdict == "pass" else "best"),
        _value(found.baseline, decimals),
        _value(found.now, decimals),
        Cell(change_text(change, decimals), change, bounds=bounds),
        Cell(tolerance_text(found), found.tolerance.mean),
        Cell(DASH if p is None else f"{p:.3g}", p),
        Cell(f"{shown(worst.clip)} {change_text(worst.change, decimals)}" if worst else DASH),
    )


def _value(value: float | None, decimals: int) -> Cell:
    if value is None:
        return Cell(DASH)
    return Cell("\N{INFINITY}" if math.isinf(value) else f"{value:.{decimals}f}", value)


def _whose(metrics: dict[str, list[str]]) -> list[str]:
    """ "psnr, ssim of flow, gray": metrics that concern the same methods together."""
    by_labels: dict[tuple[str, ...], list[str]] = {}
    for metric, labels in metrics.items():
        by_labels.setdefault(tuple(labels), []).append(shown(metric))
    return [f"{', '.join(names)} of {', '.join(labels)}" for labels, names in by_labels.items()]


def _column_notes(comparisons: Sequence[Comparison]) -> list[str]:
    if not comparisons:
        return []
    to_truth = sorted({found.metric for found in comparisons if found.to_truth})
    note = "change: positive is better"
    if to_truth:
        note += f"; of {', '.join(to_truth)} it is that of the distance from the truth's own value"
    return [note]
