"""From a RunSpec to the units of work: names resolved, files found, keys computed, before anything runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from colorbench.clips.protocol import load_protocol, metric_fields, run_fields
from colorbench.dataset import find_root
from colorbench.errors import FramesError, MetricError, UnknownNameError, UsageError
from colorbench.files.composed import find_name
from colorbench.frames.content_state import content_state
from colorbench.frames.oddities import oddities_of
from colorbench.frames.opening import content_digest, natural_key
from colorbench.metric import ClipMetric, FrameMetric
from colorbench.registry import DATASETS, METRICS
from colorbench.runs.planned_method import PlannedMethod, plan_method
from colorbench.runs.provenance import source_digest
from colorbench.runs.store import KEY_DIGITS, digest, frames_path, unit_key
from colorbench.system.foreign import contained
from colorbench.types import Clip, MethodSpec, Protocol, RunSpec


@dataclass(frozen=True, slots=True)
class PlannedMetric:
    """A metric, whether it can run here, and the hash that says whether a stored score is still its own.

    It pickles by name, as a PlannedMethod does.
    """

    metric: FrameMetric | ClipMetric
    reason: str
    identity: str

    def __reduce__(self) -> tuple[Callable[..., PlannedMetric], tuple[str, ...]]:
        return _metric_of_name, (self.metric.card.name, self.reason, self.identity)


@dataclass(frozen=True, slots=True)
class Unit:
    """One method on one clip."""

    method: PlannedMethod
    clip: Clip
    clip_digest: str
    key: str
    """Hash of all that decides the colored frames."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run will do."""

    spec: RunSpec
    protocol: Protocol
    dataset: str
    """NAME or NAME:SPLIT."""
    absent: tuple[str, ...]
    """Clips that the split lists and this machine lacks."""
    left_out: tuple[str, ...]
    """What lies beside the clips and is none, each with the reason."""
    oddities: tuple[str, ...]
    """What may be a mistake in a clip's folder, each with the clip's name."""
    clips: tuple[Clip, ...]
    clip_digests: tuple[str, ...]
    clip_states: tuple[str, ...]
    """:func:`~colorbench.frames.content_state.content_state` of the clips, asked before they were hashed."""
    methods: tuple[PlannedMethod, ...]
    metrics: tuple[PlannedMetric, ...]
    command: tuple[str, ...]
    """That was given, for the provenance of units made in other processes."""

    @property
    def unit_count(self) -> int:
        return len(self.clips) * len(self.methods)

    def units(self) -> tuple[Unit, ...]:
        """All units; clips are the outer loop, so that what is known of a clip serves all methods."""
        return tuple(
            Unit(
                method,
                clip,
                clip_digest,
                unit_key(
                    label=method.label, method=method.identity, clip=clip_digest, protocol=self.protocol, seed=self.spec.seed
                ),
            )
            for clip, clip_digest in zip(self.clips, self.clip_digests, strict=True)
            for method in self.methods
        )

    def frames_path(self, unit: Unit) -> Path:
        """Where a unit's frames are saved, a folder or a video."""
        video = self.spec.save_frames == "video"
        return frames_path(self.spec.out, label=unit.method.label, clip=unit.clip.name, video=video)

    def signature_fields(self) -> tuple[tuple[str, str], ...]:
        """What all scores of the run share: protocol and data."""
        return run_fields(self.protocol, dataset=self.dataset, clips=len(self.clips))

    def identity(self) -> dict[str, Any]:
        """What a run folder holds fast to."""
        return {"protocol": asdict(self.protocol), "dataset": self.dataset, "seed": self.spec.seed}

    def contents(self) -> dict[str, dict[str, Any]]:
        """Facts of methods, metrics and clips by name: what it takes to read the results where none of them is at hand."""
        return {
            "methods": {method.label: method.facts() for method in self.methods},
            "metrics": {
                metric.metric.card.name: {"card": asdict(metric.metric.card), "identity": metric.identity}
                for metric in self.metrics
            },
            "clips": {
                clip.name: {"digest": clip_digest, "source": str(clip.source), "references": list(map(str, clip.references))}
                for clip, clip_digest in zip(self.clips, self.clip_digests, strict=True)
            },
        }


