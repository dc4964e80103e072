"""The report of a grid of trainings: Table 2 of the paper as it comes out here, beside the figures that the paper prints.

table.md              a row a cell, paired with the full model, with notes; below, other metrics and the difference of each seed
table.tex             the first for a paper
table.csv             the first unrounded, with bounds
details.csv           the second
psnr-cdc.*            the plot of the cells, and its data
METRIC-difference.*   what each cell loses against the full model, and its data
strips/NAME.png       pictures side by side, as Figures 7 and 8
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from colorbench.errors import StoreError
from colorbench.files.atomic import replacing_file
from colorbench.results.ablation import GridFolder
from colorbench.results.ablation_table import AblationRow, AblationTable, Versus, tabulate
from colorbench.results.statistics import ALPHA, LEVEL, smallest_p
from colorbench.results.summary import TRUTH, Pooled, Row, Summary
from colorbench.types import MetricCard
from reports.figures import write_differences, write_figures
from reports.pictures.ablation_strips import write_cell_strips
from reports.pictures.labels import shown
from reports.tables.cells import ARROWS, DASH, DIFFERS, Cell, Column, Grid, format_value
from reports.tables.csv_table import csv_table
from reports.tables.latex import latex
from reports.tables.markdown import markdown

PAIRED = ("psnr", "cdc")
"""Metrics of Table 2."""

_Laid = tuple[Column, Callable[[AblationRow], Cell]]
"""A column and what stands in it."""


def write_ablation(path: Path) -> AblationTable:
    """Writes the report of a grid's folder from what is stored in it.

    Raises:
        StoreError: no grid, or none of it scored yet.
    """
    folder = GridFolder(path)
    stored, results = folder.read(), folder.results()
    if stored is None or results is None:
        raise StoreError(
            f"{path} holds no scores of a grid", wanted="what colorbench ablate wrote", remedy="train at least one cell"
        )
    table = tabulate(stored, results)
    grid, details = ablation_grid(table), details_grid(table)
    texts = {
        "table.md": f"{markdown(grid)}\n{markdown(details)}",
        "table.tex": latex(grid, caption="Ablations, trained under equal conditions.", label="tab:ablation"),
        "table.csv": csv_table(grid),
        "details.csv": csv_table(details),
    }
    for name, text in texts.items():
        with replacing_file(path / name) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
    write_figures(as_summary(table), path)
    write_differences(table, path, PAIRED)
    write_cell_strips(folder, stored)
    return table


def ablation_grid(table: AblationTable) -> Grid:
    """A row a cell: means, differences from the full model, the paper's figures."""
    laid = [_titles(), *(column for card in table.metrics if card.name in PAIRED for column in _paired(card, table))]
    return _grid(laid, table, notes(table), table.signature)


def details_grid(table: AblationTable) -> Grid:
    """A row a cell: the size of its network, other metrics, the difference of each seed over the clips."""
    laid = [_titles(), (Column("parameters", "parameters"), _parameters)]
    laid += [_mean(card) for card in table.metrics if card.name not in PAIRED]
    laid += [_of_seed(card, seed) for card in table.metrics if card.name in PAIRED for seed in table.grid.seeds]
    return _grid(laid, table)


def notes(table: AblationTable) -> list[str]:
    """How the table came about, and what is missing of it."""
    stored = table.grid
    pace = f", at {stored.seconds_per_step:.3g} s a step of the full model" if stored.seconds_per_step else ""
    found = [
        f"preset {stored.preset}, {stored.steps} steps a cell (budget {stored.budget}{pace}), {_listed(stored.seeds)}, "
        f"on {'a GPU' if stored.device == 'cuda' else 'a CPU'}",
        f"means over {_counted(len(table.clips), 'clip')} ({shown(', '.join(table.clips), 500)}) and the seeds",
        f"Δ: minus the full model, paired by clip and seed, with the {LEVEL:.0%} bootstrap interval and the p of a permutation "
        "test over these pairs; those of a seed share two trainings and those of a clip its content, so p is rather too small",
        _test_note(table),
    ]
    if any(row.cell.paper for row in table.rows):
        found.append("paper: as printed in Table 2 of arXiv 2212.02268, at another size, budget and data")
    if "cdc" in table.truth:
        card = next(card for card in table.metrics if card.name == "cdc")
        found.append(f"the clips themselves have a CDC of {format_value(table.truth['cdc'], card)}")
    for row in table.rows:
        lacking = [seed for seed in stored.seeds if seed not in row.seeds]
        if lacking:
            found.append(f"{shown(row.cell.title)}: not trained yet with {_listed(lacking)}")
    if stored.base not in [row.cell.name for row in table.rows if row.seeds]:
        found.append("no differences: the full model is not trained yet")
    return found


def _test_note(table: AblationTable) -> str:
    """What the mark of a difference means, or that so few pairs can't earn it."""
    compared = [row.versus[PAIRED[0]] for row in table.rows if PAIRED[0] in row.versus]
    pairs = max((versus.over_pairs.clips for versus in compared), default=0)
    smallest = len(compared) * smallest_p(pairs)
    if compared and smallest >= ALPHA:
        few = f"{_counted(pairs, 'pair')} and {_counted(len(compared), 'cell')}"
        return f"{few}: too few pairs for p (Holm) < {ALPHA:g}, which is never under {min(1.0, smallest):.2g}"
    return f"{DIFFERS} p (Holm) < {ALPHA:g}, and the same sign with every seed"


