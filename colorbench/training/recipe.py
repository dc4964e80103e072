"""How a network is trained: steps, batch, optimizer, schedule, averaging. A preset is TOML with ``[recipe]`` and ``[task]``."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from colorbench.errors import UsageError
from colorbench.records import record_from


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What the loop needs to know."""

    steps: int
    batch: int
    """Samples of one step, over all processes together."""
    learning_rate: float
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's; of sgd the first is the momentum."""
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    """After the warm-up; "cosine" falls to zero at the last step."""
    warmup: int = 0
    """Steps in which the learning rate rises linearly from zero."""
    clip_norm: float = 0.0
    """Largest norm of the gradient over all parameters; 0 leaves it alone."""
    ema: float = 0.0
    """Decay of the averaged weights, which are what is validated and saved; 0 takes the weights as they are. Early steps use
    min(ema, (1 + t) / (10 + t))."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: mixed precision, weights stay in float32."""
    critic_learning_rate: float = 0.0
    """0: the learning rate."""
    seed: int = 0
    validate_every: int = 1000
    """Steps; also after the last one."""
    save_every: int = 250
    """Steps between two states from which a killed run goes on."""

    def __post_init__(self) -> None:
        least: dict[str, float] = {
            "steps": 1, "batch": 1, "learning_rate": 1e-12, "weight_decay": 0, "warmup": 0, "clip_norm": 0, "ema": 0,
            "critic_learning_rate": 0, "seed": 0, "validate_every": 1, "save_every": 1,
        }  # fmt: skip
        for name, bound in least.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= bound):
                raise UsageError(f"{name} = {value}", wanted=f"at least {bound:g}", remedy=f"change {name}")
        if self.ema >= 1.0:
            raise UsageError(f"ema = {self.ema}", wanted="from 0 to under 1", remedy="0.999 is usual")

    def rate_at(self, step: int) -> float:
        """The factor on the learning rate at a step, counted from 0.

        >>> recipe = Recipe(steps=100, batch=1, learning_rate=1.0, schedule="cosine", warmup=10)
        >>> [round(recipe.rate_at(step), 3) for step in (0, 9, 10, 55, 99)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
        """
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.schedule == "constant":
            return 1.0
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        return 0.5 * (1.0 + math.cos(math.pi * progress))


def read_preset(text: str, *, name: str, task: type[Any]) -> tuple[Recipe, Any]:
    """A preset's recipe and task settings.

    Args:
        text: TOML with the tables ``[recipe]`` and ``[task]``.
        name: for messages.
        task: the dataclass of the task's settings.

    Raises:
        UsageError: no TOML, an unknown key, a wrong value.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"training preset {name}: {error}", wanted="valid TOML", remedy="mend that line") from error
    parts: Mapping[str, Any] = {"recipe": {}, "task": {}, **table}
    for key in parts:
        if key not in ("recipe", "task"):
            raise UsageError(f"training preset {name}: table {key!r}", wanted="[recipe] and [task] alone", remedy="rename it")
    what = f"training preset {name}"
    recipe = record_from(Recipe, parts["recipe"], where="recipe", what=what)
    return recipe, record_from(task, parts["task"], where="task", what=what)


def preset_text(name: str, *, folder: Path) -> str:
    """The text of a preset by name, or of a TOML file.

    Raises:
        UsageError: there is none.
    """
    from colorbench.errors import UnknownNameError

    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        known = sorted(file.stem for file in folder.glob("*.toml"))
        raise UnknownNameError("training preset", name, known, remedy="or give the path of a .toml file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"training preset {path}: {error}", wanted="a file that can be read", remedy="check it") from error
