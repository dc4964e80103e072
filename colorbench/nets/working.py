"""Clips at the size that a network works at, and its chroma back at the clip's: what compact methods have in common.

Luminance and exemplars are brought there by antialiased bilinear scaling in float32, chroma comes back bilinearly and is merged
with the clip's own luminance, so a size that fits the clip changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from colorbench.color import rgb_to_lab

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from colorbench.types import RgbFrame


def working_size(height: int, width: int, *, short_side: int, multiples: tuple[int, int]) -> tuple[int, int]:
    """The clip's size, scaled down where its short side is longer, rounded to what the network takes.

    Args:
        height: of the clip.
        width: of the clip.
        short_side: the most rows or columns of the shorter side.
        multiples: of rows and of columns; each side is at least two of them.

    >>> working_size(224, 384, short_side=256, multiples=(8, 16))
    (224, 384)
    >>> working_size(1080, 1920, short_side=256, multiples=(8, 16))
    (256, 448)
    """
    scale = min(1.0, short_side / min(height, width))
    rows, columns = (max(2, round(side * scale / k)) * k for side, k in zip((height, width), multiples, strict=True))
    return rows, columns


def scaled(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, C, H, W) -> (N, C, rows, columns): bilinear, antialiased where it shrinks; itself where the size is the same.

    In float32 what is shorter: torch has no such scaling in bfloat16, which networks are trained in.
    """
    if planes.shape[-2:] == size:
        return planes
    wide = torch.promote_types(planes.dtype, torch.float32)
    return F.interpolate(planes.to(wide), size, mode="bilinear", align_corners=False, antialias=True)


def luminance_planes(l_star: NDArray[np.float32], size: tuple[int, int]) -> Tensor:
    """(H, W) L* -> (1, 1, rows, columns)."""
    return scaled(torch.from_numpy(l_star)[None, None], size)


def lab_planes(rgb: RgbFrame, size: tuple[int, int]) -> Tensor:
    """(H, W, 3) uint8 sRGB -> (1, 3, rows, columns) L*, a*, b*."""
    lab = rgb_to_lab(torch.from_numpy(rgb).float() / 255.0)  # (H, W, 3)
    return scaled(lab.permute(2, 0, 1)[None], size).contiguous()


def chroma_picture(ab: Tensor, height: int, width: int) -> NDArray[np.float32]:
    """(1, 2, rows, columns) -> (H, W, 2) at the clip's size, on the CPU."""
    picture: NDArray[np.float32] = scaled(ab.float(), (height, width))[0].permute(1, 2, 0).cpu().contiguous().numpy()
    return picture
