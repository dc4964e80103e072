"""The compact task on a small root of training data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bistnet.training.task import BistnetTask
from colorbench.training.recipe import Recipe
from colorbench.training.trainable import TRAINABLES

Open = Callable[..., tuple[Recipe, BistnetTask]]

SMALL = {
    "overrides": '["experts.semantic=none","experts.edges=none","features.width=8","refinement.width=8","refinement.depth=1"]',
    "clips": '["clips"]',
    "photographs": '["stills"]',
    "validation": '["held-out"]',
    "height": "128",
    "triplets.size": "[64, 96]",
    "triplets.least_span": "6",
}


@pytest.fixture
def open_task(training_root: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens ``bistnet`` on that data, small, with changes of its settings."""
    monkeypatch.setenv("COLORBENCH_CACHE", str(training_root / "cache"))

    def open_(changes: Mapping[str, str] | None = None, *, preset: str = "compact") -> tuple[Recipe, BistnetTask]:
        recipe, task = TRAINABLES.get("bistnet").open(preset=preset, overrides={**SMALL, **(changes or {})}, data=training_root)
        assert isinstance(task, BistnetTask)
        return recipe, task

    return open_
