"""The place in a process where units are made, one after the other; every engine's units come from here.

torch's results on a CPU depend in the last bits on the number of its threads, and so on the machine's cores. A bench sets that
number for as long as it is open: all engines, and any number of workers, give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import TypeVar

from colorbench.clips.footage import Footage
from colorbench.errors import DatasetError, StoreError
from colorbench.runs.determinism import torch_threads
from colorbench.runs.plan import Plan, Unit
from colorbench.runs.unit import Made, Workshop
from colorbench.scoring.clip_scores import TruthMemo

T = TypeVar("T")


class Bench:
    """A unit's last scores are made in a thread of their own while the next unit's frames are colored.

    What is known of a clip's truth is kept until a unit of another clip comes.

    Args:
        plan: of the units.
        threads: that decode and score.
    """

    def __init__(self, plan: Plan, *, threads: int) -> None:
        self.plan, self._threads = plan, threads
        self._open = ExitStack()
        self._footage: Footage | None = None
        self._state = ""
        self._memo = TruthMemo()

    def __enter__(self) -> Bench:
        with ExitStack() as stack:
            stack.enter_context(torch_threads(self.plan.spec.threads))
            # Threads that are new take torch's number of threads over; those that have computed already keep theirs.
            self._executor = stack.enter_context(ThreadPoolExecutor(self._threads, thread_name_prefix="colorbench"))
            self._finisher = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="colorbench-finish"))
            stack.callback(self._let_go)
            self.workshop = Workshop(self.plan, executor=self._executor)
            self._open = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()

    def make(
        self, unit: Unit, keep: Callable[[Made], T], *, started: Callable[[int], None], advance: Callable[[int], None]
    ) -> Future[T]:
        """Lets a unit's method color its clip; returns when all frames are colored.

        Args:
            unit: which. Whatever fails makes a record that says so.
            keep: takes what was made, in the finishing thread.
            started: called with the number of frames.
            advance: called with 1 for each colored frame.

        Returns:
            What ``keep`` returns.

        Raises:
            StoreError: frames can't be saved; here or from the future.
        """
        try:
            footage = self._truth(unit, self.workshop.originals.check(unit))
            started(len(footage))
            finish = self.workshop.color(unit, footage, self._memo, advance=advance)
        except (StoreError, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - one unit's failure is recorded and leaves the others whole, sys.exit too
            finish = partial(self._failed, unit, error)
        return self._finisher.submit(self._finished, unit, finish, keep)

    def _finished(self, unit: Unit, finish: Callable[[], Made], keep: Callable[[Made], T]) -> T:
        try:
            made = finish()
        except (StoreError, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - as above
            made = self._failed(unit, error)
        return keep(made)

    def _failed(self, unit: Unit, error: BaseException) -> Made:
        """What went wrong; where the clip has changed meanwhile, it is that."""
        try:
            self.workshop.originals.check(unit)
        except DatasetError as changed:
            error = changed
        return self.workshop.failure(unit, error)

    def _truth(self, unit: Unit, state: str) -> Footage:
        """The clip's footage; a clip that was written to, even with the same bytes, is opened again."""
        if self._footage is None or self._footage.clip != unit.clip or self._state != state:
            self._let_go()
            self._footage, self._state = Footage(unit.clip, self.plan.protocol, executor=self._executor), state
        return self._footage

    def _let_go(self) -> None:
        """Of a clip, once the unit that is being finished needs it no more."""
        footage, self._footage, self._memo = self._footage, None, TruthMemo()
        if footage is not None:
            self._finisher.submit(footage.close)
