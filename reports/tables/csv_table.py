"""A grid as CSV: unrounded values, a column each for the bounds and p where there are any."""

from __future__ import annotations

from collections.abc import Callable

from reports.tables.cells import Cell, Grid
from reports.tables.csv_text import csv_text

_EXTRAS: tuple[tuple[str, Callable[[Cell], float | None]], ...] = (
    ("low", lambda cell: cell.interval.low),
    ("high", lambda cell: cell.interval.high),
    ("p", lambda cell: cell.p),
)


def csv_table(grid: Grid) -> str:
    """A row a row, missing values empty.

    Bounds and p have six digits: more would depend on the machine.
    """
    rows = [row for group in grid.groups for row in group]
    header, columns = [], []
    for index, column in enumerate(grid.columns):
        cells = [row[index] for row in rows]
        header.append(column.key)
        columns.append([_value(cell) if index else cell.text for cell in cells])
        for name, of in _EXTRAS:
            numbers = [of(cell) for cell in cells]
            if any(number is not None for number in numbers):
                header.append(f"{column.key}_{name}")
                columns.append(["" if number is None else f"{number:.6g}" for number in numbers])
    return csv_text([header, *zip(*columns, strict=True)])


def _value(cell: Cell) -> str:
    """A number in full; of a cell that is no number its text, and nothing for a dash."""
    if cell.value is not None:
        return repr(cell.value)
    return cell.text if cell.text.isascii() else ""
