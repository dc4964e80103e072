"""What the names of frames say of their order: the sequence that most are numbered in, its holes, and what is not of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

_NUMBERED = re.compile(r"(.*?)(\d+)(\D*)", re.DOTALL)
_MOST_MISSING = 1000
"""Names that are listed of one hole: a sequence may go on at a number that is a date."""


class Numbering(NamedTuple):
    """How names are numbered. Names without numbers, or without one sequence that holds most of them, have no sequence."""

    numbers: tuple[int, ...]
    """Of the names in the sequence, ascending; empty without one."""
    missing: tuple[str, ...]
    """Names that the sequence skips."""
    strays: tuple[str, ...]
    """Names that are not of the sequence."""


def numbering(names: Sequence[str]) -> Numbering:
    """Finds the sequence: equal texts before and behind the last number of each name, and one step that most neighbors have.

    >>> numbering(["f08", "f09", "f11", "f12", "reference"])
    Numbering(numbers=(8, 9, 11, 12), missing=('f10',), strays=('reference',))
    >>> numbering(["0", "5", "10"]).missing, numbering(["dawn", "dusk"])
    ((), Numbering(numbers=(), missing=(), strays=()))
    """
    texts: dict[str, tuple[str, str]] = {}
    digits: dict[str, str] = {}
    for name in names:
        if match := _NUMBERED.fullmatch(name):
            before, digits[name], behind = match.groups()
            texts[name] = (before, behind)
    counts = Counter(texts.values())
    if not counts or counts.most_common(1)[0][1] * 2 <= len(names):
        return Numbering((), (), ())
    own = before, behind = counts.most_common(1)[0][0]
    known = {int(digits[name]): digits[name] for name in names if texts.get(name) == own}
    missing = (
        f"{before}{number:0{len(known[first])}}{behind}"
        for first, skipped in _holes(sorted(known))
        for number in skipped[:_MOST_MISSING]
    )
    return Numbering(tuple(sorted(known)), tuple(missing), tuple(name for name in names if texts.get(name) != own))


def _holes(numbers: Sequence[int]) -> list[tuple[int, range]]:
    """The number before each hole, and what is skipped; none where no step holds for most neighbors."""
    steps = Counter(b - a for a, b in pairwise(numbers))
    if not steps:
        return []
    step, count = min(steps.items(), key=lambda item: (-item[1], item[0]))
    if count * 2 < len(numbers) - 1:
        return []
    return [(a, range(a + step, b, step)) for a, b in pairwise(numbers) if b - a > step and (b - a) % step == 0]
