"""A grid as a GitHub-flavored table."""

from __future__ import annotations

import re

from reports.tables.cells import Cell, Grid


def markdown(grid: Grid) -> str:
    """The table with its notes and signature. Names come out as they are, whatever they hold."""
    titles = [f"{escaped(column.title)} {column.arrow}".strip() for column in grid.columns]
    lines = [_line(titles), "|---|" + "---:|" * (len(titles) - 1)]
    lines += [_line([_text(cell) for cell in row]) for group in grid.groups for row in group]
    notes = [f"- {escaped(note)}" for note in grid.notes]
    signature = ["`" + grid.signature.replace("`", "'") + "`", ""] if grid.signature else []
    return "\n".join([*lines, "", *notes, *([""] if notes else []), *signature])


def escaped(text: str) -> str:
    """Text without meaning to Markdown or HTML.

    >>> print(escaped("a|b <i> *c*"))
    a\\|b &lt;i&gt; \\*c\\*
    """
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def _line(texts: list[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def _text(cell: Cell) -> str:
    text = escaped(cell.text)
    text = {"best": f"**{text}**", "second": f"<u>{text}</u>", "": text}[cell.rank] + escaped(cell.mark)
    return f"{text} \\[{', '.join(cell.bounds)}\\]" if cell.bounds else text
