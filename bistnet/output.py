"""Where colored frames go, piece by piece: a film, or a folder of PNG files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from bistnet.film import check_sound, join_pieces, write_piece
from bistnet.fusion import Span
from bistnet.timeline import Look, Timeline, even_timeline, look_of_pictures, read_look, read_timeline
from bistnet.work import WorkFolder
from colorbench.atomic import storage_errors
from colorbench.frames import VIDEO_SUFFIXES, FrameSource, write_png
from colorbench.types import RgbFrame

RECORD = "colorize.json"
"""Lies among the PNG files and says how they were made."""


class Output(Protocol):
    """Takes pieces in any order, then makes the whole."""

    def has(self, piece: Span) -> bool:
        """The piece is finished, by this process or one before it."""
        ...

    def write(self, piece: Span, frames: Iterable[RgbFrame]) -> None: ...

    def finish(self) -> None:
        """Makes the output of the finished pieces; it appears whole."""
        ...


@dataclass(frozen=True, slots=True)
class FilmPlan:
    """What a film keeps of its source."""

    timeline: Timeline
    look: Look
    sound: Path | None


def film_plan(source: FrameSource, *, fps: Fraction) -> FilmPlan:
    """Times, color tags and sound of a video; of pictures, frames at ``fps`` without sound."""
    if source.path.is_dir() or source.path.suffix.lower() not in VIDEO_SUFFIXES:
        return FilmPlan(even_timeline(source.n_frames, fps), look_of_pictures(source.height), None)
    return FilmPlan(read_timeline(source.path, source.n_frames), read_look(source.path), source.path)


class FilmOutput:
    """See Output."""

    def __init__(self, path: Path, work: WorkFolder, plan: FilmPlan, pieces: Sequence[Span], tags: Mapping[str, str]) -> None:
        self.path, self.work, self.plan, self.pieces, self.tags = path, work, plan, tuple(pieces), tags
        if plan.sound is not None:
            check_sound(path, plan.sound)

    def has(self, piece: Span) -> bool:
        """See Output."""
        return self._file(piece).exists()

    def write(self, piece: Span, frames: Iterable[RgbFrame]) -> None:
        """See Output."""
        write_piece(self._file(piece), frames, self.plan.timeline, look=self.plan.look)

    def finish(self) -> None:
        """See Output."""
        files = [self._file(piece) for piece in self.pieces]
        join_pieces(self.path, files, self.plan.timeline, sound=self.plan.sound, tags=self.tags)

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

    def write(self, piece: Span, frames: Iterable[RgbFrame]) -> None:
        """See Output."""
        for index, rgb in zip(range(piece.start, piece.stop), frames, strict=True):
            write_png(self._file(index), rgb)

    def finish(self) -> None:
        """See Output. A folder that is to be replaced goes just before the new one comes."""
        with storage_errors(self.path):
            (self._folder / RECORD).write_text(json.dumps(dict(self.tags), indent=1) + "\n", encoding="utf-8")
            if self.path.exists():
                shutil.rmtree(self.path)
            self._folder.rename(self.path)

    def _file(self, index: int) -> Path:
        return self._folder / f"{self.names[index]}.png"
