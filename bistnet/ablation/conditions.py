"""A grid over a preset: what each cell trains, and that all else is equal.

Equal are the samples and their order, the seed, the steps, the batch and the clips that are scored: no factor may change these.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from bistnet.ablation.grid import Cell, Grid
from bistnet.network.graph import BiSTNet
from bistnet.network.settings import Settings, load_settings, with_overrides
from bistnet.training.task import TrainingSettings
from colorbench.config import parse_pairs
from colorbench.errors import UnknownNameError, UsageError
from colorbench.records import leaves, parsed
from colorbench.training.recipe import Recipe
from colorbench.training.trainable import open_preset

EQUAL = ("steps", "batch", "seed", "save_every", "validate_every", "clips", "validation", "overrides")
"""What no factor may change."""

_OF_THE_COMMAND = ("steps", "seed", "validate_every")
"""What ``--budget`` and ``--seeds`` say; a cell is scored once, when it is trained."""

_RECIPES = Path(__file__).parents[1] / "recipes" / "bistnet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What one cell trains. ``recipe`` has the preset's steps and seed; the grid's come later."""

    cell: Cell
    recipe: Recipe
    settings: TrainingSettings
    network: Settings

    @property
    def parameters(self) -> int:
        """Trained ones."""
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in BiSTNet(self.network).parameters() if parameter.requires_grad)

    def facts(self) -> dict[str, Any]:
        """All that decides the training, but for steps and seed: JSON, which a grid's folder holds fast to."""
        recipe = {key: value for key, value in asdict(self.recipe).items() if key not in _OF_THE_COMMAND}
        return {"recipe": recipe, "task": asdict(self.settings), "network": asdict(self.network)}


def make_conditions(grid: Grid, cells: Sequence[str], *, preset: str, overrides: Mapping[str, str]) -> tuple[Condition, ...]:
    """Cells of a grid over a preset.

    Args:
        grid: all of its factors are checked, whichever cells are chosen.
        cells: names; in this order.
        preset: a training preset of BiSTNet, or a .toml file.
        overrides: keys of network, task and recipe for all cells alike, as text.

    Raises:
        UsageError: an unknown preset, cell or key, a value that can't be, two cells with equal settings.
    """
    recipe, settings = open_preset(preset, {}, folder=_RECIPES, task=TrainingSettings)
    network = set(leaves(asdict(load_settings(settings.network)))) - {"preset"}
    known = network | set(asdict(recipe)) | set(leaves(asdict(settings)))
    for key in overrides:
        if key in _OF_THE_COMMAND:
            raise UsageError(f"--set {key}", wanted="--budget for steps, --seeds for seeds", remedy=f"leave {key} out")
        if key not in known:
            raise UnknownNameError("key of network, task or recipe:", key, known)
    _check_factors(grid, known)
    found = tuple(_condition(grid.cell(name), preset, overrides, network) for name in cells)
    _check_different(found, grid)
    return found


def _condition(cell: Cell, preset: str, overrides: Mapping[str, str], network: set[str]) -> Condition:
    changes = {**overrides, **cell.changes}
    try:
        recipe, settings = open_preset(
            preset, {key: value for key, value in changes.items() if key not in network}, folder=_RECIPES, task=TrainingSettings
        )
        pairs = parse_pairs(settings.overrides, flag="overrides")
        pairs |= {key: _text(value) for key, value in changes.items() if key in network}
        graph = with_overrides(load_settings(settings.network), {key: parsed(value) for key, value in pairs.items()})
        triplets = dataclasses.replace(settings.triplets, references=graph.fusion.references)
    except UsageError as error:
        raise UsageError(f"cell {cell.name!r}: {error.wrong}", wanted=error.wanted, remedy=error.remedy) from error
    texts = tuple(f"{key}={value}" for key, value in pairs.items())
    settings = dataclasses.replace(settings, overrides=texts, triplets=triplets)
    return Condition(cell=cell, recipe=recipe, settings=settings, network=graph)


def _check_factors(grid: Grid, known: set[str]) -> None:
    for factor, levels in grid.factors.items():
        for level, changes in levels.items():
            for key in changes:
                if key in EQUAL:
                    raise UsageError(
                        f"grid {grid.name}: level {level!r} of factor {factor!r} changes {key}",
                        wanted=f"cells with equal {', '.join(EQUAL)}",
                        remedy=f"leave {key} out, or change it for all cells alike, with --set, --budget or --seeds",
                    )
                if key not in known:
                    raise UnknownNameError(f"key in level {level!r} of factor {factor!r}:", key, known - set(EQUAL))


def _check_different(conditions: Sequence[Condition], grid: Grid) -> None:
    """Two trainings of the same thing would be compared as if they were two things."""
    seen: dict[object, str] = {}
    for condition in conditions:
        bare = dataclasses.replace(condition.settings, overrides=())
        same = (condition.recipe, bare, dataclasses.replace(condition.network, preset=""))
        other = seen.setdefault(same, condition.cell.name)
        if other != condition.cell.name:
            raise UsageError(
                f"grid {grid.name}: the cells {other!r} and {condition.cell.name!r} have equal settings",
                wanted="cells that differ in network, task or recipe",
                remedy="leave one of them out with --cells, or change its levels; the preset or --set may have made them equal",
            )


def _text(value: Any) -> str:
    """As TOML writes it, text without quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)
