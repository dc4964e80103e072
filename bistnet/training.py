"""Trains BiSTNet: ``colorbench train bistnet``. Importing this takes no torch; the task is in :mod:`bistnet.task`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from colorbench.training.trainable import TrainableCard, open_preset

if TYPE_CHECKING:
    from bistnet.task import BistnetTask
    from colorbench.training.recipe import Recipe

_RECIPES = Path(__file__).parent / "recipes" / "bistnet"


class Trainer:
    """See :class:`colorbench.training.trainable.Trainable`."""

    card = TrainableCard(
        name="bistnet",
        summary="BiSTNet, exemplar-based colorization",
        presets=("compact", "compact-single", "paper"),
        data="a root with davis/ and bsds500/, or what the task's clips and photographs name",
    )

    def open(self, *, preset: str, overrides: Mapping[str, str], data: Path) -> tuple[Recipe, BistnetTask]:
        """See Trainable."""
        from bistnet.task import BistnetTask, TrainingSettings

        recipe, settings = open_preset(preset, overrides, folder=_RECIPES, task=TrainingSettings)
        return recipe, BistnetTask(settings, data, seed=recipe.seed)


TRAINABLES = (Trainer(),)
