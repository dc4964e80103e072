"""What the system says of a clip's files, by which it shows whether they are still those that were hashed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from colorbench.files.file_state import FileState, file_state
from colorbench.frames.pictures import is_picture_name


def content_state(*paths: Path) -> str:
    """Hash of the names, sizes, times and inodes of all that these sources hold: of a folder's pictures, or of a file.

    Equal before and after: what was read in between is what was there before, at the cost of asking the system, not of reading.
    A file whose state can't be asked, such as a broken link, counts as such.
    """
    total = hashlib.sha256()
    for path in paths:
        for file in _files(path):
            total.update(f"{file} {_state(file)}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _files(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return sorted(path / entry.name for entry in entries if is_picture_name(entry.name))
    except OSError:
        return [path]


def _state(path: Path) -> FileState | None:
    try:
        return file_state(path)
    except OSError:
        return None
