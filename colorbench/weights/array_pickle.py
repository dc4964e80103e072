"""Pickles of arrays in plain containers, read without running anything that they name.

A pickle is a program: it names functions and classes and has them called. Flax and others keep their weights as pickled
dictionaries of NumPy arrays. Those name five things; here each is a stand-in that only takes notes, every other name is refused,
and not even NumPy's own code for pickles sees what is in the file.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from colorbench.errors import WeightsError

_TYPES = frozenset({"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"})


def read_arrays(content: bytes, *, source: str) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of nested dictionaries, named by their keys with "/" between.

    Args:
        content: a pickle of any protocol.
        source: for messages.

    Raises:
        WeightsError: it names anything but arrays, is damaged, or holds something else.
    """
    try:
        tree = _Reader(io.BytesIO(content)).load()
        found: dict[str, np.ndarray[Any, Any]] = {}
        _walk(tree, "", found)
    # What a damaged program raises is anybody's guess: the documentation lists these and "not only" these.
    except Exception as error:
        raise WeightsError(
            f"{source} is no pickle of arrays: {error or type(error).__name__}",
            wanted="dictionaries of NumPy arrays, nothing else",
            remedy="nothing of it was run; look at where it is from",
        ) from error
    return found


def _walk(node: Any, path: str, found: dict[str, np.ndarray[Any, Any]]) -> None:
    if isinstance(node, _Array):
        found[path] = node.value()
        return
    if not isinstance(node, dict):
        raise pickle.UnpicklingError(f"{path or 'its top'} is {type(node).__name__}")
    for key, value in node.items():
        if not isinstance(key, str):
            raise pickle.UnpicklingError(f"a key of {path or 'its top'} is {type(key).__name__}")
        _walk(value, f"{path}/{key}" if path else key, found)


class _Name:
    """A class that is passed on and never called."""


class _Type:
    """Stands for ``numpy.dtype``."""

    def __init__(self, code: str, *_: object) -> None:
        if code not in _TYPES:
            raise pickle.UnpicklingError(f"an array's type is {code!r}, not a number's")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        if order not in ("<", ">", "|"):
            raise pickle.UnpicklingError(f"an array's byte order is {order!r}")
        self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """Stands for ``numpy.ndarray``; all that counts comes with its state."""

    def __init__(self, *_: object) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def value(self) -> np.ndarray[Any, Any]:
        _, shape, kind, is_fortran, content = self.state
        if not isinstance(kind, _Type) or not isinstance(content, bytes):
            raise pickle.UnpicklingError("an array's content is not bytes of numbers")
        flat = np.frombuffer(content, dtype=kind.dtype)
        return flat.reshape(shape, order="F" if is_fortran else "C")


def _encode(text: str, encoding: str) -> bytes:
    """Stands for ``_codecs.encode``: protocols under 3 write bytes as text."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes are kept as {encoding!r}")
    return text.encode("latin-1")


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Name,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _KNOWN[module, name]
