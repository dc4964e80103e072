"""Carries out a plan: clip by clip, method by method, each unit stored as soon as it is done.

Units are independent: a failed one is recorded and the others go on; a killed run loses at most the units at work. Several
processes may carry out the same plan in one folder; each takes units that no other is at.
"""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol as Interface

from colorbench import provenance
from colorbench.errors import ColorbenchError, StoreError
from colorbench.footage import Footage
from colorbench.keeping import kept_frames
from colorbench.method import Colorizer
from colorbench.plan import Plan, PlannedMethod, make_plan, spec_identity, thread_count
from colorbench.scoring import OpenMetric, TruthMemo, score_clip
from colorbench.store import Store, UnitRecord, safe_name
from colorbench.types import Clip, RunSpec, Score


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
    with ThreadPoolExecutor(thread_count(), thread_name_prefix="colorbench") as executor:
        plan = make_plan(spec, executor=executor)
        store = Store(spec.out)
        store.declare(
            spec_identity(plan),
            {
                "methods": [method.label for method in plan.methods],
                "metrics": [metric.metric.card.name for metric in plan.metrics],
                "clips": [clip.name for clip in plan.clips],
            },
        )
        return _Run(plan, store, watcher, executor).complete()


class _Run:
    """One process's share of a plan."""

    def __init__(self, plan: Plan, store: Store, progress: Progress, executor: ThreadPoolExecutor) -> None:
        self.plan, self.store, self.progress, self.executor = plan, store, progress, executor
        self._colorizers: dict[str, Colorizer] = {}
        self._provenance: dict[str, str] = {}
        self._metrics: tuple[OpenMetric, ...] | None = None
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
        records = []
        for method, index in self._units():
            record = self.store.load(clip=self.plan.clips[index].name, label=method.label, key=self._key(method, index))
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

    def _key(self, method: PlannedMethod, index: int) -> str:
        return self.plan.key(method, self.plan.clip_digests[index])

    def _stored(self, method: PlannedMethod, index: int) -> UnitRecord | None:
        """The unit's record if it is done and has every metric of the plan that can be computed here, as it is now."""
        record = self.store.load(clip=self.plan.clips[index].name, label=method.label, key=self._key(method, index))
        if record is None or record.status != "done":
            return None
        known = dict(record.metrics)
        for metric in self.plan.metrics:
            name = metric.metric.card.name
            if not metric.reason and known.get(name) != metric.identity:
                return None
            if record.score(name) is None:
                return None
        if self.plan.spec.save_frames != "no" and not self._frames_path(method, index).exists():
            return None
        return record

    def _open(self, method: PlannedMethod, index: int) -> bool:
        """Still to be done: neither stored nor failed in this process."""
        return self._key(method, index) not in self._tried and self._stored(method, index) is None

    def _do_clip(self, clip: Clip, index: int, methods: Sequence[PlannedMethod]) -> None:
        """All open units of a clip, so that its truth is decoded and measured once."""
        footage: Footage | None = None
        memo = TruthMemo()
        try:
            for method in methods:
                key = self._key(method, index)
                with self.store.claim(key) as mine:
                    if not mine or self._stored(method, index) is not None:
                        continue
                    self._tried.add(key)
                    try:
                        footage = footage or Footage(clip, self.plan.protocol, executor=self.executor)
                        record = self._do_unit(method, index, footage, memo)
                    except StoreError:
                        raise
                    except Exception as error:  # noqa: BLE001 - one unit's failure is recorded and leaves the others whole
                        record = self._failure(method, index, error)
                    self.store.save(record)
                    self.progress.unit_ended(record)
        finally:
            if footage is not None:
                footage.close()

    def _do_unit(self, method: PlannedMethod, index: int, footage: Footage, memo: TruthMemo) -> UnitRecord:
        card, label = method.method.card, method.label
        self.progress.unit_started(label, footage.name, len(footage))
        colorizer = self._colorizer(method)
        metrics = self._open_metrics(method.device)
        fewest, most = method.variant.exemplars
        exemplars = footage.exemplars(most)
        if len(exemplars) < fewest:
            raise ColorbenchError(
                f"clip {footage.name!r} has {len(exemplars)} exemplars",
                wanted=f"at least {fewest} for {label!r}",
                remedy="use another variant",
            )
        _prepare(self.plan.spec.seed, method.device)
        with provenance.measured(method.device) as cost, ExitStack() as stack:
            frames = colorizer.colorize(footage, exemplars)
            if self.plan.spec.save_frames != "no":
                keep = stack.enter_context(
                    kept_frames(self._frames_path(method, index), names=footage.frame_names, fps=footage.fps)
                )
                frames = map(keep, frames)
            scores = score_clip(
                frames,
                footage,
                card=card,
                metrics=metrics,
                memo=memo,
                executor=self.executor,
                advance=self.progress.advance,
            )
        known = self.store.load(clip=footage.name, label=label, key=self._key(method, index))
        return UnitRecord(
            key=self._key(method, index),
            label=label,
            method=card.name,
            variant=method.variant.name,
            clip=footage.name,
            status="done",
            exemplars=tuple(exemplar.index for exemplar in exemplars),
            scored=footage.scored,
            frame_count=len(footage),
            scores=_joined(scores.scores, known.scores if known else ()),
            truth=_joined(scores.truth, known.truth if known else ()),
            metrics=tuple({**dict(known.metrics if known else ()), **self._metric_identities()}.items()),
            luminance_error=scores.luminance_error,
            seconds=round(cost.seconds, 4),
            peak_memory_mib=cost.peak_memory_mib,
            peak_vram_mib=cost.peak_vram_mib,
            device=method.device,
            provenance=self._provenance_of(method.device),
        )

    def _failure(self, method: PlannedMethod, index: int, error: Exception) -> UnitRecord:
        return UnitRecord(
            key=self._key(method, index),
            label=method.label,
            method=method.method.card.name,
            variant=method.variant.name,
            clip=self.plan.clips[index].name,
            status="failed",
            device=method.device,
            provenance=self._provenance_of(method.device),
            error=str(error) if isinstance(error, ColorbenchError) else f"{type(error).__name__}: {error}",
            trace="".join(traceback.format_exception(error)),
        )

    def _colorizer(self, method: PlannedMethod) -> Colorizer:
        if method.label not in self._colorizers:
            self._colorizers[method.label] = method.method.load(
                variant=method.variant.name, device=method.device, settings=method.settings
            )
        return self._colorizers[method.label]

    def _open_metrics(self, device: str) -> tuple[OpenMetric, ...]:
        if self._metrics is None:
            self._metrics = tuple(
                OpenMetric(m.metric.card, None if m.reason else m.metric.open(device=device), m.reason) for m in self.plan.metrics
            )
        return self._metrics

    def _metric_identities(self) -> dict[str, str]:
        return {m.metric.card.name: m.identity for m in self.plan.metrics if not m.reason}

    def _provenance_of(self, device: str) -> str:
        if device not in self._provenance:
            self._provenance[device] = self.store.save_provenance(provenance.collect(seed=self.plan.spec.seed, device=device))
        return self._provenance[device]

    def _frames_path(self, method: PlannedMethod, index: int) -> Path:
        folder = self.store.folder / "frames" / safe_name(method.label) / safe_name(self.plan.clips[index].name)
        return folder if self.plan.spec.save_frames == "png" else folder.with_name(folder.name + ".mkv")


def _joined(scores: Sequence[Score], earlier: Sequence[Score]) -> tuple[Score, ...]:
    """Scores of now, and of metrics that an earlier run computed of the same frames and this one did not."""
    names = {score.metric for score in scores if score.value is not None}
    kept = {score.metric: score for score in earlier if score.metric not in names}
    return (*(kept.pop(score.metric, score) for score in scores), *kept.values())


def _prepare(seed: int, device: str) -> None:
    """Before each unit: seeds what methods may draw from, so that the order of units does not matter; exact float32 on a GPU."""
    import numpy as np
    import torch

    if device == "cuda":
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
