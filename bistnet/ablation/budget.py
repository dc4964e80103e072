"""How long each cell of a grid trains: a number of steps, or a time in which the full model takes so many."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from bistnet.ablation.trial import Trial, train_trial
from colorbench.errors import UsageError

MEASURED_STEPS = 24
_WARM_UP = 8
_MOST = 1e9
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Budget:
    """One of the two."""

    steps: int | None
    seconds: float | None

    def steps_at(self, seconds_per_step: float) -> int:
        """Steps that fit into the time; at least one.

        >>> parse_budget("20m").steps_at(1.6)
        750
        """
        return self.steps or max(1, int((self.seconds or 0.0) / seconds_per_step))


def parse_budget(text: str) -> Budget:
    """``800`` steps, or a time: ``90s``, ``20m``, ``1.5h``.

    Raises:
        UsageError: neither.

    >>> parse_budget("800"), parse_budget("1.5h")
    (Budget(steps=800, seconds=None), Budget(steps=None, seconds=5400.0))
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    number = float(found[1]) if found else 0.0
    if not found or not 0 < number <= _MOST or (not found[2] and "." in found[1]):
        raise UsageError(
            f"--budget {text!r}",
            wanted=f"steps or a time above 0 and up to {_MOST:g}: 800, 90s, 20m, 1.5h",
            remedy="m is minutes, h is hours",
        )
    return Budget(None, number * _SECONDS[found[2]]) if found[2] else Budget(int(found[1]), None)


def measure_step(trial: Trial) -> float:
    """Seconds of a step of a training, which is begun elsewhere and thrown away.

    The first steps are left out. On a GPU the rows of the log are what waits for it, so the clock is read after these.
    """
    recipe = dataclasses.replace(trial.recipe, steps=MEASURED_STEPS, save_every=MEASURED_STEPS, validate_every=MEASURED_STEPS)
    clock = _Clock()
    with tempfile.TemporaryDirectory(prefix="colorbench-") as folder:
        train_trial(dataclasses.replace(trial, recipe=recipe, folder=Path(folder)), clock, log_every=_WARM_UP)
    return (clock.times[-1] - clock.times[_WARM_UP - 1]) / (MEASURED_STEPS - _WARM_UP)


class _Clock:
    """A watcher that keeps when each step ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def note(self, text: str) -> None: ...

    def started(self, total: int, done: int) -> None: ...

    def advance(self, count: int, text: str = "") -> None:  # noqa: ARG002
        self.times.append(perf_counter())
