"""The pieces of a film: what is to be made of each shot, and the making."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from colorbench.clips.footage import Footage
from colorbench.clips.protocol import PRESETS
from colorbench.errors import MethodError
from colorbench.film.assignment import Part, ShotColors, parts
from colorbench.film.choice import Choice
from colorbench.film.film_clip import FilmClip, LentClip, Levels, still_chroma, still_picture
from colorbench.film.output import Output
from colorbench.film.references import Still
from colorbench.film.survey import Survey
from colorbench.film.work import WorkFolder, ranges
from colorbench.runs.planned_method import PlannedMethod
from colorbench.types import Clip, Exemplar, RgbFrame
from colorbench.version import __version__

if TYPE_CHECKING:
    from colorbench.film.job import Job
    from colorbench.film.watcher import Watcher

FOOTAGE_BYTES = 256 << 20
"""Decoded frames kept of the film; at least 48 are."""

_RECIPE = 1
"""Raised when the same method would color the same frames otherwise because of what is done here."""

_THREADS = 2


@dataclass(frozen=True, slots=True)
class Item:
    """A part of a film that is to be in the output, in pieces."""

    shot: int
    """Number of its shot, from 0 on."""
    part: Part
    planned: PlannedMethod | None
    """What colors it; None: it stays gray."""
    folder: Path
    pieces: tuple[tuple[int, int], ...]
    """First frame and one past the last, counted from the part's first."""
    missing: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        """Frames of it that are in the output."""
        return sum(stop - start for start, stop in self.pieces)

    def placed(self) -> list[tuple[Path, int, int, int]]:
        """The pieces as an Output takes them."""
        return [(self.folder, self.part.first, start, stop) for start, stop in self.pieces]


def make_items(
    job: Job,
    choice: Choice,
    output: Output,
    work: WorkFolder,
    survey: Survey,
    stills: Sequence[Still],
    assigned: Sequence[ShotColors],
    *,
    chosen: Sequence[tuple[int, int]] | None,
    size: tuple[int, int],
) -> tuple[Item, ...]:
    """What the output is made of, in order.

    Args:
        job: what is asked for.
        choice: the method.
        output: where pieces go.
        work: their folder.
        survey: of the film.
        stills: of the film.
        assigned: stills to shots.
        chosen: frames that are wanted, each range within a shot; None: all.
        size: (width, height) at which frames are colored.

    Raises:
        UsageError: a shot that no variant of the method can color with the stills that it has.
    """
    found = []
    for colors in assigned:
        planned = None if not colors.uses and choice.needs_stills else choice.planned(len(colors.uses))
        most = None if planned is None else planned.variant.exemplars[1]
        for part in parts(colors.shot, colors.uses, most=most):
            wanted = _within(part, chosen)
            if not wanted:
                continue
            # A part may have fewer stills than its shot.
            plan = None if planned is None else choice.planned(len(part.uses))
            folder = work.part(_key(job, output, survey, stills, part, plan, size))
            pieces = tuple(piece for first, stop in wanted for piece in ranges(first, stop))
            missing = tuple(piece for piece in pieces if not output.has(folder, part.first, *piece))
            found.append(Item(colors.number, part, plan, folder, pieces, missing))
    return tuple(found)


