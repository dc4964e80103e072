"""The writers of tables: expected text, the same bytes each time, and names that can't break out."""

from __future__ import annotations

import csv
import html.parser
import io
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from colorbench.results.statistics import Interval
from colorbench.results.summary import Row, Summary
from reports.tables.cells import Cell, Column, Grid
from reports.tables.csv_table import csv_table
from reports.tables.grid import make_grid
from reports.tables.html_table import html_page, html_table
from reports.tables.latex import COLUMN_POINTS, latex
from reports.tables.markdown import markdown
from reports.tables.published import load_published
from reports.tables.run_table import FORMATS, table_texts
from reports.tables.terminal_table import print_grid

MakeRow = Callable[..., Row]
MakeSummary = Callable[..., Summary]


def test_markdown_is_as_expected(make_summary: MakeSummary) -> None:
    assert markdown(make_grid(make_summary())) == (
        "| method | exemplars | PSNR ↑ | CDC ↓ | frames/s |\n"
        "|---|---:|---:|---:|---:|\n"
        "| truth | – | – | 0.003700 | – |\n"
        "| gray | 0 | 23.70 | 0.004000 | 12.3 |\n"
        "| flow | 2 | 31.20 | 0.003500 | 12.3 |\n"
        "| a ‡ | 2 | <u>30.40</u>\\* | **0.003500** | 12.3 |\n"
        "| b | 2 | **32.00** | <u>0.004100</u> | 12.3 |\n"
        "| c | 0 | 25.50\\* | 0.005200\\* | 12.3 |\n"
        "\n"
        "- ‡ a has a lower PSNR than the control flow\n"
        "- \\* differs from the best method: p under 0.05 in a paired permutation test over clips, Holm-corrected\n"
        "\n"
        "`p:full`\n"
    )


def test_methods_that_have_seen_the_data_are_marked(make_row: MakeRow, make_summary: MakeSummary) -> None:
    seen = (replace(make_row(label, "exemplar", psnr, 0.004), seen="davis") for label, psnr in (("a", 30.0), ("b", 32.0)))
    grid = make_grid(make_summary(make_row("flow", "control", 31.0, 0.004), *seen))
    assert [row[0].text + row[0].mark for group in grid.groups for row in group] == ["flow", "a ‡§", "b §"]
    assert "§ weights trained on clips of davis, some of these or others: a, b" in grid.notes
    for text in (markdown(grid), latex(grid), html_table(grid)):
        assert "§" in text or r"\S" in text


def test_latex_is_as_expected(make_summary: MakeSummary) -> None:
    text = latex(make_grid(make_summary(), intervals=True), caption="Scores & more", label="tab:x}y")
    lines = text.splitlines()
    assert lines[0] == r"\begin{table}[t]\centering\small\setlength{\tabcolsep}{2.5pt}"
    assert lines[1:4] == [r"\renewcommand{\arraystretch}{1.35}", r"\caption{Scores \& more}", r"\label{tab:xy}"]
    assert lines[4:7] == [
        r"\begin{tabular}{@{}lrrrr@{}}",
        r"\toprule",
        r"method & ex. & PSNR$\uparrow$ & CDC$\downarrow$ & fps \\",
    ]
    psnr, cdc = r"\underline{30.40}$_{29.40}^{31.40}{}^{{*}}$", r"\textbf{0.003500}$_{0.003300}^{0.003700}{}$"
    assert rf"a$^{{\ddagger}}$ & 2 & {psnr} & {cdc} & 12.3 \\" in lines
    assert [line for line in lines if "rule" in line] == [r"\toprule", *[r"\midrule"] * 3, r"\bottomrule"]
    assert lines[-1] == r"\end{table}"


def test_csv_has_unrounded_values_bounds_and_p(make_summary: MakeSummary) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_table(make_grid(make_summary())))))
    assert rows[3] == {
        "method": "a",
        "exemplars": "2",
        "psnr": "30.404",
        "psnr_low": "29.404",
        "psnr_high": "31.404",
        "psnr_p": "0.03",
        "cdc": "0.0035",
        "cdc_low": "0.0033",
        "cdc_high": "0.0037",
        "cdc_p": "",
        "frames_per_second": "12.34",
    }
    assert rows[0]["psnr"] == rows[0]["exemplars"] == ""


def test_html_sorts_by_unrounded_values_and_sets_groups_apart(make_summary: MakeSummary) -> None:
    text = html_table(make_grid(make_summary(), intervals=True))
    assert text.count("<tbody>") == 3
    assert '<td data-value="30.404"><u>30.40</u><sup>*</sup> <small>[29.40, 31.40]</small></td>' in text
    assert "<strong>32.00</strong>" in text
    assert html_page(make_grid(make_summary()), title="a<b").startswith("<!doctype html>")


