"""The reference pictures: where they stand in the film, and how near the colors come to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorbench.clips.exemplars import given_positions
from colorbench.clips.likeness import ALIKE, describe_picture
from colorbench.clips.shots import Shot
from colorbench.frames.opening import read_image
from colorbench.inspection.agreement import chroma_quantiles, distribution_distance, matched_difference
from colorbench.inspection.meter import FilmMeter
from colorbench.inspection.view import View, look_at
from colorbench.types import RgbFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceRow:
    """How near one film comes to one reference."""

    label: str
    reference: str
    """Its file's name."""
    frame: int | None
    """Where it stands; None: it looks like no frame."""
    shot: int | None
    """The number of its shot, from 1 on."""
    likeness: float
    """Of the reference and that frame, or the one that looks most like it, in [-1, 1]."""
    agreement: float | None
    agreement_matched: float | None


@dataclass(slots=True)
class _Reference:
    name: str
    view: View
    described: NDArray[np.float32]
    index: int | None
    likeness: float = -np.inf
    at: int = 0
    pictures: tuple[RgbFrame, ...] = field(default=())
    """Of frame ``at``: the source's, and each film's."""


class ReferenceMeter:
    """Looks for the frames of references while a film goes by. Of each reference it keeps one small frame a film.

    Args:
        files: pictures of any size.
        names: of the source's frames; a reference named like one stands there, others at the frame that looks most like them.
        size: (width, height) at which all is measured; a picture of another aspect is stretched.

    Raises:
        FramesError: a picture can't be read.
    """

    def __init__(self, files: Sequence[Path], names: Sequence[str], *, size: tuple[int, int]) -> None:
        self._size = size
        self._references = []
        for file, index in zip(files, given_positions(files, names), strict=True):
            rgb = read_image(file)
            self._references.append(_Reference(file.name, look_at(rgb, size), describe_picture(rgb), index))

    def __len__(self) -> int:
        return len(self._references)

    def see(self, index: int, source: RgbFrame, films: Sequence[RgbFrame]) -> None:
        """Takes the next frame, at the working size."""
        if not self._references:
            return
        described = describe_picture(source)
        for reference in self._references:
            likeness = float(reference.described @ described)
            if index == reference.index or (reference.index is None and likeness > reference.likeness):
                reference.likeness, reference.at, reference.pictures = likeness, index, (source, *films)

    def rows(self, meters: Mapping[str, FilmMeter], shots: Sequence[Shot]) -> tuple[ReferenceRow, ...]:
        """A row a reference and film, when all frames have been seen."""
        return tuple(
            self._row(reference, number, label, meter, shots)
            for reference in self._references
            for number, (label, meter) in enumerate(meters.items(), start=1)
        )

    def _row(self, reference: _Reference, number: int, label: str, meter: FilmMeter, shots: Sequence[Shot]) -> ReferenceRow:
        if reference.index is None and reference.likeness < ALIKE:
            return ReferenceRow(
                label=label,
                reference=reference.name,
                frame=None,
                shot=None,
                likeness=reference.likeness,
                agreement=None,
                agreement_matched=None,
            )
        shot = next(place for place, shot in enumerate(shots) if shot.first <= reference.at <= shot.last)
        source, film = (look_at(reference.pictures[place], self._size) for place in (0, number))
        distance = None
        if meter.chroma is not None:
            frames = meter.chroma[shots[shot].first : shots[shot].last + 1]
            distance = float(distribution_distance(frames, chroma_quantiles(reference.view.ab)).mean())
        return ReferenceRow(
            label=label,
            reference=reference.name,
            frame=reference.at,
            shot=shot + 1,
            likeness=reference.likeness,
            agreement=distance,
            agreement_matched=matched_difference(film, source, reference.view),
        )
