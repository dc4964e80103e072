"""A grid for the terminal. Of names, numbers and verdicts nothing is ever cut: a grid takes the first form that fits.

as it is   also in a file or pipe, which are as wide as the table
stacked    tables one under another, each beginning with the columns that name a row; a column of dashes is said in a line instead
turned     a paragraph a row: its name, and under it title and value of each column
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from colorbench.system.console import plain
from reports.tables.cells import DASH, Cell, Grid

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_EDGE, _BESIDE = 1, 3
"""Letters that a table's frame takes, and what stands around each column."""
_INDENT, _GAP = 2, 3


def print_grid(grid: Grid, console: Console | None = None) -> None:
    """The table, its notes and its signature, to a console, by default stdout's."""
    from rich.console import Console
    from rich.text import Text

    console = console or Console(highlight=False)
    drawn = _Drawn(grid, console.encoding)
    everything = list(range(len(grid.columns)))
    if not console.is_terminal:
        wide = Console(file=console.file, highlight=False, width=drawn.width(everything))
        wide.print(drawn.table(everything))
    elif blocks := drawn.blocks(console.width):
        for block in blocks:
            console.print(drawn.table(block))
        if drawn.empty and not any(at in block for block in blocks for at in drawn.empty):
            console.print(Text(drawn.without_figures), overflow="fold")
    else:
        for line in drawn.turned(console.width):
            console.print(line, overflow="fold")
    for note in (*grid.notes, *filter(None, [grid.signature])):
        text = Text(plain(note, console.encoding), style="table.caption")
        if console.is_terminal:
            console.print(text, overflow="fold")
        else:
            console.print(text, soft_wrap=True)


class _Drawn:
    """A grid in the letters of a console."""

    def __init__(self, grid: Grid, encoding: str) -> None:
        self._columns, self._keys, self._encoding = grid.columns, grid.keys, encoding
        self._titles = [self._plain(f"{column.title} {column.arrow}".strip()) for column in grid.columns]
        self._groups = [[[self._text(cell) for cell in row] for row in group] for group in grid.groups]
        rows = [row for group in self._groups for row in group]
        cells = [row for group in grid.groups for row in group]
        self.empty = [at for at in range(grid.keys, len(grid.columns)) if all(row[at].text == DASH for row in cells)]
        self.without_figures = f"{plain(DASH, encoding)} in all rows: {', '.join(self._titles[at].plain for at in self.empty)}"
        self._widths = [max(title.cell_len, *(row[at].cell_len for row in rows), 1) for at, title in enumerate(self._titles)]

    def width(self, columns: Sequence[int]) -> int:
        """Of a table of these columns, in letters."""
        return _EDGE + sum(self._widths[at] + _BESIDE for at in columns)

    def blocks(self, width: int) -> list[list[int]]:
        """The columns of each table, so that all fit; none where a column does not fit beside a row's name."""
        keys = list(range(self._keys))
        blocks = [keys]
        if self.width(range(len(self._columns))) <= width:
            return [list(range(len(self._columns)))]
        for unit in self._units(width):
            if self.width([*blocks[-1], *unit]) > width and blocks[-1] is not keys:
                blocks.append(keys)
            blocks[-1] = [*blocks[-1], *unit]
        return blocks if all(self.width(block) <= width for block in blocks) else []

    def table(self, columns: Sequence[int]) -> Table:
        """Of these columns."""
        from rich.table import Table

        table = Table()
        for at in columns:
            table.add_column(self._titles[at], justify="right" if at else "left", no_wrap=True)
        for group in self._groups:
            for row in group:
                table.add_row(*(row[at] for at in columns))
            table.add_section()
        return table

    def turned(self, width: int) -> Iterator[Text]:
        """The lines of all rows."""
        from rich.text import Text

        for row in (row for group in self._groups for row in group):
            yield Text(", ").join(row[: self._keys])
            line = Text()
            for title, value in zip(self._titles[self._keys :], row[self._keys :], strict=True):
                pair = Text.assemble((title.plain, "table.header"), " ", value)
                if line and line.cell_len + _GAP + pair.cell_len > width:
                    yield line
                    line = Text()
                line = Text.assemble(line, " " * (_GAP if line else _INDENT), pair)
            yield line

    def _units(self, width: int) -> list[list[int]]:
        """Columns that stay together, such as a value and its difference from a paper's; one by one where they can't."""
        units: dict[str, list[int]] = {}
        for at, column in enumerate(self._columns):
            if at < self._keys or at in self.empty:
                continue
            units.setdefault(column.of or column.key, []).append(at)
        keys = range(self._keys)
        fits = {name: self.width([*keys, *unit]) <= width for name, unit in units.items()}
        return [part for name, unit in units.items() for part in ([unit] if fits[name] else [[at] for at in unit])]

    def _text(self, cell: Cell) -> Text:
        text = self._plain(cell.text, style={"best": "bold", "second": "underline", "": ""}[cell.rank])
        text.append(plain(cell.mark, self._encoding))
        text.append(f" [{', '.join(plain(bound, self._encoding) for bound in cell.bounds)}]" if cell.bounds else "")
        return text

    def _plain(self, text: str, style: str = "") -> Text:
        from rich.text import Text

        return Text(plain(text, self._encoding), style=style)
