"""A download's progress for people, on stderr: a live bar of bytes on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TimeRemainingColumn, TransferSpeedColumn

from colorbench.system.console import task_name

_EVERY_SECONDS = 10.0


class ConsoleDownloads:
    """Satisfies :class:`colorbench.weights.downloads.Watcher`.

    Args:
        quiet: says nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._name = ""
        self._total: int | None = None
        self._done = 0
        self._said = 0.0

    def __enter__(self) -> ConsoleDownloads:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def note(self, text: str) -> None:
        """A sentence."""
        self.console.print(text, markup=False)

    def started(self, name: str, total: int | None, done: int) -> None:
        """Bytes of a file begin to come; ``done`` of them are here from before."""
        self._name, self._total, self._done, self._said = name, total, done, time.monotonic()
        if done:
            self.note(f"{name}: going on after {done / 1e6:.1f} MB")
        if not self.console.is_terminal or self.console.quiet:
            return
        if self._bar is None:
            columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
            self._bar = Progress(task_name(), *columns, console=self.console)
            self._bar.start()
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, total=total, completed=done)

    def advance(self, count: int) -> None:
        """So many more bytes are here."""
        self._done += count
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, count)
            return
        now = time.monotonic()
        if now - self._said >= _EVERY_SECONDS:
            self._said = now
            of = f" of {self._total / 1e6:.1f}" if self._total else ""
            self.note(f"{self._name}: {self._done / 1e6:.1f}{of} MB")
