"""Stills to shots. Each shot takes its colors from its own stills alone, so that none cross a cut.

A still is of the shot that it stands in. A shot in which none stands borrows the one that looks most like it, if that is very
much: of two actors who are shown in turn, one picture of each will do. Else the shot stays gray and is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colorbench.clips.shots import Shot
from colorbench.film.placing import Place

BORROW = 0.8
"""Likeness that a borrowed still must have. docs/design/shots.md has what 0.5 did to a shot of trucks."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A still, seen from a shot."""

    index: int
    """The shot's frame that looks most like it."""
    likeness: float
    """In [-1, 1], of that frame and the still."""


@dataclass(frozen=True, slots=True)
class Use:
    """A still that colors a shot."""

    still: int
    """Its number."""
    index: int
    """The frame of the shot where it stands."""
    likeness: float
    """In [-1, 1], of that frame and the still."""
    own: bool
    """False: borrowed from another shot."""


@dataclass(frozen=True, slots=True)
class ShotColors:
    """What colors a shot."""

    number: int
    """From 0 on."""
    shot: Shot
    uses: tuple[Use, ...]
    """By frame; none: the shot stays gray, if the method does not do without."""
    nearest: tuple[int, Sight] | None
    """The still that looks most like the shot, used or not; None where there is no still."""


@dataclass(frozen=True, slots=True)
class Part:
    """Frames that a method is given as a clip of their own: a shot, or as much of it as it takes the stills of."""

    first: int
    last: int
    uses: tuple[Use, ...]

    def __len__(self) -> int:
        return self.last - self.first + 1


def assign(
    shots: Sequence[Shot], places: Sequence[Place], likeness: NDArray[np.float32], *, borrow: float
) -> tuple[ShotColors, ...]:
    """Gives each shot its stills.

    Args:
        shots: of the film.
        places: of the stills.
        likeness: (N, R), of each frame and still.
        borrow: likeness that a borrowed still must have.

    Returns:
        One for each shot, in order.
    """
    return tuple(_assigned(number, shot, places, likeness, borrow) for number, shot in enumerate(shots))


def parts(shot: Shot, uses: Sequence[Use], *, most: int | None) -> tuple[Part, ...]:
    """A shot as clips for a method that takes at most so many stills: cut where the next group of stills begins.

    >>> uses = [Use(number, index, 1.0, True) for number, index in enumerate((2, 5, 8))]
    >>> [(part.first, part.last, len(part.uses)) for part in parts(Shot(0, 9), uses, most=1)]
    [(0, 4, 1), (5, 7, 1), (8, 9, 1)]
    >>> [(part.first, part.last, len(part.uses)) for part in parts(Shot(0, 9), uses, most=None)]
    [(0, 9, 3)]
    """
    if most == 0 or not uses:
        return (Part(shot.first, shot.last, ()),)
    step = most or len(uses)
    groups = [tuple(uses[at : at + step]) for at in range(0, len(uses), step)]
    starts = [shot.first, *(group[0].index for group in groups[1:])]
    stops = [*starts[1:], shot.last + 1]
    return tuple(Part(start, stop - 1, group) for start, stop, group in zip(starts, stops, groups, strict=True))


def _assigned(number: int, shot: Shot, places: Sequence[Place], likeness: NDArray[np.float32], borrow: float) -> ShotColors:
    if not places:
        return ShotColors(number, shot, (), None)
    within = likeness[shot.first : shot.last + 1]
    still = int(within.max(axis=0).argmax())
    at = int(within[:, still].argmax())
    sight = Sight(shot.first + at, float(within[at, still]))
    own = [
        Use(other, place.index, place.likeness, True)
        for other, place in enumerate(places)
        if shot.first <= place.index <= shot.last
    ]
    if not own and sight.likeness >= borrow:
        own = [Use(still, sight.index, sight.likeness, False)]
    return ShotColors(number, shot, tuple(sorted(own, key=lambda use: use.index)), (still, sight))
