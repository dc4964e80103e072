"""Cut-outs: which part of a photograph passes in front of another, with soft edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from colorbench.demo.sampling import Coordinates

Mask = Callable[[Coordinates, Coordinates], NDArray[np.int64]]
"""Coordinates in the photograph to alpha in 0 .. 256."""


def cup(u: Coordinates, v: Coordinates) -> NDArray[np.int64]:
    """The coffee cup and its saucer."""
    return np.maximum(_ellipse(u, v, (279, 216, 193, 165)), _ellipse(u, v, (292, 113, 118, 95)))


def post(u: Coordinates, v: Coordinates) -> NDArray[np.int64]:  # noqa: ARG001  endless in v
    """A post of the wooden table, out of focus at its edges."""
    alpha: NDArray[np.int64] = np.clip((45 * 32 - np.abs(u - 535 * 32)) // 2, 0, 256)
    return alpha


def _ellipse(u: Coordinates, v: Coordinates, shape: tuple[int, int, int, int]) -> NDArray[np.int64]:
    """Center and half axes in pixels; the edge is soft over about six pixels inwards."""
    x, y, half_width, half_height = shape
    inside = (1 << 44) - (u - x * 32) ** 2 * ((1 << 44) // (half_width * 32) ** 2)
    inside -= (v - y * 32) ** 2 * ((1 << 44) // (half_height * 32) ** 2)
    alpha: NDArray[np.int64] = np.clip(inside >> 32, 0, 256)
    return alpha
