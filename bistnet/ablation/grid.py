"""Grids of ablations as data: factors whose levels change keys of the settings, and cells that take one level of each.

    grid = read_grid("table2")          # Table 2 of the paper; or the path of a TOML file of one's own

    [factors.fusion]                    # the first level of a factor is what the full model has
    linear = {}
    average = { "fusion.form" = "average" }

    [[cells]]                           # without cells: the full product
    name = "no-btfb"
    title = "w/o BTFB"
    levels = { fusion = "average" }     # of a factor that is not named, the first
    paper = { psnr = 28.32, cdc = 0.004359 }

Keys are those of the network (``fusion.form``), of the task (``losses.edge``) and of the recipe (``learning_rate``). The cell
with the first level of every factor is the full model, with which all others are compared. ``[[strips]]`` name cells whose
pictures are shown side by side.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorbench.errors import UnknownNameError, UsageError

PUBLISHED = ("psnr", "cdc")
"""What ``paper`` may hold: the columns of Table 2."""

_FOLDER = Path(__file__).parents[1] / "grids"
_NAME = re.compile(r"[a-z0-9][a-z0-9.+_-]*")

Table = Mapping[str, Any]
Levels = Mapping[str, Table]
"""Level to the keys that it changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One row: a model that differs from the full one in the levels of some factors."""

    name: str
    title: str
    """In tables."""
    levels: Mapping[str, str]
    """Of every factor."""
    changes: Table
    """Keys of network, task and recipe, to values as TOML has them."""
    paper: Mapping[str, float]
    """Published figures by metric; empty where there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Cells whose pictures stand side by side."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What is trained under equal conditions."""

    name: str
    factors: Mapping[str, Levels]
    cells: tuple[Cell, ...]
    base: str
    """The cell with the first level of every factor."""
    strips: tuple[Strip, ...]

    def cell(self, name: str) -> Cell:
        """The cell of that name.

        Raises:
            UnknownNameError: there is none.
        """
        found = next((cell for cell in self.cells if cell.name == name), None)
        if found is None:
            raise UnknownNameError(f"cell of grid {self.name}:", name, [cell.name for cell in self.cells])
        return found


