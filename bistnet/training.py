"""What ``colorbench train`` can train of BiSTNet: the network and its two compact experts. Importing this takes no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorbench.training.trainable import Trainable, TrainableCard, open_preset

if TYPE_CHECKING:
    from colorbench.training.recipe import Recipe
    from colorbench.training.task import Task

_RECIPES = Path(__file__).parent / "recipes"

Open = Callable[[Any, Path, int], "Task"]
"""Settings, data and the seed of the first weights to a task."""


@dataclass(frozen=True, slots=True)
class Trainer:
    """See :class:`colorbench.training.trainable.Trainable`."""

    card: TrainableCard
    load: Callable[[], tuple[type[Any], Open]]
    """The task's settings and how it is opened; imports torch."""

    def open(self, *, preset: str, overrides: Mapping[str, str], data: Path) -> tuple[Recipe, Task]:
        """See Trainable."""
        kind, make = self.load()
        recipe, settings = open_preset(preset, overrides, folder=_RECIPES / self.card.name, task=kind)
        return recipe, make(settings, data, recipe.seed)


def _bistnet() -> tuple[type[Any], Open]:
    from bistnet.task import BistnetTask, TrainingSettings

    return TrainingSettings, lambda settings, data, seed: BistnetTask(settings, data, seed=seed)


def _edges() -> tuple[type[Any], Open]:
    from bistnet.experts.edges_data import find_bsds
    from bistnet.experts.edges_training import EdgesSettings, EdgesTask

    return EdgesSettings, lambda settings, data, seed: EdgesTask(settings, find_bsds(data), seed=seed)


def _semantics() -> tuple[type[Any], Open]:
    from bistnet.experts.semantics_task import SemanticsTask
    from bistnet.experts.semantics_training import SemanticsSettings

    return SemanticsSettings, lambda settings, data, seed: SemanticsTask(settings, data, seed=seed)


TRAINABLES: tuple[Trainable, ...] = (
    Trainer(
        TrainableCard(
            name="bistnet",
            summary="BiSTNet, exemplar-based colorization",
            presets=("compact", "compact-single", "paper"),
            data="a root with davis/ and bsds500/, or what the task's clips and photographs name",
            stem="{preset}",
        ),
        _bistnet,
    ),
    Trainer(
        TrainableCard(
            name="edges",
            summary="the compact edge expert, from nothing, on BSDS500",
            presets=("edges",),
            data="BSDS500: a folder of images/ and boundaries/ with train, val and test, or its parent",
            stem="compact-{name}",
        ),
        _edges,
    ),
    Trainer(
        TrainableCard(
            name="semantics",
            summary="the compact semantic expert, Fast-SCNN on luminance, on CamVid's 11 classes",
            presets=("semantics",),
            data="CamVid in the form of SegNet's authors: the folder of train, trainannot, val, ..., or its parent",
            stem="compact-{name}",
        ),
        _semantics,
    ),
)
