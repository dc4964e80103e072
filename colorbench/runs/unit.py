"""One unit of a run: a method colors a clip, metrics score it, and what is known of it becomes a record."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from colorbench.clips.footage import Footage
from colorbench.clips.shot_clip import color_clip
from colorbench.errors import ColorbenchError
from colorbench.method import Colorizer
from colorbench.metric import FusedPass
from colorbench.runs import provenance
from colorbench.runs.determinism import prepare
from colorbench.runs.keeping import kept_frames
from colorbench.runs.notes import unit_notes
from colorbench.runs.originals import Originals
from colorbench.runs.plan import Plan, Unit
from colorbench.runs.planned_method import PlannedMethod, check_same_method
from colorbench.runs.store import UnitRecord
from colorbench.scoring.clip_scores import ClipScores, OpenMetric, TruthMemo, take_frames
from colorbench.types import Exemplar


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a unit, not stored yet."""

    record: UnitRecord
    """Its provenance is filled in when it is stored."""
    provenance: Mapping[str, Any]


class Workshop:
    """Makes the records of a plan's units; methods and metrics are opened once. It neither reads nor writes records.

    Args:
        plan: what is to be done.
        executor: threads of the metrics.
    """

    def __init__(self, plan: Plan, *, executor: ThreadPoolExecutor) -> None:
        self.plan, self.executor = plan, executor
        self.originals = Originals(plan, executor=executor)
        self._colorizers: dict[str, Colorizer] = {}
        self._metrics: dict[str, tuple[OpenMetric, ...]] = {}
        self._passes: dict[str, FusedPass] = {}
        self._origins: dict[str, Mapping[str, Any]] = {}

    def color(self, unit: Unit, footage: Footage, memo: TruthMemo, *, advance: Callable[[int], None]) -> Callable[[], Made]:
        """Lets a method color a clip.

        Args:
            unit: which.
            footage: of its clip.
            memo: of that footage.
            advance: called with 1 for each colored frame, in this thread.

        Returns:
            Waits for the last frames' scores and makes the record; to be called once, in any thread but the executor's.

        Raises:
            ColorbenchError: the method can't do the clip or breaks its contract; here or from what is returned.
        """
        method = unit.method
        colorizer = self._colorizer(method)
        fewest, most = method.variant.exemplars
        exemplars = footage.exemplars(most)
        if len(exemplars) < fewest:
            raise ColorbenchError(
                f"clip {footage.name!r} has {len(exemplars)} exemplars",
                wanted=f"at least {fewest} for {method.label!r}",
                remedy="use another variant",
            )
        prepare(self.plan.spec.seed, method.device)
        with ExitStack() as stack, provenance.measured(method.device) as cost:
            frames = color_clip(colorizer, footage, exemplars, limit=most)
            if self.plan.spec.save_frames != "no":
                keep = kept_frames(
                    self.plan.frames_path(unit), names=footage.frame_names, fps=footage.fps, unit=_frames_unit(unit)
                )
                frames = map(stack.enter_context(keep), frames)
            scored = take_frames(
                frames,
                footage,
                card=method.method.card,
                metrics=self._open_metrics(method.device),
                memo=memo,
                executor=self.executor,
                fused=self._fused_pass(method.device),
                advance=advance,
            )
            return partial(self._finished, unit, footage, exemplars, scored, stack.pop_all(), cost)

    def _finished(
        self,
        unit: Unit,
        footage: Footage,
        exemplars: Sequence[Exemplar],
        scored: Callable[[], ClipScores],
        kept: ExitStack,
        cost: provenance.Cost,
    ) -> Made:
        """A unit's record; saved frames take their names once all are scored, of a clip that is still what was hashed."""
        with kept:
            scores = scored()
            self.originals.check(unit)
        return _made(
            unit,
            self._origin(unit),
            status="done",
            notes=unit_notes(footage, exemplars, scores, self._colorizer(unit.method)),
            exemplars=tuple(exemplar.index for exemplar in exemplars),
            scored=footage.scored,
            frame_count=len(footage),
            scores=scores.scores,
            truth=scores.truth,
            metrics=tuple((m.metric.card.name, m.identity) for m in self.plan.metrics if not m.reason),
            luminance_error=scores.luminance_error,
            seconds=round(cost.seconds, 4),
            peak_memory_mib=cost.peak_memory_mib,
            peak_vram_mib=cost.peak_vram_mib,
        )

    def failure(self, unit: Unit, error: BaseException) -> Made:
        """The record of a unit that came to nothing."""
        return failure(self.plan, unit, error, origin=self._origin(unit))

    def _origin(self, unit: Unit) -> Mapping[str, Any]:
        device = unit.method.device
        if device not in self._origins:
            self._origins[device] = _origin(self.plan, device)
        return self._origins[device]

    def _colorizer(self, method: PlannedMethod) -> Colorizer:
        if method.label not in self._colorizers:
            colorizer = method.method.load(variant=method.variant.name, device=method.device, settings=method.settings)
            check_same_method(method, threads=self.plan.spec.threads)
            self._colorizers[method.label] = colorizer
        return self._colorizers[method.label]

    def _open_metrics(self, device: str) -> tuple[OpenMetric, ...]:
        """Where the method runs, so that a score does not depend on which method came first."""
        if device not in self._metrics:
            self._metrics[device] = tuple(
                OpenMetric(m.metric.card, None if m.reason else m.metric.open(device=device), m.reason) for m in self.plan.metrics
            )
        return self._metrics[device]

    def _fused_pass(self, device: str) -> FusedPass:
        if device not in self._passes:
            from colorbench.scoring.passes import open_pass

            self._passes[device] = open_pass(device)
        return self._passes[device]


def failure(plan: Plan, unit: Unit, error: BaseException, *, origin: Mapping[str, Any] | None = None) -> Made:
    """The record of a unit that came to nothing.

    Args:
        plan: of the unit.
        unit: which.
        error: why.
        origin: its provenance, if it is known already.
    """
    return _made(
        unit,
        _origin(plan, unit.method.device) if origin is None else origin,
        status="failed",
        error=str(error) if isinstance(error, ColorbenchError) else f"{type(error).__name__}: {error}",
        trace="".join(traceback.format_exception(error)),
    )


def _frames_unit(unit: Unit) -> dict[str, str]:
    """What saved frames say of their unit."""
    method = unit.method
    return {
        "key": unit.key,
        "label": method.label,
        "clip": unit.clip.name,
        "method": method.method.card.name,
        "variant": method.variant.name,
        "identity": method.identity,
    }


def _made(unit: Unit, origin: Mapping[str, Any], **fields: Any) -> Made:
    """With what every record says."""
    method = unit.method
    record = UnitRecord(
        key=unit.key,
        label=method.label,
        method=method.method.card.name,
        variant=method.variant.name,
        clip=unit.clip.name,
        device=method.device,
        **fields,
    )
    return Made(record, origin)


def _origin(plan: Plan, device: str) -> Mapping[str, Any]:
    return provenance.collect(seed=plan.spec.seed, device=device, torch_threads=plan.spec.threads, command=plan.command)