def grid_names() -> list[str]:
    """Names of the grids that come with the package."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def read_grid(source: str | Path) -> Grid:
    """A grid by name, or of a TOML file. Whether its keys and values exist is known with a preset alone (conditions.py).

    Raises:
        UsageError: an unknown grid, no TOML, an unknown key, factor, level or cell, or what excludes another.

    >>> [cell.title for cell in read_grid("table2").cells][:2]
    ['w/o BTFB', 'w/o semantic mask']
    """
    path = Path(source)
    if path.suffix != ".toml":
        if str(source) not in grid_names():
            raise UnknownNameError("grid", str(source), grid_names(), remedy="or give the path of a .toml file")
        path = _FOLDER / f"{source}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"grid {path}: {error.strerror}", wanted="a TOML file that can be read", remedy="check the path"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"grid {path}: {error}", wanted="valid TOML", remedy="mend that line") from error
    return _grid(table, path.stem)


def _grid(table: Table, name: str) -> Grid:
    _check_keys(table, ("factors", "cells", "strips"), f"grid {name}")
    factors = _factors(table.get("factors", {}), name)
    full = {factor: next(iter(levels)) for factor, levels in factors.items()}
    tables = _tables(table.get("cells", []), f"grid {name}: cells")
    cells = [_cell(entry, factors, full, f"grid {name}: cell {entry.get('name', '')!r}") for entry in tables]
    if not cells:
        cells = [_product_cell(levels, factors) for levels in itertools.product(*factors.values())]
    _check_distinct([cell.name for cell in cells], f"grid {name}: two cells")
    base = [cell.name for cell in cells if cell.levels == full]
    if not base:
        raise UsageError(
            f"grid {name}: no cell has the first level of every factor",
            wanted=f"the full model, with which the others are compared: {_joined(full)}",
            remedy="add [[cells]] with a name and no levels, or change the order of a factor's levels",
        )
    names = [cell.name for cell in cells]
    strips = [_strip(entry, names, f"grid {name}: strip") for entry in _tables(table.get("strips", []), f"grid {name}: strips")]
    _check_distinct([strip.name for strip in strips], f"grid {name}: two strips")
    return Grid(name=name, factors=factors, cells=tuple(cells), base=base[0], strips=tuple(strips))


def _factors(table: Any, name: str) -> dict[str, Levels]:
    if not isinstance(table, dict) or not table:
        raise UsageError(f"grid {name} has no factors", wanted="[factors.NAME] with a line for each level", remedy="add one")
    owners: dict[str, str] = {}
    for factor, levels in table.items():
        if not isinstance(levels, dict) or not levels or not all(isinstance(changes, dict) for changes in levels.values()):
            raise UsageError(
                f"grid {name}: factor {factor!r} = {levels!r}",
                wanted='levels, each with the keys that it changes, such as average = { "fusion.form" = "average" }',
                remedy=f"write [factors.{factor}] and a line for each level; {{}} changes nothing",
            )
        for key in {key for changes in levels.values() for key in changes}:
            if owners.setdefault(key, factor) != factor:
                raise UsageError(
                    f"grid {name}: the factors {owners[key]!r} and {factor!r} both change {key}",
                    wanted="each key in one factor",
                    remedy="make one factor of them, with a level for each combination",
                )
    return table


def _cell(entry: Table, factors: Mapping[str, Levels], full: Mapping[str, str], what: str) -> Cell:
    _check_keys(entry, ("name", "title", "levels", "paper"), what)
    name, levels, paper = _name(entry, what), entry.get("levels", {}), entry.get("paper", {})
    for key, value in (("levels", levels), ("paper", paper)):
        if not isinstance(value, dict):
            raise UsageError(f"{what}: {key} = {value!r}", wanted="a table", remedy=f"write {key} = {{ ... }}")
    for factor, level in levels.items():
        if factor not in factors:
            raise UnknownNameError(f"factor in {what}:", factor, factors)
        if level not in factors[factor]:
            raise UnknownNameError(f"level of factor {factor!r} in {what}:", str(level), factors[factor])
    _check_keys(paper, PUBLISHED, f"paper of {what}")
    for metric, value in paper.items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise UsageError(f"{what}: paper.{metric} = {value!r}", wanted="a number", remedy="write the figure as printed")
    title = entry.get("title", name)
    if not isinstance(title, str) or not title:
        raise UsageError(f"{what}: title = {title!r}", wanted="text", remedy="put it in quotes")
    whole = {**full, **levels}
    return Cell(name=name, title=title, levels=whole, changes=_changes(whole, factors), paper=dict(paper))


def _product_cell(levels: Sequence[str], factors: Mapping[str, Levels]) -> Cell:
    whole = dict(zip(factors, levels, strict=True))
    name = _name({"name": "+".join(levels)}, "the product")
    return Cell(name=name, title=", ".join(levels), levels=whole, changes=_changes(whole, factors), paper={})


def _strip(entry: Table, names: Sequence[str], what: str) -> Strip:
    _check_keys(entry, ("name", "cells"), what)
    cells = entry.get("cells")
    if not isinstance(cells, list) or not cells:
        raise UsageError(f"{what}: cells = {cells!r}", wanted="a list of cells", remedy='write cells = ["full", ...]')
    for cell in cells:
        if cell not in names:
            raise UnknownNameError(f"cell in {what}:", str(cell), names)
    return Strip(name=_name(entry, what), cells=tuple(cells))


def _changes(levels: Mapping[str, str], factors: Mapping[str, Levels]) -> Table:
    return {key: value for factor, level in levels.items() for key, value in factors[factor][level].items()}


def _name(entry: Table, what: str) -> str:
    """A name that is a file's name and an item of ``--cells`` too."""
    name = entry.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"{what}: name = {name!r}",
            wanted="small letters, digits and . + _ -, a letter or digit first",
            remedy="rename it; the title may be anything",
        )
    return name


def _tables(value: Any, what: str) -> list[Table]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise UsageError(f"{what} = {value!r}", wanted="tables", remedy="write [[cells]] or [[strips]] above each")
    return value


def _check_keys(table: Table, known: Sequence[str], what: str) -> None:
    for key in table:
        if key not in known:
            raise UnknownNameError(f"key in {what}:", key, known)


def _check_distinct(names: Sequence[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{what} are named {name!r}", wanted="a name for each", remedy="rename one of them")


def _joined(levels: Mapping[str, str]) -> str:
    return ", ".join(f"{factor} {level}" for factor, level in levels.items())
