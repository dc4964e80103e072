"""Files and folders that appear whole or not at all: written beside their place, then renamed.

A reader never sees half a file, and a process killed in the middle leaves only a temporary name that nothing reads.
Nothing is synced to the disk: after a power cut a file may be missing or empty.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from colorbench.errors import StoreError

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder that becomes ``path`` when the block ends well, and is removed when it does not.

    Raises:
        StoreError: the disk is full, or the folder can't be written.
    """
    temporary = _beside(path)
    try:
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary empty folder that becomes ``path``; where another process was first, its folder stays and ours goes.

    Raises:
        StoreError: the disk is full, or the parent can't be written.
    """
    temporary = _beside(path)
    try:
        with storage_errors(path):
            temporary.mkdir(parents=True)
            yield temporary
            try:
                temporary.rename(path)
            except OSError:
                if not path.is_dir():
                    raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns what the system says about writing ``path`` into a StoreError."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreError(
                f"disk full while writing {path}",
                wanted="room for the file; nothing of it was kept",
                remedy="free space or name another folder, then give the same command again: it goes on where it stopped",
            ) from error
        raise StoreError(
            f"can't write {path}: {error.strerror or error}",
            wanted="a folder that can be written",
            remedy="check its permissions",
        ) from error


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:80]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
