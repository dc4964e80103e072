"""Budgets: steps or a time, and the pace of which a time is made steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bistnet.ablation.budget
from bistnet.ablation.budget import MEASURED_STEPS, Budget, measure_step, parse_budget
from bistnet.ablation.conditions import make_conditions
from bistnet.ablation.grid import read_grid
from bistnet.ablation.trial import Trial
from colorbench.errors import UsageError
from colorbench.training.loop import Watcher
from colorbench.training.recipe import Recipe


@pytest.mark.parametrize(
    ("text", "steps", "seconds"),
    [("800", 800, None), ("90s", None, 90.0), ("20m", None, 1200.0), ("0.5h", None, 1800.0), ("1.5m", None, 90.0)],
)
def test_steps_or_a_time(text: str, steps: int | None, seconds: float | None) -> None:
    assert parse_budget(text) == Budget(steps, seconds)


@pytest.mark.parametrize("text", ["", "0", "0m", "-3", "1.5", "20 m", "20min", "m", "many", "1e3"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="800, 90s, 20m") as raised:
        parse_budget(text)
    assert repr(text) in raised.value.wrong


def test_a_time_holds_whole_steps_and_at_least_one() -> None:
    assert Budget(None, 60.0).steps_at(1.7) == 35
    assert Budget(None, 1.0).steps_at(1.7) == 1
    assert Budget(7, None).steps_at(1.7) == 7


def test_the_pace_is_that_of_later_steps_and_leaves_nothing_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Trial(
        cell="full",
        recipe=Recipe(steps=1, batch=1, learning_rate=1.0),
        settings=make_conditions(read_grid("table2"), ["full"], preset="compact", overrides={})[0].settings,
        folder=tmp_path,
        data=tmp_path,
        device="cpu",
        workers=0,
        pictures=False,
        command=(),
    )
    # Eight steps of 100 s, then steps of 1.5 s, the last of which waits for what a GPU still had to do.
    ticks = iter([*range(100, 900, 100), *(800 + 0.1 * step for step in range(1, 16)), 824.0])

    def pretend(trial: Trial, watcher: Watcher, **options: Any) -> None:
        assert trial.folder != tmp_path
        assert trial.recipe.steps == MEASURED_STEPS
        for _ in range(trial.recipe.steps):
            watcher.advance(1)

    monkeypatch.setattr(bistnet.ablation.budget, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(bistnet.ablation.budget, "train_trial", pretend)
    assert measure_step(trial) == 1.5
    assert list(tmp_path.iterdir()) == []
