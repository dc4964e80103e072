"""Carries out a plan: what the run folder lacks is made by an engine, each unit stored as soon as it is done.

Units are independent: a failed one is recorded and the others go on; a killed run loses at most the units at work. Several
runs may carry out the same plan in one folder; each takes units that no other is at.
"""

from __future__ import annotations

import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

from colorbench.runs.engines.contract import Engine, Progress, Silent
from colorbench.runs.ledger import Ledger
from colorbench.runs.leftovers import clear_leftovers
from colorbench.runs.plan import Plan, make_plan, thread_count
from colorbench.runs.remote import Mirror
from colorbench.runs.store import Store, UnitRecord
from colorbench.types import RunSpec


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
        ColorbenchError: the plan can't be made, the folder can't be written, or the engine can't start. A method that fails does
            not raise.
    """
    watcher = progress or Silent()
    with open_engine(spec) as engine:
        with ThreadPoolExecutor(thread_count()) as executor:
            plan = make_plan(spec, executor=executor, sees_gpu=engine.sees_gpu)
        store = Store(spec.out, mirror=Mirror(spec.remote, spec.out) if spec.remote else None)
        store.declare(plan.identity(), plan.contents())
        clear_leftovers(store)
        ledger = Ledger(plan, store)
        units = ledger.open()
        watcher.planned(plan, stored=plan.unit_count - len(units), outdated=ledger.outdated(units))
        for attempt in count(1):
            if not units:
                break
            if free := [unit for unit in units if ledger.free(unit)]:
                engine.carry_out(free, ledger, watcher)
            if units := ledger.open():
                watcher.waiting(len(units))
                time.sleep(min(0.2 * attempt, 5.0))
    for unit, wrong in ledger.frames_not_kept():
        warnings.warn(f"the frames of {unit.method.label!r} on {unit.clip.name!r} are not kept: {wrong}", stacklevel=2)
    return Outcome(plan, ledger.records())


def open_engine(spec: RunSpec) -> Engine:
    """The engine that a spec names.

    Raises:
        UsageError: Ray is asked for and not installed.
    """
    if spec.engine == "ray":
        from colorbench.runs.engines.cluster import Cluster

        return Cluster(spec)
    from colorbench.runs.engines.local import Local

    return Local()
