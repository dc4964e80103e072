"""Locks on files that end with the process that holds them, however it ends."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from multiprocessing.util import register_after_fork
from pathlib import Path

from colorbench.files.atomic import storage_errors

_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """True inside the block if this process alone holds the file's lock, False if another one does.

    The file is made and stays. Workers that are forked inside the block do not hold the lock on when this process is gone. Where
    the system or the file system has no such locks, every process is told True.

    Raises:
        StoreError: the file can't be written.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    with file:
        register_after_fork(file, TextIOWrapper.close)
        yield _held(file.fileno())


def _held(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True
