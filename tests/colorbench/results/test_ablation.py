"""The folder of a grid: read back as it was written, cells and seeds added, another grid refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from colorbench.errors import StoreError
from colorbench.results.ablation import GridFolder, StoredCell, StoredGrid, label_of


def cell(name: str, *, width: int = 8) -> StoredCell:
    facts = {"recipe": {"learning_rate": 1e-3}, "network": {"width": width, "size": [3, 4]}}
    return StoredCell(name=name, title=f"the {name}", paper={"psnr": 30.4}, parameters=1234, facts=facts)


GRID = StoredGrid(
    name="mine", preset="compact", budget="20m", device="cpu", base="full", steps=700, seconds_per_step=1.7, seeds=(0,),
    cells=(cell("full"), cell("bare")), strips={"pair": ["bare", "full"]},
)  # fmt: skip


def test_what_is_declared_is_read(tmp_path: Path) -> None:
    folder = GridFolder(tmp_path / "grid")
    assert folder.read() is None
    assert folder.results() is None
    assert folder.declare(GRID) == GRID
    assert folder.read() == GRID
    assert folder.training(label_of("full", 3)) == tmp_path / "grid/trainings/full@3"


def test_cells_and_seeds_are_added_and_steps_stay(tmp_path: Path) -> None:
    folder = GridFolder(tmp_path)
    folder.declare(GRID)
    later = replace(GRID, cells=(cell("wide", width=16), cell("full")), seeds=(1, 2), steps=0, seconds_per_step=None)
    found = folder.declare(later)
    assert folder.read() == found
    assert [one.name for one in found.cells] == ["wide", "full", "bare"]
    assert (found.seeds, found.steps, found.seconds_per_step) == ((0, 1, 2), 700, 1.7)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (replace(GRID, budget="5m"), "budget ('20m', not '5m')"),
        (replace(GRID, preset="paper", device="cuda"), "preset ('compact', not 'paper'), device ('cpu', not 'cuda')"),
        (replace(GRID, base="bare"), "base ('full', not 'bare')"),
        (replace(GRID, cells=(cell("full"), cell("bare", width=9))), "the settings of cell 'bare'"),
    ],
    ids=["budget", "preset", "base", "cell"],
)
def test_another_grid_is_refused_and_nothing_is_changed(tmp_path: Path, other: StoredGrid, message: str) -> None:
    folder = GridFolder(tmp_path)
    folder.declare(GRID)
    for refuse in (folder.check, folder.declare):
        with pytest.raises(StoreError) as raised:
            refuse(other)
        assert message in str(raised.value)
        assert raised.value.remedy
    assert folder.read() == GRID


def test_a_cell_whose_title_changed_is_the_same_cell(tmp_path: Path) -> None:
    folder = GridFolder(tmp_path)
    folder.declare(GRID)
    renamed = replace(GRID, cells=(replace(cell("full"), title="all of it"), cell("bare")))
    assert folder.declare(renamed).cells[0].title == "all of it"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', '{"format": 1, "cells": [{"name": "a"}]}', '{"format": 1}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "grid.json").write_text(text)
    with pytest.raises(StoreError, match=r"grid\.json can't be read"):
        GridFolder(tmp_path).read()
