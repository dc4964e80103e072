"""A method of a run with everything about it decided: variant, settings, device, and the hash of what decides its colors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from colorbench.errors import MethodError, UnknownNameError, UsageError
from colorbench.method import Method
from colorbench.registry import METHODS
from colorbench.runs.provenance import source_digest
from colorbench.runs.store import digest
from colorbench.system.foreign import contained
from colorbench.types import MethodCard, MethodSpec, Protocol, RunSpec, Variant

_BESIDE = ("colorbench.clips.footage", "colorbench.clips.shot_clip", "colorbench.runs.determinism")
"""Modules that decide the colors of any method: its input, how a clip goes through it, and what it draws."""


@dataclass(frozen=True, slots=True)
class PlannedMethod:
    """A method with its variant and settings decided.

    It pickles by the method's registered name, as what a method is made of need not pickle.
    """

    label: str
    method: Method
    variant: Variant
    settings: Mapping[str, str]
    device: str
    identity: str
    """Hash of code, variant, settings, weights, device, and of torch's threads on the CPU where they are not one."""

    def __reduce__(self) -> tuple[Callable[..., PlannedMethod], tuple[Any, ...]]:
        name = self.method.card.name
        return _of_name, (name, self.label, self.variant, dict(self.settings), self.device, self.identity)

    def facts(self) -> dict[str, Any]:
        """What it takes to read its results where the method is not at hand."""
        card, variant = self.method.card, self.variant
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
            "device": self.device,
            "settings": list(self.settings.items()),
            "identity": self.identity,
        }


def plan_method(spec: MethodSpec, protocol: Protocol, run: RunSpec, *, sees_gpu: Callable[[], bool]) -> PlannedMethod:
    """Resolves one method of a run.

    Raises:
        UsageError: a name, setting, variant or device that can't be.
    """
    method = METHODS.get(spec.name)
    settings = _settings(method.card, spec)
    variant = _variant(method, spec, protocol)
    device = resolve_device(method.card, run.device, sees_gpu=sees_gpu)
    return PlannedMethod(
        label=spec.label,
        method=method,
        variant=variant,
        settings=settings,
        device=device,
        identity=method_identity(method, variant.name, settings, device=device, threads=run.threads),
    )


def method_identity(method: Method, variant: str, settings: Mapping[str, str], *, device: str, threads: int) -> str:
    """Hash of everything about a method that decides its colors, as it is on this machine.

    Args:
        method: a registered one.
        variant: of its card.
        settings: all of them.
        device: cpu or cuda.
        threads: of torch; the last bits of what it computes on a CPU depend on them.
    """
    name = method.card.name
    with contained(f"method {name!r}"):
        fingerprint = method.fingerprint(variant=variant, settings=settings)
    parts = [
        source_digest(METHODS.module_of(name), *_BESIDE),
        name,
        variant,
        settings,
        fingerprint,
        device,
    ]
    return digest([*parts, f"{threads} threads"] if device == "cpu" and threads != 1 else parts)


def check_same_method(method: PlannedMethod, *, threads: int) -> None:
    """Whether a method's code, weights and results are still those of the plan.

    Raises:
        MethodError: they are not.
    """
    name, settings = method.variant.name, method.settings
    if method_identity(method.method, name, settings, device=method.device, threads=threads) != method.identity:
        raise MethodError(
            f"{method.label!r} is not the method that was planned: its code, weights or results are others",
            wanted="what they were when the run began, on every machine that takes part",
            remedy="give the same command again, with the same colorbench and weights on all machines",
        )


def resolve_device(card: MethodCard, device: str, *, sees_gpu: Callable[[], bool]) -> str:
    """ "cpu" or "cuda" for a method; ``auto`` takes a GPU where there is one and the method can use it.

    Raises:
        UsageError: a GPU is asked for and there is none.
    """
    if device == "cpu" or "cuda" not in card.devices:
        return "cpu"
    if sees_gpu():
        return "cuda"
    if device == "cuda":
        raise UsageError("--device cuda, but there is no GPU that torch sees", wanted="a CUDA device", remedy="use --device auto")
    return "cpu"


def _of_name(name: str, *rest: Any) -> PlannedMethod:
    """The reverse of pickling."""
    label, *others = rest
    return PlannedMethod(label, METHODS.get(name), *others)


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
        reason = _unavailable(method, variant) or _too_few(variant, protocol)
        if not reason:
            return variant
        reasons.append(f"{spec.name}:{variant.name}: {reason}")
    missing = any(_unavailable(method, variant) for variant in candidates)
    remedy = "get what is missing" if missing else "change --protocol"
    raise UsageError("; ".join(reasons), wanted="a variant that can run", remedy=f"{remedy}, or leave the method out")


def _unavailable(method: Method, variant: Variant) -> str:
    with contained(f"method {method.card.name!r}"):
        return method.unavailable(variant.name)


def _too_few(variant: Variant, protocol: Protocol) -> str:
    """Why the protocol's exemplars don't do, where its rule alone decides; ``given`` is only known clip by clip."""
    fixed = {"none": 0, "first": 1}.get(protocol.exemplars)
    fewest = variant.exemplars[0]
    if fixed is None or fewest <= fixed:
        return ""
    return f"takes {fewest} exemplars or more, protocol {protocol.name!r} gives {fixed}"
