"""Frozen dataclasses from plain tables (TOML, JSON), checked field by field: unknown keys, types and choices."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, cast

from colorbench.errors import UnknownNameError, UsageError

_T = TypeVar("_T")

_NAMES: Mapping[type, str] = types.MappingProxyType(
    {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
)


def record_from(kind: type[_T], table: Any, *, where: str = "", what: str = "the settings") -> _T:
    """A dataclass from a mapping, its fields checked against their annotations.

    Args:
        kind: a dataclass of int, float, bool, str, Literal, tuples of these, and such dataclasses, each of them also "or None".
        table: keys and values; a dataclass inside is a mapping.
        where: the key under which the table lies, for messages.
        what: the whole, for messages.

    Raises:
        UsageError: an unknown key, a missing one, or a value of the wrong type or choice.
    """
    if not isinstance(table, Mapping):
        raise UsageError(f"{where} = {table!r}", wanted="a table of keys and values", remedy="give it a line a key")
    hints = typing.get_type_hints(kind)
    known = {field.name: field for field in dataclasses.fields(cast(Any, kind))}
    for key in table:
        if key not in known:
            raise UnknownNameError(f"key in {f'[{where}]' if where else what}:", key, known)
    for key, field in known.items():
        missing = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if key not in table and missing:
            raise UsageError(f"no {_path(where, key)}", wanted="a value, it has no default", remedy=f"set {_path(where, key)}")
    return kind(**{key: _value(hints[key], value, _path(where, key), what) for key, value in table.items()})


def overridden(kind: type[_T], record: _T, overrides: Mapping[str, Any], *, what: str) -> _T:
    """A record with single keys changed, each written ``key`` or ``table.key``, to any depth; texts are read as TOML reads them.

    Raises:
        UsageError: as :func:`record_from`; an unknown key gets the nearest one.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Size:
    ...     width: int = 1
    >>> overridden(Size, Size(), {"width": "3"}, what="sizes")
    Size(width=3)
    """
    table = dataclasses.asdict(cast(Any, record))
    known = leaves(table)
    for path, value in overrides.items():
        if path not in known:
            raise UnknownNameError(f"key of {what}:", path, known)
        *outer, inner = path.split(".")
        target = table
        for name in outer:
            target = target[name]
        target[inner] = parsed(value) if isinstance(value, str) and not isinstance(target[inner], str) else value
    return record_from(kind, table, what=what)


def leaves(table: Mapping[str, Any], where: str = "") -> list[str]:
    """Dotted keys of what is no table.

    >>> leaves({"a": 1, "b": {"c": 2}})
    ['a', 'b.c']
    """
    found = []
    for key, value in table.items():
        path = _path(where, key)
        found += leaves(value, path) if isinstance(value, dict) else [path]
    return found


def parsed(text: str) -> Any:
    """A value as TOML reads it; what TOML can't read stays text.

    >>> parsed("2e-4"), parsed("true"), parsed("compact")
    (0.0002, True, 'compact')
    """
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _value(hint: Any, value: Any, path: str, what: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return record_from(cast(type, hint), value, where=path, what=what)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        # Of something and None alone; TOML and JSON that has no null leave the key out.
        (inner_hint,) = (part for part in arguments if part is not types.NoneType)
        return None if value is None else _value(inner_hint, value, path, what)
    if origin is Literal:
        if value in arguments and not isinstance(value, bool):
            return value
        choices = ", ".join(map(repr, arguments))
        raise UsageError(f"{path} = {value!r}", wanted=f"one of {choices}", remedy=f"change {path}")
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise UsageError(f"{path} = {value!r}", wanted="a list", remedy=f"change {path}")
        if arguments[-1] is not Ellipsis and len(value) != len(arguments):
            raise UsageError(f"{path} = {value!r}", wanted=f"{len(arguments)} values", remedy=f"change {path}")
        inner = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_value(part, one, path, what) for part, one in zip(inner, value, strict=True))
    kinds = (int, float) if hint is float else (hint,)
    if isinstance(value, kinds) and (hint is bool or not isinstance(value, bool)):
        return hint(value)
    raise UsageError(f"{path} = {value!r}", wanted=f"{_NAMES[hint]}", remedy=f"change {path}")


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
