"""What each cell of a grid loses against the full model: the mean with its interval, each seed, and what the paper prints."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from colorbench.results.ablation_table import AblationTable
from colorbench.types import MetricCard
from reports.figures.drawing import Drawing
from reports.figures.style import LANDMARK, legend_below, metric_name, name_of, new_axes

_ROW = 0.19
"""Inches."""
_MEAN: dict[str, Any] = {"marker": "D", "markersize": 3.6, "color": "#0072B2", "linestyle": ""}
_SEED: dict[str, Any] = {"marker": "|", "markersize": 5.5, "color": "#0072B2", "linestyle": "", "alpha": 0.55}
_PAPER: dict[str, Any] = {"marker": "o", "markersize": 3.8, "color": LANDMARK, "markerfacecolor": "white", "linestyle": ""}


def differences(table: AblationTable, metric: str) -> Drawing | None:
    """A row a cell, in the table's order; None where nothing is compared with the full model.

    Args:
        table: of the grid.
        metric: one of its metrics.
    """
    card = next((card for card in table.metrics if card.name == metric), None)
    data = _data(table, metric)
    if card is None or data.empty:
        return None
    return Drawing(f"{metric}-difference", data, partial(_draw, data, card))


def _data(table: AblationTable, metric: str) -> pd.DataFrame:
    rows = []
    for row in table.rows:
        versus = row.versus.get(metric)
        if versus is None or versus.over_pairs.mean is None:
            continue
        interval = versus.over_pairs.interval
        own = {"label": row.cell.title, "difference": versus.over_pairs.mean, "difference_low": interval.low}
        own |= {"difference_high": interval.high, "paper": table.published_difference(row, metric)}
        rows.append(own | {f"seed_{seed}": versus.by_seed.get(seed) for seed in table.grid.seeds})
    data = pd.DataFrame(rows)
    return data.astype({name: "float64" for name in data.columns if name != "label"})


def _draw(data: pd.DataFrame, card: MetricCard) -> Figure:
    figure, axes = new_axes(0.9 + _ROW * len(data))
    axes.axvline(0.0, color=LANDMARK, linewidth=0.8, linestyle="--", zorder=1)
    seeds = [name for name in data.columns if str(name).startswith("seed_")]
    for y, row in enumerate(data.to_dict("records")):
        if math.isfinite(row["difference_low"]) and math.isfinite(row["difference_high"]):
            axes.plot((row["difference_low"], row["difference_high"]), (y, y), color=_MEAN["color"], linewidth=1.0, zorder=2)
        axes.plot([row[seed] for seed in seeds], [y] * len(seeds), **_SEED, zorder=2)
        axes.plot(row["paper"], y, **_PAPER, zorder=3)
        axes.plot(row["difference"], y, **_MEAN, zorder=4)
    axes.set_yticks(range(len(data)), [name_of(label) for label in data.label], parse_math=False)
    axes.set_ylim(len(data) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))
    axes.set_xlabel(f"{metric_name(card)}, minus the full model's")
    entries: list[tuple[Artist, str]] = [
        (Line2D([], [], **{**_MEAN, "linestyle": "-", "linewidth": 1.0}), "mean, 95% interval"),
        (Line2D([], [], **_SEED), "each seed"),
    ]
    if data.paper.notna().any():
        entries.append((Line2D([], [], **_PAPER), "the paper's"))
    legend_below(figure, entries, columns=3)
    return figure
