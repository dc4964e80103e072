"""A grid as an HTML table: a fragment for pages, and a page of its own."""

from __future__ import annotations

from html import escape

from reports.tables.cells import Cell, Grid

_STYLE = (
    "body{font:15px/1.4 system-ui,sans-serif;margin:2em;overflow-x:auto}table{border-collapse:collapse;"
    "border-block:2px solid}th,td{padding:.2em .6em;text-align:right;white-space:nowrap}th:first-child,td:first-child{text-align:"
    "left}thead,tbody+tbody{border-top:1px solid}small,ul{color:#555}"
)


def html_table(grid: Grid) -> str:
    """The table, its notes as a list and its signature; every text escaped. Cells carry their unrounded values as data-value."""
    heads = "".join(f'<th scope="col">{escape(f"{column.title} {column.arrow}".strip())}</th>' for column in grid.columns)
    lines = ["<table>", f"<thead><tr>{heads}</tr></thead>"]
    for group in grid.groups:
        lines.append("<tbody>")
        lines += ["<tr>" + "".join(map(_cell, row)) + "</tr>" for row in group]
        lines.append("</tbody>")
    lines.append("</table>")
    if grid.notes:
        lines += ["<ul>", *(f"<li>{escape(note)}</li>" for note in grid.notes), "</ul>"]
    if grid.signature:
        lines.append(f"<p><code>{escape(grid.signature)}</code></p>")
    return "\n".join([*lines, ""])


def html_page(grid: Grid, *, title: str) -> str:
    """The table as a file that a browser opens."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{html_table(grid)}</body>\n</html>\n"
    )


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    text = {"best": f"<strong>{text}</strong>", "second": f"<u>{text}</u>", "": text}[cell.rank]
    text += f"<sup>{escape(cell.mark)}</sup>" if cell.mark else ""
    text += f" <small>[{escape(', '.join(cell.bounds))}]</small>" if cell.bounds else ""
    value = "" if cell.value is None else f' data-value="{cell.value!r}"'
    return f"<td{value}>{text}</td>"
