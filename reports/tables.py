"""A summary as a table: one model of cells, written as Markdown or for the terminal.

The best value of each metric is bold among the methods; control rows and the truth are set apart. A missing value is a dash, and
its reason stands under the table. A method that a control row beats on PSNR is marked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorbench.statistics import TRUTH, Row, Summary
from colorbench.types import MetricCard

if TYPE_CHECKING:
    from rich.table import Table

ARROWS = {"higher": "↑", "lower": "↓", "none": ""}
DASH = "–"
BEATEN = "‡"


@dataclass(frozen=True, slots=True)
class Cell:
    """One printed value."""

    text: str
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table ready to be written in any format."""

    header: tuple[str, ...]
    groups: tuple[tuple[tuple[Cell, ...], ...], ...]
    """Groups of rows, set apart from each other: truth, controls, methods."""
    notes: tuple[str, ...]


def make_grid(summary: Summary) -> Grid:
    """Lays a summary out."""
    best = {card.name: _best(summary, card) for card in summary.metrics}
    groups = [[row for row in summary.rows if row.kind in kinds] for kinds in ((TRUTH,), ("control",), ("automatic", "exemplar"))]
    header = (
        "method",
        "exemplars",
        *(f"{card.name.upper()} {ARROWS[card.direction]}".strip() for card in summary.metrics),
        "frames/s",
    )
    cells = tuple(tuple(_cells(row, summary, best) for row in group) for group in groups if group)
    return Grid(header=header, groups=cells, notes=_notes(summary))


def markdown(summary: Summary) -> str:
    """A GitHub-flavored table with its notes and signature."""
    grid = make_grid(summary)
    lines = ["| " + " | ".join(grid.header) + " |", "|---|" + "---:|" * (len(grid.header) - 1)]
    for group in grid.groups:
        for row in group:
            texts = [f"**{cell.text}**" if cell.bold else cell.text for cell in row]
            lines.append("| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |")
    notes = [f"- {note}" for note in grid.notes]
    return "\n".join([*lines, "", *notes, *([""] if notes else []), f"`{summary.short_signature}`", ""])


def terminal(summary: Summary) -> Table:
    """The same for a terminal."""
    from rich.table import Table
    from rich.text import Text

    grid = make_grid(summary)
    table = Table(caption="\n".join([*grid.notes, summary.short_signature]), caption_justify="left")
    for index, title in enumerate(grid.header):
        table.add_column(Text(title), justify="right" if index else "left", no_wrap=index > 0)
    for group in grid.groups:
        for row in group:
            table.add_row(*(Text(cell.text, style="bold" if cell.bold else "") for cell in row))
        table.add_section()
    return table


def format_value(value: float | None, card: MetricCard) -> str:
    """A value with the card's digits; ∞ for infinite, a dash for none."""
    if value is None:
        return DASH
    return "∞" if math.isinf(value) else f"{value:.{card.decimals}f}"


def _cells(row: Row, summary: Summary, best: dict[str, str]) -> tuple[Cell, ...]:
    values = [
        Cell(
            text := format_value(row.scores[card.name].value, card),
            row.kind in ("automatic", "exemplar") and text == best[card.name],
        )
        for card in summary.metrics
    ]
    speed = DASH if row.frames_per_second is None else f"{row.frames_per_second:.1f}"
    return (Cell(_name(row, summary)), Cell(_span(row.exemplars)), *values, Cell(speed))


def _span(counts: tuple[int, int] | None) -> str:
    """How many exemplars: "2", or "1 to 3"."""
    if counts is None:
        return DASH
    fewest, most = counts
    return str(most) if fewest == most else f"{fewest} to {most}"


def _name(row: Row, summary: Summary) -> str:
    name = row.label
    if row.variant and row.variant not in (name, "default") and not name.endswith(f":{row.variant}"):
        name += f" ({row.variant})"
    return f"{name} {BEATEN}" if _beaten_by(row, summary) else name


def _best(summary: Summary, card: MetricCard) -> str:
    """The best printed value among methods that are not controls; empty where there is no order or no rival."""
    values = [
        value
        for row in summary.rows
        if row.kind in ("automatic", "exemplar") and (value := row.scores[card.name].value) is not None
    ]
    if card.direction == "none" or len(values) < 2:
        return ""
    return format_value(max(values) if card.direction == "higher" else min(values), card)


def _beaten_by(row: Row, summary: Summary) -> str:
    """The best control by PSNR if it is above the method's, of those that were given as many exemplars or fewer."""
    own = row.scores["psnr"].value if "psnr" in row.scores else None
    if own is None or row.kind not in ("automatic", "exemplar"):
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


def _notes(summary: Summary) -> tuple[str, ...]:
    """Why values are missing, each reason once; which methods a control beats; which failed."""
    missing: dict[tuple[str, str], list[str]] = {}
    methods = [row for row in summary.rows if row.kind != TRUTH]
    for card in summary.metrics:
        reasons = {row.label: row.scores[card.name].reason for row in methods}
        for row in methods:
            if row.scores[card.name].value is None:
                whose = "" if len(set(reasons.values())) == 1 else f" of {row.label}"
                names = missing.setdefault((whose, reasons[row.label]), [])
                names += [card.name] if card.name not in names else []
    notes = [f"{DASH} {', '.join(names)}{whose}: {reason}" for (whose, reason), names in missing.items()]
    for row in methods:
        if control := _beaten_by(row, summary):
            notes.append(f"{BEATEN} {row.label} has a lower PSNR than the control {control}")
        if row.failed:
            notes.append(f"{row.label}: {row.failed} clip{'s' if row.failed > 1 else ''} failed")
    return tuple(notes)
