"""All trainings of a grid, those that are left: one after the other, or side by side in processes.

A training that fails is said and leaves the others whole. Seeds are the outer loop: a grid that is cut short has all cells of the
first seed.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from bistnet.ablation.budget import measure_step, parse_budget
from bistnet.ablation.conditions import Condition, make_conditions
from bistnet.ablation.grid import read_grid
from bistnet.ablation.trial import Trial
from bistnet.ablation.trial_processes import error_of, run_side_by_side
from colorbench.errors import UsageError
from colorbench.results.ablation import GridFolder, StoredCell, StoredGrid
from colorbench.results.reading import Results
from colorbench.results.summary import unit_score
from colorbench.training.loop import Watcher
from colorbench.training.state import TrainingFolder
from colorbench.training.stream import default_workers


@dataclass(frozen=True, slots=True)
class Ablated:
    """What a command has done."""

    folder: Path
    failures: Mapping[str, str]
    """Label to error."""


def ablate(
    *,
    grid: str,
    preset: str,
    budget: str,
    seeds: int,
    data: Path | None,
    out: Path | None,
    cells: Sequence[str],
    overrides: Mapping[str, str],
    device: str,
    jobs: int,
    workers: int,
    watcher: Watcher,
) -> Ablated:
    """Trains and scores what a grid's folder lacks.

    Args:
        grid: a name, or the path of a TOML file.
        preset: of the full model.
        budget: see :func:`bistnet.ablation.budget.parse_budget`. A time is measured once, its steps are kept.
        seeds: 0 to one less than this.
        data: the root of the data.
        out: the grid's folder; default ``runs/ablation-PRESET``.
        cells: names; none for all.
        overrides: keys of network, task and recipe for all cells alike.
        device: auto, cpu or cuda.
        jobs: trainings at a time; 0: one on a CPU, one on each GPU.
        workers: processes that make samples, for each training; -1: the cores that are left.
        watcher: told how it goes, in steps of the whole grid.

    Raises:
        UsageError: a grid, preset, budget or cell that can't be; no data named.
        StoreError: the folder holds another grid.
    """
    if data is None:
        raise UsageError("no data named", wanted="a root with davis/ and bsds500/", remedy="--data PATH, or COLORBENCH_DATA=PATH")
    plan = read_grid(grid)
    conditions = make_conditions(plan, cells or [cell.name for cell in plan.cells], preset=preset, overrides=overrides)
    device = _resolved(device)
    gpus = _gpus() if device == "cuda" else []
    jobs = jobs or max(1, len(gpus))
    folder = GridFolder(out or Path("runs") / f"ablation-{Path(preset).stem}")
    pairs = [part for key, value in overrides.items() for part in ("--set", f"{key}={value}")]
    place = _Place(
        folder=folder.path,
        data=data,
        device=device,
        workers=default_workers(jobs) if workers < 0 else workers,
        threads=max(1, torch.get_num_threads() // jobs),
        command=("colorbench", "ablate", "--preset", preset, "--budget", budget, "--data", "DATA", *pairs),
    )
    stored = StoredGrid(
        name=plan.name,
        preset=preset,
        budget=budget,
        device=device,
        base=plan.base,
        steps=0,
        seconds_per_step=None,
        seeds=tuple(range(seeds)),
        cells=tuple(_stored(condition) for condition in conditions),
        strips={strip.name: strip.cells for strip in plan.strips},
    )
    folder.check(stored)
    if folder.read() is None:
        (full,) = make_conditions(plan, [plan.base], preset=preset, overrides=overrides)
        stored = _with_steps(stored, place, full, watcher)
    stored = folder.declare(stored)
    trials = [place.trial(condition, seed, stored.steps) for seed in range(seeds) for condition in conditions]
    failures = _carry_out(trials, folder, jobs, gpus, place.threads, watcher)
    if not failures:
        shutil.rmtree(folder.maps, ignore_errors=True)
    return Ablated(folder.path, failures)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What all trainings of a command share."""

    folder: Path
    data: Path
    device: str
    workers: int
    threads: int
    """Of torch, for each training."""
    command: tuple[str, ...]

    def trial(self, condition: Condition, seed: int, steps: int) -> Trial:
        return Trial(
            cell=condition.cell.name,
            recipe=dataclasses.replace(condition.recipe, seed=seed, steps=steps, validate_every=steps),
            settings=condition.settings,
            folder=self.folder,
            data=self.data,
            device=self.device,
            workers=self.workers,
            pictures=seed == 0,
            command=(*self.command, "--cells", condition.cell.name),
        )


