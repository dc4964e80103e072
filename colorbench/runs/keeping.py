"""Keeps colored frames on disk while they pass by on their way to the metrics."""

from __future__ import annotations

import queue
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from colorbench.errors import StoreError
from colorbench.files.atomic import storage_errors
from colorbench.frames.opening import write_png, write_video
from colorbench.runs.saved_frames import VIDEO, put_in_place, remove
from colorbench.types import RgbFrame

Keep = Callable[[RgbFrame], RgbFrame]

UNFINISHED = ".{key}.tmp"
"""Where a unit's frames are until all are there."""

_DEFAULT_FPS = Fraction(25)
_WAITING = 16


@contextmanager
def kept_frames(path: Path, *, names: Sequence[str], fps: Fraction | None, unit: Mapping[str, str]) -> Iterator[Keep]:
    """A function that keeps each frame it is given and hands it on. The result takes its place when the block ends well.

    What a killed run left of the same unit goes first, so one process alone may be at a unit.

    Args:
        path: a file that ends in ``.mkv`` for lossless video, else a folder for PNG files.
        names: file stems of the frames, in order.
        fps: of the video; 25 where the source has none.
        unit: whose frames they are, the fields of a FramesNote but for the files.

    Raises:
        StoreError: the disk is full, or the place can't be written.
    """
    unfinished = path.with_name(UNFINISHED.format(key=unit["key"]))
    made = unfinished / path.name
    try:
        with storage_errors(path):
            remove(unfinished)
            unfinished.mkdir(parents=True)
        with _kept_video(made, fps or _DEFAULT_FPS) if path.suffix == VIDEO else _kept_pictures(made, names) as keep:
            yield keep
        with storage_errors(path):
            put_in_place(made, path, unit=unit)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def _kept_pictures(folder: Path, names: Sequence[str]) -> Iterator[Keep]:
    stems = iter(names)

    def keep(rgb: RgbFrame) -> RgbFrame:
        if (stem := next(stems, None)) is not None:
            write_png(folder / f"{stem}.png", rgb)
        return rgb

    yield keep
    found = len(list(folder.glob("*.png")))
    if found != len(names):
        raise StoreError(
            f"{folder} holds {found} of {len(names)} frames", wanted="a folder that nobody else writes to", remedy="run again"
        )


@contextmanager
def _kept_video(path: Path, fps: Fraction) -> Iterator[Keep]:
    """The encoder runs in a thread of its own, at most a few frames behind."""
    waiting: queue.Queue[RgbFrame | BaseException | None] = queue.Queue(_WAITING)

    def frames() -> Iterator[RgbFrame]:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    with ThreadPoolExecutor(1) as encoder:
        writing = encoder.submit(write_video, path, frames(), fps=fps)

        def hand_over(item: RgbFrame | BaseException | None) -> None:
            while not writing.done():
                try:
                    waiting.put(item, timeout=0.1)
                except queue.Full:
                    continue
                return

        def keep(rgb: RgbFrame) -> RgbFrame:
            hand_over(rgb)
            if writing.done():
                writing.result()
            return rgb

        try:
            yield keep
        except BaseException as error:
            hand_over(error)
            raise
        hand_over(None)
        writing.result()
