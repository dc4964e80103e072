"""A program of somebody else's that ends with its use, and all that it has started with it, also where this process is killed.

The program leads a process group, which is killed when its block ends. Beside it a guard waits at a pipe that only this process
holds open: where this process dies, by SIGKILL too, the pipe ends, and the guard kills the group. Linux has a death signal for
that (PR_SET_PDEATHSIG), but it reaches the program alone and not its children, and to set it takes Python code between fork and
exec, which a process with threads can't run safely. What leaves the group (setsid) is out of reach of both.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG."""

_GUARD = 'read -r group || exit; read -r end || { kill -s KILL -- "-$group"; rm -rf -- "$0"; }'


@contextmanager
def running(argv: Sequence[str], *, output: IO[bytes], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a program without a shell, in a session of its own, with nothing to read.

    Args:
        argv: the program and its arguments.
        output: takes what it prints.
        folder: its temporary files, removed if this process dies in the block.

    Raises:
        OSError: it can't be started.
    """
    guard = subprocess.Popen(  # noqa: S603 - a fixed text for the shell; the folder is its argument
        ["/bin/sh", "-c", _GUARD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        bufsize=0,
    )
    with guard:
        try:
            process = subprocess.Popen(  # noqa: S603 - running the user's program is the purpose; no shell takes part
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                if guard.stdin is not None:
                    guard.stdin.write(b"%d\n" % process.pid)
                yield process
            finally:
                with suppress(ProcessLookupError, PermissionError):  # macOS refuses where only the dead are left
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        finally:
            guard.kill()


def end_with_parent(parent: int) -> None:
    """Lets the system kill this process as soon as its parent ends, in whatever it is at. Linux only; elsewhere nothing is done.

    Args:
        parent: number of the process that has started this one, which may be gone already.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
