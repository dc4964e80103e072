"""A frame of a clip as released codes are given it: a gray picture of 8 bits.

Their authors read files, and each has a lightness of its own (luma, PIL's "L", CIE L*), made of what was read. Of a gray picture
all of these are functions of one level, so that a method can do as its authors do without seeing color.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from colorbench.types import LStar

if TYPE_CHECKING:
    from colorbench.method import GrayClip


def gray_picture(clip: GrayClip, index: int) -> NDArray[np.uint8]:
    """Frame ``index`` as (H, W) uint8: its luminance without chroma, in sRGB, rounded as the protocol says."""
    import cv2

    no_color = np.zeros((clip.height, clip.width, 2), np.float32)
    gray: NDArray[np.uint8] = cv2.cvtColor(clip.merge(index, no_color), cv2.COLOR_RGB2GRAY)
    return gray


def lightness(gray: NDArray[np.uint8]) -> LStar:
    """(H, W) uint8, sRGB -> (H, W) float32 CIE L* in [0, 100], computed in float64.

    >>> lightness(np.array([[0, 119, 255]], np.uint8)).round(3).tolist()
    [[0.0, 50.034000396728516, 100.0]]
    """
    return _levels()[gray]


@lru_cache(maxsize=1)
def _levels() -> LStar:
    """(256,) L* of the gray levels."""
    import torch

    from colorbench.color import rgb_to_lab

    levels = torch.arange(256, dtype=torch.float64)[:, None].expand(256, 3) / 255.0
    l_star: LStar = rgb_to_lab(levels)[:, 0].float().numpy()
    return l_star
