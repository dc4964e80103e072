"""Whatever the width, a terminal shows every name, number and verdict whole."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from rich.console import Console

from cli import main
from colorbench.inspection.survey import FilmReport, Inspection
from colorbench.inspection.verdict import SHOT_CARDS, ShotRow
from colorbench.results.compare import compare, find_pairs
from colorbench.results.gate_command import check, update_baseline
from colorbench.results.summary import Summary
from reports.console.inspection import film_grid, shot_grid
from reports.tables.cells import Cell, Column, Grid
from reports.tables.comparison import comparison_grid
from reports.tables.gate_table import make_gate_grid
from reports.tables.grid import make_grid
from reports.tables.published import load_published
from reports.tables.terminal_table import print_grid

WIDTHS = (60, 80, 200)
LONG = "a-method-with-a-name-of-fifty-eight-letters-0123456789-xyz"


def printed(grid: Grid, width: int | None, encoding: str = "utf-8") -> list[str]:
    """The lines that a terminal of a width shows, or for None a pipe gets."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    print_grid(grid, Console(file=file, force_terminal=width is not None, width=width, color_system=None))
    file.flush()
    return raw.getvalue().decode(encoding).splitlines()


def texts(grid: Grid) -> set[str]:
    """All that is to be seen of a grid's cells."""
    cells = [cell for group in grid.groups for row in group for cell in row]
    bounds = {f"[{', '.join(cell.bounds)}]" for cell in cells if cell.bounds}
    return {cell.text + cell.mark for cell in cells} | bounds | {column.title for column in grid.columns[grid.keys :]}


def check_whole(grid: Grid, width: int | None) -> list[str]:
    lines = printed(grid, width)
    text = "\n".join(lines)
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert [part for part in texts(grid) if part not in text] == []
    for note in (*grid.notes, *filter(None, [grid.signature])):
        assert note.replace(" ", "") in text.replace(" ", "").replace("\n", "")
    if width is not None:
        assert max(map(cell_len, lines)) <= width
    return lines


@pytest.fixture
def wide(make_row: Callable[..., object], make_summary: Callable[..., Summary]) -> Summary:
    rows = [
        make_row(name, "exemplar", 30.0 + index, 0.0035) for index, name in enumerate(("flow:double", LONG, "\u6f22\u5b57" * 12))
    ]
    return make_summary(*rows)


@pytest.mark.parametrize("width", [*WIDTHS, None])
def test_a_run_is_shown_whole(wide: Summary, width: int | None) -> None:
    for grid in (make_grid(wide), make_grid(wide, intervals=True), make_grid(wide, published=load_published())):
        check_whole(grid, width)


@pytest.mark.parametrize("width", [*WIDTHS, None])
def test_a_gate_and_a_comparison_are_shown_whole(store: Path, tmp_path: Path, width: int | None) -> None:
    update_baseline(store, tmp_path / "baseline.json")
    check_whole(make_gate_grid(check(store, tmp_path / "baseline.json")), width)
    check_whole(comparison_grid(compare(find_pairs(f"{store}@flow", f"{store}@bistnet"))), width)


def inspection(*labels: str) -> Inspection:
    values: dict[str, float | None] = {card.name: 12.3456 for card in SHOT_CARDS}
    films = []
    for label in labels:
        facts = {"label": label, "first": 0, "last": 24, "start": "00:00:00:00", "end": "00:00:01:00", "values": values}
        shots = tuple(ShotRow(**facts, number=number, reason="flicker", severity=2.1) for number in (1, 2))  # type: ignore[arg-type]
        films.append(FilmReport(label=label, path=Path(f"{label}.mp4"), values=values, shots=shots, frames={}))
    return Inspection(
        source=Path("film.mp4"), n_frames=25, fps=Fraction(25), size=(256, 144), shots=(), films=tuple(films), references=()
    )


@pytest.mark.parametrize("width", [*WIDTHS, None])
def test_an_inspection_is_shown_whole(width: int | None) -> None:
    for found in (inspection("ours"), inspection("a film of a longer name, colored by another.mp4", "theirs.mov")):
        check_whole(film_grid(found), width)
        check_whole(shot_grid(found), width)


def test_tables_are_stacked_and_each_row_keeps_its_names() -> None:
    columns = tuple(Column(name, name) for name in ("method", "metric", *(f"value-{number}" for number in range(9))))
    row = (Cell("flow"), Cell("psnr"), *(Cell(f"{number}.123") for number in range(9)))
    lines = check_whole(Grid(columns, ((row,),), keys=2), 60)
    assert sum("flow" in line and "psnr" in line for line in lines) == len([line for line in lines if "method" in line]) > 1


def test_a_column_of_dashes_is_said_in_a_line_where_there_is_no_room_for_it() -> None:
    columns = tuple(Column(name, name * 4) for name in ("method", "first", "lacks", "third"))
    row = (Cell("flow"), Cell("1.0", 1.0), Cell("\N{EN DASH}"), Cell("3.0", 3.0))
    grid = Grid(columns, ((row,),))
    assert check_whole(grid, 60)[-1] == "\N{EN DASH} in all rows: lackslackslackslacks"
    assert len([line for line in check_whole(grid, 200) if "flow" in line]) == 1


def test_a_value_stays_beside_what_it_belongs_to() -> None:
    columns = (Column("m", "m"), *(Column(f"c{n}", f"column {n}", of=f"c{n - n % 2}") for n in range(6)))
    lines = printed(Grid(columns, ((tuple(Cell("x" * 8) for _ in columns),),)), 50)
    heads = [line for line in lines if "column" in line]
    assert [[f"column {n}" in line for n in range(6)] for line in heads] == [
        [True, True, False, False, False, False],
        [False, False, True, True, False, False],
        [False, False, False, False, True, True],
    ]


def test_names_as_long_as_the_terminal_turn_the_table() -> None:
    grid = Grid((Column("clip", "clip"), Column("psnr", "PSNR", "↑")), (((Cell("n" * 59), Cell("30.12", 30.12)),),))
    assert check_whole(grid, 60) == ["n" * 59, "  PSNR ↑ 30.12"]
    assert len(check_whole(grid, 80)) == 5


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "utf-8"])
@pytest.mark.parametrize("width", [60, None])
def test_a_console_that_lacks_letters_gets_plain_ones_in_straight_columns(encoding: str, width: int | None) -> None:
    rows = (((Cell("cafe\u0301"), Cell("∞", float("inf"))), (Cell("clip\udcff"), Cell("\N{EN DASH}"))),)
    lines = printed(Grid((Column("clip", "clip"), Column("psnr", "PSNR", "↑")), rows, ("‡ is beaten",)), width, encoding)
    frame = [line for line in lines if "clip" in line or "30" in line or "+-" in line]
    assert len({cell_len(line) for line in frame}) == 1
    assert any(r"clip\udcff" in line for line in lines)


def test_what_a_pipe_gets_is_as_wide_as_it_is(store: Path, tmp_path: Path) -> None:
    base = tmp_path / "baseline.json"
    runner = CliRunner(env={"COLUMNS": "40"})
    assert runner.invoke(main, ["gate", str(store), "--update", str(base)]).exit_code == 0
    lines = runner.invoke(main, ["gate", str(store), "--against", str(base)]).stdout.splitlines()
    assert any("method" in line and "worst clip" in line for line in lines)
