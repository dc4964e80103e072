"""Where colored frames go, piece by piece: a film, or a folder of PNG files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bistnet.film.encoding import Encoding
from bistnet.film.pieces import check_sound, join_pieces, write_piece
from bistnet.film.timeline import Look, Timeline, even_timeline, look_of_pictures, read_look, read_timecode, read_timeline
from bistnet.film.work import WorkFolder
from bistnet.network.fusion import Span
from colorbench.files.atomic import storage_errors
from colorbench.frames.opening import VIDEO_SUFFIXES, FrameSource, write_png

if TYPE_CHECKING:
    from bistnet.inference import Colored

RECORD = "colorize.json"
"""Lies among the PNG files and says how they were made."""


class Output(Protocol):
    """Takes pieces in any order, then makes the whole."""

    def has(self, piece: Span) -> bool:
        """The piece is finished, by this process or one before it."""
        ...

    def write(self, piece: Span, frames: Iterable[Colored]) -> None: ...

    def finish(self) -> None:
        """Makes the output of the finished pieces; it appears whole."""
        ...


@dataclass(frozen=True, slots=True)
class FilmPlan:
    """What a film keeps of its source."""

    timeline: Timeline
    look: Look
    sound: Path | None
    timecode: str | None = None
    """Of the first frame."""


def film_plan(source: FrameSource, *, fps: Fraction) -> FilmPlan:
    """Times, color tags, sound and timecode of a video; of pictures, frames at ``fps`` without sound."""
    if source.path.is_dir() or source.path.suffix.lower() not in VIDEO_SUFFIXES:
        return FilmPlan(even_timeline(source.n_frames, fps), look_of_pictures(source.height), None)
    path = source.path
    return FilmPlan(read_timeline(path, source.n_frames), read_look(path), path, read_timecode(path))


def check_film(path: Path, plan: FilmPlan, encoding: Encoding, source: FrameSource) -> None:
    """Refuses a film that can't be written as asked for, before any work is done.

    Raises:
        UsageError: the encoding does not go with the kind of file or the frames' size.
        FramesError: the kind of file can't hold the source's sound, or the encoder is lacking.
    """
    encoding.check(path.suffix.lower(), source.height, source.width)
    if plan.sound is not None:
        check_sound(path, plan.sound)


class FilmOutput:
    """See Output."""

    def __init__(
        self,
        path: Path,
        work: WorkFolder,
        plan: FilmPlan,
        pieces: Sequence[Span],
        tags: Mapping[str, str],
        *,
        encoding: Encoding,
    ) -> None:
        self.path, self.work, self.plan, self.pieces, self.tags = path, work, plan, tuple(pieces), tags
        self.encoding = encoding

    def has(self, piece: Span) -> bool:
        """See Output."""
        return self._file(piece).exists()

    def write(self, piece: Span, frames: Iterable[Colored]) -> None:
        """See Output."""
        levels = (frame.rgb_u16() if self.encoding.deep else frame.rgb() for frame in frames)
        write_piece(self._file(piece), levels, self.plan.timeline, look=self.plan.look, encoding=self.encoding)

    def finish(self) -> None:
        """See Output."""
        files = [self._file(piece) for piece in self.pieces]
        plan = self.plan
        join_pieces(self.path, files, plan.timeline, sound=plan.sound, tags=self.tags, timecode=plan.timecode)

    def _file(self, piece: Span) -> Path:
        return self.work.path / f"{piece.start:08d}-{piece.stop:08d}.mp4"


class FolderOutput:
    """See Output. Frames keep the names of the source's; each is whole on the disk as soon as it is colored."""

    def __init__(
        self, path: Path, work: WorkFolder, names: Sequence[str], pieces: Sequence[Span], tags: Mapping[str, str]
    ) -> None:
        self.path, self.work, self.names, self.pieces, self.tags = path, work, names, tuple(pieces), tags
        self._folder = work.path / "frames"

    def has(self, piece: Span) -> bool:
        """See Output."""
        return all(self._file(index).exists() for index in range(piece.start, piece.stop))

    def write(self, piece: Span, frames: Iterable[Colored]) -> None:
        """See Output."""
        for index, frame in zip(range(piece.start, piece.stop), frames, strict=True):
            write_png(self._file(index), frame.rgb())

    def finish(self) -> None:
        """See Output. A folder that is to be replaced goes just before the new one comes."""
        with storage_errors(self.path):
            (self._folder / RECORD).write_text(json.dumps(dict(self.tags), indent=1) + "\n", encoding="utf-8")
            if self.path.exists():
                shutil.rmtree(self.path)
            self._folder.rename(self.path)

    def _file(self, index: int) -> Path:
        return self._folder / f"{self.names[index]}.png"
