"""JSON and TOML files as tables: one way to read them, one error for all that can be wrong before the keys are looked at.

Only regular files are read, of bounded size and depth. What the keys hold is for :func:`colorbench.records.record_from` to check.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from colorbench.errors import ColorbenchError, StoreError, UsageError
from colorbench.files.regular import read_regular
from colorbench.records import shortened

MOST_BYTES = 256 << 20
"""A record of two million frame scores."""


def read_json(path: Path, *, remedy: str = "restore it, or remove it", most: int = MOST_BYTES) -> dict[str, Any]:
    """A file that holds one JSON object. Bytes that are no UTF-8 come as surrogates, as names of files do.

    Args:
        path: of the file.
        remedy: what to do where it can't be read.
        most: bytes that it may hold.

    Raises:
        StoreError: it can't be read, is no strict JSON (NaN is none), is nested too deep, or holds no object.
        FileNotFoundError: there is none.
    """
    return _read(path, lambda text: json.loads(text, parse_constant=_no_constant), StoreError, ("JSON", remedy, most))


def read_toml(path: Path, *, what: str = "file") -> dict[str, Any]:
    """A TOML file that a user wrote.

    Args:
        path: of the file.
        what: it is, for messages.

    Raises:
        UsageError: it is not there, can't be read, is no TOML, or is nested too deep.
    """
    remedy = f"check the path, or mend the {what}"
    try:
        return _read(path, tomllib.loads, UsageError, ("TOML", remedy, MOST_BYTES), errors="strict")
    except FileNotFoundError:
        raise UsageError(f"{what} {path} does not exist", wanted="a TOML file", remedy="check the path") from None


def _read(
    path: Path,
    parse: Callable[[str], Any],
    error: type[ColorbenchError],
    words: tuple[str, str, int],
    *,
    errors: str = "surrogateescape",
) -> dict[str, Any]:
    form, remedy, most = words
    try:
        loaded = parse(read_regular(path, most=most).decode("utf-8", errors))
    except FileNotFoundError:
        raise
    except OSError as wrong:
        raise error(f"can't read {path}: {wrong.strerror or wrong}", wanted=f"a {form} file", remedy=remedy) from wrong
    except RecursionError:
        raise error(f"{path} is nested too deep", wanted=f"a {form} file that colorbench knows", remedy=remedy) from None
    except ValueError as wrong:
        raise error(f"{path} is not valid {form}: {wrong}", wanted=f"valid {form}", remedy=remedy) from wrong
    if not isinstance(loaded, dict):
        raise error(f"{path} holds {shortened(loaded)}", wanted="an object with keys and values", remedy=remedy)
    return loaded


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
