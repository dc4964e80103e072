"""The worst shots as one picture to look at: source beside colored film, at the begin, the middle and the end of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from colorbench.frames.opening import open_frames, write_png
from colorbench.inspection.verdict import ShotRow
from colorbench.types import RgbFrame
from reports.pictures.video import caption

WIDTH = 240
"""Pixels of a frame in the sheet."""

_GAP, _BACKGROUND = 4, (24, 24, 24)


def write_sheet(path: Path, source: Path, films: Mapping[str, Path], shots: Sequence[tuple[ShotRow, str]]) -> None:
    """A PNG with a band a shot: a line that says which and why, and three frames of the source beside those of the film.

    Args:
        path: where to.
        source: the film before it was colored.
        films: label to colored film.
        shots: which, in order, and why; at least one.

    Raises:
        FramesError: a frame can't be read.
        StoreError: the disk is full, or the folder can't be written.
    """
    opened, colored = open_frames(source), {label: open_frames(path) for label, path in films.items()}
    size = WIDTH, max(round(WIDTH * opened.height / opened.width), 1)
    bands = []
    for row, reason in shots:
        frames = (row.first, (row.first + row.last) // 2, row.last)
        words = f"{row.label}, shot {row.number}, {row.start} to {row.end}, frames {row.first} to {row.last}: {reason}"
        pictures = [_fitted(film.read(index), size) for film in (opened, colored[row.label]) for index in frames]
        strip = np.concatenate([_framed(picture) for picture in pictures], axis=1)
        bands += [caption(words, strip.shape[1]), strip]
    write_png(path, np.ascontiguousarray(np.concatenate(bands, axis=0)))


def _fitted(rgb: RgbFrame, size: tuple[int, int]) -> RgbFrame:
    import cv2

    fitted: RgbFrame = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return fitted


def _framed(rgb: RgbFrame) -> RgbFrame:
    """With a dark margin at the right and below."""
    framed = np.full((rgb.shape[0] + _GAP, rgb.shape[1] + _GAP, 3), _BACKGROUND, np.uint8)
    framed[: rgb.shape[0], : rgb.shape[1]] = rgb
    return framed
