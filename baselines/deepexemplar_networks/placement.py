"""Pictures to the released code's working size and chroma back to the clip's.

The released code scales a picture to cover the working size, its aspect kept, truncates it to 8 bits and cuts out the center; its
output stays there. Here chroma comes back to the whole frame: outside the cut it is that of the nearest pixel inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from numpy.typing import NDArray
from torch import Tensor

Fit = Literal["crop", "stretch"]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture's part at the working size lies in the scaled whole."""

    height: int
    """Of the whole picture after scaling."""
    width: int
    top: int
    left: int


def place(height: int, width: int, size: tuple[int, int], fit: Fit) -> Placement:
    """Of a picture of so many rows and columns.

    Args:
        height: of the picture.
        width: of the picture.
        size: rows and columns that are worked at.
        fit: "crop" covers the size and keeps the center; "stretch" takes the whole picture, whatever its aspect.

    >>> place(480, 640, (432, 768), "crop")
    Placement(height=576, width=768, top=72, left=0)
    """
    rows, columns = size
    if fit == "stretch":
        return Placement(rows, columns, 0, 0)
    # Compared and rounded down as the released code does it.
    if height / width > rows / columns:
        whole = int(height * columns / width)
        return Placement(whole, columns, (whole - rows) // 2, 0)
    whole = int(width * rows / height)
    return Placement(rows, whole, 0, (whole - columns) // 2)


def prepared(picture: NDArray[np.uint8], size: tuple[int, int], placed: Placement) -> NDArray[np.uint8]:
    """A picture at the working size, by scikit-image's antialiased bilinear scaling, truncated.

    Args:
        picture: (H, W) or (H, W, 3) uint8.
        size: rows and columns that are worked at.
        placed: of ``place``, for this picture and size.

    Returns:
        (rows, columns) or (rows, columns, 3) uint8.
    """
    from skimage.transform import resize

    whole = picture
    if picture.shape[:2] != (placed.height, placed.width):
        shape = (placed.height, placed.width, *picture.shape[2:])
        scaled = resize(picture, shape, mode="reflect", preserve_range=True, clip=False, anti_aliasing=True)
        whole = scaled.astype(np.uint8)
    rows, columns = size
    return np.ascontiguousarray(whole[placed.top : placed.top + rows, placed.left : placed.left + columns])


def returned(ab: Tensor, placed: Placement, height: int, width: int) -> Tensor:
    """Chroma of the whole frame.

    Args:
        ab: (1, 2, rows, columns), at the working size.
        placed: how the frame was placed there.
        height: of the frame.
        width: of the frame.

    Returns:
        (1, 2, H, W): bilinear, antialiased where it shrinks.
    """
    below, right = placed.height - placed.top - ab.shape[2], placed.width - placed.left - ab.shape[3]
    whole = F.pad(ab, (placed.left, right, placed.top, below), mode="replicate")
    if whole.shape[-2:] == (height, width):
        return whole
    return F.interpolate(whole, (height, width), mode="bilinear", align_corners=False, antialias=True)
