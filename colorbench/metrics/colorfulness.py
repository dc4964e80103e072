"""Colorfulness of natural images, Hasler and Suesstrunk 2003."""

from __future__ import annotations

import math

from colorbench.metric import FramePair, FrameStatistics
from colorbench.types import MetricCard, RgbFrame


def colorfulness(frame: RgbFrame) -> float:
    """How colorful a frame looks.

    ``sqrt(var(rg) + var(yb)) + 0.3 sqrt(mean(rg)^2 + mean(yb)^2)`` with ``rg = R - G``, ``yb = (R + G) / 2 - B`` and population
    variances. "Measuring colourfulness in natural images", SPIE 5007 (2003), DOI 10.1117/12.477378, its M^(3).

    Args:
        frame: (H, W, 3) uint8 in [0, 255], sRGB.

    Returns:
        0 for gray; the paper's words for values: 15 slightly, 33 moderately, 59 quite, 82 highly, 109 extremely colorful.

    Raises:
        UsageError: the frame is something else.

    >>> import numpy as np
    >>> colorfulness(np.full((2, 2, 3), (255, 0, 0), np.uint8))
    85.5296...
    """
    from colorbench.scoring.fused import measure_frame

    return colorfulness_of(measure_frame(frame))


def colorfulness_of(statistics: FrameStatistics) -> float:
    """Colorfulness of a measured frame. The variances come from exact integers, so nothing cancels."""
    pixels = int(statistics.histogram[0].sum())
    rg, rg_squares, yb, yb_squares = statistics.opponent
    # The statistics hold twice Hasler's yb, so its mean is halved and its square quartered.
    spread = (4 * (pixels * rg_squares - rg * rg) + (pixels * yb_squares - yb * yb)) / (2 * pixels) ** 2
    shift = math.hypot(rg / pixels, yb / (2 * pixels))
    return math.sqrt(spread) + 0.3 * shift


class _Colorfulness:
    """Direction "none": a method can be too dull and too gaudy; the number is read beside the truth's own."""

    card = MetricCard(
        name="colorfulness",
        summary="colorfulness; to be read beside the ground truth's own",
        unit="",
        direction="none",
        needs_truth=False,
        per_frame=True,
        signature=(("input", "rgb8"), ("formula", "hasler2003-m3"), ("variance", "population"), ("weight", "0.3")),
        version=1,
        reference="Hasler and Suesstrunk, SPIE 5007 (2003), DOI 10.1117/12.477378",
        decimals=1,
    )

    def unavailable(self) -> str:
        return ""

    def open(self, *, device: str) -> _Colorfulness:  # noqa: ARG002 - it reads what the fused pass has found
        return self

    def score_frame(self, pair: FramePair) -> float:
        return colorfulness_of(pair.statistics.prediction)


METRICS = (_Colorfulness(),)
