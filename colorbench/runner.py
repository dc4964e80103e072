"""Carries out a plan: clip by clip, method by method, each unit stored as soon as it is done.

Units are independent: a failed one is recorded and the others go on; a killed run loses at most the units at work. Several
processes may carry out the same plan in one folder; each takes units that no other is at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Protocol as Interface

from colorbench.errors import StoreError
from colorbench.footage import Footage
from colorbench.plan import Plan, PlannedMethod, make_plan, thread_count
from colorbench.scoring import TruthMemo
from colorbench.store import Store, UnitRecord
from colorbench.types import Clip, RunSpec
from colorbench.unit import Workshop


class Progress(Interface):
    """What a run tells whoever watches. All calls come from one thread."""

    def planned(self, plan: Plan, *, stored: int) -> None:
        """Before any work: ``stored`` units are done already."""
        ...

    def unit_started(self, label: str, clip: str, frames: int) -> None: ...

    def advance(self, frames: int) -> None: ...

    def unit_ended(self, record: UnitRecord) -> None: ...

    def waiting(self, units: int) -> None:
        """The units left are at work in other processes."""
        ...


class Silent:
    """Tells nothing."""

    def planned(self, plan: Plan, *, stored: int) -> None: ...

    def unit_started(self, label: str, clip: str, frames: int) -> None: ...

    def advance(self, frames: int) -> None: ...

    def unit_ended(self, record: UnitRecord) -> None: ...

    def waiting(self, units: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run."""

    plan: Plan
    records: tuple[UnitRecord, ...]
    """One a unit, by clip and method in the plan's order."""

    @property
    def failures(self) -> tuple[UnitRecord, ...]:
        return tuple(record for record in self.records if record.status != "done")


def execute(spec: RunSpec, *, progress: Progress | None = None) -> Outcome:
    """Plans and runs a spec, doing only what its folder lacks.

    Raises:
        ColorbenchError: the plan can't be made, or the folder can't be written. A method that fails does not raise.
    """
    watcher = progress or Silent()
    with (
        ThreadPoolExecutor(thread_count(), thread_name_prefix="colorbench") as executor,
        ThreadPoolExecutor(1, thread_name_prefix="colorbench-finish") as finisher,
    ):
        plan = make_plan(spec, executor=executor)
        store = Store(spec.out)
        store.declare(plan.identity(), plan.contents())
        return _Run(plan, store, watcher, executor, finisher).complete()


class _Run:
    """One process's share of a plan.

    A unit's last scores are made and stored in the thread of ``finisher`` while the next unit's frames are decoded.
    """

    def __init__(
        self, plan: Plan, store: Store, progress: Progress, executor: ThreadPoolExecutor, finisher: ThreadPoolExecutor
    ) -> None:
        self.plan, self.store, self.progress, self.executor, self.finisher = plan, store, progress, executor, finisher
        self._finishing: Future[UnitRecord] | None = None
        self.workshop = Workshop(plan, store, executor=executor, advance=self._advance)
        self._tried: set[str] = set()

    def complete(self) -> Outcome:
        """Works until every unit is stored, by this process or another."""
        missing = [unit for unit in self._units() if self._stored(*unit) is None]
        self.progress.planned(self.plan, stored=self.plan.unit_count - len(missing))
        for attempt in count():
            open_units = [unit for unit in self._units() if self._open(*unit)]
            if not open_units:
                break
            if attempt:
                self.progress.waiting(len(open_units))
                time.sleep(min(0.2 * attempt, 5.0))
            for index, clip in enumerate(self.plan.clips):
                methods = [method for method, at in open_units if at == index]
                if methods:
                    self._do_clip(clip, index, methods)
            self._settle()
        records = []
        for method, index in self._units():
            record = self.store.load(clip=self.plan.clips[index].name, label=method.label, key=self.workshop.key(method, index))
            if record is None:
                raise StoreError(
                    f"the result of {method.label!r} on {self.plan.clips[index].name!r} has gone from {self.store.folder}",
                    wanted="a folder that nobody else clears",
                    remedy="give the same command again",
                )
            records.append(record)
        return Outcome(self.plan, tuple(records))

    def _units(self) -> Iterator[tuple[PlannedMethod, int]]:
        return ((method, index) for index in range(len(self.plan.clips)) for method in self.plan.methods)

    def _stored(self, method: PlannedMethod, index: int) -> UnitRecord | None:
        """The unit's record if it is done and has every metric of the plan that can be computed here, as it is now."""
        record = self.store.load(clip=self.plan.clips[index].name, label=method.label, key=self.workshop.key(method, index))
        if record is None or record.status != "done":
            return None
        known = dict(record.metrics)
        for metric in self.plan.metrics:
            name = metric.metric.card.name
            if not metric.reason and known.get(name) != metric.identity:
                return None
            if record.score(name) is None:
                return None
        if self.plan.spec.save_frames != "no" and not self.workshop.frames_path(method, index).exists():
            return None
        return record

    def _open(self, method: PlannedMethod, index: int) -> bool:
        """Still to be done: neither stored nor failed in this process."""
        return self.workshop.key(method, index) not in self._tried and self._stored(method, index) is None

    def _do_clip(self, clip: Clip, index: int, methods: Sequence[PlannedMethod]) -> None:
        """All open units of a clip, so that its truth is decoded and measured once."""
        footage: Footage | None = None
        memo = TruthMemo()
        try:
            for method in methods:
                key = self.workshop.key(method, index)
                with ExitStack() as claim:
                    if not claim.enter_context(self.store.claim(key)) or self._stored(method, index) is not None:
                        continue
                    self._tried.add(key)
                    finish: Callable[[], UnitRecord]
                    try:
                        footage = footage or Footage(clip, self.plan.protocol, executor=self.executor)
                        self.progress.unit_started(method.label, footage.name, len(footage))
                        finish = self.workshop.color(method, index, footage, memo)
                    except StoreError:
                        raise
                    except Exception as error:  # noqa: BLE001 - one unit's failure is recorded and leaves the others whole
                        finish = partial(self.workshop.failure, method, index, error)
                    before = self._finishing
                    self._finishing = self.finisher.submit(self._finish, method, index, finish, claim.pop_all())
                    self._tell(before)
        finally:
            if footage is not None:
                self.finisher.submit(footage.close)

    def _finish(self, method: PlannedMethod, index: int, finish: Callable[[], UnitRecord], claim: ExitStack) -> UnitRecord:
        """Makes and stores a unit's record, and lets go of its claim."""
        with claim:
            try:
                record = finish()
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001 - as above
                record = self.workshop.failure(method, index, error)
            self.store.save(record)
            return record

    def _settle(self) -> None:
        """Waits for the unit that is being finished."""
        finishing, self._finishing = self._finishing, None
        self._tell(finishing)

    def _tell(self, finishing: Future[UnitRecord] | None) -> None:
        if finishing is not None:
            self.progress.unit_ended(finishing.result())

    def _advance(self, frames: int) -> None:
        self.progress.advance(frames)
        if self._finishing is not None and self._finishing.done():
            self._settle()