def printed(grid: Grid) -> str:
    console = Console(file=io.StringIO(), force_terminal=False)
    print_grid(grid, console)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_terminal_shows_the_same_figures(make_summary: MakeSummary) -> None:
    text = printed(make_grid(make_summary(), intervals=True))
    for part in ("30.40* [29.40, 31.40]", "0.003500", "p:full", "a has a lower PSNR"):
        assert part in text


def test_the_same_summary_gives_the_same_text_in_every_format(make_summary: MakeSummary) -> None:
    first, second = ({form: table_texts(make_summary(), form) for form in FORMATS} for _ in range(2))
    assert first == second
    names = [name for texts in first.values() for name in texts]
    assert names == ["table.md", "table1.md", "table.tex", "table1.tex", "table.csv", "table.html"]


# Names that would like to be something else.


def test_hostile_names_are_text_in_markdown(hostile: Summary) -> None:
    text = markdown(make_grid(hostile))
    assert "<script" not in text
    assert len(text.splitlines()) == 2 + 6 + 1 + 6 + 2
    assert "a\\|b" in text
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()[:8]} == {6}


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)


def test_hostile_names_are_text_in_html(hostile: Summary) -> None:
    parser = Tags()
    parser.feed(html_page(make_grid(hostile, intervals=True), title="</title><script>"))
    assert "script" not in parser.seen
    assert "td" in parser.seen


def test_hostile_names_are_no_formulas_in_a_spreadsheet(hostile: Summary) -> None:
    rows = list(csv.reader(io.StringIO(csv_table(make_grid(hostile)))))
    assert len({len(row) for row in rows}) == 1
    assert not any(field.startswith(("=", "+", "-", "@")) for row in rows for field in row)


LAYOUT = {"begin", "end", "centering", "small", "footnotesize", "setlength", "tabcolsep", "renewcommand", "arraystretch"}
LAYOUT |= {"toprule", "midrule", "bottomrule", "par", "medskip", "smallskip", "raggedright", "texttt", "textbf", "underline"}
LETTERS = {f"text{name}" for name in ("backslash", "asciicircum", "asciitilde", "less", "greater", "bar", "endash")}
LETTERS |= {"ldots", "uparrow", "downarrow", "allowbreak"}


def test_hostile_names_are_text_in_latex(hostile: Summary) -> None:
    text = latex(make_grid(hostile))
    commands = set(re.findall(r"\\([A-Za-z]+|.)", text))
    assert "input" not in commands
    assert commands <= LAYOUT | LETTERS | set("\\{}$&#%_")
    body = re.sub(r"\\[{}$&#%_\\]", "", text)
    assert body.count("{") == body.count("}")
    assert body.count("$") % 2 == 0
    for tabular in re.findall(r"begin\{tabular\}.*?end\{tabular\}", body, re.DOTALL):
        assert len({line.count("&") for line in tabular.splitlines() if "&" in line}) == 1


