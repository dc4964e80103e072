"""The folder of a grid of trainings: what its cells are, and where their trainings, scores and pictures lie.

grid.json                   cells, steps and seeds; cells and seeds may be added later, nothing else may change
trainings/CELL@SEED/        a folder of colorbench.training each
evaluation/                 a run folder of the harness, a row a training
pictures/CLIP/CELL.png      one frame of a clip as each cell colors it; _gray.png and _truth.png beside
maps/                       what trainings share; removed when all are done
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from colorbench.errors import StoreError
from colorbench.files.atomic import replacing_file
from colorbench.results.reading import Results, read_results
from colorbench.runs.store import to_json

FORMAT = 1

GRAY, TRUTH = "_gray", "_truth"
"""Names of pictures that no cell can have."""

_FIXED = ("name", "preset", "budget", "device", "base")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCell:
    """One row of a grid."""

    name: str
    title: str
    paper: Mapping[str, float]
    """Published figures by metric."""
    parameters: int
    """Of the network that it trains."""
    facts: Mapping[str, Any]
    """All that decides its training, but for steps and seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGrid:
    """What a folder holds."""

    name: str
    preset: str
    budget: str
    """As it was asked for: steps, or a time."""
    device: str
    base: str
    """The cell with which the others are compared."""
    steps: int
    """Of every training."""
    seconds_per_step: float | None
    """As measured where the budget is a time."""
    seeds: tuple[int, ...]
    cells: tuple[StoredCell, ...]
    strips: Mapping[str, Sequence[str]]
    """Name to the cells whose pictures stand side by side."""


def label_of(cell: str, seed: int) -> str:
    """The name of one training: of its folder, and of its row in the evaluation.

    >>> label_of("no-btfb", 1)
    'no-btfb@1'
    """
    return f"{cell}@{seed}"


class GridFolder:
    """The folder of one grid."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.evaluation = path / "evaluation"
        self.pictures = path / "pictures"
        self.maps = path / "maps"

    def training(self, label: str) -> Path:
        """The folder of a training."""
        return self.path / "trainings" / label

    def read(self) -> StoredGrid | None:
        """What the folder holds; None where that is nothing.

        Raises:
            StoreError: grid.json can't be read.
        """
        file = self.path / "grid.json"
        try:
            table = json.loads(file.read_text(encoding="utf-8"))
            if table.pop("format") != FORMAT:
                raise ValueError("of another version of colorbench")
            cells = tuple(StoredCell(**cell) for cell in table.pop("cells"))
            return StoredGrid(**{**table, "seeds": tuple(table["seeds"]), "cells": cells})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(
                f"{file} can't be read: {error}", wanted="what colorbench ablate wrote", remedy="choose another --out"
            ) from error

    def declare(self, grid: StoredGrid) -> StoredGrid:
        """Writes grid.json, or checks it and adds cells and seeds; those of earlier commands stay.

        Raises:
            StoreError: the folder holds another grid, or can't be written.
        """
        known = self.read()
        if known is not None:
            self.check(grid)
            earlier = [cell for cell in known.cells if cell.name not in {new.name for new in grid.cells}]
            grid = replace(
                grid,
                cells=(*grid.cells, *earlier),
                seeds=tuple(sorted({*known.seeds, *grid.seeds})),
                steps=known.steps,
                seconds_per_step=known.seconds_per_step,
            )
        with replacing_file(self.path / "grid.json") as temporary:
            temporary.write_text(to_json({"format": FORMAT, **asdict(grid)}, indent=1), encoding="utf-8")
        return grid

    def check(self, grid: StoredGrid) -> None:
        """Refuses a grid that is not the folder's.

        Raises:
            StoreError: naming what differs.
        """
        known = self.read()
        if known is None:
            return
        differ = [
            f"{field} ({getattr(known, field)!r}, not {getattr(grid, field)!r})"
            for field in _FIXED
            if getattr(known, field) != getattr(grid, field)
        ]
        facts = {cell.name: cell.facts for cell in known.cells}
        differ += [
            f"the settings of cell {cell.name!r}"
            for cell in grid.cells
            if cell.name in facts and facts[cell.name] != json.loads(to_json(cell.facts))
        ]
        if differ:
            raise StoreError(
                f"{self.path} holds another grid: {', '.join(differ)} differ",
                wanted="the command that began it; cells and seeds may be added",
                remedy="give that command again to go on, or choose another --out",
            )

    def results(self) -> Results | None:
        """The scores of what is evaluated; None where nothing is."""
        return read_results(self.evaluation) if (self.evaluation / "run.json").exists() else None
