"""A table as cells, ready to be written in any format."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from colorbench.results.statistics import NO_INTERVAL, Interval
from colorbench.results.summary import Row
from colorbench.types import MetricCard

ARROWS = {"higher": "↑", "lower": "↓", "none": ""}
DASH = "\N{EN DASH}"
DIFFERS = "*"
"""After a value that differs from the best one by more than chance."""

Rank = Literal["", "best", "second"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. All but the first hold numbers and are set to the right."""

    key: str
    """Unique in its grid; the name in a CSV file."""
    title: str
    arrow: str = ""
    """Which way is better."""
    of: str = ""
    """The key of the column to whose right it belongs."""
    short: str = ""
    """The title where room is scarce."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One printed value."""

    text: str
    value: float | None = None
    """Unrounded, where it is a number."""
    rank: Rank = ""
    mark: str = ""
    """Set high after the text."""
    bounds: tuple[str, str] | None = None
    """A confidence interval as printed."""
    interval: Interval = NO_INTERVAL
    """The same unrounded, also where it is not printed."""
    p: float | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. Its texts are plain: each writer escapes them as its format asks."""

    columns: tuple[Column, ...]
    groups: tuple[tuple[tuple[Cell, ...], ...], ...]
    """Groups of rows, set apart from each other; a row has a cell for each column."""
    notes: tuple[str, ...] = ()
    signature: str = ""
    """Short, of protocol and data."""
    keys: int = 1
    """So many columns, the first ones, name a row."""


Laid = tuple[Column, Callable[[Row], Cell]]
"""A column and what stands in it."""


def format_value(value: float | None, card: MetricCard) -> str:
    """A value with the card's digits; ∞ for infinite, a dash for none."""
    if value is None:
        return DASH
    return "∞" if math.isinf(value) else f"{value:.{card.decimals}f}"


def ranks(values: Mapping[str, float], card: MetricCard) -> dict[str, Rank]:
    """Label to rank of the best and the second best among two or more values; there is no second of two.

    What is printed alike ranks alike.
    """
    if card.direction == "none" or len(values) < 2:
        return {}
    order = sorted(values.values(), reverse=card.direction == "higher")
    printed = list(dict.fromkeys(format_value(value, card) for value in order))
    places: tuple[Rank, ...] = ("best", "second") if len(values) > 2 else ("best",)
    rank_of = dict(zip(printed, places, strict=False))
    return {label: rank_of.get(format_value(value, card), "") for label, value in values.items()}
