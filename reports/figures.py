"""Figures of a run, from its summary alone: PSNR against CDC, the paper's Figure 5.

CDC alone cannot see missing color, so it is never drawn without PSNR; the truth's own CDC is the line that a method should come
near to, from either side. Drawn for a column of 8 cm; colors are those of Okabe and Ito, and each kind has its own marker too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colorbench.atomic import replacing_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from colorbench.statistics import Row, Summary

STYLES = {"control": ("#0072B2", "s"), "exemplar": ("#D55E00", "o"), "automatic": ("#009E73", "^")}
"""Color and marker by the method's kind."""

_INCHES = (3.4, 2.6)
_FORMATS = ("svg", "png")
_LONGEST = 24
"""Letters of a name in a plot; the CSV has all of it."""


@dataclass(frozen=True, slots=True)
class Point:
    """A method in the plane."""

    label: str
    kind: str
    cdc: float
    psnr: float


def points(summary: Summary) -> tuple[Point, ...]:
    """The methods that have both scores, in the table's order."""
    return tuple(
        Point(row.label, row.kind, cdc, psnr)
        for row in summary.rows
        if row.kind != "truth" and (cdc := _value(row, "cdc")) is not None and (psnr := _value(row, "psnr")) is not None
    )


def psnr_cdc(summary: Summary) -> Figure | None:
    """PSNR against CDC; None where no method has both.

    A method whose frames equal the truth has an infinite PSNR and is left out.
    """
    shown = [point for point in points(summary) if point.psnr != float("inf")]
    if not shown:
        return None
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    truth = next((value for row in summary.rows if row.kind == "truth" and (value := _value(row, "cdc")) is not None), None)
    if truth is not None:
        axes.axvline(truth, color="0.4", linewidth=0.8, linestyle="--", label="CDC of the truth")
    for kind, (color, marker) in STYLES.items():
        some = [point for point in shown if point.kind == kind]
        if some:
            axes.scatter([p.cdc for p in some], [p.psnr for p in some], s=22, color=color, marker=marker, label=kind, zorder=3)
    spread = [point.cdc for point in shown] + ([truth] if truth is not None else [])
    middle = (min(spread) + max(spread)) / 2
    for point in shown:
        left = point.cdc > middle  # a name stands on the side that has more room
        axes.annotate(
            _shown(point.label),
            (point.cdc, point.psnr),
            xytext=(-5 if left else 5, 4),
            textcoords="offset points",
            ha="right" if left else "left",
            fontsize=6.5,
        )
    axes.set_xlabel("CDC (near the line is better)", fontsize=7.5)
    axes.set_ylabel("PSNR in dB (higher is better)", fontsize=7.5)
    axes.tick_params(labelsize=6.5)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.margins(x=0.15, y=0.15)
    axes.grid(color="0.9", linewidth=0.5)
    axes.legend(fontsize=6, loc="best", framealpha=0.9)
    return figure


def write_figures(summary: Summary, folder: Path) -> tuple[Path, ...]:
    """Writes psnr-cdc.svg, .png and .csv, the data of the picture; nothing where there is nothing to draw.

    The same summary gives the same bytes with one matplotlib.

    Raises:
        StoreError: the folder can't be written.
    """
    figure = psnr_cdc(summary)
    if figure is None:
        return ()
    from matplotlib import rc_context

    written = []
    for form in _FORMATS:
        buffer = io.BytesIO()
        with rc_context({"svg.hashsalt": "colorbench", "svg.fonttype": "none"}):
            figure.savefig(buffer, format=form, dpi=300, metadata={"Date": None} if form == "svg" else None)
        written.append(_write(folder / f"psnr-cdc.{form}", buffer.getvalue()))
    return (*written, _write(folder / "psnr-cdc.csv", _csv(points(summary)).encode()))


def _shown(label: str) -> str:
    """A label as matplotlib takes it: a dollar sign would begin a formula, and a long name would leave no room for the plot.

    >>> _shown("costs $5"), len(_shown("a" * 99))
    ('costs \\\\$5', 24)
    """
    short = label if len(label) <= _LONGEST else label[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return short.replace("$", r"\$")


def _csv(found: Sequence[Point]) -> str:
    import csv

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("method", "kind", "cdc", "psnr"))
    writer.writerows((point.label, point.kind, repr(point.cdc), repr(point.psnr)) for point in found)
    return text.getvalue()


def _value(row: Row, metric: str) -> float | None:
    score = row.scores.get(metric)
    return None if score is None else score.value


def _write(path: Path, content: bytes) -> Path:
    with replacing_file(path) as temporary:
        temporary.write_bytes(content)
    return path
