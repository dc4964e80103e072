"""What the system says of a file without reading it, by which a change shows."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from colorbench.files.regular import open_regular


class FileState(NamedTuple):
    """Equal before and after: nobody has written to the file or put another in its place. Else its bytes have to be asked."""

    size: int
    time_ns: int
    """Of the last change of its bytes."""
    change_ns: int
    """Of the last change of the file itself; programs that copy can't set it back."""
    inode: int


def file_state(path: Path) -> FileState:
    """The state of a file, or of what a link leads to.

    Raises:
        OSError: it is not there.
    """
    status = path.stat()
    return FileState(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def remembered_digest(path: Path) -> str:
    """SHA-256 of a regular file as 64 hexadecimal digits, computed anew where its state is another.

    Raises:
        OSError: it can't be read, or is no regular file.
    """
    return _digest(path, file_state(path))


@lru_cache(maxsize=1 << 17)
def _digest(path: Path, state: FileState) -> str:  # noqa: ARG001 - the key under which it is kept
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
