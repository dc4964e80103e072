"""A grid as a LaTeX table with booktabs' rules, narrow enough for one column of a paper.

Its size is ``small``, or ``footnotesize`` where that is needed; what still is too wide goes on in a block under the first. Bounds
of an interval stand as sub- and superscript. booktabs alone is required; letters of other scripts than Latin take LuaLaTeX or
XeLaTeX.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reports.pictures.labels import shown
from reports.tables.cells import DASH, Cell, Column, Grid

COLUMN_POINTS = 234.0
"""Width of a column, 3.25 in: CVPR's. Those of IEEE and ACM are wider."""

_SIZES = (("small", 9.25), ("footnotesize", 8.5))
"""Names and twice the width of a digit in points: small letters of Computer Modern are wider than scaled ones."""
_GAP = 2.5
"""Points on either side of a column."""
_SCRIPT = 0.87
_BOLD = 1.15
_LONGEST_NAME = 26
_LONGEST_WORD = 24

_WIDTHS = (
    ("ijl.,:;!'|", 0.28),
    ("frst()[]- ", 0.4),
    ("cez", 0.45),
    ("0123456789ago", 0.5),
    ("ABCDEFGHIJKLNOPQRSTUVXYZ", 0.78),
    ("mwMW@%", 1.03),
)
_SPECIALS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"\textasciigrave{}",
    # After a line's end both would be read as its options.
    "[": "{[}",
    "*": "{*}",
    "\N{EN DASH}": r"\textendash{}",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "\N{REPLACEMENT CHARACTER}": "?",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "∞": r"$\infty$",
    "‡": r"$\ddagger$",
    "§": r"\S{}",
    "Δ": r"$\Delta$",
}


def latex(grid: Grid, *, caption: str = "", label: str = "") -> str:
    """The table, its notes and its signature as a float.

    Args:
        grid: what is in it.
        caption: plain text; escaped as all else is.
        label: for \\ref; letters, digits and -:. only, others are left out.
    """
    size, blocks = _blocks(grid)
    lines = [rf"\begin{{table}}[t]\centering\{size}\setlength{{\tabcolsep}}{{{_GAP:g}pt}}"]
    if any(cell.bounds for group in grid.groups for row in group for cell in row):
        lines.append(r"\renewcommand{\arraystretch}{1.35}")
    lines += [rf"\caption{{{escaped(caption)}}}"] if caption else []
    lines += [rf"\label{{{re.sub(r'[^A-Za-z0-9:.-]', '', label)}}}"] if label else []
    lines.append("\n\\par\\medskip\n".join(_tabular(grid, block) for block in blocks))
    notes = [_breaking(note) for note in grid.notes]
    if grid.signature:
        notes.append(rf"\texttt{{{_breaking(grid.signature)}}}")
    if notes:
        lines.append("\\par\\smallskip\\raggedright\\footnotesize\n" + "\\\\\n".join(notes))
    return "\n".join([*lines, r"\end{table}", ""])


def escaped(text: str) -> str:
    """Text that LaTeX prints as it is.

    >>> print(escaped("100% $a_b$ --x"))
    100\\% \\$a\\_b\\$ -{}-x
    """
    return re.sub("-(?=-)", "-{}", "".join(_SPECIALS.get(letter, letter) for letter in shown(text, 10_000)))


def _breaking(text: str) -> str:
    """Escaped, with places where long words may break."""
    words = (re.findall(r".{1,24}?[/|]|.{1,24}", word) if len(word) > _LONGEST_WORD else [word] for word in text.split(" "))
    return " ".join(r"\allowbreak{}".join(map(escaped, parts)) for parts in words)


def width(grid: Grid, columns: Sequence[int], points: float) -> float:
    """Estimated width in points of a tabular of these columns, set in Computer Modern of that size."""
    rows = [row for group in grid.groups for row in group]
    ems = [max([_column_em(grid.columns[at]), *(_cell_em(row[at], at) for row in rows)]) for at in columns]
    return sum(ems) * points + 2 * _GAP * (len(columns) - 1)


def _blocks(grid: Grid) -> tuple[str, list[list[int]]]:
    """The size, and which columns stand in each block; the first one stands in all of them, and empty ones in none."""
    units = _units(grid)
    everything = [0, *(at for unit in units for at in unit)]
    for size, points in _SIZES:
        if width(grid, everything, points) <= COLUMN_POINTS:
            return size, [everything]
    size, points = _SIZES[-1]
    blocks = [[0]]
    for unit in units:
        if len(blocks[-1]) > 1 and width(grid, [*blocks[-1], *unit], points) > COLUMN_POINTS:
            blocks.append([0])
        blocks[-1] += unit
    return size, blocks


def _units(grid: Grid) -> list[list[int]]:
    """Columns that stay together, the first one and those without any figure left out."""
    units: dict[str, list[int]] = {}
    for at, column in enumerate(grid.columns[1:], start=1):
        units.setdefault(column.of or column.key, []).append(at)
    rows = [row for group in grid.groups for row in group]
    return [unit for unit in units.values() if any(row[at].text != DASH for row in rows for at in unit)]


def _tabular(grid: Grid, block: Sequence[int]) -> str:
    heads = [_title(grid.columns[at]) for at in block]
    groups = ["".join(_line([_text(row[at], at) for at in block]) for row in group if _says(row, block)) for group in grid.groups]
    return (
        rf"\begin{{tabular}}{{@{{}}l{'r' * (len(block) - 1)}@{{}}}}"
        + "\n\\toprule\n"
        + "\\midrule\n".join([_line(heads), *filter(None, groups)])
        + "\\bottomrule\n\\end{tabular}"
    )


def _says(row: Sequence[Cell], block: Sequence[int]) -> bool:
    """False for a row whose figures all stand in other blocks."""
    return any(row[at].value is not None for at in block) or all(cell.value is None for cell in row)


def _line(texts: Sequence[str]) -> str:
    return " & ".join(texts) + " \\\\\n"


def _title(column: Column) -> str:
    return escaped(column.short or column.title) + escaped(column.arrow)


def _text(cell: Cell, at: int) -> str:
    text = re.sub("^-", "$-$", escaped(cell.text)) if at else escaped(shown(cell.text, _LONGEST_NAME))
    text = {"best": rf"\textbf{{{text}}}", "second": rf"\underline{{{text}}}", "": text}[cell.rank]
    scripts = ""
    if cell.bounds:
        low, high = (escaped(bound).replace("$", "") for bound in cell.bounds)
        scripts = f"_{{{low}}}^{{{high}}}{{}}"
    if cell.mark:
        scripts += f"^{{{escaped(cell.mark.strip()).replace('$', '')}}}"
    return f"{text}${scripts}$" if scripts else text


def _column_em(column: Column) -> float:
    return _em(column.short or column.title) + (0.55 if column.arrow else 0.0)


def _cell_em(cell: Cell, at: int) -> float:
    text = cell.text if at else shown(cell.text, _LONGEST_NAME)
    bounds = max(map(_em, cell.bounds)) * _SCRIPT if cell.bounds else 0.0
    return _em(text) * (_BOLD if cell.rank == "best" else 1.0) + bounds + (0.4 if cell.mark else 0.0)


def _em(text: str) -> float:
    """Widths of Computer Modern, at most a little too wide."""
    return sum(next((width for letters, width in _WIDTHS if letter in letters), 0.56) for letter in text)
