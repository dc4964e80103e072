"""One unit of a run: a method colors a clip, metrics score it, and what is known of it becomes a record."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from colorbench import provenance
from colorbench.errors import ColorbenchError
from colorbench.footage import Footage
from colorbench.keeping import kept_frames
from colorbench.method import Colorizer
from colorbench.plan import Plan, PlannedMethod
from colorbench.scoring import ClipScores, OpenMetric, TruthMemo, take_frames
from colorbench.shot_clip import color_clip
from colorbench.store import Store, UnitRecord, frames_path
from colorbench.types import Exemplar, Score


class Workshop:
    """Makes the records of a plan's units; methods and metrics are opened once.

    Args:
        plan: what is to be done.
        store: knows earlier scores, and takes provenance.
        executor: threads of the metrics.
        advance: called with 1 for each colored frame, in the thread that calls :meth:`color`.
    """

    def __init__(self, plan: Plan, store: Store, *, executor: ThreadPoolExecutor, advance: Callable[[int], None]) -> None:
        self.plan, self.store, self.executor, self.advance = plan, store, executor, advance
        self._keys = {
            (method.label, index): plan.key(method, clip)
            for method in plan.methods
            for index, clip in enumerate(plan.clip_digests)
        }
        self._colorizers: dict[str, Colorizer] = {}
        self._provenance: dict[str, str] = {}
        self._metrics: tuple[OpenMetric, ...] | None = None

    def key(self, method: PlannedMethod, index: int) -> str:
        """The unit's key; see Plan."""
        return self._keys[method.label, index]

    def color(self, method: PlannedMethod, index: int, footage: Footage, memo: TruthMemo) -> Callable[[], UnitRecord]:
        """Lets a method color a clip.

        Returns:
            Waits for the last frames' scores and makes the record; to be called once, in any thread but the executor's.

        Raises:
            ColorbenchError: the method can't do the clip or breaks its contract; here or from what is returned.
        """
        colorizer = self._colorizer(method)
        metrics = self._open_metrics(method.device)
        fewest, most = method.variant.exemplars
        exemplars = footage.exemplars(most)
        if len(exemplars) < fewest:
            raise ColorbenchError(
                f"clip {footage.name!r} has {len(exemplars)} exemplars",
                wanted=f"at least {fewest} for {method.label!r}",
                remedy="use another variant",
            )
        _prepare(self.plan.spec.seed, method.device)
        with ExitStack() as stack, provenance.measured(method.device) as cost:
            frames = color_clip(colorizer, footage, exemplars, limit=most)
            if self.plan.spec.save_frames != "no":
                keep = stack.enter_context(
                    kept_frames(self.frames_path(method, index), names=footage.frame_names, fps=footage.fps)
                )
                frames = map(keep, frames)
            scored = take_frames(
                frames,
                footage,
                card=method.method.card,
                metrics=metrics,
                memo=memo,
                executor=self.executor,
                advance=self.advance,
            )
            kept = stack.pop_all()
            return partial(self._record, method, index, footage, exemplars, scored, kept, cost)

    def _record(
        self,
        method: PlannedMethod,
        index: int,
        footage: Footage,
        exemplars: Sequence[Exemplar],
        scored: Callable[[], ClipScores],
        kept: ExitStack,
        cost: provenance.Cost,
    ) -> UnitRecord:
        """A unit's record; saved frames take their names once all are scored."""
        with kept:
            scores = scored()
        card, label = method.method.card, method.label
        known = self.store.load(clip=footage.name, label=label, key=self.key(method, index))
        return UnitRecord(
            key=self.key(method, index),
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

    def failure(self, method: PlannedMethod, index: int, error: Exception) -> UnitRecord:
        """The record of a unit that came to nothing."""
        return UnitRecord(
            key=self.key(method, index),
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

    def frames_path(self, method: PlannedMethod, index: int) -> Path:
        """Where a unit's frames are saved, a folder or a video."""
        video = self.plan.spec.save_frames == "video"
        return frames_path(self.store.folder, label=method.label, clip=self.plan.clips[index].name, video=video)


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
