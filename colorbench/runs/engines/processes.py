"""Units made in several processes of this machine, handed out one at a time.

Only this process claims units and writes records, so it knows what each worker is at. When a worker dies, that unit has failed
and a new worker takes the dead one's place.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait

from colorbench.errors import ColorbenchError, MethodError, StoreError
from colorbench.runs.engines.contract import Progress
from colorbench.runs.engines.worker import GRACE_SECONDS, Advanced, Finished, Message, Ready, Refused, Setting, Started
from colorbench.runs.ledger import Ledger
from colorbench.runs.plan import Unit
from colorbench.runs.unit import failure
from colorbench.types import Clip


@dataclass(slots=True)
class _Worker:
    """One process, seen from here."""

    process: subprocess.Popen[bytes]
    connection: Connection
    setting: Setting
    ready: bool = False
    """It has come as far as to ask for a unit."""
    idle: bool = False
    """It has asked and there was none."""
    clip: Clip | None = None
    """Whose truth it has."""
    coloring: str | None = None
    """The key of the unit whose method is at work."""
    held: dict[str, tuple[Unit, ExitStack]] = field(default_factory=dict)
    """Units that are not made yet, with their claims: one that is colored, and one that is finished meanwhile."""


def carry_out_in_processes(units: Sequence[Unit], ledger: Ledger, progress: Progress, settings: Sequence[Setting]) -> None:
    """Does units in as many processes as there are settings.

    Raises:
        StoreError: the folder can't be written.
        ColorbenchError: processes end before they begin.
    """
    pool = _Pool(units, ledger, progress)
    try:
        for setting in settings:
            pool.start(setting)
        pool.attend()
    finally:
        pool.stop()


class _Pool:
    def __init__(self, units: Sequence[Unit], ledger: Ledger, progress: Progress) -> None:
        self.ledger, self.progress = ledger, progress
        self._waiting = list(units)
        self._workers: list[_Worker] = []
        self._deaths: Counter[str] = Counter()

    def start(self, setting: Setting) -> None:
        """A worker, which will ask for units."""
        ours, theirs = Pipe()
        # The path alone is handed on: multiprocessing would import the caller's main module again, which a script without a guard
        # does not survive. A group of its own keeps Ctrl-C from it: it ends when the connection does.
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; from colorbench.system.process_group import end_with_parent; "
            f"end_with_parent({os.getpid()}); from colorbench.runs.engines.worker import serve; serve({theirs.fileno()})"
        )
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - this very Python
                [sys.executable, "-c", code], stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), process_group=0
            )
        self._workers.append(_Worker(process, ours, setting))
        with suppress(BrokenPipeError):  # it is dead already, which is seen when it is listened to
            ours.send(setting)

    def attend(self) -> None:
        """Listens until all is made."""
        while self._waiting or any(worker.held for worker in self._workers):
            speaking = wait([worker.connection for worker in self._workers])
            for worker in [worker for worker in self._workers if worker.connection in speaking]:
                try:
                    message = worker.connection.recv()
                except (EOFError, OSError):
                    self._bury(worker)
                else:
                    self._take(worker, message)

    def stop(self) -> None:
        """Ends all workers, at once those that do not end by themselves."""
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            try:
                worker.process.wait(2 * GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            for _, claim in worker.held.values():
                claim.close()
        self._workers.clear()

    def _take(self, worker: _Worker, message: Message) -> None:
        match message:
            case Ready():
                worker.ready, worker.idle, worker.coloring = True, True, None
                self._hand_out(worker)
            case Started(key, frames):
                worker.coloring = key
                unit, _ = worker.held[key]
                self.progress.unit_started(unit.method.label, unit.clip.name, frames)
            case Advanced(key, frames):
                unit, _ = worker.held[key]
                self.progress.advance(unit.method.label, unit.clip.name, frames)
            case Finished(made):
                _, claim = worker.held.pop(made.record.key)
                with claim:
                    record = self.ledger.save(made)
                self.progress.unit_ended(record)
                if worker.idle:
                    self._hand_out(worker)
            case Refused(text):
                raise StoreError(text)

    def _hand_out(self, worker: _Worker) -> None:
        """Sends a worker the next unit that can be claimed.

        Not beside one that was at hand when another worker died: if this one dies too, it shall be clear which unit did it.
        """
        if any(self._deaths[key] for key in worker.held):
            return
        while (unit := self._next(worker)) is not None:
            claim = self.ledger.claim(unit)
            if claim is not None:
                worker.held[unit.key] = unit, claim
                worker.idle, worker.clip = False, unit.clip
                with suppress(BrokenPipeError):
                    worker.connection.send(unit)
                return

    def _next(self, worker: _Worker) -> Unit | None:
        """Of the clip whose truth it has, else of one that no worker has, else of the one with most units left."""
        if not self._waiting:
            return None
        left = Counter(unit.clip.name for unit in self._waiting)
        taken = {other.clip.name for other in self._workers if other.clip is not None and other is not worker}

        def rank(unit: Unit) -> tuple[bool, bool, int]:
            name = unit.clip.name
            return unit.clip != worker.clip, name in taken, -left[name] if name in taken else 0

        unit = min(self._waiting, key=rank)
        self._waiting.remove(unit)
        return unit

    def _bury(self, worker: _Worker) -> None:
        """A worker is dead. The unit that it colored is to blame; one that it was finishing or opening is done again, once."""
        self._workers.remove(worker)
        worker.connection.close()
        status = worker.process.wait()
        for key, (unit, claim) in worker.held.items():
            with claim:
                self._deaths[key] += 1
                if key == worker.coloring or self._deaths[key] > 1:
                    made = failure(self.ledger.plan, unit, _death(unit, status))
                    self.progress.unit_ended(self.ledger.save(made))
                else:
                    self._waiting.insert(0, unit)
        for other in self._workers:
            if other.idle:
                self._hand_out(other)
        if self._waiting and worker.ready:
            self.start(worker.setting)
        elif self._waiting and not self._workers:
            raise ColorbenchError(
                f"a worker process {_ending(status)} before it had begun",
                wanted="processes that start",
                remedy="see what it printed above; --workers 1 works in this process",
            )


def _death(unit: Unit, status: int) -> MethodError:
    memory = "mostly the system's answer to memory that ran out: use fewer --workers, or " if status == -signal.SIGKILL else ""
    return MethodError(
        f"the worker process {_ending(status)} while {unit.method.label!r} was at clip {unit.clip.name!r}",
        wanted="a method that leaves its process alive",
        remedy=f"{memory}give the same command with --workers 1, which shows where it happens; the other units are kept",
    )


def _ending(status: int) -> str:
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
