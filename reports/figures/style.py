"""What all figures share: size, fonts, how a method looks, and names as matplotlib may take them.

A method has a color of Okabe and Ito's palette and a marker of its own, so that neither color nor print alone has to tell it from
the others. The marker's shape says its kind: round or square with exemplars, a triangle without, hollow and gray for a control.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D

from colorbench.results.reading import Results
from colorbench.types import MetricCard
from reports.pictures.labels import shown

WIDTH = 3.15
"""Inches: 8 cm, a column of a paper."""
SMALL = 6.0
"""Points, of names and legends."""
LANDMARK = "0.45"
"""Gray of what is drawn to compare with."""

BETTER = {"higher": "higher is better", "lower": "lower is better", "none": "near the truth's is better"}

_LONGEST = 24
_LONGEST_ACRONYM = 5
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
_MARKERS = {"exemplar": ("o", "s", "D", "p", "h"), "automatic": ("^", "v", "<", ">"), "control": ("s", "o", "D", "^", "v")}
_FONT = "DejaVu Sans"
"""It comes with matplotlib, so that all machines draw the same."""
_RULES: dict[str, Any] = {
    "font.family": _FONT,
    "font.size": 7.0,
    "axes.labelsize": 7.0,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": SMALL,
    "lines.linewidth": 1.1,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "colorbench",
}


Bar = tuple[float, float, float]
"""A value with the bounds of its interval, NaN where there is none."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a method is drawn."""

    color: str
    marker: str
    dash: Any
    hollow: bool

    def markers(self, size: float) -> dict[str, Any]:
        """Arguments of ``Axes.plot``; size is the diameter in points."""
        fill = "white" if self.hollow else self.color
        return {
            "marker": self.marker,
            "markersize": size,
            "color": self.color,
            "markerfacecolor": fill,
            "markeredgecolor": self.color,
            "markeredgewidth": 0.8,
        }


@contextmanager
def house_style() -> Iterator[None]:
    """matplotlib's own defaults with ours over them, whatever the user has set; for drawing and for writing."""
    with style.context(["default", _RULES]):
        yield


def looks(kinds: Sequence[tuple[str, str]]) -> dict[str, Look]:
    """A look for each method, the same in all figures of a run.

    Args:
        kinds: (label, kind) in the table's order.
    """
    found: dict[str, Look] = {}
    counts: dict[bool, int] = {}
    for label, kind in kinds:
        markers, control = _MARKERS[kind], kind == "control"
        index = counts.get(control, 0)
        counts[control] = index + 1
        color = ("0.3", "0.55")[index % 2] if control else _COLORS[index % len(_COLORS)]
        found[label] = Look(color, markers[index % len(markers)], _DASHES[index % len(_DASHES)], control)
    return found


def looks_of(results: Results) -> dict[str, Look]:
    """The looks of a run's methods."""
    return looks([(method.label, method.kind) for method in results.methods])


def new_axes(height: float) -> tuple[Figure, Axes]:
    """A figure one column wide.

    Args:
        height: in inches.
    """
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def bar(row: Mapping[Any, Any], name: str) -> Bar:
    """A column of a row with its bounds."""
    return row[name], row[f"{name}_low"], row[f"{name}_high"]


def error_bars(axes: Axes, x: Bar, y: Bar, *, color: str) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Draws intervals through a point.

    Args:
        axes: of the point.
        x, y: value, low, high.
        color: of the point.

    Returns:
        The lines drawn, by their ends.
    """
    lines = [((x[1], y[0]), (x[2], y[0])), ((x[0], y[1]), (x[0], y[2]))]
    drawn = [line for line in lines if all(math.isfinite(value) for end in line for value in end)]
    for (x0, y0), (x1, y1) in drawn:
        axes.plot((x0, x1), (y0, y1), color=color, linewidth=0.6, alpha=0.5, zorder=2)
    return drawn


def legend_below(figure: Figure, entries: Sequence[tuple[Artist, str]], *, columns: int) -> None:
    """A legend under the axes."""
    # A text of its own that begins with "_" would be left out, and a dollar sign would begin a formula.
    legend = figure.legend(
        [artist for artist, _ in entries],
        [str(index) for index in range(len(entries))],
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        handlelength=2.4,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
    for text, (_, name) in zip(legend.get_texts(), entries, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def settle(figure: Figure) -> None:
    """Lays a figure out once and for all, so that it is not done again for each format."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def kind_entries(kinds: Sequence[str]) -> list[tuple[Artist, str]]:
    """Legend entries of the kinds that are there."""
    entries: list[tuple[Artist, str]] = []
    for kind, words in (("exemplar", "with exemplars"), ("automatic", "automatic"), ("control", "control")):
        if kind in kinds:
            fill = "white" if kind == "control" else "0.3"
            marker = _MARKERS[kind][0]
            entries.append(
                (Line2D([], [], linestyle="", marker=marker, markersize=4.5, color="0.3", markerfacecolor=fill), words)
            )
    return entries


def metric_name(card: MetricCard) -> str:
    """A metric as an axis calls it: PSNR in dB, colorfulness."""
    name = name_of(card.name.upper() if len(card.name) <= _LONGEST_ACRONYM else card.name)
    return f"{name} in {card.unit}" if card.unit else name


def name_of(label: str) -> str:
    """A label as it stands in a figure: at most 24 letters, and a box for what the font has not.

    >>> name_of("\\u5f69"), len(name_of("a" * 99))
    ('\N{REPLACEMENT CHARACTER}', 24)
    """
    return "".join(letter if ord(letter) in _letters() else "\N{REPLACEMENT CHARACTER}" for letter in shown(label, _LONGEST))


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(family=_FONT))).get_charmap())
