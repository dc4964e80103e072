"""What the system says of a clip's files, by which it shows whether they are still those that were hashed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from colorbench.files.file_state import FileState, state_of
from colorbench.frames.pictures import is_picture_name


def content_state(*paths: Path) -> str:
    """Hash of the names, sizes, times and inodes of all that these sources hold: of a folder's pictures, or of a file.

    Equal before and after: what was read in between is what was there before, at the cost of asking the system, not of reading.
    A file whose state can't be asked, such as a broken link, counts as such.
    """
    lines = [line for path in paths for line in _lines(path)]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _lines(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            pictures = sorted((entry.name, entry) for entry in entries if is_picture_name(entry.name))
        return [f"{path}/{name} {_state(entry)}" for name, entry in pictures]
    except OSError:
        return [f"{path} {_state(path)}"]


def _state(file: Path | os.DirEntry[str]) -> FileState | None:
    try:
        return state_of(file.stat())
    except OSError:
        return None