def ablation_record(table: AblationTable) -> dict[str, Any]:
    """JSON values: the grid, and of each row the means, the differences and the paper's figures, unrounded."""
    stored = table.grid
    facts = {
        field: getattr(stored, field) for field in ("name", "preset", "budget", "steps", "seconds_per_step", "device", "seeds")
    }
    rows = [
        {
            "name": row.cell.name,
            "title": row.cell.title,
            "parameters": row.cell.parameters,
            "seeds": row.seeds,
            "paper": row.cell.paper,
            "means": row.means,
            "minus_full": {metric: _versus_record(versus) for metric, versus in row.versus.items()},
        }
        for row in table.rows
    ]
    shared = {"clips": table.clips, "truth": table.truth, "signature": table.signature}
    return {"grid": facts, **shared, "rows": rows, "notes": notes(table)}


def as_summary(table: AblationTable) -> Summary:
    """A grid as the summary of a run in which each cell is a method, for the figures."""

    def row(label: str, kind: str, means: Mapping[str, float | None]) -> Row:
        scores = {card.name: Pooled(means.get(card.name), "", None, len(table.clips)) for card in table.metrics}
        return Row(label, label, "", kind, None, scores, None, 0.0, None, 0)

    rows = (row(TRUTH, TRUTH, table.truth), *(row(found.cell.title, "exemplar", found.means) for found in table.rows))
    return Summary(metrics=table.metrics, rows=rows, signature="", short_signature="", signatures={})


def _grid(laid: Sequence[_Laid], table: AblationTable, lines: Sequence[str] = (), signature: str = "") -> Grid:
    group = tuple(tuple(fill(row) for _, fill in laid) for row in table.rows)
    return Grid(tuple(column for column, _ in laid), (group,), tuple(lines), signature)


def _titles() -> _Laid:
    return Column("variant", "variant"), lambda row: Cell(shown(row.cell.title))


def _mean(card: MetricCard) -> _Laid:
    def fill(row: AblationRow) -> Cell:
        return Cell(format_value(row.means[card.name], card), row.means[card.name])

    title = card.name.upper() if len(card.name) <= len("PSNR") else card.name
    return Column(card.name, title, ARROWS[card.direction]), fill


def _paired(card: MetricCard, table: AblationTable) -> list[_Laid]:
    """Mean, difference, p, and the paper's figure and difference where it has any."""

    def difference(row: AblationRow) -> Cell:
        versus = row.versus.get(card.name)
        if versus is None or versus.over_pairs.mean is None:
            return Cell(DASH)
        interval = versus.over_pairs.interval
        bounds = None
        if interval.low is not None and interval.high is not None:
            bounds = _signed(interval.low, card), _signed(interval.high, card)
        mark = DIFFERS if versus.significant else ""
        mean = versus.over_pairs.mean
        return Cell(_signed(mean, card), mean, mark=mark, bounds=bounds, interval=interval)

    def p(row: AblationRow) -> Cell:
        versus = row.versus.get(card.name)
        return _probability(versus.over_pairs.p if versus else None)

    def corrected(row: AblationRow) -> Cell:
        versus = row.versus.get(card.name)
        return _probability(versus.corrected_p if versus else None)

    def paper(row: AblationRow) -> Cell:
        value = row.cell.paper.get(card.name)
        return Cell(format_value(value, card), value)

    def paper_difference(row: AblationRow) -> Cell:
        value = table.published_difference(row, card.name)
        return Cell(DASH) if value is None else Cell(_signed(value, card), value)

    name = card.name
    laid: list[_Laid] = [
        _mean(card),
        (Column(f"{name}-difference", "Δ", of=name), difference),
        (Column(f"{name}-p", "p", of=name), p),
        (Column(f"{name}-p-holm", "p (Holm)", of=name), corrected),
    ]
    if any(name in row.cell.paper for row in table.rows):
        laid.append((Column(f"{name}-paper", "paper", of=name), paper))
        laid.append((Column(f"{name}-paper-difference", "paper Δ", of=name), paper_difference))
    return laid


def _of_seed(card: MetricCard, seed: int) -> _Laid:
    def fill(row: AblationRow) -> Cell:
        versus = row.versus.get(card.name)
        value = versus.by_seed.get(seed) if versus else None
        return Cell(DASH) if value is None else Cell(_signed(value, card), value)

    return Column(f"{card.name}-{seed}", f"Δ {card.name.upper()} seed {seed}"), fill


def _parameters(row: AblationRow) -> Cell:
    return Cell(f"{row.cell.parameters:,}", row.cell.parameters)


def _versus_record(versus: Versus) -> dict[str, Any]:
    over = versus.over_pairs
    return {
        "mean": over.mean,
        "low": over.interval.low,
        "high": over.interval.high,
        "p": over.p,
        "p_holm": versus.corrected_p,
        "pairs": over.clips,
        "by_seed": versus.by_seed,
    }


def _probability(value: float | None) -> Cell:
    return Cell(DASH) if value is None else Cell(f"{value:.3f}", value)


def _signed(value: float, card: MetricCard) -> str:
    return f"{value:+.{card.decimals}f}"


def _listed(seeds: Sequence[int]) -> str:
    """ "seed 0", or "seeds 0, 1"."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count != 1 else ''}"
