"""What of a plan is still to be done, and its records, in the run folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from colorbench.errors import StoreError
from colorbench.runs.plan import Plan, Unit
from colorbench.runs.saved_frames import frames_mismatch
from colorbench.runs.store import Store, UnitRecord, declared_digest
from colorbench.runs.unit import Made
from colorbench.types import Score


class Ledger:
    """A plan's units in a run folder, which other processes may write too.

    Args:
        plan: what is to be done.
        store: the folder.
    """

    def __init__(self, plan: Plan, store: Store) -> None:
        self.plan, self.store = plan, store
        self._tried: set[str] = set()
        self._declared = plan.identity(), plan.contents()

    def open(self) -> list[Unit]:
        """Units that are neither done nor tried by this run."""
        return [unit for unit in self.plan.units() if unit.key not in self._tried and not self._done(unit)]

    def outdated(self, units: Sequence[Unit]) -> int:
        """How many of these units the folder has as other code, settings or data made them."""
        return sum(self.store.has_other(clip=unit.clip.name, label=unit.method.label, key=unit.key) for unit in units)

    def free(self, unit: Unit) -> bool:
        """Whether no process is at a unit at this moment."""
        with self.store.claim(unit.key) as ours:
            return ours

    def claim(self, unit: Unit) -> ExitStack | None:
        """Takes a unit for this process; closing what is returned lets go of it.

        Returns:
            None where another process is at the unit, or has done it meanwhile.
        """
        with ExitStack() as claim:
            if claim.enter_context(self.store.claim(unit.key)) and not self._done(unit):
                self._tried.add(unit.key)
                return claim.pop_all()
        return None

    def save(self, made: Made) -> UnitRecord:
        """Stores a unit, with earlier scores of metrics that this run does not compute.

        Raises:
            StoreError: the folder can't be written.
        """
        record = replace(
            made.record,
            provenance=self.store.save_provenance(made.provenance),
            declared=declared_digest(*self._declared, label=made.record.label, clip=made.record.clip),
        )
        known = self._load(record.clip, record.label, record.key)
        if known is not None and record.status == "done":
            record = replace(
                record,
                scores=_joined(record.scores, known.scores),
                truth=_joined(record.truth, known.truth),
                metrics=tuple({**dict(known.metrics), **dict(record.metrics)}.items()),
            )
        self.store.save(record)
        return record

    def records(self) -> tuple[UnitRecord, ...]:
        """All records, in the plan's order.

        Raises:
            StoreError: one is gone.
        """
        records = []
        for unit in self.plan.units():
            record = self._load(unit.clip.name, unit.method.label, unit.key)
            if record is None:
                raise StoreError(
                    f"the result of {unit.method.label!r} on {unit.clip.name!r} has gone from {self.store.folder}",
                    wanted="a folder that nobody else clears",
                    remedy="give the same command again",
                )
            records.append(record)
        return tuple(records)

    def frames_not_kept(self) -> Iterator[tuple[Unit, str]]:
        """Units that are done and whose frames are not there, and why: another run has put its own in their place."""
        if self.plan.spec.save_frames == "no":
            return
        for unit in self.plan.units():
            record = self._load(unit.clip.name, unit.method.label, unit.key)
            wrong = frames_mismatch(self.plan.frames_path(unit), key=unit.key)
            if wrong and record is not None and record.status == "done":
                yield unit, wrong

    def stored(self) -> Iterator[UnitRecord]:
        """The records that are there already."""
        for unit in self.plan.units():
            record = self._load(unit.clip.name, unit.method.label, unit.key)
            if record is not None:
                yield record

    def _load(self, clip: str, label: str, key: str) -> UnitRecord | None:
        return self.store.load(clip=clip, label=label, key=key)

    def _done(self, unit: Unit) -> bool:
        """Whether its record has every metric of the plan that can be computed here, as it is now, and its frames are saved."""
        record = self._load(unit.clip.name, unit.method.label, unit.key)
        if record is None or record.status != "done":
            return False
        known = dict(record.metrics)
        for metric in self.plan.metrics:
            name = metric.metric.card.name
            if record.score(name) is None or (not metric.reason and known.get(name) != metric.identity):
                return False
        return self.plan.spec.save_frames == "no" or not frames_mismatch(self.plan.frames_path(unit), key=unit.key)


def _joined(scores: Sequence[Score], earlier: Sequence[Score]) -> tuple[Score, ...]:
    """Scores of now, and of metrics that an earlier run computed of the same frames and this one did not."""
    names = {score.metric for score in scores if score.value is not None}
    kept = {score.metric: score for score in earlier if score.metric not in names}
    return (*(kept.pop(score.metric, score) for score in scores), *kept.values())
