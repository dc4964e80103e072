"""Keeps colored frames on disk while they pass by on their way to the metrics."""

from __future__ import annotations

import queue
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from colorbench.files.atomic import replacing_folder
from colorbench.frames.opening import write_png, write_video
from colorbench.types import RgbFrame

Keep = Callable[[RgbFrame], RgbFrame]

_DEFAULT_FPS = Fraction(25)
_WAITING = 16


@contextmanager
def kept_frames(path: Path, *, names: Sequence[str], fps: Fraction | None) -> Iterator[Keep]:
    """A function that keeps each frame it is given and hands it on. The result takes its name when the block ends well.

    Args:
        path: a file that ends in ``.mkv`` for lossless video, else a folder for PNG files.
        names: file stems of the frames, in order.
        fps: of the video; 25 where the source has none.

    Raises:
        StoreError: the disk is full, or the place can't be written.
    """
    with _kept_video(path, fps or _DEFAULT_FPS) if path.suffix == ".mkv" else _kept_pictures(path, names) as keep:
        yield keep


@contextmanager
def _kept_pictures(path: Path, names: Sequence[str]) -> Iterator[Keep]:
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    stems = iter(names)
    with replacing_folder(path) as folder:

        def keep(rgb: RgbFrame) -> RgbFrame:
            if (stem := next(stems, None)) is not None:
                write_png(folder / f"{stem}.png", rgb)
            return rgb

        yield keep


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
