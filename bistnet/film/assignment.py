"""References to shots. Each shot takes its colors from its own references alone, so that none cross a cut.

A reference is of the shot that it stands in. A shot in which none stands borrows the one that looks most like it, if that is much
enough: of two actors who are shown in turn, one picture of each will do. Else the shot stays gray and is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bistnet.film.survey import Survey
from bistnet.network.fusion import Span, spans
from colorbench.clips.shots import Shot


@dataclass(frozen=True, slots=True)
class Use:
    """A reference that colors a shot."""

    reference: int
    """Its number."""
    index: int
    """The frame of the shot where it stands."""
    likeness: float
    """In [-1, 1], of that frame and the reference."""
    own: bool
    """False: borrowed from another shot."""


@dataclass(frozen=True, slots=True)
class ShotColors:
    """What colors a shot."""

    shot: Shot
    uses: tuple[Use, ...]
    """By frame; none: the shot stays gray."""


def assign(survey: Survey, *, least: float) -> tuple[ShotColors, ...]:
    """Gives each shot its references.

    Args:
        survey: of the film.
        least: likeness that a borrowed reference must have.

    Returns:
        One for each shot, in order.
    """
    return tuple(ShotColors(shot, _uses(survey, number, least)) for number, shot in enumerate(survey.shots))


def shot_spans(assigned: Sequence[ShotColors]) -> tuple[Span, ...]:
    """The frames of all shots by the references around them: :func:`bistnet.network.fusion.spans` of each shot alone.

    >>> first, second = Shot(0, 4), Shot(5, 6)
    >>> found = shot_spans([ShotColors(first, (Use(1, 2, 0.9, True),)), ShotColors(second, ())])
    >>> [(span.start, span.stop, span.forward) for span in found]
    [(0, 5, 1), (5, 7, None)]
    """
    return tuple(span for colors in assigned for span in _spans(colors))


def _uses(survey: Survey, number: int, least: float) -> tuple[Use, ...]:
    shot, sights = survey.shots[number], survey.sights[number]
    own = [
        Use(reference, place.index, place.likeness or 0.0, True)
        for reference, place in enumerate(survey.places)
        if shot.first <= place.index <= shot.last
    ]
    if own:
        return tuple(sorted(own, key=lambda use: use.index))
    reference = max(range(len(sights)), key=lambda candidate: sights[candidate].likeness)
    sight = sights[reference]
    return (Use(reference, sight.index, sight.likeness, False),) if sight.likeness >= least else ()


def _spans(colors: ShotColors) -> tuple[Span, ...]:
    first, count = colors.shot.first, len(colors.shot)
    if not colors.uses:
        return (Span(first, first + count, None, None, (0.0,) * count),)
    return tuple(
        replace(
            span,
            start=first + span.start,
            stop=first + span.stop,
            forward=None if span.forward is None else colors.uses[span.forward].reference,
            backward=None if span.backward is None else colors.uses[span.backward].reference,
        )
        for span in spans([use.index - first for use in colors.uses], count)
    )
