"""The source and its colored versions, opened together and checked against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from colorbench.errors import FramesError, UsageError
from colorbench.frames.opening import FrameSource, open_frames
from colorbench.inspection.view import working_size

_ASPECT = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Films:
    """A source and colored versions of it, frame by frame."""

    source: FrameSource
    colored: Mapping[str, FrameSource]
    """By label, in the order in which they were named."""
    size: tuple[int, int]
    """(width, height) at which all are measured."""
    fps: Fraction

    def is_full_size(self, label: str) -> bool:
        """The colored film has the source's size."""
        film = self.colored[label]
        return (film.width, film.height) == (self.source.width, self.source.height)


def open_films(source: Path, colored: Sequence[tuple[str, Path]], *, long_side: int, fps: Fraction) -> Films:
    """Opens them.

    A colored film may have another size than the source, as long as it shows the same picture: its sides have the same ratio,
    within 1%.

    Args:
        source: the film before it was colored.
        colored: labels and films.
        long_side: see :func:`colorbench.inspection.view.working_size`.
        fps: of a source made of pictures.

    Raises:
        UsageError: no colored film, or two of one label.
        FramesError: one can't be read, or has another number of frames or another aspect than the source.
    """
    if not colored:
        raise UsageError("no colored film", wanted="at least one", remedy="name it: colorbench inspect COLORED --source FILM")
    labels = [label for label, _ in colored]
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        raise UsageError(f"two colored films are called {twice!r}", wanted="a name for each", remedy="name them: LABEL=COLORED")
    opened = open_frames(source)
    films = {label: open_frames(path) for label, path in colored}
    for film in films.values():
        if film.n_frames != opened.n_frames:
            raise FramesError(
                f"{film.path} has {film.n_frames} frames, the source {opened.path} has {opened.n_frames}",
                wanted="a colored frame for each of the source's",
                remedy="cut both alike; for instance ffmpeg -i IN -vsync passthrough -frames:v N OUT.mkv",
            )
        if abs(film.width * opened.height / (film.height * opened.width) - 1.0) > _ASPECT:
            raise FramesError(
                f"{film.path} is {film.width}x{film.height}, the source {opened.path} is {opened.width}x{opened.height}",
                wanted="the same picture: sides in the same ratio",
                remedy="crop or pad it as the source is; another size alone is no obstacle",
            )
    sizes = [(film.width, film.height) for film in (opened, *films.values())]
    return Films(source=opened, colored=films, size=working_size(sizes, long_side), fps=opened.fps or fps)
