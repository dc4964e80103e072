"""What ``colorbench gate`` does: compares a run's folder with a baseline's file, or writes one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from colorbench.errors import EXIT_FAILED, ColorbenchError
from colorbench.results.gate import GateReport, compare
from colorbench.results.gate_baseline import (
    Baseline,
    UndecidedError,
    changed_tolerances,
    default_tolerance,
    make_baseline,
    read_baseline,
    write_baseline,
)
from colorbench.results.reading import read_results


def check(
    folder: Path, against: Path, *, tolerance: Mapping[str, str] | None = None, clip_tolerance: Mapping[str, str] | None = None
) -> GateReport:
    """Compares a run's folder with a baseline's file; what ``colorbench gate RUN --against BASELINE`` does.

    Args:
        folder: of the run.
        against: the baseline; where there is none the verdict says so.
        tolerance: metric to text, for this time in place of the baseline's.
        clip_tolerance: the same for single clips.

    Raises:
        UndecidedError: run or baseline can't be read.
        UsageError: a tolerance of no metric in the baseline, or no number.
    """
    with undecided():
        results = read_results(folder)
        try:
            baseline = read_baseline(against)
        except FileNotFoundError:
            note = f"there is no {against}; from a run that is known to be good: colorbench gate {folder} --update {against}"
            return GateReport(verdict="no baseline", comparisons=(), notes=(note,), signature=results.signature(short=True))
        tolerances = changed_tolerances(baseline.tolerances, mean=tolerance or {}, clip=clip_tolerance or {})
        return compare(results, baseline, tolerances)


def update_baseline(
    folder: Path, path: Path, *, tolerance: Mapping[str, str] | None = None, clip_tolerance: Mapping[str, str] | None = None
) -> Baseline:
    """Writes a run as the baseline; what ``colorbench gate RUN --update BASELINE`` does.

    Tolerances of a baseline that is there already are kept, those given here replace them.

    Raises:
        UndecidedError: the run is not complete, or a file can't be read or written.
        UsageError: a tolerance of no metric of the run, or no number.
    """
    with undecided():
        results = read_results(folder)
        try:
            kept = read_baseline(path).tolerances
        except FileNotFoundError:
            kept = {}
        defaults = {card.name: default_tolerance(card, results) for card in results.metrics}
        known = {name: kept.get(name, default) for name, default in defaults.items()}
        tolerances = changed_tolerances(known, mean=tolerance or {}, clip=clip_tolerance or {})
        baseline = make_baseline(results, tolerances)
        write_baseline(baseline, path)
        return baseline


def describe_written(baseline: Baseline, path: Path) -> str:
    """What ``--update`` says."""
    counts = ((baseline.methods, "method"), (baseline.signatures, "metric"), (baseline.clips, "clip"))
    return f"written to {path}: " + ", ".join(f"{len(some)} {noun}{'' if len(some) == 1 else 's'}" for some, noun in counts)


@contextmanager
def undecided() -> Iterator[None]:
    """What can't be read, written or gone through says nothing about colors: it never ends with a worse run's exit code."""
    try:
        yield
    except ColorbenchError as error:
        if error.exit_code != EXIT_FAILED:
            raise
        raise UndecidedError(error.wrong, wanted=error.wanted, remedy=error.remedy) from error
    except Exception as error:
        raise UndecidedError(
            f"the comparison broke off: {type(error).__name__}: {error}",
            wanted="a run and a baseline that can be compared",
            remedy="--debug shows where; please report it",
        ) from error