class Painter:
    """Colors items. To be used in a ``with`` block.

    Args:
        job: what is asked for.
        choice: the method.
        output: where pieces go.
        stills: of the film.
        size: (width, height) at which frames are colored.
        watcher: told of each frame.
    """

    def __init__(
        self, job: Job, choice: Choice, output: Output, stills: Sequence[Still], *, size: tuple[int, int], watcher: Watcher
    ) -> None:
        self._job, self._choice, self._output, self._stills, self._watcher = job, choice, output, stills, watcher
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="colorize")
        clip = Clip(name=job.source.stem, dataset="film", source=job.source)
        protocol = PRESETS["full"]
        if job.excerpt.preview:
            protocol = replace(protocol, name="preview", width=size[0], height=size[1], fit="stretch")
        self._footage = Footage(clip, protocol, executor=self._executor, memory_bytes=FOOTAGE_BYTES)

    def __enter__(self) -> Painter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._footage.close()
        self._executor.shutdown()

    def paint(self, item: Item) -> None:
        """Makes the pieces of an item that are missing.

        Raises:
            MethodError: the method breaks its contract.
            StoreError: a piece can't be written.
        """
        if not item.missing:
            return
        clip = FilmClip(self._footage, item.part.first, item.part.last, deep=self._deep, looked=lambda: self._watcher.looked(1))
        exemplars = [self._exemplar(clip, item.part, number) for number in range(len(item.part.uses))]
        again = item.planned is not None and not self._choice.resumes(item.planned)
        start = item.missing[0][0]
        frames = self._frames(item, clip, exemplars, start)
        for piece in item.missing:
            if piece[0] != start and not again:
                frames.close()
                frames = self._frames(item, clip, exemplars, piece[0])
            else:
                next(islice(frames, piece[0] - start, piece[0] - start), None)
            self._output.write(item.folder, item.part.first, *piece, self._counted(frames, item, *piece))
            start = piece[1]
        with closing(frames):
            if start == len(item.part) and next(frames, None) is not None:
                raise MethodError(f"{self._choice.card.name} made more than {start} frames", wanted="one for each of the clip")

    @property
    def _deep(self) -> bool:
        return self._job.is_film and self._job.encoding.deep

    def _counted(self, frames: Iterator[Levels], item: Item, start: int, stop: int) -> Iterator[Levels]:
        made = start
        for levels in islice(frames, stop - start):
            yield levels
            made += 1
            self._watcher.advance(1)
        if made < stop:
            raise MethodError(
                f"{self._choice.card.name} made {made} frames of shot {item.shot + 1}",
                wanted=f"{len(item.part)}, one for each of the clip",
                remedy="see docs/add-a-method.md",
            )

    def _frames(self, item: Item, clip: FilmClip, exemplars: Sequence[Exemplar], start: int) -> Generator[Levels, None, None]:
        for index, levels in enumerate(self._colored(item, clip, exemplars, start), start):
            yield _beside(clip.gray(index), levels) if self._job.beside else levels

    def _colored(self, item: Item, clip: FilmClip, exemplars: Sequence[Exemplar], start: int) -> Iterator[Levels]:
        if item.planned is None:
            yield from (clip.gray(index) for index in range(start, len(clip)))
            return
        own = {}
        if self._choice.card.luminance == "kept":
            uses = zip(exemplars, item.part.uses, strict=True)
            own = {exemplar.index: exemplar for exemplar, use in uses if use.own}
        for index, rgb in enumerate(self._choice.frames(item.planned, clip, exemplars, start), start):
            # A frame that someone has colored has those colors, whatever the method makes of it.
            still = own.get(index)
            frame = rgb if still is None else clip.merge(index, still_chroma(still))
            yield clip.levels(index, clip.check(index, frame, method=self._choice.card.name))

    def _exemplar(self, clip: FilmClip, part: Part, number: int) -> Exemplar:
        use = part.uses[number]
        still = self._stills[use.still]
        rgb, index = still_picture(self._footage, still.path), use.index - part.first
        return Exemplar(rgb=rgb if use.own else self._lent(clip, index, rgb), index=index, name=still.name)

    def _lent(self, clip: FilmClip, index: int, rgb: RgbFrame) -> RgbFrame:
        """A frame with the colors of another shot's still, by the method itself."""
        pair = LentClip(rgb, clip.luminance(index), name=clip.name)
        *_, frame = self._choice.frames(self._choice.planned(1), pair, [Exemplar(rgb=rgb, index=0, name="still")], 0)
        return frame


def _beside(gray: Levels, levels: Levels) -> Levels:
    """One picture of two, of one type."""
    return np.concatenate((gray, levels), axis=1)  # type: ignore[return-value]


def _within(part: Part, chosen: Sequence[tuple[int, int]] | None) -> list[tuple[int, int]]:
    """The wanted frames of a part, counted from its first."""
    if chosen is None:
        return [(0, len(part))]
    cut = [(max(first - part.first, 0), min(stop - part.first, len(part))) for first, stop in chosen]
    return [(first, stop) for first, stop in cut if first < stop]


def _key(
    job: Job,
    output: Output,
    survey: Survey,
    stills: Sequence[Still],
    part: Part,
    planned: PlannedMethod | None,
    size: tuple[int, int],
) -> dict[str, object]:
    """All that decides what is in a part's pieces."""
    return {
        **output.key(),
        "frames": survey.frames_digest(part.first, part.last),
        "stills": [(stills[use.still].digest, use.index - part.first, use.own) for use in part.uses],
        "method": "gray" if planned is None else planned.identity,
        "size": size,
        "beside": job.beside,
        "recipe": [_RECIPE, __version__],
    }
