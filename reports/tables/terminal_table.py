"""A grid for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.tables.cells import Cell, Grid

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def terminal_table(grid: Grid) -> Table:
    """The table with its notes and signature under it; names are shown as they are, markup in them too."""
    from rich.table import Table
    from rich.text import Text

    table = Table(caption=Text("\n".join([*grid.notes, *filter(None, [grid.signature])])), caption_justify="left")
    for index, column in enumerate(grid.columns):
        title = Text(f"{column.title} {column.arrow}".strip())
        table.add_column(title, justify="right" if index else "left", no_wrap=index > 0)
    for group in grid.groups:
        for row in group:
            table.add_row(*map(_text, row))
        table.add_section()
    return table


def print_grid(grid: Grid) -> None:
    """To stdout. A file or pipe gets the table as wide as it is; a terminal folds it to fit."""
    from rich.console import Console

    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=200)
    console.print(terminal_table(grid))


def _text(cell: Cell) -> Text:
    from rich.text import Text

    text = Text(cell.text, style={"best": "bold", "second": "underline", "": ""}[cell.rank])
    text.append(cell.mark)
    text.append(f" [{', '.join(cell.bounds)}]" if cell.bounds else "")
    return text
