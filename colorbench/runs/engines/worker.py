"""What a worker process does: it makes the units that it is sent, and sends back what came of them.

    from the parent   Setting, then a Unit at a time; the end of the connection ends the worker
    to the parent     Ready (send a unit), Started, Advanced, Finished, Refused

A worker that is no longer listened to has no reason to live. Where its parent has ended, Linux kills it at once; what its method
had begun, such as a program that colors, is ended by that program's guard (process_group.py).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import NoReturn

from colorbench.errors import EXIT_INTERRUPTED, StoreError
from colorbench.runs.engines.bench import Bench
from colorbench.runs.plan import Plan, Unit
from colorbench.runs.unit import Made

GRACE_SECONDS = 1.0
"""For a unit to put away what it has begun, such as a program that colors, before the process is ended."""

_EVERY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Setting:
    """What a worker is told first."""

    plan: Plan
    threads: int
    """That decode and score."""
    gpu: str | None
    """As CUDA_VISIBLE_DEVICES names it; None leaves that variable alone."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The next unit may come: no method is at work. The scores of the last one may still be made."""


@dataclass(frozen=True, slots=True)
class Started:
    """A unit's clip is open."""

    key: str
    frames: int


@dataclass(frozen=True, slots=True)
class Advanced:
    """So many more of its frames are colored."""

    key: str
    frames: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A unit is made."""

    made: Made


@dataclass(frozen=True, slots=True)
class Refused:
    """Frames can't be saved, which ends the run."""

    text: str


Message = Ready | Started | Advanced | Finished | Refused


def serve(descriptor: int) -> None:
    """The whole life of a worker.

    Args:
        descriptor: of its end of the connection.
    """
    os.set_inheritable(descriptor, False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parent = Connection(descriptor)
    with suppress(KeyboardInterrupt, BrokenPipeError, EOFError):
        setting: Setting = parent.recv()
        if setting.gpu is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = setting.gpu
        units: SimpleQueue[Unit] = SimpleQueue()
        threading.Thread(target=_listen, args=(parent, units), daemon=True).start()
        _work(setting, units, _Voice(parent))


def _work(setting: Setting, units: SimpleQueue[Unit], parent: _Voice) -> NoReturn:
    import cv2

    cv2.setNumThreads(setting.threads)
    with Bench(setting.plan, threads=setting.threads) as bench:
        while True:
            parent.say(Ready())
            unit = units.get()
            try:
                making = bench.make(
                    unit, Finished, started=partial(parent.started, unit.key), advance=partial(parent.advance, unit.key)
                )
            except StoreError as error:
                parent.say(Refused(str(error)))
            else:
                making.add_done_callback(partial(_report, parent))


def _report(parent: _Voice, making: Future[Finished]) -> None:
    error = making.exception()
    parent.say(making.result() if error is None else Refused(str(error)))


def _listen(parent: Connection, units: SimpleQueue[Unit]) -> None:
    """Takes units in; at the end of the connection interrupts the main thread, and ends the process if that takes too long."""
    with suppress(EOFError, OSError):
        while True:
            units.put(parent.recv())
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    time.sleep(GRACE_SECONDS)
    os._exit(EXIT_INTERRUPTED)


class _Voice:
    """What a worker says, from two threads."""

    def __init__(self, parent: Connection) -> None:
        self._parent, self._lock = parent, threading.Lock()
        self._frames, self._said = 0, 0.0

    def say(self, message: Message) -> None:
        """Where nobody listens any more the process ends soon: see _listen."""
        with self._lock, suppress(BrokenPipeError, ConnectionResetError):
            self._parent.send(message)

    def started(self, key: str, frames: int) -> None:
        self._frames = 0
        self.say(Started(key, frames))

    def advance(self, key: str, frames: int) -> None:
        """Says it now and then, as a message a frame would keep the parent busy."""
        self._frames += frames
        if (now := time.monotonic()) - self._said >= _EVERY_SECONDS:
            self.say(Advanced(key, self._frames))
            self._frames, self._said = 0, now
