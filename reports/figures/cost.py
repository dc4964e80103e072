"""What quality costs: PSNR against seconds a frame, with the line of the methods that none beats in both."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from colorbench.results.reading import Results
from colorbench.results.summary import TRUTH, Summary
from reports.figures.drawing import Drawing
from reports.figures.placement import Named, place_names
from reports.figures.style import BETTER, LANDMARK, bar, error_bars, kind_entries, legend_below, looks, new_axes

NAME = "cost-psnr"
COLUMNS = ("label", "kind", "seconds_per_frame", "peak_memory_mib", "psnr", "psnr_low", "psnr_high", "unbeaten")

_DIAMETER = 5.0


def cost(summary: Summary, results: Results) -> Drawing | None:
    """The methods that have a PSNR and a time; None where there is none.

    Seconds are those of the machine and device of the run: coloring alone, without reading frames or scoring them.
    """
    data = _data(summary)
    points = data[np.isfinite(data.psnr)]
    devices = " and ".join(sorted({method.device for method in results.methods}))
    return None if points.empty else Drawing(NAME, data, partial(_draw, points, devices))


def _draw(points: pd.DataFrame, devices: str) -> Figure:
    figure, axes = new_axes(2.8)
    look = looks(list(zip(points.label, points.kind, strict=True)))
    names, lines = [], []
    for point in points.to_dict("records"):
        own, seconds = look[point["label"]], point["seconds_per_frame"]
        lines += error_bars(axes, (seconds, seconds, seconds), bar(point, "psnr"), color=own.color)
        axes.plot(seconds, point["psnr"], **own.markers(_DIAMETER), linestyle="", zorder=3)
        names.append(Named(point["label"], seconds, point["psnr"], _DIAMETER / 2))
    front = points[points.unbeaten].sort_values("seconds_per_frame")
    for (x0, y0), (x1, y1) in pairwise(zip(front.seconds_per_frame, front.psnr, strict=True)):
        lines += [((x0, y0), (x1, y0)), ((x1, y0), (x1, y1))]
        axes.plot((x0, x1, x1), (y0, y0, y1), color=LANDMARK, linewidth=0.7, linestyle="--", zorder=1)
    axes.set(xscale="log", xlabel=f"seconds a frame, {devices} ({BETTER['lower']})", ylabel=f"PSNR in dB ({BETTER['higher']})")
    axes.margins(0.12)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    legend_below(figure, kind_entries(list(points.kind)), columns=3)
    place_names(figure, axes, names, lines)
    return figure


def _data(summary: Summary) -> pd.DataFrame:
    rows = []
    for row in summary.rows:
        psnr = row.scores.get("psnr")
        if row.kind == TRUTH or psnr is None or psnr.value is None or not row.frames_per_second:
            continue
        bounds = (psnr.interval.low, psnr.interval.high)
        rows.append((row.label, row.kind, 1 / row.frames_per_second, row.peak_memory_mib, psnr.value, *bounds))
    data = pd.DataFrame(rows, columns=list(COLUMNS[:-1])).astype(dict.fromkeys(COLUMNS[2:-1], "float64"))
    cheaper = [data.psnr[data.seconds_per_frame <= cost] for cost in data.seconds_per_frame]
    data["unbeaten"] = [bool(psnr >= among.max()) for psnr, among in zip(data.psnr, cheaper, strict=True)]
    return data
