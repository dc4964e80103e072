"""The Python API: what the commands do, typed, with data frames back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from colorbench.config import make_spec
from colorbench.errors import UsageError
from colorbench.results import summary as pooling
from colorbench.results.reading import Results, results_of
from colorbench.runs.engines.contract import Progress
from colorbench.runs.runner import Outcome, execute
from colorbench.types import RunSpec


@dataclass(frozen=True)
class Result:
    """A finished run."""

    outcome: Outcome

    @cached_property
    def results(self) -> Results:
        """Scores and facts of what was asked for, as the reports take them; ``read_results`` reads a whole folder."""
        return results_of(self.outcome)

    @cached_property
    def summary(self) -> pooling.Summary:
        """Rows, metrics and signatures."""
        return pooling.summarize(self.results)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a method and the truth (kind "truth"), one column a metric; undefined values are missing."""
        return pooling.table(self.summary)

    @cached_property
    def clips(self) -> pd.DataFrame:
        """One row a method, clip and metric, with the reason of each missing value."""
        return pooling.clip_scores(self.results)

    @cached_property
    def frames(self) -> pd.DataFrame:
        """One row a method, clip, metric and scored frame, with the distance to the nearest exemplar."""
        return pooling.frame_scores(self.results)

    @property
    def complete(self) -> bool:
        """False if a unit failed, or its record is not there."""
        return self.results.complete


def run(
    methods: Sequence[str] | str,
    *,
    dataset: str = "demo",
    protocol: str = "bistnet",
    out: str | Path | None = None,
    data_root: str | Path | None = None,
    metrics: Sequence[str] = (),
    require: Sequence[str] = (),
    clips: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
    device: str = "auto",
    seed: int = 0,
    save_frames: str = "no",
    engine: str = "local",
    workers: int | str = "auto",
    threads: int = 1,
    address: str | None = None,
    progress: Progress | None = None,
) -> Result:
    """Runs methods on a dataset under a protocol and scores them; what ``colorbench run`` does.

    Args:
        methods: ``[LABEL=]NAME[:VARIANT]`` each, or ``"all"``.
        dataset: ``NAME`` or ``NAME:SPLIT``.
        protocol: a preset's name, or the path of a TOML file.
        out: the run folder, or its URL; what it holds already is not done again. Default: ``runs/<dataset>``.
        data_root: where the dataset lies; default ``$COLORBENCH_DATA``.
        metrics: default: all but the special ones.
        require: metrics whose absence is an error instead of a missing value.
        clips: default: all.
        settings: ``"LABEL.name"`` to value, for methods that take settings.
        overrides: protocol field to text, e.g. ``{"max_frames": "30"}``.
        device: ``auto``, ``cpu`` or ``cuda``.
        seed: of whatever a method draws.
        save_frames: ``no``, ``png`` or ``video`` (lossless).
        engine: ``local``, or ``ray`` for a cluster.
        workers: units at a time, in as many processes; ``auto`` takes what the machine or cluster has. No score depends on it.
        threads: of torch on the CPU, for each worker. The last bits depend on them, so units of other threads are not used.
        address: of a Ray cluster; default ``$RAY_ADDRESS``, or one on this machine for the time of the run.
        progress: who is told; nobody by default.

    Raises:
        ColorbenchError: bad input or set-up. A method that fails on a clip does not raise: see ``Result.complete``.
    """
    options = {
        "methods": methods if isinstance(methods, str) else tuple(methods),
        "dataset": dataset,
        "protocol": protocol,
        "out": out,
        "data_root": data_root,
        "metrics": tuple(metrics),
        "require": tuple(require),
        "clips": tuple(clips),
        "set": dict(settings or {}),
        "override": dict(overrides or {}),
        "device": device,
        "seed": seed,
        "save_frames": save_frames,
        "engine": engine,
        "workers": workers,
        "threads": threads,
        "address": address,
    }
    return run_spec(make_spec(options), progress=progress)


def score(
    results: Mapping[str, str | Path],
    *,
    resize: bool = False,
    match: str = "auto",
    progress: Progress | None = None,
    **options: Any,
) -> Result:
    """Scores colored frames that exist already; what ``colorbench score`` does.

    Args:
        results: label to folder, each with a folder or video a clip.
        resize: brings results of another size to the protocol's instead of refusing them.
        match: ``stem``, ``order`` or ``auto``; see the method ``precomputed``.
        progress: who is told.
        options: ``dataset``, ``protocol`` and the rest of :func:`run`.
    """
    made = score_options(results, resize=resize, match=match)
    return run(made["methods"], settings=made["set"], progress=progress, **options)


def score_options(results: Mapping[str, str | Path], *, resize: bool, match: str) -> dict[str, Any]:
    """Result folders as methods and settings of a run."""
    if not results:
        raise UsageError(
            "no folder of results named", wanted="at least one", remedy="name the folder that holds a folder for each clip"
        )
    settings: dict[str, str] = {}
    for label, folder in results.items():
        settings |= {f"{label}.folder": str(folder), f"{label}.match": match, f"{label}.resize": "yes" if resize else "no"}
    return {"methods": tuple(f"{label}=precomputed" for label in results), "set": settings}


def run_spec(spec: RunSpec, *, progress: Progress | None = None) -> Result:
    """Runs a resolved spec."""
    return Result(execute(spec, progress=progress))
