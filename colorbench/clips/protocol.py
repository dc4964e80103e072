"""Protocols: presets, TOML files, overrides, and the signature strings that say whether two numbers may be compared."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from colorbench.clips.exemplars import check_rule
from colorbench.clips.shots import DETECTION
from colorbench.errors import UnknownNameError, UsageError
from colorbench.files.structured import read_toml
from colorbench.records import shortened
from colorbench.types import MOST_PIXELS, MetricCard, Protocol

PRESETS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="bistnet",
            summary="BiSTNet's Table 1: 384x224, first 90 frames, first and last frame given, frames 6 to T-5 scored",
            width=384,
            height=224,
            max_frames=90,
            exemplars="ends",
            skip_first=6,
            skip_last=4,
        ),
        Protocol(
            name="deepexemplar",
            summary="DeepExemplar's test script: 768x432 by scaling and center crop, first frame given, all others scored",
            width=768,
            height=432,
            fit="cover",
            exemplars="first",
            rounding="truncate",
        ),
        Protocol(
            name="tcvc",
            summary="TCVC's eval_results.py: own size cropped to multiples of 32, automatic methods, every frame scored",
            fit="native",
            crop_multiple=32,
            exemplars="none",
        ),
        Protocol(
            name="ntire2023",
            summary="NTIRE 2023 video colorization: own size, the pictures of references/ given, every other frame scored",
            fit="native",
            exemplars="given",
        ),
        Protocol(
            name="full",
            summary="own size, whole clips, first and last frame given, every other frame scored",
            fit="native",
            exemplars="ends",
        ),
    )
}

_SHORT_KEYS = {
    "metric": "m",
    "protocol": "p",
    "data": "d",
    "clips": "n",
    "size": "s",
    "fit": "fit",
    "frames": "f",
    "exemplars": "x",
    "shots": "sh",
    "scored": "sc",
    "gray": "g",
    "rounding": "r",
    "pooling": "o",
    "mixed": "mix",
    "version": "v",
}


def load_protocol(name: str, *, overrides: Mapping[str, str] | None = None) -> Protocol:
    """A preset by name, or a protocol from a TOML file, with single fields changed.

    A file holds the fields of :class:`~colorbench.types.Protocol`; ``base = "bistnet"`` starts from a preset.

    Args:
        name: a preset's name, or a path that ends in ``.toml``.
        overrides: field to text, as ``--override key=value`` gives it; a changed protocol's name ends with ``*``.

    Raises:
        UsageError: unknown name, field or value; a file that can't be read.

    >>> load_protocol("bistnet", overrides={"max_frames": "30"}).max_frames
    30
    """
    if name.endswith(".toml"):
        protocol = _from_file(Path(name))
    elif name in PRESETS:
        protocol = PRESETS[name]
    else:
        raise UnknownNameError("protocol", name, PRESETS, remedy="or give the path of a .toml file")
    if overrides:
        fields = {key: _parse(key, text) for key, text in overrides.items()}
        protocol = build_protocol({**dataclasses.asdict(protocol), **fields, "name": protocol.name + "*"}, where="--override")
    return protocol


def protocol_fields(protocol: Protocol) -> tuple[tuple[str, str], ...]:
    """The protocol as signature fields, in a fixed order. The name leads but does not decide: the fields after it do."""
    size = "own" if protocol.width is None else f"{protocol.width}x{protocol.height}"
    fit = protocol.fit if protocol.fit != "native" else f"native-mod{protocol.crop_multiple}"
    if protocol.fit != "native":
        fit = f"{fit}-{protocol.interpolation}"
    scored = f"{protocol.skip_first}..-{protocol.skip_last + 1}"
    return (
        ("protocol", protocol.name),
        ("size", size),
        ("fit", fit),
        ("frames", "all" if protocol.max_frames is None else str(protocol.max_frames)),
        ("exemplars", protocol.exemplars),
        *((("shots", DETECTION),) if protocol.exemplars == "per-shot" else ()),
        ("scored", scored + ("+exemplars" if protocol.score_exemplars else "")),
        ("gray", protocol.gray),
        ("rounding", protocol.rounding),
        ("pooling", protocol.pooling),
        *((("mixed", protocol.mixed_sizes),) if protocol.mixed_sizes != "refuse" else ()),
    )


def run_fields(protocol: Protocol, *, dataset: str, clips: int) -> tuple[tuple[str, str], ...]:
    """What all scores of a run share, as signature fields: protocol and data."""
    return (*protocol_fields(protocol), ("data", dataset), ("clips", str(clips)))


def metric_fields(card: MetricCard) -> tuple[tuple[str, str], ...]:
    """The metric as signature fields."""
    return (("metric", card.name), *card.signature, ("version", str(card.version)))


def signature(*fields: tuple[str, str], short: bool = False) -> str:
    """``key:value|key:value``, in the manner of sacreBLEU; ``short`` abbreviates the keys.

    >>> signature(("metric", "psnr"), ("version", "1"))
    'metric:psnr|version:1'
    >>> signature(("metric", "psnr"), ("version", "1"), short=True)
    'm:psnr|v:1'
    """
    return "|".join(f"{_SHORT_KEYS.get(key, key) if short else key}:{value}" for key, value in fields)


def _from_file(path: Path) -> Protocol:
    table = read_toml(path, what="protocol file")
    base_name = table.pop("base", None)
    if base_name is not None and (not isinstance(base_name, str) or base_name not in PRESETS):
        raise UnknownNameError("protocol", str(base_name), PRESETS)
    base = dataclasses.asdict(PRESETS[base_name]) if base_name else {}
    return build_protocol({**base, "name": path.stem, **table}, where=str(path))


def build_protocol(fields: dict[str, Any], *, where: str) -> Protocol:
    """A protocol of its fields, checked one by one and together.

    Args:
        fields: of :class:`~colorbench.types.Protocol`; those with a default may be left out.
        where: they come from, for messages.

    Raises:
        UsageError: an unknown field, none for the name, or a value that can't be.
    """
    known = typing.get_type_hints(Protocol)
    for key, value in fields.items():
        if key not in known:
            raise UnknownNameError(f"protocol field in {where}:", key, known)
        if not _fits(value, known[key]):
            raise UsageError(f"{where}: {key} = {shortened(value)}", wanted=_describe(known[key]), remedy=f"change {key}")
    if "name" not in fields:
        raise UsageError(f"{where}: no name", wanted="a name for tables", remedy="set name")
    protocol = Protocol(**fields)
    check_rule(protocol.exemplars)
    if (protocol.width is None) != (protocol.height is None) or (protocol.width is None) != (protocol.fit == "native"):
        raise UsageError(
            f"{where}: width {protocol.width}, height {protocol.height} with fit {protocol.fit!r}",
            wanted='both sides with "stretch" or "cover", neither with "native"',
            remedy='set width and height, or fit = "native"',
        )
    for key in ("width", "height", "max_frames", "crop_multiple"):
        number = getattr(protocol, key)
        most = None if key == "max_frames" else MOST_PIXELS
        if number is not None and (number < 1 or (most and number > most)):
            bounds = f"from 1 to {most}" if most else "at least 1"
            raise UsageError(f"{where}: {key} = {number}", wanted=bounds, remedy=f"change {key}")
    if protocol.skip_first < 0 or protocol.skip_last < 0:
        raise UsageError(f"{where}: negative skip_first or skip_last", wanted="0 or more", remedy="change it")
    return protocol


def _options(kind: Any) -> Sequence[Any]:
    return typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)


def _fits(value: object, kind: Any) -> bool:
    for option in _options(kind):
        if typing.get_origin(option) is Literal:
            if value in typing.get_args(option):
                return True
        elif type(value) is option:
            return True
    return False


def _describe(kind: Any) -> str:
    words = [
        "one of " + ", ".join(map(repr, typing.get_args(option))) if typing.get_origin(option) is Literal else option.__name__
        for option in _options(kind)
    ]
    return " or ".join(word.replace("NoneType", "none") for word in words)


def _parse(key: str, text: str) -> object:
    """Text from the command line to the field's type; wrong text stays text and is refused by the check that follows."""
    kind = typing.get_type_hints(Protocol).get(key, str)
    kinds = _options(kind)
    if type(None) in kinds and text == "none":
        return None
    if bool in kinds and text in ("true", "false"):
        return text == "true"
    if int in kinds and re.fullmatch("-?[0-9]{1,18}", text):
        return int(text)
    return text
