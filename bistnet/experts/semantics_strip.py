"""A picture to look at: gray, labels and prediction side by side, one row a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bistnet.experts.semantics_data import LabeledPicture
from colorbench.types import RgbFrame

COLORS = (
    (128, 128, 128),
    (128, 0, 0),
    (192, 192, 128),
    (128, 64, 128),
    (60, 40, 222),
    (128, 128, 0),
    (192, 128, 128),
    (64, 64, 128),
    (64, 0, 128),
    (64, 64, 0),
    (0, 128, 192),
    (0, 0, 0),
)
"""sRGB of each class and, last, of void, as SegNet's authors paint them."""


def strip(rows: Sequence[tuple[LabeledPicture, NDArray[np.uint8]]]) -> RgbFrame:
    """Draws pictures and what was predicted of them.

    Args:
        rows: at least one picture with its (H, W) predicted classes; narrower rows are filled with black.

    Returns:
        (sum of H, 3 max W, 3) uint8, sRGB.
    """
    palette = np.array(COLORS, np.uint8)
    drawn = [np.concatenate((_gray(picture), palette[picture.labels], palette[found]), axis=1) for picture, found in rows]
    width = max(row.shape[1] for row in drawn)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in drawn])


def _gray(picture: LabeledPicture) -> RgbFrame:
    """L* / 100 as a level: close enough to look at."""
    return np.repeat(np.round(picture.l_star * 2.55).astype(np.uint8)[..., None], 3, axis=2)
