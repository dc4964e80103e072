"""A run's table in every format: Markdown, LaTeX, CSV, HTML and the terminal.

table.md     with notes and signature, no intervals
table.tex    for one column of a paper, with intervals
table.csv    unrounded, with bounds and p
table.html   a page of its own, with intervals
table1.*     the same beside the figures that the BiSTNet paper prints, in Markdown and LaTeX
"""

from __future__ import annotations

from colorbench.results.summary import Summary
from reports.tables.csv_table import csv_table
from reports.tables.grid import make_grid
from reports.tables.html_table import html_page
from reports.tables.latex import latex
from reports.tables.markdown import markdown
from reports.tables.published import load_published

FORMATS = ("md", "tex", "csv", "html")


def table_texts(summary: Summary, form: str) -> dict[str, str]:
    """File name to text. The same summary gives the same bytes.

    Args:
        summary: of a run.
        form: one of FORMATS.
    """
    plain, full = make_grid(summary), make_grid(summary, intervals=True)
    caption = "Mean scores over clips."
    match form:
        case "md":
            beside = make_grid(summary, published=load_published())
            return {"table.md": markdown(plain), "table1.md": markdown(beside)}
        case "tex":
            beside = make_grid(summary, published=load_published())
            return {
                "table.tex": latex(full, caption=caption, label="tab:scores"),
                "table1.tex": latex(
                    beside, caption="Mean scores over clips, beside those that the paper prints.", label="tab:published"
                ),
            }
        case "csv":
            return {"table.csv": csv_table(full)}
        case _:
            return {"table.html": html_page(full, title=f"colorbench {summary.short_signature}")}
