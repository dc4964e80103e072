"""A folder of pictures, or a single one, as frames."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Literal

from colorbench.errors import FramesError
from colorbench.frames.images import IMAGE_SUFFIXES, read_image
from colorbench.types import RgbFrame

MixedSizes = Literal["refuse", "resize"]


class FolderSource:
    """Pictures as frames. May be read from several threads at once.

    Args:
        path: what was opened, for messages.
        files: at least one picture, in order.
        mixed_sizes: what to do with a frame whose size is not frame 0's. "resize" brings it there by cv2's INTER_AREA
            where it has more pixels, by INTER_CUBIC where it has fewer.
    """

    def __init__(self, path: Path, files: Sequence[Path], *, mixed_sizes: MixedSizes = "refuse") -> None:
        self.path = path
        self.files = tuple(files)
        self.n_frames = len(self.files)
        self.names: Sequence[str] = tuple(file.stem for file in self.files)
        self.fps: Fraction | None = None
        self.mixed_sizes = mixed_sizes
        self.height, self.width = read_image(self.files[0]).shape[:2]

    def read(self, index: int) -> RgbFrame:
        """See FrameSource."""
        if not 0 <= index < self.n_frames:
            raise IndexError(f"frame {index} of {self.path}, which has {self.n_frames}")
        rgb = read_image(self.files[index])
        height, width = rgb.shape[:2]
        if (height, width) == (self.height, self.width):
            return rgb
        if self.mixed_sizes == "refuse":
            name = self.files[index].name
            raise FramesError(
                f"{self.path}: frame {index} ({name}) is {width}x{height}, frame 0 is {self.width}x{self.height}",
                wanted="frames of one size",
                remedy="--mixed-sizes resize brings every frame to the size of frame 0",
            )
        return self._resized(rgb)

    def iterate(self, start: int = 0, stop: int | None = None) -> Iterator[RgbFrame]:
        """See FrameSource."""
        return (self.read(index) for index in range(self.n_frames)[start:stop])

    def _resized(self, rgb: RgbFrame) -> RgbFrame:
        import cv2

        shrinks = rgb.shape[0] * rgb.shape[1] > self.height * self.width
        resized: RgbFrame = cv2.resize(
            rgb, (self.width, self.height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        )
        return resized


def picture_files(folder: Path) -> tuple[Path, ...]:
    """The pictures directly in a folder, in natural order; raises and warns as ``open_frames`` does."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if is_picture(entry)]
    except OSError as error:
        raise FramesError(
            f"can't list {folder}: {error.strerror or error}", wanted="a folder that can be read", remedy="check its permissions"
        ) from error
    if not names:
        raise FramesError(
            f"no picture in {folder}",
            wanted=f"files with one of the suffixes {' '.join(sorted(IMAGE_SUFFIXES))}",
            remedy="name the folder that holds the frames themselves",
        )
    names.sort(key=natural_key)
    stems: dict[str, str] = {}
    for name in names:
        other = stems.setdefault(Path(name).stem, name)
        if other != name:
            raise FramesError(
                f"{folder} has both {other} and {name}", wanted="one picture a frame", remedy="move one set of pictures elsewhere"
            )
    if swapped := next(((a, b) for a, b in pairwise(names) if a > b), None):
        warnings.warn(
            f"{folder}: frames are taken in natural order, {swapped[0]} before {swapped[1]}; as text they sort otherwise",
            stacklevel=3,
        )
    return tuple(folder / name for name in names)


def is_picture(entry: os.DirEntry[str]) -> bool:
    """True for a picture's name that is no folder's. A link to nowhere or round in circles counts: reading it says so."""
    if not is_picture_name(entry.name):
        return False
    try:
        return not entry.is_dir()
    except OSError:
        return True


def is_picture_name(name: str) -> bool:
    """True for a name that is not hidden and has a suffix in IMAGE_SUFFIXES."""
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES


def natural_key(name: str) -> tuple[tuple[int | str, ...], str]:
    """Sorts runs of digits as numbers; equal numbers ("1", "01") as text.

    >>> sorted(["10.png", "2.png", "a10", "a9"], key=natural_key)
    ['2.png', '10.png', 'a9', 'a10']
    """
    parts = re.split(r"(\d+)", name)
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), name
