"""What every metric asks of the frames it is given."""

from __future__ import annotations

import numpy as np

from colorbench.errors import UsageError
from colorbench.types import RgbFrame


def checked_frame(frame: object, role: str = "frame") -> RgbFrame:
    """The frame, contiguous in memory (a copy only where it was not).

    Args:
        frame: (H, W, 3) uint8 in [0, 255], sRGB, at least one pixel.
        role: what to call it in the message.

    Raises:
        UsageError: it is something else.
    """
    if not isinstance(frame, np.ndarray):
        came = type(frame).__name__
    elif frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.size == 0:
        came = f"a {frame.dtype} array of shape {frame.shape}"
    else:
        return np.ascontiguousarray(frame)
    raise UsageError(
        f"the {role} is {came}",
        wanted="an (H, W, 3) uint8 array of sRGB in [0, 255] with at least one pixel",
        remedy="convert it first, for floats in [0, 1]: (255 * frame).round().astype(numpy.uint8)",
    )


def checked_pair(truth: RgbFrame, prediction: RgbFrame) -> tuple[RgbFrame, RgbFrame]:
    """Both frames, contiguous in memory.

    Raises:
        UsageError: one is no 8-bit RGB frame, or their sizes differ.
    """
    truth, prediction = checked_frame(truth, "truth"), checked_frame(prediction, "prediction")
    if truth.shape != prediction.shape:
        raise UsageError(
            f"the prediction is {prediction.shape[1]}x{prediction.shape[0]} pixels, the truth {truth.shape[1]}x{truth.shape[0]}",
            wanted="frames of one size",
            remedy="resize the prediction to the truth's size; no metric resizes by itself",
        )
    return truth, prediction
