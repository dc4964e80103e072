"""Long work's progress for people, on stderr: a live bar with an estimate on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TimeElapsedColumn, TimeRemainingColumn

from colorbench.system.console import task_name

_EVERY_SECONDS = 10.0


class ConsoleWatcher:
    """Satisfies :class:`colorbench.film.watcher.Watcher` and :class:`colorbench.training.loop.Watcher`.

    Args:
        noun: what is counted.
        quiet: says nothing.
    """

    def __init__(self, *, noun: str, quiet: bool = False) -> None:
        self.noun = noun
        self.console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._total = self._done = self._before = self._seen = 0
        self._start = self._said = 0.0

    def __enter__(self) -> ConsoleWatcher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def note(self, text: str) -> None:
        """A sentence."""
        self.console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """A sentence that is said to those too who want no progress."""
        quiet, self.console.quiet = self.console.quiet, False
        self.note(text)
        self.console.quiet = quiet

    def looked(self, count: int) -> None:
        """So many frames were looked at that are finished later."""
        self._seen += count

    def started(self, total: int, done: int) -> None:
        """Work begins, the first or another; ``done`` of it was finished before."""
        if self._bar is not None:
            self._bar.stop()
        self._total, self._done, self._before, self._seen = total, done, done, 0
        self._start = self._said = time.monotonic()
        if done:
            self.note(f"going on: {done} of {total} {self.noun} are done already")
        if self.console.is_terminal and not self.console.quiet:
            columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
            self._bar = Progress(task_name(), *columns, console=self.console)
            self._task = self._bar.add_task(self.noun, total=total, completed=done)
            self._bar.start()

    def advance(self, count: int, text: str = "") -> None:
        """So many more are done; ``text`` says how it stands."""
        self._done += count
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=count, description=f"{self.noun} {text}".rstrip())
            return
        now = time.monotonic()
        if now - self._said >= _EVERY_SECONDS or self._done == self._total:
            self._said = now
            speed = (self._done - self._before) / max(now - self._start, 1e-9)
            left = self._seconds_left(now)
            self.note(f"[{self._done}/{self._total}] {speed:.1f} {self.noun}/s, {left:.0f} s left {text}".rstrip())

    def _seconds_left(self, now: float) -> float:
        """By the pace so far. A frame that was looked at ahead is half done: work in a shot begins with going through it."""
        made = self._done - self._before
        half = max(self._seen, made)
        pace = (made + half) / 2 / max(now - self._start, 1e-9)
        wanted = self._total - self._before
        return (wanted - (made + half) / 2) / max(pace, 1e-9)
