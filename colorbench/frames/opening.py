"""Where frames come from: a folder of pictures, one picture, or a video file. Streamed, never a whole film in memory.

Frames of a folder are its pictures in natural order (2.png before 10.png); of a video, every coded frame once, in
presentation order. docs/design/frames.md has the rules and their reasons.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from colorbench.errors import FramesError
from colorbench.files.regular import open_regular
from colorbench.frames.frame_source import FrameSource
from colorbench.frames.images import IMAGE_SUFFIXES, read_image, write_png
from colorbench.frames.pictures import FolderSource, MixedSizes, natural_key, picture_files
from colorbench.frames.read_ahead import read_ahead
from colorbench.frames.video import VIDEO_SUFFIXES, VideoSource
from colorbench.frames.video_writer import write_video

__all__ = [
    "IMAGE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "FolderSource",
    "FrameSource",
    "MixedSizes",
    "content_digest",
    "natural_key",
    "open_frames",
    "picture_files",
    "read_ahead",
    "read_image",
    "write_png",
    "write_video",
]

_BATCH = 16
"""Pictures hashed by one task."""


def open_frames(path: Path, *, mixed_sizes: MixedSizes = "refuse") -> FrameSource:
    """Opens a folder of pictures, a picture or a video file.

    A picture is a clip of one frame. Of a folder, hidden files, folders and files with other suffixes are ignored.

    Args:
        path: what to open; suffixes in IMAGE_SUFFIXES or VIDEO_SUFFIXES, upper or lower case.
        mixed_sizes: see FolderSource; a video's frames are always of one size.

    Raises:
        FramesError: nothing there, nothing in it, two pictures of one name, or frame 0 can't be decoded.

    Warns:
        UserWarning: natural order is not the order of the names as text, which other tools may have used.
    """
    if path.is_dir():
        return FolderSource(path, picture_files(path), mixed_sizes=mixed_sizes)
    if not path.exists():
        raise FramesError(
            f"{path} does not exist", wanted="a folder of pictures, a picture or a video file", remedy="check the path"
        )
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return FolderSource(path, [path])
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return VideoSource(path)
    raise FramesError(
        f"{path} is of no kind that can be read",
        wanted=f"a folder, or a file with one of the suffixes {' '.join(sorted(IMAGE_SUFFIXES | VIDEO_SUFFIXES))}",
        remedy="rename or convert it",
    )


def content_digest(path: Path, *, executor: ThreadPoolExecutor | None = None) -> str:
    """SHA-256 over what a source holds; the same on every machine, wherever the source lies.

    Of pictures: their names (in NFC) and bytes, in natural order. Of a video: its bytes, as its frames have no names.

    Args:
        path: what ``open_frames`` takes.
        executor: hashes pictures in its threads.

    Returns:
        64 hexadecimal digits.

    Raises:
        FramesError: a file can't be read.
    """
    if path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir():
        return hashlib.sha256(b"video\n" + _file_digest(path).encode()).hexdigest()
    files = picture_files(path) if path.is_dir() else (path,)
    total = hashlib.sha256(b"pictures\n")
    for file, digest in zip(files, _file_digests(files, executor), strict=True):
        name = unicodedata.normalize("NFC", file.name)
        total.update(f"{digest} {name}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _file_digests(files: Sequence[Path], executor: ThreadPoolExecutor | None) -> Iterator[str]:
    if executor is None:
        return map(_file_digest, files)
    batches = [files[at : at + _BATCH] for at in range(0, len(files), _BATCH)]
    return chain.from_iterable(executor.map(lambda batch: [_file_digest(path) for path in batch], batches))


def _file_digest(path: Path) -> str:
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FramesError(f"can't read {path}: {error.strerror or error}", wanted="a file that can be opened") from error
