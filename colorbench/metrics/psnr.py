"""Peak signal-to-noise ratio of 8-bit RGB frames."""

from __future__ import annotations

import math

from colorbench.metric import FramePair
from colorbench.scoring.frame_checks import checked_pair
from colorbench.types import MetricCard, RgbFrame

CEILING = 60.0
"""dB that equal frames have, and the most that any have: one infinite frame would swallow every mean, difference and interval.
Rounding to 8 bits alone has a mean squared error of 1/12, 58.9 dB, so what is above 60 is no difference between methods.
libvmaf's PSNR ends there for 8 bits too (6 dB a bit and 12)."""


def psnr(truth: RgbFrame, prediction: RgbFrame) -> float:
    """Peak signal-to-noise ratio in dB.

    ``min(60, 10 log10(255^2 / MSE))`` with the mean over pixels and channels. The squared error is an exact integer; 8-bit
    subtraction never wraps around (there is a published script where it does, and where nothing scores under 24 dB).

    Args:
        truth: (H, W, 3) uint8 in [0, 255], sRGB.
        prediction: the same shape.

    Returns:
        dB in [0, 60], higher is better: 60 for equal frames, 0 for black against white.

    Raises:
        UsageError: a frame is something else, or the sizes differ.

    >>> import numpy as np
    >>> psnr(np.full((4, 4, 3), 250, np.uint8), np.full((4, 4, 3), 5, np.uint8))
    0.3474...
    """
    import cv2

    truth, prediction = checked_pair(truth, prediction)
    return psnr_of(round(cv2.norm(truth, prediction, cv2.NORM_L2SQR)), truth.size)


def psnr_of(squared_error: int, values: int) -> float:
    """PSNR in dB of a summed squared 8-bit error over that many values (pixels times channels), at most the ceiling."""
    return min(CEILING, 10.0 * math.log10(255.0**2 / (squared_error / values))) if squared_error else CEILING


class _Psnr:
    card = MetricCard(
        name="psnr",
        summary="peak signal-to-noise ratio over 8-bit RGB",
        unit="dB",
        direction="higher",
        needs_truth=True,
        per_frame=True,
        signature=(("input", "rgb8"), ("peak", "255"), ("mse", "frame"), ("ceiling", f"{CEILING:g}")),
        version=2,
        reference="the per-frame value of scikit-image's peak_signal_noise_ratio(data_range=255), up to the ceiling",
        decimals=2,
        ceiling=CEILING,
    )

    def unavailable(self) -> str:
        return ""

    def open(self, *, device: str) -> _Psnr:  # noqa: ARG002 - it reads what the fused pass has found
        return self

    def score_frame(self, pair: FramePair) -> float:
        return psnr_of(pair.statistics.squared_error, pair.truth.size)


METRICS = (_Psnr(),)
