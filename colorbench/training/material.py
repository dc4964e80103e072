"""What is trained on: clips and photographs, brought to one height once and kept in the cache, read through memory maps.

A cached file is named by the digest of its source, so a changed source is read anew and two paths of the same pictures share a
file. A file that is cut short or of another form is made anew; pixels that changed in place are not noticed. All of the cache
may be deleted. A map is open for every clip and photograph, of which Linux allows a process 65,530.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import DatasetError, UsageError
from colorbench.files.atomic import replacing_file
from colorbench.files.cache import cache_root
from colorbench.frames.opening import IMAGE_SUFFIXES, VIDEO_SUFFIXES, content_digest, natural_key, open_frames
from colorbench.types import RgbFrame

RULE = 1
"""Raised when the same source would be cached as other pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Reel:
    """A clip, or a photograph: a clip of one frame."""

    name: str
    """Of its folder or file, without the suffix; two roots may hold the same name."""
    frames: NDArray[np.uint8]
    """(T, h, w, 3) uint8 in [0, 255], sRGB, read only."""


def gather(
    *,
    clips: Sequence[Path] = (),
    photographs: Sequence[Path] = (),
    exclude: Iterable[str] = (),
    height: int,
    note: Callable[[str], object] | None = None,
    advance: Callable[[int], object] | None = None,
) -> tuple[Reel, ...]:
    """Clips and photographs at a height.

    The shorter side becomes ``height`` by the mean over areas (cv2's INTER_AREA), the other keeps the aspect ratio; what is
    smaller stays as it is. Frames of a clip that differ in size take that of its first.

    Args:
        clips: folders of clips, each a folder of pictures or a video.
        photographs: folders of pictures, each a photograph.
        exclude: names of clips and photographs that are left out, of every root.
        height: of the shorter side, in pixels.
        note: told once what has to be read, where anything has.
        advance: told 1 after each piece that was read.

    Returns:
        Clips, then photographs, by root and in natural order of their names.

    Raises:
        DatasetError: a folder is missing or holds none of what it should; nothing is left; an excluded name is in no folder.
        UsageError: a height under 1.
        FramesError: a picture or a video can't be read.
        StoreError: the cache can't be written.
    """
    if height < 1:
        raise UsageError(f"height = {height}", wanted="at least 1 pixel", remedy="change height")
    found = [path for root in clips for path in _entries(root, "clip", _is_clip)]
    found += [path for root in photographs for path in _entries(root, "photograph", _is_photograph)]
    left_out = set(exclude)
    known = {_name(path) for path in found}
    for name in sorted(left_out - known):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        raise DatasetError(
            f"no clip or photograph {name!r} to exclude" + (f", did you mean {near[0]!r}?" if near else ""),
            wanted=f"one of the {len(known)} names there are",
            remedy="correct the name",
        )
    kept = [path for path in found if _name(path) not in left_out]
    if not kept:
        raise DatasetError(
            "nothing to train on" if not found else f"all {len(found)} clips and photographs are excluded",
            wanted="at least one clip or photograph",
            remedy="exclude fewer names" if found else "name folders of clips or photographs",
        )
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as executor:
        cached = list(executor.map(lambda path: _cache_path(path, height), kept))
        frames = [_opened(path, height) for path in cached]
        missing = [index for index, array in enumerate(frames) if array is None]
        if missing and note:
            note(f"reading {len(missing)} of {len(kept)} clips and photographs into {cache_root() / 'training'}")
        for _ in executor.map(lambda index: _write(kept[index], cached[index], height), missing):
            if advance:
                advance(1)
    return tuple(Reel(_name(path), _open(file)) for path, file in zip(kept, cached, strict=True))


def clips_in(root: Path) -> dict[str, Path]:
    """The clips of a folder by name, as :func:`gather` names them; none where there is no such folder.

    Returns:
        Folders of pictures, and videos, by their names.
    """
    if not root.is_dir():
        return {}
    return {_name(path): path for path in root.iterdir() if _is_clip(path) and not path.name.startswith(".")}


def photographs_in(root: Path) -> list[Path]:
    """The photographs of a folder; none where there is no such folder."""
    return [path for path in root.iterdir() if _is_photograph(path) and not path.name.startswith(".")] if root.is_dir() else []


def fitted(rgb: RgbFrame, height: int) -> RgbFrame:
    """A picture whose shorter side is at most ``height``.

    >>> fitted(np.zeros((480, 854, 3), np.uint8), 240).shape, fitted(np.zeros((90, 50, 3), np.uint8), 240).shape
    ((240, 427, 3), (90, 50, 3))
    """
    import cv2

    rows, columns = rgb.shape[:2]
    shorter = min(rows, columns)
    if shorter <= height:
        return rgb
    size = (round(columns * height / shorter), round(rows * height / shorter))
    resized: RgbFrame = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return resized


def _entries(root: Path, kind: str, wanted: Callable[[Path], bool]) -> list[Path]:
    """What a folder holds of a kind, in natural order."""
    if not root.is_dir():
        raise DatasetError(
            f"{root} is {'no folder' if root.exists() else 'not there'}", wanted=f"a folder of {kind}s", remedy="check the path"
        )
    entries = [path for path in root.iterdir() if not path.name.startswith(".") and wanted(path)]
    if not entries:
        raise DatasetError(
            f"no {kind} in {root}",
            wanted="folders of pictures, or videos" if kind == "clip" else "pictures",
            remedy=f"name the folder that holds the {kind}s themselves",
        )
    return sorted(entries, key=lambda path: natural_key(path.name))


def _is_clip(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in VIDEO_SUFFIXES


def _is_photograph(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.is_dir()


def _name(path: Path) -> str:
    return path.name if path.is_dir() else path.stem


def _cache_path(source: Path, height: int) -> Path:
    return cache_root() / "training" / f"{content_digest(source)}-{height}-{RULE}.npy"


def _write(source: Path, file: Path, height: int) -> None:
    """Reads a source frame by frame into its cached file."""
    opened = open_frames(source, mixed_sizes="resize")
    shape = fitted(np.empty((opened.height, opened.width, 3), np.uint8), height).shape
    with replacing_file(file) as temporary:
        frames = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(opened.n_frames, *shape))
        for index, frame in enumerate(opened.iterate()):
            frames[index] = fitted(frame, height)
        frames.flush()


def _opened(file: Path, height: int) -> NDArray[np.uint8] | None:
    """The frames of a cached file; None where there is none, it is damaged, or holds something else."""
    try:
        frames = _open(file)
    except (OSError, ValueError, EOFError):
        return None
    fits = frames.dtype == np.uint8 and frames.ndim == 4 and frames.shape[3:] == (3,) and frames.flags.c_contiguous
    return frames if fits and min(frames.shape) > 0 and min(frames.shape[1:3]) <= height else None


def _open(file: Path) -> NDArray[np.uint8]:
    frames: NDArray[np.uint8] = np.load(file, mmap_mode="r", allow_pickle=False)
    return frames
