"""From a RunSpec to the units of work: names resolved, files found, keys computed, before anything runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from colorbench.dataset import find_root
from colorbench.errors import MetricError, UnknownNameError, UsageError
from colorbench.frames import content_digest, natural_key
from colorbench.method import Method
from colorbench.metric import ClipMetric, FrameMetric
from colorbench.protocol import load_protocol, metric_fields, run_fields
from colorbench.provenance import source_digest
from colorbench.registry import DATASETS, METHODS, METRICS
from colorbench.store import KEY_DIGITS, digest, unit_key
from colorbench.types import Clip, MethodCard, MethodSpec, Protocol, RunSpec, Variant


@dataclass(frozen=True, slots=True)
class PlannedMethod:
    """A method with its variant and settings decided."""

    label: str
    method: Method
    variant: Variant
    settings: Mapping[str, str]
    device: str
    identity: str
    """Hash of code, variant, settings, weights and device."""


@dataclass(frozen=True, slots=True)
class PlannedMetric:
    """A metric, whether it can run here, and the hash that says whether a stored score is still its own."""

    metric: FrameMetric | ClipMetric
    reason: str
    identity: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run will do."""

    spec: RunSpec
    protocol: Protocol
    dataset: str
    """NAME or NAME:SPLIT."""
    absent: tuple[str, ...]
    """Clips that the split lists and this machine lacks."""
    clips: tuple[Clip, ...]
    clip_digests: tuple[str, ...]
    methods: tuple[PlannedMethod, ...]
    metrics: tuple[PlannedMetric, ...]

    @property
    def unit_count(self) -> int:
        return len(self.clips) * len(self.methods)

    def key(self, method: PlannedMethod, clip_digest: str) -> str:
        """Identity of a unit: equal keys mean equal colored frames."""
        return unit_key(label=method.label, method=method.identity, clip=clip_digest, protocol=self.protocol, seed=self.spec.seed)

    def signature_fields(self) -> tuple[tuple[str, str], ...]:
        """What all scores of the run share: protocol and data."""
        return run_fields(self.protocol, dataset=self.dataset, clips=len(self.clips))

    def identity(self) -> dict[str, Any]:
        """What a run folder holds fast to."""
        return {"protocol": asdict(self.protocol), "dataset": self.dataset, "seed": self.spec.seed}

    def contents(self) -> dict[str, dict[str, Any]]:
        """Facts of methods, metrics and clips by name: what it takes to read the results where none of them is at hand."""
        return {
            "methods": {method.label: _method_facts(method) for method in self.methods},
            "metrics": {
                metric.metric.card.name: {"card": asdict(metric.metric.card), "identity": metric.identity}
                for metric in self.metrics
            },
            "clips": {
                clip.name: {"digest": clip_digest, "source": str(clip.source), "references": list(map(str, clip.references))}
                for clip, clip_digest in zip(self.clips, self.clip_digests, strict=True)
            },
        }


def make_plan(spec: RunSpec, *, executor: ThreadPoolExecutor) -> Plan:
    """Resolves a spec.

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
    root = find_root(dataset, spec.data_root)
    split = split or (dataset.card.splits[0] if dataset.card.splits else "")
    clips = _select(dataset.clips(root, split=split or None), spec.clips)
    absent = getattr(dataset, "absent", lambda *_: ())(root, split or None)
    metrics = _plan_metrics(spec)
    methods = tuple(_plan_method(method, protocol, spec) for method in _labelled(spec.methods))
    digests = tuple(
        digest([clip.name, content_digest(clip.source, executor=executor), *(content_digest(path) for path in clip.references)])
        for clip in clips
    )
    return Plan(
        spec=spec,
        protocol=protocol,
        dataset=f"{dataset_name}:{split}" if split else dataset_name,
        absent=tuple(absent),
        clips=clips,
        clip_digests=digests,
        methods=methods,
        metrics=metrics,
    )


def default_metrics() -> tuple[str, ...]:
    """The metrics of a run that names none, in the order of tables."""
    order = {name: place for place, name in enumerate(("psnr", "ssim", "lpips", "cdc", "delta-cdc", "colorfulness"))}
    names = [metric.card.name for metric in METRICS.items() if metric.card.default]
    return tuple(sorted(names, key=lambda name: (order.get(name, len(order)), name)))


def resolve_device(card: MethodCard, device: str) -> str:
    """ "cpu" or "cuda" for a method; ``auto`` takes a GPU where there is one and the method can use it.

    Raises:
        UsageError: a GPU is asked for and there is none.
    """
    if device == "cpu" or "cuda" not in card.devices:
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise UsageError("--device cuda, but torch sees no GPU", wanted="a CUDA device", remedy="use --device auto")
    return "cpu"


def thread_count() -> int:
    """Threads for decoding and metrics: the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _select(clips: Sequence[Clip], wanted: Sequence[str]) -> tuple[Clip, ...]:
    names = {clip.name: clip for clip in clips}
    for name in wanted:
        if name not in names:
            raise UnknownNameError("clip", name, names)
    return tuple(names[name] for name in sorted(set(wanted) or names, key=natural_key))


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


