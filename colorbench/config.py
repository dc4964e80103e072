"""From what a user writes (flags, a TOML file, Python arguments) to a RunSpec. Flags win over the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any, get_args, get_type_hints

from colorbench.errors import UnknownNameError, UsageError
from colorbench.files.structured import read_toml
from colorbench.records import shortened
from colorbench.runs.remote import is_url
from colorbench.runs.run_folder import working_copy
from colorbench.types import MethodSpec, RunSpec

SEEDS = (0, 2**32 - 1)
"""Least and most; NumPy's generators take no others."""
THREADS = (1, 1024)
_WORKERS = (1, 1 << 16)

_LISTS = ("methods", "metrics", "require", "clips")
_TABLES = ("set", "override")
_TEXTS = ("dataset", "protocol", "out", "data_root", "address")
_KEYS = (*(field.name for field in fields(RunSpec) if field.name not in ("overrides", "remote")), *_TABLES)


def make_spec(options: Mapping[str, Any], *, config: Path | None = None) -> RunSpec:
    """Merges a config file and options, option by option.

    A file has the same keys as the options: ``methods``, ``metrics``, ``require`` and ``clips`` as lists or comma-separated text,
    ``[set]`` with ``"LABEL.name" = value`` and ``[override]`` with protocol fields.

    Args:
        options: RunSpec's fields with ``set`` and ``override`` as mappings; None counts as not given.
        config: a TOML file.

    Raises:
        UsageError: unknown key, wrong value, something required not given.
    """
    merged: dict[str, Any] = read_toml(config, what="config file") if config else {}
    for key, value in options.items():
        if value is None or (isinstance(value, tuple | dict) and not value):
            continue
        merged[key] = {**merged.get(key, {}), **value} if key in _TABLES else value
    for key in merged:
        if key not in _KEYS:
            raise UnknownNameError(f"setting in {config or 'the call'}:", key, _KEYS)
    settings = _texts(merged.pop("set", {}), "set")
    overrides = _texts(merged.pop("override", {}), "override")
    for key in _LISTS:
        if key in merged:
            merged[key] = tuple(_names(merged[key], key))
    if not merged.get("methods"):
        raise UsageError("no method named", wanted="at least one", remedy="--methods flow,gray; `colorbench methods` lists them")
    merged["methods"] = _method_specs(merged["methods"], settings)
    for key in _TEXTS:
        if not isinstance(merged.get(key, ""), str | PathLike):
            raise UsageError(f"{key} = {merged[key]!r}", wanted="text", remedy=f"put {key} in quotes")
    if str(merged.get("workers", "")).isdecimal():
        merged["workers"] = int(merged["workers"])
    if is_url(str(merged.get("out", ""))):
        merged["remote"] = str(merged["out"])
        merged["out"] = working_copy(merged["remote"])
    for key in ("out", "data_root"):
        if key in merged:
            merged[key] = Path(merged[key])
    _check_choices(merged)
    defaults = {"dataset": "demo", "protocol": "bistnet", "workers": "auto"}
    defaults["out"] = Path("runs") / str(merged.get("dataset", "demo")).replace(":", "-")  # type: ignore[assignment]
    return RunSpec(**{**defaults, **merged}, overrides=tuple(sorted(overrides.items())))


def parse_pairs(pairs: Iterable[str], *, flag: str) -> dict[str, str]:
    """``KEY=VALUE`` texts as a mapping.

    Raises:
        UsageError: no "=" in one of them.

    >>> parse_pairs(["a.folder=x=y"], flag="--set")
    {'a.folder': 'x=y'}
    """
    result = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise UsageError(f"{flag} {pair!r}", wanted=f"{flag} KEY=VALUE", remedy="put = between key and value")
        result[key] = value
    return result


def parse_method(text: str) -> MethodSpec:
    """``[LABEL=]NAME[:VARIANT]``.

    The label is the whole text where none is given.

    >>> parse_method("one=flow:single").label, parse_method("flow:single").label
    ('one', 'flow:single')
    """
    label, sign, rest = text.partition("=")
    name, colon, variant = (rest if sign else text).partition(":")
    if not name or (sign and not label) or (colon and not variant):
        raise UsageError(
            f"method {text!r}", wanted="[LABEL=]NAME[:VARIANT]", remedy="for instance flow, flow:single or one=flow:single"
        )
    return MethodSpec(label=label if sign else text, name=name, variant=variant or None)


def _method_specs(texts: Sequence[str], settings: Mapping[str, str]) -> tuple[MethodSpec, ...]:
    specs = [parse_method(text) for text in texts]
    if [spec.name for spec in specs] == ["all"]:
        specs = _all_methods()
    labels = [spec.label for spec in specs]
    by_label: dict[str, list[tuple[str, str]]] = {label: [] for label in labels}
    for key, value in settings.items():
        label, _, name = key.rpartition(".")
        if label not in by_label:
            raise UnknownNameError(
                "label in --set:", label or key, labels, remedy="write --set LABEL.NAME=VALUE with a label of --methods"
            )
        by_label[label].append((name, value))
    return tuple(
        MethodSpec(label=spec.label, name=spec.name, variant=spec.variant, settings=tuple(sorted(by_label[spec.label])))
        for spec in specs
    )


def _all_methods() -> list[MethodSpec]:
    """Every method that can run here and needs no setting of its own, in its first variant that can."""
    from colorbench.registry import METHODS

    here = [m for m in METHODS.items() if any(v.by_default and not m.unavailable(v.name) for v in m.card.variants)]
    cards = [method.card for method in here if all(setting.default is not None for setting in method.card.settings)]
    return [MethodSpec(label=card.name, name=card.name) for card in cards]


def _names(value: Any, key: str) -> Iterable[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple):
        raise UsageError(f"{key} = {shortened(value)}", wanted="a list of names", remedy=f'write {key} = ["A", "B"], or "A,B"')
    for text in texts:
        if not isinstance(text, str):
            raise UsageError(f"{shortened(text)} in {key}", wanted="text", remedy="put it in quotes")
        yield from (name.strip() for name in text.split(",") if name.strip())


def _texts(table: Any, key: str) -> dict[str, str]:
    if not isinstance(table, Mapping):
        raise UsageError(f"{key} = {table!r}", wanted="a table of keys and values", remedy=f"write [{key}] and a line for each")
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in table.items()}


def _check_choices(values: Mapping[str, Any]) -> None:
    hints = get_type_hints(RunSpec)
    choices = {name: get_args(hints[name]) for name in ("save_frames", "engine")} | {"device": ("auto", "cpu", "cuda")}
    for key, known in choices.items():
        if key in values and values[key] not in known:
            raise UsageError(f"{key} = {values[key]!r}", wanted=f"one of {', '.join(known)}", remedy=f"change {key}")
    for key, (least, most), also in (("seed", SEEDS, ""), ("threads", THREADS, ""), ("workers", _WORKERS, "auto")):
        number = values.get(key, also)
        if number != also and not (type(number) is int and least <= number <= most):
            raise UsageError(
                f"{key} = {number!r}",
                wanted=f"a whole number from {least} to {most}{f', or {also}' if also else ''}",
                remedy=f"change {key}",
            )
    if values.get("remote") and values.get("save_frames", "no") != "no":
        raise UsageError(
            f"save_frames = {values['save_frames']!r} with a run at {values['remote']}",
            wanted="a run folder of the file system, where frames can be kept",
            remedy="name one with out, or use save_frames = no",
        )
    if values.get("address") and values.get("engine") != "ray":
        raise UsageError("an address without --engine ray", wanted="both, or none", remedy="add --engine ray")
