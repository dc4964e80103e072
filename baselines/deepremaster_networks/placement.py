"""Pictures to the released code's sizes: frames by their shorter side, references onto one black canvas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from baselines.deepremaster_networks.colornet import MULTIPLE
from colorbench.types import RgbFrame

SHORT_EDGE = 256
"""Of the references' canvas."""


def working_size(height: int, width: int, shortest: int) -> tuple[int, int]:
    """Rows and columns that a frame is worked at: its shorter side brought to ``shortest``, both rounded to multiples of 16.

    >>> working_size(480, 854, 320)
    (320, 576)
    """
    scale = shortest / min(height, width)
    rows, columns = (round(side * scale / MULTIPLE) * MULTIPLE for side in (height, width))
    return rows, columns


def canvas_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Rows and columns of the references' canvas: the mean of their aspects, the shorter edge 256, rounded down.

    Args:
        sizes: (height, width) of each, at least one.

    >>> canvas_size([(480, 854), (480, 854)])
    (256, 455)
    """
    aspect = sum(width / height for height, width in sizes) / len(sizes)
    return (SHORT_EDGE if aspect >= 1 else int(SHORT_EDGE / aspect)), (int(SHORT_EDGE * aspect) if aspect > 1 else SHORT_EDGE)


def on_canvas(rgb: RgbFrame, canvas: tuple[int, int]) -> RgbFrame:
    """A reference as the released code prepares it.

    Where it is not of the canvas' size already, it is scaled (Pillow's bicubic) so that its longer side is the canvas' longer
    one, both sides rounded down to multiples of 16, and laid onto the middle of black: even a picture of the canvas' own aspect
    gets margins where the canvas is no multiple of 16. What is larger than the canvas is cut.

    Args:
        rgb: (H, W, 3) uint8 in [0, 255].
        canvas: of ``canvas_size``.

    Returns:
        (rows, columns, 3) uint8.
    """
    from PIL import Image

    height, width = rgb.shape[:2]
    rows, columns = canvas
    if (height, width) == canvas:
        return rgb
    scale = max(canvas) / max(height, width)
    inner_rows, inner_columns = (max(1, int(side * scale / MULTIPLE)) * MULTIPLE for side in (height, width))
    scaled = Image.fromarray(rgb).resize((inner_columns, inner_rows), Image.Resampling.BICUBIC)
    result = Image.new("RGB", (columns, rows))
    result.paste(scaled, ((columns - inner_columns) // 2, (rows - inner_rows) // 2))
    return np.asarray(result)


def scaled_gray(gray: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W) uint8 to (rows, columns) by OpenCV's bilinear rule, which does not smooth before it shrinks."""
    import cv2

    rows, columns = size
    scaled: NDArray[np.uint8] = cv2.resize(gray, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return scaled
