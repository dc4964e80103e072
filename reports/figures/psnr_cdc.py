"""PSNR against CDC, the paper's Figure 5, with what to compare with: the truth's CDC and the PSNR of gray.

CDC alone cannot see missing color, so it is never drawn without PSNR. A method should come near to the truth's line from either
side. The CDC of clips differs far more than that of methods, so its interval is that of the difference from the truth's, clip by
clip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from colorbench.results.gate_baseline import truth_values
from colorbench.results.reading import Results
from colorbench.results.statistics import Interval
from colorbench.results.summary import TRUTH, ClipValue, Summary, clip_values, differ
from reports.figures.drawing import Drawing
from reports.figures.placement import Named, place_names
from reports.figures.style import BETTER, LANDMARK, bar, error_bars, kind_entries, legend_below, looks, new_axes

NAME = "psnr-cdc"
COLUMNS = ("label", "kind", "cdc", "cdc_low", "cdc_high", "psnr", "psnr_low", "psnr_high", "seconds_per_frame")

_GRAY = "gray"
"""The method that adds no color."""
_DIAMETERS = (3.6, 8.4)
"""Of the cheapest and the dearest method's marker, in points."""
_DIAMETER = 5.0
"""Of all where cost is unknown or the same."""
_NO_INTERVAL = Interval(None, None)


def psnr_cdc(summary: Summary, results: Results | None = None) -> Drawing | None:
    """The methods that have both scores; None where there is none.

    An infinite PSNR, of equal frames in a run before version 2 of the metric, is in the data and is not drawn.

    Args:
        summary: its rows are the points.
        results: the run itself, without which CDC has no interval.
    """
    data = _data(summary, results)
    points = data[(data.kind != TRUTH) & np.isfinite(data.psnr)]
    if points.empty:
        return None
    truth = data[data.kind == TRUTH].cdc
    gray = points[points.label.isin([row.label for row in summary.rows if row.method == _GRAY])].psnr
    return Drawing(NAME, data, partial(_draw, points, truth, gray))


def _draw(points: pd.DataFrame, truth: pd.Series[float], gray: pd.Series[float]) -> Figure:
    figure, axes = new_axes(2.8)
    look = looks(list(zip(points.label, points.kind, strict=True)))
    entries, names, lines = kind_entries(list(points.kind)), [], []
    for point, diameter in zip(points.to_dict("records"), _diameters(points.seconds_per_frame), strict=True):
        own = look[point["label"]]
        lines += error_bars(axes, bar(point, "cdc"), bar(point, "psnr"), color=own.color)
        axes.plot(point["cdc"], point["psnr"], **own.markers(diameter), linestyle="", zorder=3)
        names.append(Named(point["label"], point["cdc"], point["psnr"], diameter / 2))
    axes.set(xlabel="CDC (near the truth's is better)", ylabel=f"PSNR in dB ({BETTER['higher']})")
    axes.margins(0.1)
    axes.update_datalim([(value, points.psnr.iloc[0]) for value in truth])
    axes.autoscale_view()
    axes.set_xlim(left=max(axes.get_xlim()[0], 0.0))  # no CDC is negative, whatever its interval says
    for value in truth:
        axes.axvline(value, color=LANDMARK, linewidth=0.8, linestyle="--", zorder=1)
        entries.append((Line2D([], [], color=LANDMARK, linewidth=0.8, linestyle="--"), "CDC of the truth"))
        lines.append(((value, axes.get_ylim()[0]), (value, axes.get_ylim()[1])))
    for value in gray:
        axes.axhline(value, color=LANDMARK, linewidth=0.8, linestyle=":", zorder=1)
        entries.append((Line2D([], [], color=LANDMARK, linewidth=0.8, linestyle=":"), "PSNR of gray"))
        lines.append(((axes.get_xlim()[0], value), (axes.get_xlim()[1], value)))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    entries += _cost_entries(points.seconds_per_frame)
    legend_below(figure, entries, columns=3 if len(entries) > 5 else 2)
    place_names(figure, axes, names, lines)
    return figure


def _data(summary: Summary, results: Results | None) -> pd.DataFrame:
    """The truth's row and those of methods that have both scores."""
    cards = {card.name: card for card in summary.metrics}
    truth = (
        {clip: ClipValue(value, 1) for (clip, name), value in truth_values(results).items() if name == "cdc"} if results else {}
    )
    center = next((row.scores["cdc"].value for row in summary.rows if row.kind == TRUTH and "cdc" in row.scores), None)
    rows = []
    for row in summary.rows:
        cdc, psnr = row.scores.get("cdc"), row.scores.get("psnr")
        if cdc is None or cdc.value is None or psnr is None or (psnr.value is None and row.kind != TRUTH):
            continue
        low = high = None
        if results is not None and center is not None and row.kind != TRUTH:
            off = differ(clip_values(results, row.label, cards["cdc"]), truth).interval
            low, high = (None if bound is None else center + bound for bound in (off.low, off.high))
        seconds = 1 / row.frames_per_second if row.frames_per_second else None
        bounds = (psnr.interval.low, psnr.interval.high)
        rows.append((row.label, row.kind, cdc.value, low, high, psnr.value, *bounds, seconds))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(COLUMNS[2:], "float64"))


def _diameters(seconds: pd.Series[float]) -> list[float]:
    """Diameters that grow with the logarithm of the cost."""
    known = [value for value in seconds if math.isfinite(value)]
    if len(known) < len(seconds) or max(known) < 1.5 * min(known):
        return [_DIAMETER] * len(seconds)
    return [float(np.interp(math.log(value), np.log([min(known), max(known)]), _DIAMETERS)) for value in seconds]


def _cost_entries(seconds: pd.Series[float]) -> list[tuple[Artist, str]]:
    """Legend entries of the smallest and the largest marker."""
    if len(set(_diameters(seconds))) < 2:
        return []
    ends: Sequence[tuple[float, float]] = list(zip(_DIAMETERS, (seconds.min(), seconds.max()), strict=True))
    return [
        (Line2D([], [], linestyle="", marker="o", markersize=size, color="0.7"), f"{cost:.2g} s a frame") for size, cost in ends
    ]
