"""What a film is looked through for before it is colored, in one pass: its shots, and how much each reference looks like each."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bistnet.film.placing import Place, place_alike
from colorbench.clips.likeness import describe_picture
from colorbench.clips.shots import Shot, find_shots
from colorbench.types import RgbFrame


@dataclass(frozen=True, slots=True)
class Sight:
    """A reference, seen from a shot."""

    index: int
    """The shot's frame that looks most like it."""
    likeness: float
    """In [-1, 1], of that frame and the reference."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a film and its references."""

    shots: tuple[Shot, ...]
    places: tuple[Place, ...]
    """Where each reference stands, in their order."""
    sights: tuple[tuple[Sight, ...], ...]
    """One a shot and reference."""

    def to_record(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @staticmethod
    def from_record(record: Mapping[str, Any]) -> Survey:
        """The inverse of :meth:`to_record`."""
        return Survey(
            shots=tuple(Shot(**shot) for shot in record["shots"]),
            places=tuple(Place(**place) for place in record["places"]),
            sights=tuple(tuple(Sight(**sight) for sight in row) for row in record["sights"]),
        )


def look_through(
    frames: Iterable[RgbFrame],
    references: NDArray[np.float32],
    names: Sequence[str],
    known: Sequence[Place] | None,
    *,
    least: float,
) -> Survey:
    """Looks a film through.

    Args:
        frames: of the film, read once; kept of each are as many numbers as there are references.
        references: (R, D), of :func:`colorbench.clips.likeness.describe_picture`.
        names: of the references.
        known: where they stand; None: at the frames that look most like them.
        least: likeness under which a picture does not show a frame.

    Raises:
        FramesError: a picture that looks like no frame.
        UsageError: two look most like one frame.
    """
    seen = array("f")

    def watched() -> Iterator[RgbFrame]:
        for rgb in frames:
            seen.extend((references @ describe_picture(rgb)).tolist())
            yield rgb

    shots = find_shots(watched())
    likeness = np.frombuffer(seen, np.float32).reshape(-1, len(names))  # (N, R)
    if known is None:
        best = likeness.argmax(axis=0).tolist()
        known = place_alike(names, best, [float(likeness[at, number]) for number, at in enumerate(best)], least=least)
    places = [replace(place, likeness=float(likeness[place.index, number])) for number, place in enumerate(known)]
    return Survey(shots, tuple(places), tuple(_sights(shot, likeness) for shot in shots))


def _sights(shot: Shot, likeness: NDArray[np.float32]) -> tuple[Sight, ...]:
    within = likeness[shot.first : shot.last + 1]
    best = within.argmax(axis=0).tolist()
    return tuple(Sight(shot.first + at, float(within[at, number])) for number, at in enumerate(best))
