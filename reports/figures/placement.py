"""Names beside their points, so that none stands on another, on a marker or outside the axes where there is room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.style import SMALL, name_of, settle

_DISTANCES = (2.0, 6.0, 12.0, 20.0, 30.0, 42.0, 56.0)
"""Of a name from its marker's edge, in points."""
_ANGLES = tuple(math.radians(angle) for angle in (0, 180, 90, 270, 30, 150, 330, 210, 60, 120, 300, 240))
"""The first of equally good places is taken: right, left, above, below."""
_LEADER_FROM = 5.0
"""Points; a name that stands farther off gets a line to its marker."""
_ROUNDS = 4


class Box(NamedTuple):
    """In pixels. matplotlib's Bbox reads each side from an array, which made most of the time of a figure of many names."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Named:
    """A point that gets its name."""

    label: str
    x: float
    y: float
    """In data coordinates."""
    radius: float
    """Of its marker, in points."""


def place_names(figure: Figure, axes: Axes, points: Sequence[Named], bars: Sequence[Sequence[tuple[float, float]]] = ()) -> None:
    """Writes each point's name at the best of 84 places around it.

    Names are placed one after the other, those in a crowd last, and then moved again in the light of all others, four times at
    most. What it costs to overlap: a name or the frame most, a marker much, a bar or a line little.

    Args:
        figure: complete but for the names; layout and limits are fixed here.
        axes: of the points.
        points: drawn already.
        bars: lines ((x0, y0), (x1, y1)) in data coordinates that names should not cross.
    """
    settle(figure)
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    scale = figure.dpi / 72
    frame = Box(*map(float, axes.get_window_extent().extents))
    centers = [tuple(map(float, axes.transData.transform((point.x, point.y)))) for point in points]
    sizes = [_size(figure, point.label) for point in points]
    markers = [_around(center, point.radius * scale) for center, point in zip(centers, points, strict=True)]
    thin = [_line(axes, bar) for bar in bars]
    crowded = sorted(range(len(points)), key=lambda i: sum(math.dist(centers[i], other) < 40 * scale for other in centers))
    chosen: dict[int, tuple[Box, float]] = {}
    for _ in range(_ROUNDS):
        before = dict(chosen)
        for index in crowded:
            others = [box for i, (box, _) in chosen.items() if i != index]
            places = _places(centers[index], sizes[index], points[index].radius, scale)
            chosen[index] = min(places, key=lambda place: _cost(place, frame, others, markers, thin, scale))
        if chosen == before:
            break
    to_data = axes.transData.inverted()
    for index, (box, distance) in chosen.items():
        axes.annotate(
            name_of(points[index].label),
            (points[index].x, points[index].y),
            xytext=((box.x0 - centers[index][0]) / scale, (box.y0 - centers[index][1]) / scale),
            textcoords="offset points",
            ha="left",
            va="bottom",
            fontsize=SMALL,
            zorder=5,
            parse_math=False,
        )
        if distance > _LEADER_FROM:
            near = (min(max(centers[index][0], box.x0), box.x1), min(max(centers[index][1], box.y0), box.y1))
            end = to_data.transform(near)
            axes.plot((points[index].x, end[0]), (points[index].y, end[1]), color="0.6", linewidth=0.4, zorder=1.5)


def _size(figure: Figure, label: str) -> tuple[float, float]:
    """Width and height of a name in pixels."""
    text = figure.text(0, 0, name_of(label), fontsize=SMALL, parse_math=False)
    box = text.get_window_extent()
    text.remove()
    return box.width, box.height


def _around(center: tuple[float, ...], radius: float) -> Box:
    return Box(center[0] - radius, center[1] - radius, center[0] + radius, center[1] + radius)


def _line(axes: Axes, bar: Sequence[tuple[float, float]]) -> Box:
    """A horizontal or vertical line as a box of one pixel."""
    (x0, y0), (x1, y1) = axes.transData.transform(bar).tolist()
    return Box(min(x0, x1) - 0.5, min(y0, y1) - 0.5, max(x0, x1) + 0.5, max(y0, y1) + 0.5)


def _places(center: tuple[float, ...], size: tuple[float, float], radius: float, scale: float) -> list[tuple[Box, float]]:
    """Boxes around a marker with their distance from it in points, near ones first."""
    found = []
    for distance in _DISTANCES:
        reach = (radius + distance) * scale
        for angle in _ANGLES:
            x = center[0] + reach * math.cos(angle) + size[0] / 2 * _sign(math.cos(angle))
            y = center[1] + reach * math.sin(angle) + size[1] / 2 * _sign(math.sin(angle))
            found.append((Box(x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2), distance))
    return found


def _sign(value: float) -> float:
    return 0.0 if abs(value) < 1e-9 else math.copysign(1.0, value)


def _cost(
    place: tuple[Box, float],
    frame: Box,
    names: Sequence[Box],
    markers: Sequence[Box],
    thin: Sequence[Box],
    scale: float,
) -> float:
    box, distance = place
    across, up = 3 * scale, 0.5 * scale
    padded = Box(box.x0 - across, box.y0 - up, box.x1 + across, box.y1 + up)  # names that stand side by side must not read as one
    outside = (box.x1 - box.x0) * (box.y1 - box.y0) - _shared(box, frame)
    on_names = sum(_shared(padded, name) for name in names)
    on_markers = sum(_shared(box, marker) for marker in markers)
    on_lines = sum(_shared(box, line) for line in thin)
    return (10 * outside + 30 * on_names + 6 * on_markers + 2 * on_lines) / scale**2 + distance


def _shared(first: Box, second: Box) -> float:
    """Area that two boxes have in common, in square pixels."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return width * height if width > 0 and height > 0 else 0.0
