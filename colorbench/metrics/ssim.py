"""Structural similarity of 8-bit RGB frames."""

from __future__ import annotations

from colorbench.metric import FramePair
from colorbench.types import MetricCard, RgbFrame


def ssim(truth: RgbFrame, prediction: RgbFrame) -> float:
    """Mean structural similarity over R, G and B, as scikit-image's defaults have it.

    Uniform 7x7 windows wholly inside the frame, sample covariances, ``C1 = (0.01 * 255)^2``, ``C2 = (0.03 * 255)^2``; the formula
    is in scoring/fused.py. Wang et al. 2004 (DOI 10.1109/TIP.2003.819861) use a Gaussian window on luminance: other numbers.

    Args:
        truth: (H, W, 3) uint8 in [0, 255], sRGB.
        prediction: the same shape.

    Returns:
        In [-1, 1], higher is better; exactly 1 for equal frames, NaN where a side is shorter than 7 pixels.

    Raises:
        UsageError: a frame is something else, or the sizes differ.

    >>> import numpy as np
    >>> ssim(np.full((8, 8, 3), 255, np.uint8), np.zeros((8, 8, 3), np.uint8))
    9.99900...e-05
    """
    from colorbench.scoring.fused import measure_pair

    return measure_pair(truth, prediction).ssim


class _Ssim:
    card = MetricCard(
        name="ssim",
        summary="structural similarity over RGB, scikit-image's defaults",
        unit="",
        direction="higher",
        needs_truth=True,
        per_frame=True,
        signature=(
            ("input", "rgb8"),
            ("window", "uniform7-valid"),
            ("covariance", "sample"),
            ("range", "255"),
            ("k1", "0.01"),
            ("k2", "0.03"),
            ("channels", "mean-rgb"),
        ),
        version=1,
        reference="scikit-image's structural_similarity(channel_axis=2, data_range=255)",
        decimals=4,
    )

    def unavailable(self) -> str:
        return ""

    def open(self, *, device: str) -> _Ssim:  # noqa: ARG002 - it reads what the fused pass has found
        return self

    def score_frame(self, pair: FramePair) -> float:
        return pair.statistics.ssim


METRICS = (_Ssim(),)
