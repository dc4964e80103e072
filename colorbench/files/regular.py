"""Regular files, and nothing else, opened for reading: a FIFO waits for a writer that need not come, a device has no end.

What a name stands for is asked of the open descriptor, so that nothing can take the file's place in between.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
"""With O_NONBLOCK a FIFO opens at once; reading a regular file is as without it."""


def open_regular(path: Path) -> BufferedReader:
    """Opens a regular file, or a link to one, for reading bytes.

    Raises:
        OSError: it can't be opened, or is no regular file; ``strerror`` says which.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    except OSError as error:
        # Sockets, and devices without a driver, can't be opened at all.
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "a socket or device, not a file", str(path)) from error
        raise
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "a folder, not a file", str(path))
        if not stat.S_ISREG(mode):
            kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
            raise OSError(errno.EINVAL, f"{kind}, not a file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, *, most: int | None = None) -> bytes:
    """The bytes of a regular file.

    Args:
        path: of the file, or of a link to it.
        most: bytes that it may hold; None is any number.

    Raises:
        OSError: as :func:`open_regular`, or the file is larger.
    """
    with open_regular(path) as file:
        data = file.read() if most is None else file.read(most + 1)
    if most is not None and len(data) > most:
        raise OSError(errno.EFBIG, f"more than {most} bytes", str(path))
    return data
