"""What weights are, whatever file they lie in: one SHA-256 of the tensors themselves. Takes no numpy until it reads one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorbench.errors import WeightsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Arrays = dict[str, "NDArray[Any]"]


def tensors_digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over tensors in the order of their names: name, shape and float32 values, little-endian.

    >>> import numpy as np
    >>> tensors_digest({"bias": np.zeros(1)}) == tensors_digest({"bias": np.zeros(1, np.float16)})
    True
    """
    import numpy as np

    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
        digest.update(np.ascontiguousarray(tensor, "<f4").data)
    return digest.hexdigest()


def file_tensors_digest(path: Path) -> str:
    """:func:`tensors_digest` of a safetensors file; computed anew when its size or time changes.

    Raises:
        WeightsError: it can't be read.
    """
    from safetensors import SafetensorError

    try:
        status = path.stat()
        return _of_file(path, status.st_size, status.st_mtime_ns)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} can't be read: {error}", wanted="a .safetensors file", remedy="get it again") from error


@lru_cache(maxsize=16)
def _of_file(path: Path, size: int, time: int) -> str:  # noqa: ARG001 - the key under which it is kept
    from safetensors.numpy import load_file

    return tensors_digest(load_file(path))
