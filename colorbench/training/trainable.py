"""What ``colorbench train NAME`` knows of a network before it is opened. Modules that offer some list them as ``TRAINABLES``.

Importing such a module takes no torch; ``open`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from colorbench.errors import UnknownNameError
from colorbench.records import leaves, overridden
from colorbench.registry import Registry
from colorbench.training.recipe import Recipe, preset_text, read_preset

if TYPE_CHECKING:
    from colorbench.training.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainableCard:
    """Facts of a trainable network."""

    name: str
    summary: str
    presets: tuple[str, ...]
    """The first is the default."""
    data: str
    """What ``--data`` names, for help and messages."""
    stem: str = "{name}-{preset}"
    """Of the file of weights, as whoever loads them looks for it."""


class Trainable(Protocol):
    """A network that ``colorbench train`` can train."""

    @property
    def card(self) -> TrainableCard: ...

    def open(self, *, preset: str, overrides: Mapping[str, str], data: Path) -> tuple[Recipe, Task]:
        """Reads a preset, changes keys of it, finds the data.

        Args:
            preset: a name of the card's, or the path of a .toml file.
            overrides: fields of Recipe, or of the task's settings, as text.
            data: the root of the training data.

        Raises:
            UsageError: an unknown preset or key, or a wrong value.
            DatasetError: the data is missing or laid out otherwise.
        """
        ...


OpenTask = Callable[[Any, Path, int], "Task"]
"""Settings of the task, the root of the data and the seed of the first weights to a task."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A Trainable whose presets are files: a folder of recipes, and a task that is opened with what they say."""

    card: TrainableCard
    recipes: Path
    load: Callable[[], tuple[type[Any], OpenTask]]
    """The dataclass of the task's settings and how it is opened; imports torch."""

    def open(self, *, preset: str, overrides: Mapping[str, str], data: Path) -> tuple[Recipe, Task]:
        """See Trainable."""
        kind, make = self.load()
        recipe, settings = open_preset(preset, overrides, folder=self.recipes, task=kind)
        return recipe, make(settings, data, recipe.seed)


def open_preset(preset: str, overrides: Mapping[str, str], *, folder: Path, task: type[Any]) -> tuple[Recipe, Any]:
    """A preset's recipe and task settings with overrides put in: a key of Recipe goes there, any other to the task.

    Raises:
        UsageError: an unknown preset or key, or a wrong value.
    """
    recipe, settings = read_preset(preset_text(preset, folder=folder), name=preset, task=task)
    own = {field.name for field in fields(Recipe)}
    known = own | set(leaves(asdict(settings)))
    for key in overrides:
        if key not in known:
            raise UnknownNameError("key of the recipe or the task:", key, known)
    of_recipe = {key: value for key, value in overrides.items() if key in own}
    of_task = {key: value for key, value in overrides.items() if key not in own}
    return (
        overridden(Recipe, recipe, of_recipe, what="the recipe"),
        overridden(task, settings, of_task, what=f"training preset {preset}"),
    )


TRAINABLES: Registry[Trainable] = Registry(
    "trainable network", package="baselines", attribute="TRAINABLES", group="colorbench.trainables"
)