def _plan_method(spec: MethodSpec, protocol: Protocol, run: RunSpec) -> PlannedMethod:
    method = METHODS.get(spec.name)
    settings = _settings(method.card, spec)
    variant = _variant(method, spec, protocol)
    device = resolve_device(method.card, run.device)
    identity = digest(
        [
            source_digest(METHODS.module_of(spec.name), "colorbench.footage"),
            spec.name,
            variant.name,
            settings,
            method.fingerprint(variant=variant.name, settings=settings),
            device,
        ]
    )
    return PlannedMethod(label=spec.label, method=method, variant=variant, settings=settings, device=device, identity=identity)


def _settings(card: MethodCard, spec: MethodSpec) -> dict[str, str]:
    known = {setting.name: setting for setting in card.settings}
    given = dict(spec.settings)
    for name in given:
        if name not in known:
            raise UnknownNameError(f"setting of {spec.name!r}:", name, known)
    settings = {}
    for name, setting in known.items():
        value = given.get(name, setting.default)
        if value is None:
            raise UsageError(
                f"method {spec.label!r} needs the setting {name!r}",
                wanted=setting.summary,
                remedy=f"--set {spec.label}.{name}=VALUE",
            )
        settings[name] = value
    return settings


def _variant(method: Method, spec: MethodSpec, protocol: Protocol) -> Variant:
    variants = {variant.name: variant for variant in method.card.variants}
    if spec.variant is not None:
        if spec.variant not in variants:
            raise UnknownNameError(f"variant of {spec.name!r}:", spec.variant, variants)
        candidates = [variants[spec.variant]]
    else:
        candidates = [variant for variant in method.card.variants if variant.by_default]
    reasons = []
    for variant in candidates:
        reason = method.unavailable(variant.name) or _too_few(variant, protocol)
        if not reason:
            return variant
        reasons.append(f"{spec.name}:{variant.name}: {reason}")
    raise UsageError("; ".join(reasons), wanted="a variant that can run", remedy="change --protocol, or leave the method out")


def _too_few(variant: Variant, protocol: Protocol) -> str:
    """Why the protocol's exemplars don't do, where its rule alone decides; ``given`` is only known clip by clip."""
    fixed = {"none": 0, "first": 1}.get(protocol.exemplars)
    fewest = variant.exemplars[0]
    if fixed is None or fewest <= fixed:
        return ""
    return f"takes {fewest} exemplars or more, protocol {protocol.name!r} gives {fixed}"


def _plan_metrics(spec: RunSpec) -> tuple[PlannedMetric, ...]:
    names = tuple(dict.fromkeys([*(spec.metrics or default_metrics()), *spec.require]))
    planned = []
    for name in names:
        metric = METRICS.get(name)
        reason = metric.unavailable()
        if reason and name in spec.require:
            raise MetricError(f"required metric {name!r} can't be computed here: {reason}")
        code = source_digest(METRICS.module_of(name), "colorbench.scoring")
        planned.append(PlannedMetric(metric, reason, digest([metric_fields(metric.card), code])[:KEY_DIGITS]))
    return tuple(planned)


def _method_facts(method: PlannedMethod) -> dict[str, Any]:
    card, variant = method.method.card, method.variant
    return {
        "method": card.name,
        "variant": variant.name,
        "kind": card.kind,
        "summary": card.summary,
        "licence": card.licence,
        "paper": card.paper,
        "luminance": card.luminance,
        "exemplars": variant.exemplars,
        "trained_on": variant.trained_on,
        "weights": variant.weights,
        "device": method.device,
        "settings": list(method.settings.items()),
        "identity": method.identity,
    }


def default_root(path: Path) -> Path:
    """Where runs go that name no folder."""
    return Path("runs") / path