def test_a_name_after_a_lines_end_is_not_read_as_its_options(make_row: MakeRow, make_summary: MakeSummary) -> None:
    text = latex(make_grid(make_summary(*(make_row(name, "exemplar", 30.0, 0.1) for name in ("[9cm]x", "*y")))))
    assert "{[}9cm]x & " in text
    assert "\n{*}y & " in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_takes_tables_and_hostile_names_and_nothing_is_too_wide(wide: Summary, hostile: Summary, tmp_path: Path) -> None:
    grids = [make_grid(hostile, intervals=True), make_grid(wide, intervals=True), make_grid(wide, published=load_published())]
    tables = "".join(latex(grid, caption="100% of $x", label="a") for grid in grids)
    setup = rf"\documentclass{{article}}\usepackage{{booktabs}}\setlength{{\textwidth}}{{{COLUMN_POINTS}pt}}"
    (tmp_path / "paper.tex").write_text(rf"{setup}\begin{{document}}{tables}\end{{document}}", encoding="utf-8")
    command = ["pdflatex", "-interaction=batchmode", "-halt-on-error", "-no-shell-escape", "paper.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert "Overfull" not in (tmp_path / "paper.log").read_text(encoding="latin-1")


def test_hostile_names_send_nothing_to_the_terminal(hostile: Summary) -> None:
    text = printed(make_grid(hostile))
    assert "\x1b[31m" not in text
    assert "[red]*c*" in text


# Width in a paper.


def points_of(latex_text: str, size: float) -> float:
    """The widest line of the tabulars as Computer Modern sets it, by the font's own metrics."""
    from matplotlib import font_manager, ft2font

    fonts = {
        weight: ft2font.FT2Font(font_manager.findfont(font_manager.FontProperties(family=family)))
        for weight, family in (("medium", "cmr10"), ("bold", "cmb10"))
    }

    def measure(text: str, scale: float, weight: str = "medium") -> float:
        font = fonts[weight]
        font.set_size(size * scale, 72)
        font.set_text(text, 0, flags=ft2font.LoadFlags.NO_HINTING)
        return float(font.get_width_height()[0]) / 64

    def cell(text: str) -> float:
        total = 0.0
        for low, high in re.findall(r"_\{(.*?)\}\^\{(.*?)\}\{\}", text):
            total += max(measure(low, 0.86), measure(high, 0.86))
        marks = len(re.findall(r"\^\{[^.]*?\}\$", text))
        arrows = len(re.findall(r"\$\\\w+arrow\$", text))
        text = re.sub(r"\$.*?\$", "", text)
        bold = "textbf" in text
        plain = re.sub(r"\\textendash\{\}", "-", re.sub(r"\\(textbf|underline)\{(.*?)\}", r"\2", text)).strip()
        return total + measure(plain, 1, "bold" if bold else "medium") + (0.5 * marks + 0.5 * arrows) * size

    widest = 0.0
    for tabular in re.findall(r"\\begin\{tabular\}.*?\\end\{tabular\}", latex_text, re.DOTALL):
        rows = [[cell(part) for part in line.removesuffix(r" \\").split(" & ")] for line in tabular.splitlines() if " & " in line]
        columns = [max(column) for column in zip(*rows, strict=True)]
        widest = max(widest, sum(columns) + 5 * (len(columns) - 1))
    return widest


@pytest.fixture
def wide(make_summary: MakeSummary, make_row: MakeRow) -> Summary:
    base = make_summary()
    cards = [replace(base.metrics[0], name=name, decimals=digits) for name, digits in (("psnr", 2), ("ssim", 4), ("lpips", 4))]
    cards += [replace(base.metrics[1], name=name) for name in ("cdc", "delta-cdc", "colorfulness")]
    rows = []
    for index, name in enumerate(("flow", "gray", "bistnet", "bistnet-single", "deepremaster")):
        row = make_row(name, "control" if index < 2 else "exemplar", 30.0 + index, 0.004 + index / 1e4, variant="compact")
        rows.append(replace(row, scores={card.name: row.scores["psnr" if card.decimals < 6 else "cdc"] for card in cards}))
    return replace(base, metrics=tuple(cards), rows=tuple(rows), p_values={})


@pytest.mark.parametrize("kind", ["plain", "intervals", "published"])
def test_a_latex_table_fits_a_papers_column(wide: Summary, kind: str) -> None:
    grid = make_grid(wide, intervals=kind == "intervals", published=load_published() if kind == "published" else None)
    text = latex(grid)
    # Computer Modern of 9 and 8 points is as wide as that of 10 scaled to these sizes; its scripts as that scaled to 0.86 of 8.5.
    size = 9.25 if text.startswith(r"\begin{table}[t]\centering\small\set") else 8.5
    assert 0.6 * COLUMN_POINTS < points_of(text, size) <= COLUMN_POINTS


def test_columns_that_do_not_fit_go_on_below_and_the_papers_stay_beside_their_metric(wide: Summary) -> None:
    text = latex(make_grid(wide, published=load_published()))
    heads = [line for line in text.splitlines() if line.startswith("method & ")]
    assert len(heads) > 1
    joined = " & ".join(heads)
    for metric in (r"PSNR$\uparrow$", r"SSIM$\uparrow$", r"LPIPS$\uparrow$", r"CDC$\downarrow$"):
        assert f"{metric} & paper" in joined
    assert not any(re.match(r"method & paper", head) for head in heads)


def test_latex_leaves_empty_columns_out_and_rows_whose_figures_stand_in_other_blocks(wide: Summary) -> None:
    text = latex(make_grid(wide, published=load_published()))
    blocks = re.findall(r"\\begin\{tabular\}.*?\\end\{tabular\}", text, re.DOTALL)
    assert "Iizuka" in blocks[0]
    assert "Iizuka" not in blocks[-1]
    no_speed = replace(wide, rows=tuple(replace(row, frames_per_second=None) for row in wide.rows))
    assert "fps" not in latex(make_grid(no_speed))


def test_a_grid_of_other_columns_is_written_by_all() -> None:
    """As that of an ablation is: differences from a full model with their intervals."""
    columns = (Column("variant", "variant"), Column("psnr", "PSNR", "↑"), Column("psnr-difference", "minus full", of="psnr"))
    difference = Cell("-1.20", -1.2, bounds=("-1.50", "-0.90"), interval=Interval(-1.5, -0.9), p=0.01, mark="*")
    grid = Grid(columns, (((Cell("w/o BTFB"), Cell("28.00", 28.0), difference),),), ("means over clips",))
    assert "-1.20\\* \\[-1.50, -0.90\\]" in markdown(grid)
    assert r"w/o BTFB & 28.00 & $-$1.20$_{-1.50}^{-0.90}{}^{{*}}$ \\" in latex(grid)
    assert csv_table(grid).splitlines()[1] == "w/o BTFB,28.0,-1.2,-1.5,-0.9,0.01"
    assert '<td data-value="-1.2">-1.20<sup>*</sup> <small>[-1.50, -0.90]</small></td>' in html_table(grid)
    assert "-1.20* [-1.50, -0.90]" in printed(grid)
