"""A digest of tensors: one for the same weights, whatever file they lie in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorbench.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np


def tensors_digest(arrays: Mapping[str, np.ndarray[Any, Any]]) -> str:
    """SHA-256 of all arrays in the order of their names, names and shapes included, values as float32.

    >>> import numpy as np
    >>> tensors_digest({"a": np.zeros(2)}) == tensors_digest({"a": np.zeros(2, np.float16)})
    True
    """
    import numpy as np

    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {tuple(array.shape)}\n".encode())
        digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
    return digest.hexdigest()


def file_tensors_digest(path: Path) -> str:
    """That of a file of safetensors. Read once in a process, unless the file changes.

    Raises:
        WeightsError: it can't be read.
    """
    facts = path.stat()
    return _file_tensors_digest(path, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=16)
def _file_tensors_digest(path: Path, modified: int, size: int) -> str:  # noqa: ARG001 - time and size are part of the cache's key
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return tensors_digest(load_file(path))
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise WeightsError(f"{path} can't be read: {error}", wanted="a .safetensors file", remedy="fetch it again") from error
