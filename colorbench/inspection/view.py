"""A frame as it is measured: at a working size that all films share, in CIE Lab."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colorbench.types import LStar, RgbFrame

LONG_SIDE = 256
"""Pixels of the working size's long side where nothing else is said."""

_SAMPLED = 512


@dataclass(frozen=True, slots=True)
class View:
    """A frame, scaled down."""

    rgb: RgbFrame
    """(h, w, 3) uint8 in [0, 255], sRGB, at the working size."""
    l_star: LStar
    """(h, w) float32 in [0, 100]."""
    ab: NDArray[np.float32]
    """(h, w, 2) float32 a* and b*."""
    sampled: LStar
    """L* of single pixels of the frame as it is: every k-th row and column, at most 512 along the long side."""

    @property
    def gray(self) -> NDArray[np.uint8]:
        """(h, w) uint8: L* scaled to [0, 255], as optical flow takes it."""
        levels: NDArray[np.uint8] = np.rint(self.l_star * 2.55).astype(np.uint8)
        return levels


def working_size(sizes: Sequence[tuple[int, int]], long_side: int) -> tuple[int, int]:
    """(width, height) at which films of these sizes are measured: the first one's aspect, and no film is enlarged.

    Args:
        sizes: (width, height) of each film, the source's first.
        long_side: the most that the long side may have.

    >>> working_size([(1920, 1080), (640, 360)], 256), working_size([(1920, 1080), (96, 54)], 256)
    ((256, 144), (96, 54))
    """
    width, height = sizes[0]
    longest = min(long_side, *(max(size) for size in sizes))
    scale = longest / max(width, height)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def look_at(rgb: RgbFrame, size: tuple[int, int]) -> View:
    """A frame at the working size (area interpolation), and single pixels of it as they are.

    Args:
        rgb: (H, W, 3) uint8 in [0, 255], sRGB.
        size: (width, height).
    """
    import cv2
    import torch

    from colorbench.color import luminance, rgb_to_lab

    step = -(-max(rgb.shape[:2]) // _SAMPLED)
    sampled = luminance(np.ascontiguousarray(rgb[::step, ::step]))
    small = rgb if (rgb.shape[1], rgb.shape[0]) == size else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    small = np.ascontiguousarray(small)
    lab = rgb_to_lab(torch.from_numpy(small)).numpy()
    return View(small, np.ascontiguousarray(lab[..., 0]), np.ascontiguousarray(lab[..., 1:]), sampled)