def _with_steps(stored: StoredGrid, place: _Place, full: Condition, watcher: Watcher) -> StoredGrid:
    """The budget in steps; a time is measured on the full model, with the threads that a training will have."""
    budget = parse_budget(stored.budget)
    if budget.steps is not None:
        return dataclasses.replace(stored, steps=budget.steps)
    watcher.note("measuring a step of the full model")
    before = torch.get_num_threads()
    torch.set_num_threads(place.threads)
    try:
        pace = measure_step(place.trial(full, 0, 1))
    finally:
        torch.set_num_threads(before)
    watcher.note(f"{pace:.3g} s a step: {budget.steps_at(pace)} steps for each cell")
    return dataclasses.replace(stored, steps=budget.steps_at(pace), seconds_per_step=pace)


def _stored(condition: Condition) -> StoredCell:
    cell = condition.cell
    return StoredCell(
        name=cell.name, title=cell.title, paper=cell.paper, parameters=condition.parameters, facts=condition.facts()
    )


def _carry_out(
    trials: Sequence[Trial], folder: GridFolder, jobs: int, gpus: Sequence[str], threads: int, watcher: Watcher
) -> dict[str, str]:
    """Does what is left of trials; errors by label."""
    results = folder.results()
    left = [trial for trial in trials if not _done(trial, results)]
    failures: dict[str, str] = {}

    def ended(trial: Trial, error: str) -> None:
        if error:
            failures[trial.label] = error
        watcher.note(f"{trial.label}: {f'FAILED, {error.splitlines()[0]}' if error else _scores(trial, folder)}")

    saved = sum(_saved_steps(trial, folder) for trial in left)
    finished = sum(trial.recipe.steps for trial in trials if trial not in left)
    watcher.started(sum(trial.recipe.steps for trial in trials), finished + saved)
    if jobs == 1:
        for trial in left:
            ended(trial, error_of(trial, watcher.advance))
    elif left:
        run_side_by_side(left, jobs=jobs, gpus=gpus, threads=threads, tell=watcher.advance, ended=ended)
    return failures


def _done(trial: Trial, results: Results | None) -> bool:
    """Every clip is scored, by the metrics as the evaluation has them now."""
    return results is not None and all(_psnr(trial, clip, results) is not None for clip in trial.settings.validation)


def _scores(trial: Trial, folder: GridFolder) -> str:
    """PSNR of each clip, for whoever watches."""
    results = folder.results()
    values = {clip: results and _psnr(trial, clip, results) for clip in trial.settings.validation}
    return "PSNR " + ", ".join(f"{clip} {value if value is None else f'{value:.2f}'}" for clip, value in values.items())


def _psnr(trial: Trial, clip: str, results: Results) -> float | None:
    return unit_score(results.record(trial.label, clip), "psnr").value


def _saved_steps(trial: Trial, folder: GridFolder) -> int:
    state = TrainingFolder(folder.training(trial.label)).load_state()
    return 0 if state is None else int(state["step"])


def _resolved(device: str) -> str:
    """cpu or cuda.

    Raises:
        UsageError: a GPU is asked for and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda, but torch sees no GPU", wanted="a CUDA device", remedy="use --device auto")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def _gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(number) for number in range(torch.cuda.device_count())]
