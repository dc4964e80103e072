"""NumPy arrays out of a pickle, by an unpickler that knows four names and calls nothing else.

A pickle names functions to be called while it is read. Nested dicts of arrays need numpy's own three, and `_codecs.encode` for
the bytes of protocols 0 to 2.
"""

from __future__ import annotations

import _codecs
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import WeightsError
from colorbench.weights.tensors import Arrays

# numpy's own __reduce__ names its private function under both of its modules' names; importing the old one warns.
_RECONSTRUCT = np.zeros(0).__reduce__()[0]
_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _codecs.encode,
}


def read_pickled_arrays(path: Path) -> Arrays:
    """The arrays of a pickle of nested dicts, by the keys that lead to them, joined by "/".

    Raises:
        WeightsError: it can't be read, asks for anything but arrays, or holds something else.
    """
    try:
        with path.open("rb") as file:
            content = _ArrayUnpickler(file).load()
        return dict(_leaves(content, ""))
    except WeightsError:
        raise
    # Cut or foreign bytes make the unpickler and numpy fail in any way.
    except Exception as error:
        raise WeightsError(
            f"{path.name} can't be read as a pickle of arrays: {error or type(error).__name__}",
            wanted="nested dicts of NumPy arrays",
            remedy="it may be cut short: get it again",
        ) from error


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise WeightsError(
                f"the pickle asks for {module}.{name}, which could run anything",
                wanted="nested dicts of NumPy arrays",
                remedy="nothing of it was run; look at where the file is from",
            ) from None


def _leaves(value: object, where: str) -> Iterator[tuple[str, NDArray[Any]]]:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and where:
        yield where, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{where}/{key}" if where else str(key))
    else:
        raise ValueError(f"{where or 'the whole'} is {type(value).__name__}")
