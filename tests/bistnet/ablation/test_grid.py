"""Grids as data: the paper's own, products, and what is refused with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from bistnet.ablation.grid import Grid, grid_names, read_grid
from colorbench.errors import UnknownNameError, UsageError

# Table 2 of arXiv 2212.02268, typed in from the paper.
TABLE_2 = """
w/o BTFB 28.32 0.004359
w/o semantic mask 27.58 0.004484
w/o edge mask 27.99 0.004078
w/o both masks 26.61 0.003972
w/o MSRB 27.29 0.004640
w/o L_edge 28.15 0.004660
w/o L_hem 27.08 0.004525
w/o L_edge and L_hem 27.00 0.004682
full 30.40 0.003540
"""

FACTORS = """
[factors.fusion]
linear = {}
average = { "fusion.form" = "average" }

[factors.masks]
with = {}
without = { "experts.semantic" = "none", "experts.edges" = "none" }
"""


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def read_(text: str) -> Grid:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return read_grid(path)

    return read_


def test_the_papers_grid_has_the_rows_and_figures_of_table_2() -> None:
    grid = read_grid("table2")
    printed = [line.rsplit(" ", 2) for line in TABLE_2.strip().splitlines()]
    published = [cell for cell in grid.cells if cell.paper]
    assert [(cell.title, cell.paper) for cell in published] == [
        (title, {"psnr": float(psnr), "cdc": float(cdc)}) for title, psnr, cdc in printed
    ]
    assert [cell.name for cell in grid.cells if not cell.paper] == ["as-printed", "single", "hard"]
    assert grid.base == "full"
    strips = {strip.name: strip.cells for strip in grid.strips}
    assert list(strips) == ["masks", "msrb", "beside"]
    assert all("full" in cells for cells in strips.values())


def test_each_row_of_table_2_changes_what_it_says_and_nothing_else() -> None:
    changes = {cell.name: dict(cell.changes) for cell in read_grid("table2").cells}
    assert changes == {
        "no-btfb": {"fusion.form": "average"},
        "no-semantic": {"experts.semantic": "none"},
        "no-edges": {"experts.edges": "none"},
        "no-masks": {"experts.semantic": "none", "experts.edges": "none"},
        "no-msrb": {"refinement.scales": 1},
        "no-edge-loss": {"losses.edge": 0.0},
        "no-hem-loss": {"losses.hem": 0.0},
        "no-losses": {"losses.edge": 0.0, "losses.hem": 0.0},
        "full": {},
        "as-printed": {"fusion.form": "as-printed"},
        "single": {"fusion.references": 1},
        "hard": {"match.mode": "hard"},
    }


@pytest.mark.parametrize("name", grid_names())
def test_grids_of_the_package_can_be_read(name: str) -> None:
    assert read_grid(name).cells


def test_factors_without_cells_are_a_full_product(read) -> None:  # type: ignore[no-untyped-def]
    grid = read(FACTORS)
    assert [cell.name for cell in grid.cells] == ["linear+with", "linear+without", "average+with", "average+without"]
    assert grid.base == "linear+with"
    assert grid.cell("average+without").changes == {
        "fusion.form": "average", "experts.semantic": "none", "experts.edges": "none",
    }  # fmt: skip


def test_a_cell_keeps_the_first_level_of_factors_that_it_does_not_name(read) -> None:  # type: ignore[no-untyped-def]
    grid = read(FACTORS + '[[cells]]\nname = "full"\n[[cells]]\nname = "b"\nlevels = { fusion = "average" }')
    assert grid.cell("b").levels == {"fusion": "average", "masks": "with"}
    assert grid.cell("b").title == "b"


FULL = FACTORS + '[[cells]]\nname = "full"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("factors = 3", "has no factors"),
        ("[factor.a]\nb = {}", "unknown key in grid mine: 'factor', did you mean 'factors'"),
        ("[factors.a]\nb = 3", "factor 'a' = {'b': 3}"),
        ('[factors.a]\nx = {}\ny = { "fusion.form" = 1 }\n[factors.b]\nz = { "fusion.form" = 2 }', "both change fusion.form"),
        (FULL + "levels = 3", "levels = 3"),
        (FULL + 'level = { fusion = "average" }', "'level', did you mean 'levels'"),
        (FULL + 'levels = { fusoin = "average" }', "unknown factor in grid mine: cell 'full': 'fusoin', did you mean 'fusion'"),
        (
            FULL + 'levels = { fusion = "averag" }',
            "unknown level of factor 'fusion' in grid mine: cell 'full': 'averag', did you",
        ),
        (FULL + "paper = { pnsr = 3 }", "'pnsr', did you mean 'psnr'"),
        (FULL + 'paper = { psnr = "3" }', "paper.psnr = '3'"),
        (FULL + "title = 3", "title = 3"),
        (FULL + '[[cells]]\nname = "full"', "two cells are named 'full'"),
        (FACTORS + '[[cells]]\nname = "a/b"', "name = 'a/b'"),
        (FACTORS + '[[cells]]\nlevels = { fusion = "linear" }', "name = None"),
        (FACTORS + '[[cells]]\nname = "b"\nlevels = { fusion = "average" }', "no cell has the first level of every factor"),
        (FULL + '[[strips]]\nname = "s"\ncells = ["ful"]', "'ful', did you mean 'full'"),
        (FULL + '[[strips]]\nname = "s"\ncells = []', "cells = []"),
        ("cells = 3\n" + FACTORS, "cells = 3"),
        ("[factors", "mend that line"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_file_is_said_with_a_remedy(read, text: str, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError) as raised:
        read(text)
    assert message in str(raised.value)
    assert raised.value.wanted
    assert raised.value.remedy or "did you mean" in str(raised.value)


def test_unknown_grids_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'table2'"):
        read_grid("tabel2")
    with pytest.raises(UsageError, match="check the path"):
        read_grid(tmp_path / "none.toml")
    with pytest.raises(UnknownNameError, match="did you mean 'no-msrb'"):
        read_grid("table2").cell("no-mrsb")
