"""Frozen dataclasses from plain tables (TOML, JSON), checked field by field: unknown keys, types and choices."""

from __future__ import annotations

import dataclasses
import math
import reprlib
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

from colorbench.errors import UnknownNameError, UsageError

_T = TypeVar("_T")

_NAMES: Mapping[type, str] = types.MappingProxyType(
    {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "nothing"}
)


def record_from(kind: type[_T], table: Any, *, where: str = "", what: str = "the settings") -> _T:
    """A dataclass from a mapping, its fields checked against their annotations.

    Args:
        kind: a dataclass of int, float, bool, str, None, Literal, tuples, mappings and unions of these, and such dataclasses.
        table: keys and values; a dataclass inside is a mapping. An infinite number may be the text "inf" or "-inf", as JSON has
            none; one that is no number (NaN) is refused.
        where: the key under which the table lies, for messages.
        what: the whole, for messages.

    Raises:
        UsageError: an unknown key, a missing one, or a value of the wrong type or choice.
    """
    if not isinstance(table, Mapping):
        raise UsageError(
            f"{where or what} = {shortened(table)}", wanted="a table of keys and values", remedy="give it a line a key"
        )
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
    except (ValueError, RecursionError):
        return text


def _value(hint: Any, value: Any, path: str, what: str) -> Any:
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return record_from(cast(type, hint), value, where=path, what=what)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _first_that_fits(arguments, value, path, what)
    if hint is type(None) and value is None:
        return None
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise UsageError(f"{path} = {shortened(value)}", wanted="a table of keys and values", remedy=f"change {path}")
        return {str(key): _value(arguments[1], item, _path(path, str(key)), what) for key, item in value.items()}
    if origin is Literal:
        if value in arguments and not isinstance(value, bool):
            return value
        choices = ", ".join(map(repr, arguments))
        raise UsageError(f"{path} = {shortened(value)}", wanted=f"one of {choices}", remedy=f"change {path}")
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise UsageError(f"{path} = {shortened(value)}", wanted="a list", remedy=f"change {path}")
        if arguments[-1] is not Ellipsis and len(value) != len(arguments):
            raise UsageError(f"{path} = {shortened(value)}", wanted=f"{len(arguments)} values", remedy=f"change {path}")
        if arguments[-1] is Ellipsis and _plainly(value, arguments[0]):
            return tuple(value)
        inner = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_value(part, one, path, what) for part, one in zip(inner, value, strict=True))
    if hint is float and (number := _number(value)) is not None:
        return number
    if hint is not float and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return hint(value)
    raise UsageError(f"{path} = {shortened(value)}", wanted=f"{_NAMES.get(hint, hint)}", remedy=f"change {path}")


def _plainly(values: Sequence[Any], hint: Any) -> bool:
    """Whether all are of a plain type already, as the thousands of a clip's frames are."""
    if hint not in (int, str, float) or not set(map(type, values)) <= {hint}:
        return False
    return hint is not float or all(map(math.isfinite, values))


def shortened(value: Any) -> str:
    """A value as messages show it, whatever was in the file.

    >>> shortened([1] * 1000)
    '[1, 1, 1, 1, 1, 1, ...]'
    """
    return reprlib.repr(value)


def _first_that_fits(options: tuple[Any, ...], value: Any, path: str, what: str) -> Any:
    for option in options:
        try:
            return _value(option, value, path, what)
        except UsageError as error:
            wrong = error
    if type(None) in options and len(options) == 2:
        raise wrong
    names = " or ".join(str(_NAMES.get(option, option)) for option in options)
    raise UsageError(f"{path} = {shortened(value)}", wanted=names, remedy=f"change {path}")


def _number(value: Any) -> float | None:
    """A value as a float; None where it is none, or no finite number. An infinite one is written as "inf"."""
    if isinstance(value, str):
        return {"inf": math.inf, "-inf": -math.inf}.get(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