def make_plan(spec: RunSpec, *, executor: ThreadPoolExecutor, sees_gpu: Callable[[], bool]) -> Plan:
    """Resolves a spec.

    Args:
        spec: what is asked for.
        executor: threads that read the clips.
        sees_gpu: whether there is a GPU where units are made.

    Raises:
        UsageError: a name, setting or combination that can't be.
        DatasetError: data that isn't there.
        MetricError: a required metric that can't be computed here.
    """
    protocol = load_protocol(spec.protocol, overrides=dict(spec.overrides))
    dataset_name, _, split = spec.dataset.partition(":")
    dataset = DATASETS.get(dataset_name)
    if split and split not in dataset.card.splits:
        raise UnknownNameError(f"split of dataset {dataset_name!r}:", split, dataset.card.splits)
    with contained(f"dataset {dataset_name!r}"):
        root = find_root(dataset, spec.data_root)
        split = split or (dataset.card.splits[0] if dataset.card.splits else "")
        clips = _select(dataset.clips(root, split=split or None), spec.clips)
        absent = tuple(getattr(dataset, "absent", lambda *_: ())(root, split or None))
        left_out = tuple(getattr(dataset, "left_out", lambda _: ())(root))
    metrics = _plan_metrics(spec)
    states, digests = zip(*(_hashed(clip, executor=executor) for clip in clips), strict=True)
    methods = tuple(plan_method(method, protocol, spec, sees_gpu=sees_gpu) for method in _labelled(spec.methods))
    return Plan(
        spec=spec,
        protocol=protocol,
        dataset=f"{dataset_name}:{split}" if split else dataset_name,
        absent=absent,
        left_out=left_out,
        oddities=tuple(f"{clip.name}: {said}" for clip in clips for said in oddities_of(clip)),
        clips=clips,
        clip_digests=tuple(digests),
        clip_states=tuple(states),
        methods=methods,
        metrics=metrics,
        command=tuple(sys.argv),
    )


def digest_clip(clip: Clip, *, executor: ThreadPoolExecutor) -> str:
    """Hash of a clip's name, its bytes and those of its references.

    Raises:
        FramesError: one of its files can't be read.
    """
    references = (content_digest(path) for path in clip.references)
    return digest([clip.name, content_digest(clip.source, executor=executor), *references])


def _hashed(clip: Clip, *, executor: ThreadPoolExecutor) -> tuple[str, str]:
    """A clip's state and digest. One that can't be read has neither: its units fail with the reason, and the others go on."""
    state = content_state(clip.source, *clip.references)
    try:
        return state, digest_clip(clip, executor=executor)
    except FramesError:
        return "unreadable", digest([clip.name, "unreadable"])


def default_metrics() -> tuple[str, ...]:
    """The metrics of a run that names none, in the order of tables."""
    order = {name: place for place, name in enumerate(("psnr", "ssim", "lpips", "cdc", "delta-cdc", "colorfulness"))}
    names = [metric.card.name for metric in METRICS.items() if metric.card.default]
    return tuple(sorted(names, key=lambda name: (order.get(name, len(order)), name)))


def thread_count() -> int:
    """Threads for decoding and metrics: the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _select(clips: Sequence[Clip], wanted: Sequence[str]) -> tuple[Clip, ...]:
    names = {clip.name: clip for clip in clips}
    taken = set()
    for name in wanted:
        if (known := find_name(name, names)) is None:
            raise UnknownNameError("clip", name, names)
        taken.add(known)
    return tuple(names[name] for name in sorted(taken or names, key=natural_key))


def _labelled(specs: Sequence[MethodSpec]) -> Sequence[MethodSpec]:
    if not specs:
        raise UsageError("no method named", wanted="at least one", remedy="--methods flow,gray; `colorbench methods` lists them")
    labels = [spec.label for spec in specs]
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(
                f"two methods with the label {label!r}",
                wanted="one row a label",
                remedy="give labels: --methods a=flow:single,b=flow:double",
            )
    return specs


def _plan_metrics(spec: RunSpec) -> tuple[PlannedMetric, ...]:
    names = tuple(dict.fromkeys([*(spec.metrics or default_metrics()), *spec.require]))
    planned = []
    for name in names:
        metric = METRICS.get(name)
        with contained(f"metric {name!r}"):
            reason = metric.unavailable()
        if reason and name in spec.require:
            raise MetricError(f"required metric {name!r} can't be computed here: {reason}")
        planned.append(PlannedMetric(metric, reason, metric_identity(metric)))
    return tuple(planned)


def metric_identity(metric: FrameMetric | ClipMetric) -> str:
    """Hash of a metric's signature and code, as they are on this machine."""
    code = source_digest(METRICS.module_of(metric.card.name), "colorbench.scoring.clip_scores")
    return digest([metric_fields(metric.card), code])[:KEY_DIGITS]


def _metric_of_name(name: str, reason: str, identity: str) -> PlannedMetric:
    """The reverse of pickling."""
    return PlannedMetric(METRICS.get(name), reason, identity)
