"""Where colored frames go, piece by piece: a film, or a folder of PNG files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from colorbench.errors import UsageError
from colorbench.files.atomic import replacing_folder, storage_errors
from colorbench.film.encoding import Encoding
from colorbench.film.film_clip import Levels
from colorbench.film.pieces import join_pieces, write_piece
from colorbench.film.properties import check_sound
from colorbench.film.timeline import Look, Timeline, even_timeline, look_of_pictures, read_look, read_timecode, read_timeline
from colorbench.frames.opening import VIDEO_SUFFIXES, FrameSource, write_png

RECORD = "colorize.json"
"""Lies among the PNG files and says how they were made."""

MARK = "colorize"
"""In the comment of every film that is written."""


class Output(Protocol):
    """Takes pieces in any order, then makes the whole. A piece lies in the folder of its part."""

    def key(self) -> Mapping[str, object]:
        """What decides a piece beside its colors."""
        ...

    def has(self, folder: Path, first: int, start: int, stop: int) -> bool:
        """Frames ``start`` to ``stop`` - 1 of the part that begins at the film's frame ``first`` are finished."""
        ...

    def write(self, folder: Path, first: int, start: int, stop: int, frames: Iterable[Levels]) -> None: ...

    def finish(self, pieces: Sequence[tuple[Path, int, int, int]]) -> None:
        """Makes the output of finished pieces, in order; it appears whole."""
        ...


@dataclass(frozen=True, slots=True)
class FilmPlan:
    """What a film keeps of its source."""

    timeline: Timeline
    look: Look
    sound: Path | None
    timecode: str | None = None
    """Of the first frame."""

    def excerpt(self, chosen: Sequence[tuple[int, int]] | None) -> FilmPlan:
        """Of some frames alone, without sound; None: of all."""
        if chosen is None:
            return self
        return replace(self, timeline=self.timeline.excerpt(chosen), sound=None, timecode=None)


def film_plan(source: FrameSource, *, fps: Fraction) -> FilmPlan:
    """Times, color tags, sound and timecode of a video; of pictures, frames at ``fps`` without sound."""
    if not is_video(source):
        return FilmPlan(even_timeline(source.n_frames, fps), look_of_pictures(source.height), None)
    path = source.path
    return FilmPlan(read_timeline(path, source.n_frames), read_look(path), path, read_timecode(path))


def is_video(source: FrameSource) -> bool:
    """It is a film, not pictures."""
    return not source.path.is_dir() and source.path.suffix.lower() in VIDEO_SUFFIXES


def check_film(path: Path, plan: FilmPlan, encoding: Encoding, *, height: int, width: int) -> None:
    """Refuses a film that can't be written as asked for, before any work is done.

    Raises:
        UsageError: the encoding does not go with the kind of file or the frames' size.
        FramesError: the kind of file can't hold the source's sound, or the encoder is lacking.
    """
    encoding.check(path.suffix.lower(), height, width)
    if plan.sound is not None:
        check_sound(path, plan.sound)


def check_replaceable(path: Path) -> None:
    """Refuses to replace what colorize did not write.

    Raises:
        UsageError: naming it.
    """
    written = (path / RECORD).is_file() if path.is_dir() else MARK in _comment(path)
    if not written:
        raise UsageError(
            f"{path} was not written by colorize, so it is not replaced",
            wanted=f"a folder with {RECORD} in it" if path.is_dir() else "a film that colorize wrote, as its comment says",
            remedy="name another path",
        )


class FilmOutput:
    """See Output."""

    def __init__(self, path: Path, plan: FilmPlan, tags: Mapping[str, str], *, encoding: Encoding) -> None:
        self.path, self.plan, self.tags, self.encoding = path, plan, tags, encoding

    def key(self) -> Mapping[str, object]:
        """See Output."""
        look, rate = self.plan.look, self.plan.timeline.fps.limit_denominator(1001)
        return {"encoding": repr(self.encoding), "look": repr(look), "rate": str(rate)}

    def has(self, folder: Path, first: int, start: int, stop: int) -> bool:  # noqa: ARG002
        """See Output."""
        return self._file(folder, start, stop).exists()

    def write(self, folder: Path, first: int, start: int, stop: int, frames: Iterable[Levels]) -> None:  # noqa: ARG002
        """See Output."""
        path = self._file(folder, start, stop)
        write_piece(path, frames, self.plan.timeline, look=self.plan.look, encoding=self.encoding)

    def finish(self, pieces: Sequence[tuple[Path, int, int, int]]) -> None:
        """See Output."""
        files = [self._file(folder, start, stop) for folder, _, start, stop in pieces]
        plan = self.plan
        join_pieces(
            self.path,
            files,
            plan.timeline,
            sound=plan.sound,
            tags=self.tags,
            timecode=plan.timecode,
            aspect=plan.look.pixel_aspect,
        )

    def _file(self, folder: Path, start: int, stop: int) -> Path:
        return folder / f"{start:08d}-{stop:08d}.mp4"


class FolderOutput:
    """See Output. Frames keep the names of the source's; each is whole on the disk as soon as it is colored."""

    def __init__(self, path: Path, names: Sequence[str], tags: Mapping[str, str]) -> None:
        self.path, self.names, self.tags = path, names, tags

    def key(self) -> Mapping[str, object]:
        """See Output."""
        return {"encoding": "png"}

    def has(self, folder: Path, first: int, start: int, stop: int) -> bool:  # noqa: ARG002
        """See Output."""
        return all(self._file(folder, index).exists() for index in range(start, stop))

    def write(self, folder: Path, first: int, start: int, stop: int, frames: Iterable[Levels]) -> None:  # noqa: ARG002
        """See Output."""
        for index, levels in zip(range(start, stop), frames, strict=True):
            write_png(self._file(folder, index), levels.astype(np.uint8, copy=False))

    def finish(self, pieces: Sequence[tuple[Path, int, int, int]]) -> None:
        """See Output. Copies, so that a picture that somebody changes stays as it is among the pieces.

        A folder that is to be replaced goes just before the new one comes.
        """
        with storage_errors(self.path), replacing_folder(self.path) as folder:
            for part, first, start, stop in pieces:
                for index in range(start, stop):
                    shutil.copyfile(self._file(part, index), folder / f"{self.names[first + index]}.png")
            (folder / RECORD).write_text(json.dumps(dict(self.tags), indent=1) + "\n", encoding="utf-8")
            if self.path.exists():
                shutil.rmtree(self.path)

    def _file(self, folder: Path, index: int) -> Path:
        return folder / f"{index:08d}.png"


def _comment(path: Path) -> str:
    """What a film says of itself; nothing where it is none."""
    import av
    import av.error

    with suppress(av.error.FFmpegError, OSError, ValueError), av.open(str(path)) as container:
        return next((value for name, value in container.metadata.items() if name.lower() == "comment"), "")
    return ""
