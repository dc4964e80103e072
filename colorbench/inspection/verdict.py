"""From frames to shots and films: one value a measure, and which shots are the worst, for which reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from colorbench.clips.shots import Shot
from colorbench.frames.timecode import smpte
from colorbench.inspection import agreement, bleeding, colors, drift, flicker, luminance
from colorbench.inspection.meter import FilmMeter
from colorbench.inspection.references import ReferenceRow

SHOT_CARDS = (
    luminance.CARD,
    luminance.PEAK_CARD,
    flicker.CARD,
    flicker.JUMP_CARD,
    drift.CARD,
    drift.HUE_CARD,
    bleeding.CARD,
    agreement.CARD,
    agreement.MATCHED_CARD,
    colors.CARD,
)
"""Measures with a value a shot, in the order of tables; colorfulness stands beside those of stability."""

Values = Mapping[str, float | None]
"""Name of a measure to its value; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotRow:
    """A shot of one film."""

    label: str
    number: int
    """From 1 on."""
    first: int
    last: int
    start: str
    """SMPTE timecode of its first frame."""
    end: str
    """Of the frame after its last."""
    values: Values
    reason: str
    """The measure that is farthest over its limit, or nearest to it."""
    severity: float
    """How far: 1 at the limit, at most 10."""


def shot_rows(
    label: str, meter: FilmMeter, shots: Sequence[Shot], references: Sequence[ReferenceRow], *, fps: Fraction
) -> tuple[ShotRow, ...]:
    """A film's shots, in order.

    Args:
        label: of the film.
        meter: that has seen all its frames.
        shots: of the source.
        references: rows of this film; those of one shot are averaged.
        fps: of the source.
    """
    rows = []
    for number, shot in enumerate(shots, start=1):
        values = _shot_values(meter, shot) | _agreement([row for row in references if row.shot == number])
        severities = {card.name: card.severity(values[card.name]) for card in SHOT_CARDS}
        reason = max(severities, key=severities.__getitem__)
        rows.append(
            ShotRow(
                label=label,
                number=number,
                first=shot.first,
                last=shot.last,
                start=smpte(shot.first, fps),
                end=smpte(shot.last + 1, fps),
                values=values,
                reason=reason,
                severity=severities[reason],
            )
        )
    return tuple(rows)


def film_values(rows: Sequence[ShotRow]) -> dict[str, float | None]:
    """A film's values: of its shots the mean, weighted by their frames; of ``jump`` the largest.

    Args:
        rows: at least one.
    """
    pooled: dict[str, float | None] = {}
    for card in SHOT_CARDS:
        known = [(value, row.last - row.first + 1) for row in rows if (value := row.values[card.name]) is not None]
        if not known:
            pooled[card.name] = None
        elif card is flicker.JUMP_CARD:
            pooled[card.name] = max(value for value, _ in known)
        else:
            pooled[card.name] = sum(value * weight for value, weight in known) / sum(weight for _, weight in known)
    return pooled


def worst_first(rows: Sequence[ShotRow]) -> tuple[ShotRow, ...]:
    """Shots of any films, the worst first; of equals the earlier one."""
    return tuple(sorted(rows, key=lambda row: (-row.severity, row.first)))


def _shot_values(meter: FilmMeter, shot: Shot) -> dict[str, float | None]:
    """Of its frames the mean, and what only a shot has."""
    values = {name: _mean(of_frame[shot.first : shot.last + 1]) for name, of_frame in meter.frames.items()}
    changes = meter.frames[flicker.CARD.name][shot.first : shot.last + 1]
    values[flicker.JUMP_CARD.name] = None if np.isnan(changes).all() else float(np.nanmax(changes))
    travel, turned = drift.shot_drift(meter.steps[shot.first : shot.last + 1])
    return values | {drift.CARD.name: travel, drift.HUE_CARD.name: turned}


def _agreement(rows: Sequence[ReferenceRow]) -> dict[str, float | None]:
    return {
        agreement.CARD.name: _mean([row.agreement for row in rows if row.agreement is not None]),
        agreement.MATCHED_CARD.name: _mean([row.agreement_matched for row in rows if row.agreement_matched is not None]),
    }


def _mean(values: Sequence[float] | np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float | None:
    """Of those that are there; None of none."""
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    return float(known.mean()) if known.size else None
