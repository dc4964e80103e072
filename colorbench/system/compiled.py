"""Kernels that numba compiles on their first call, without the GIL; machine code is kept beside the file or in numba's cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(**options: Any) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """numba.njit with the kernel's own types kept; ``options`` are numba's."""
    return cast("Callable[[Callable[_P, _R]], Callable[_P, _R]]", numba.njit(nogil=True, cache=True, **options))
