"""A small root of training data, and the compact task on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data as photographs

from bistnet.task import BistnetTask
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


@pytest.fixture(scope="session")
def training_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips, one of them for validation, and two photographs."""
    root = tmp_path_factory.mktemp("training-data")
    for name, picture in (("pan", photographs.coffee()), ("held-out", photographs.chelsea())):
        (root / "clips" / name).mkdir(parents=True)
        for index in range(17):
            window = np.ascontiguousarray(picture[40 : 40 + 128, 20 + 2 * index : 20 + 2 * index + 192, ::-1])
            cv2.imwrite(str(root / "clips" / name / f"{index:05d}.png"), window)
    (root / "stills").mkdir()
    for index, picture in enumerate((photographs.astronaut(), photographs.rocket())):
        cv2.imwrite(str(root / "stills" / f"{index}.png"), np.ascontiguousarray(picture[::2, ::2, ::-1]))
    return root


@pytest.fixture
def open_task(training_root: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens ``bistnet`` on that data, small, with changes of its settings."""
    monkeypatch.setenv("COLORBENCH_CACHE", str(training_root / "cache"))

    def open_(changes: Mapping[str, str] | None = None, *, preset: str = "compact") -> tuple[Recipe, BistnetTask]:
        recipe, task = TRAINABLES.get("bistnet").open(preset=preset, overrides={**SMALL, **(changes or {})}, data=training_root)
        assert isinstance(task, BistnetTask)
        return recipe, task

    return open_
