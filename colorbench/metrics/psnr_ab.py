"""Peak signal-to-noise ratio of chroma alone, in CIE units."""

from __future__ import annotations

import math

import numpy as np

from colorbench.metric import FramePair
from colorbench.metrics.psnr import CEILING
from colorbench.scoring.frame_checks import checked_pair
from colorbench.scoring.lab import LabPlanes, lab_planes
from colorbench.types import MetricCard, RgbFrame

PEAK = 255.0
"""CIE units: the span of a* and b* where they are kept in 8 bits, which is wider than sRGB's own (about 200)."""


def psnr_ab(truth: RgbFrame, prediction: RgbFrame) -> float:
    """PSNR of a* and b* in dB.

    ``min(60, 10 log10(255^2 / MSE))`` with the mean over pixels and both channels, in CIE units, of the 8-bit frames. A method
    is given luminance, so the error of RGB mixes what it predicted with what it was told, and with the rounding of both.

    Args:
        truth: (H, W, 3) uint8 in [0, 255], sRGB.
        prediction: the same shape.

    Returns:
        dB in (0, 60], higher is better: 60 for equal frames.

    Raises:
        UsageError: a frame is something else, or the sizes differ.

    >>> psnr_ab(np.full((4, 4, 3), (255, 0, 0), np.uint8), np.full((4, 4, 3), 127, np.uint8))
    10.75...
    """
    truth, prediction = checked_pair(truth, prediction)
    return _of_planes(lab_planes(truth), lab_planes(prediction))


def _of_planes(truth: LabPlanes, prediction: LabPlanes) -> float:
    error = float(np.square(truth[1:] - prediction[1:]).mean())
    return min(CEILING, 10.0 * math.log10(PEAK**2 / error)) if error else CEILING


class _PsnrAb:
    card = MetricCard(
        name="psnr-ab",
        summary="peak signal-to-noise ratio over CIE a* and b*",
        unit="dB",
        direction="higher",
        needs_truth=True,
        per_frame=True,
        signature=(("input", "rgb8"), ("space", "cielab-d65"), ("peak", "255"), ("mse", "frame"), ("ceiling", f"{CEILING:g}")),
        version=1,
        reference="scikit-image's rgb2lab in float64 and the definition",
        decimals=2,
        default=False,
        ceiling=CEILING,
    )

    def unavailable(self) -> str:
        return ""

    def open(self, *, device: str) -> _PsnrAb:  # noqa: ARG002 - computed on the CPU, wherever the method runs
        return self

    def score_frame(self, pair: FramePair) -> float:
        return _of_planes(pair.of_truth("lab", lab_planes), lab_planes(pair.prediction))


METRICS = (_PsnrAb(),)
