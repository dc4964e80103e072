"""What a grid of trainings shows: a row a cell, beside what was published, and paired with the full model.

A pair is a clip and a seed: the full model and a cell, trained from the same seed on the same samples, color the same clip.
Intervals and p are over these pairs (:mod:`colorbench.results.statistics`). Pairs of one seed share two trainings, and pairs
of one clip share its content, so they hold less than as many independent observations: the difference of each seed stands beside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from colorbench.results.ablation import StoredCell, StoredGrid, label_of
from colorbench.results.gate_baseline import truth_values
from colorbench.results.reading import Results
from colorbench.results.statistics import ALPHA, PairedDifference, holm, paired_difference
from colorbench.results.summary import unit_score
from colorbench.types import MetricCard

BySeed = Mapping[int, Mapping[str, tuple[float | None, ...]]]
"""Seed to metric to a value a clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versus:
    """A cell against the full model in one metric."""

    over_pairs: PairedDifference
    """Cell minus full, over clips and seeds."""
    by_seed: Mapping[int, float]
    """The mean difference over the clips, of each seed."""
    corrected_p: float | None
    """By Holm, for as many cells as are compared with the full model in this metric."""

    @property
    def significant(self) -> bool:
        """The corrected p is under 0.05, and every seed's difference has the same sign."""
        agree = len({value > 0 for value in self.by_seed.values()}) == 1
        return agree and self.corrected_p is not None and self.corrected_p < ALPHA


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationRow:
    """One cell."""

    cell: StoredCell
    seeds: tuple[int, ...]
    """Whose trainings are scored on every clip; the others do not count."""
    means: Mapping[str, float | None]
    """Over clips and seeds, by metric; None where a score has no value, or nothing is scored."""
    versus: Mapping[str, Versus]
    """By metric; empty for the full model, and where no seed of both is scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationTable:
    """All of a grid."""

    grid: StoredGrid
    rows: tuple[AblationRow, ...]
    metrics: tuple[MetricCard, ...]
    clips: tuple[str, ...]
    truth: Mapping[str, float]
    """The clips' own values of metrics that need no truth."""
    signature: str
    """Of protocol and data."""

    def published_difference(self, row: AblationRow, metric: str) -> float | None:
        """What the paper prints for a cell minus what it prints for the full model; None for the latter, or if one lacks."""
        full = next((other.cell.paper.get(metric) for other in self.rows if other.cell.name == self.grid.base), None)
        value = row.cell.paper.get(metric)
        return None if value is None or full is None or row.cell.name == self.grid.base else value - full


def tabulate(grid: StoredGrid, results: Results) -> AblationTable:
    """Rows of a grid from the scores of its trainings, as far as they go."""
    scores = {cell.name: _scores(cell.name, grid.seeds, results) for cell in grid.cells}
    metrics = [card.name for card in results.metrics]
    versus = {metric: _compared(scores, grid.base, metric) for metric in metrics}
    rows = [
        AblationRow(
            cell=cell,
            seeds=tuple(scores[cell.name]),
            means={metric: _mean([x for found in scores[cell.name].values() for x in found[metric]]) for metric in metrics},
            versus={metric: of_cells[cell.name] for metric, of_cells in versus.items() if cell.name in of_cells},
        )
        for cell in grid.cells
    ]
    own = truth_values(results)
    truth = {metric: _mean([own.get((clip, metric)) for clip in results.clip_names]) for metric in metrics}
    return AblationTable(
        grid=grid,
        rows=tuple(rows),
        metrics=results.metrics,
        clips=results.clip_names,
        truth={metric: value for metric, value in truth.items() if value is not None},
        signature=results.signature(short=True),
    )


def _scores(cell: str, seeds: Sequence[int], results: Results) -> BySeed:
    """The seeds of which every clip is scored, with a value a clip and metric."""
    found = {}
    for seed in seeds:
        records = [results.record(label_of(cell, seed), clip) for clip in results.clip_names]
        done = [record for record in records if record is not None and record.status == "done"]
        if len(done) == len(records):
            found[seed] = {card.name: tuple(unit_score(record, card.name).value for record in done) for card in results.metrics}
    return found


def _compared(scores: Mapping[str, BySeed], base: str, metric: str) -> dict[str, Versus]:
    """Each cell that has a seed in common with the full model, and values on all clips."""
    full = scores.get(base, {})
    found: dict[str, tuple[PairedDifference, dict[int, float]]] = {}
    for cell, by_seed in scores.items():
        pairs = {
            seed: [(x, y) for x, y in zip(own[metric], full[seed][metric], strict=True) if x is not None and y is not None]
            for seed, own in by_seed.items()
            if seed in full
        }
        whole = pairs and all(len(of_seed) == len(by_seed[seed][metric]) for seed, of_seed in pairs.items())
        if cell != base and whole:
            every = [pair for of_seed in pairs.values() for pair in of_seed]
            means = {seed: math.fsum(x - y for x, y in of_seed) / len(of_seed) for seed, of_seed in pairs.items()}
            found[cell] = paired_difference([x for x, _ in every], [y for _, y in every]), means
    tested = {cell: over.p for cell, (over, _) in found.items() if over.p is not None}
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    return {
        cell: Versus(over_pairs=over, by_seed=means, corrected_p=corrected.get(cell)) for cell, (over, means) in found.items()
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None
