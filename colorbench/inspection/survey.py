"""The command ``inspect``: colored versions of a film measured side by side, without ground truth, in one pass over all.

Memory does not grow with the films but for a few numbers a frame: 120 bytes for each film, 250 with references.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from colorbench.clips.shots import Shot, find_shots
from colorbench.errors import UsageError
from colorbench.flow.optical_flow import dis, find_motion
from colorbench.frames.opening import FrameSource, read_ahead
from colorbench.inspection.films import Films, open_films
from colorbench.inspection.meter import FilmMeter
from colorbench.inspection.motion import is_judged
from colorbench.inspection.references import ReferenceMeter, ReferenceRow
from colorbench.inspection.verdict import ShotRow, Values, film_values, shot_rows
from colorbench.inspection.view import LONG_SIDE, View, look_at
from colorbench.types import RgbFrame

T = TypeVar("T")

_SMALLEST = 64
_DEPTH = 4
_THREADS = 3


class Watcher(Protocol):
    """Whom the work is told of."""

    def started(self, total: int, done: int) -> None: ...

    def advance(self, count: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmReport:
    """What was found in one colored film."""

    label: str
    path: Path
    values: Values
    shots: tuple[ShotRow, ...]
    frames: Mapping[str, NDArray[np.float32]]
    """Name of a measure to (N,) values, NaN where there is none; changes are those since the frame before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found."""

    source: Path
    n_frames: int
    fps: Fraction
    size: tuple[int, int]
    """(width, height) at which all was measured."""
    shots: tuple[Shot, ...]
    films: tuple[FilmReport, ...]
    references: tuple[ReferenceRow, ...]


def inspect_films(
    source: Path,
    colored: Sequence[tuple[str, Path]],
    *,
    references: Sequence[Path] = (),
    watcher: Watcher,
    long_side: int = LONG_SIDE,
    fps: Fraction = Fraction(25),
) -> Inspection:
    """Measures colored versions of a film.

    Args:
        source: the film before it was colored; only its luminance is looked at.
        colored: labels and films.
        references: pictures that the colors were to be taken from; where one is not named like a frame, it is at the frame that
            looks most like it.
        watcher: is told of each frame.
        long_side: of the size at which all is measured, in pixels; no film is enlarged.
        fps: of a source made of pictures, for timecodes.

    Raises:
        UsageError: no colored film, two of one label, or a long side under 64.
        FramesError: a film or a picture can't be read, or a film does not fit the source.
    """
    if long_side < _SMALLEST:
        raise UsageError(f"--long-side {long_side}", wanted=f"at least {_SMALLEST}", remedy="change --long-side")
    films = open_films(source, colored, long_side=long_side, fps=fps)
    pictures = ReferenceMeter(references, films.source.names, size=films.size)
    meters = {
        label: FilmMeter(films.source.n_frames, same_size=films.is_full_size(label), keep_chroma=len(references) > 0)
        for label in films.colored
    }
    watcher.started(films.source.n_frames, 0)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="inspect") as executor:
        shots = find_shots(_measured(films, meters, pictures, executor, watcher))
    for meter in meters.values():
        for shot in shots:
            meter.forget_change(shot.first)
    rows = pictures.rows(meters, shots)
    return Inspection(
        source=films.source.path,
        n_frames=films.source.n_frames,
        fps=films.fps,
        size=films.size,
        shots=shots,
        films=tuple(_report(films, label, meter, shots, rows) for label, meter in meters.items()),
        references=rows,
    )


def _measured(
    films: Films, meters: Mapping[str, FilmMeter], references: ReferenceMeter, executor: ThreadPoolExecutor, watcher: Watcher
) -> Iterator[RgbFrame]:
    """The source's frames as they are, for its shots; each is measured on its way."""

    def ahead(source: FrameSource, transform: Callable[[RgbFrame], T]) -> Iterator[T]:
        return read_ahead(source, range(source.n_frames), executor=executor, transform=transform, depth=_DEPTH)

    def look(rgb: RgbFrame) -> View:
        return look_at(rgb, films.size)

    sources = ahead(films.source, lambda rgb: (rgb, look(rgb)))
    colored = zip(*(ahead(film, look) for film in films.colored.values()), strict=True)
    before: View | None = None
    for index, ((rgb, view), views) in enumerate(zip(sources, colored, strict=True)):
        motion = None if before is None else find_motion(view.gray, before.gray, dis)
        for meter, of_film in zip(meters.values(), views, strict=True):
            meter.see(index, of_film, view, motion if motion is not None and is_judged(motion) else None)
        references.see(index, view.rgb, [of_film.rgb for of_film in views])
        before = view
        yield rgb
        watcher.advance(1)


def _report(films: Films, label: str, meter: FilmMeter, shots: Sequence[Shot], references: Sequence[ReferenceRow]) -> FilmReport:
    rows = shot_rows(label, meter, shots, [row for row in references if row.label == label], fps=films.fps)
    path = films.colored[label].path
    return FilmReport(label=label, path=path, values=film_values(rows), shots=rows, frames=meter.frames)
