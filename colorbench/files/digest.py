"""What a file is: the hash of its bytes, computed once. Takes no torch."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from colorbench.errors import ColorbenchError


def file_digest(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits; computed anew when its size or time changes.

    Raises:
        ColorbenchError: it can't be read.
    """
    try:
        status = path.stat()
        return _digest(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise ColorbenchError(
            f"can't read {path}: {error.strerror or error}",
            wanted="a file that can be opened",
            remedy="check the path",
        ) from error


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, time: int) -> str:  # noqa: ARG001 - the key under which it is kept
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
