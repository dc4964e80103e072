"""The metric protocols: one value a frame, or one a clip, from pixels that the harness decoded once.

A file in ``metrics/`` offers ``METRICS``, a tuple of objects that satisfy :class:`FrameMetric` or :class:`ClipMetric`.
Metrics never read files. ``open`` is called once a run; the scorers it returns are called from several threads at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from colorbench.types import MetricCard, RgbFrame


@dataclass(frozen=True, slots=True)
class FrameStatistics:
    """What one fused pass finds in one frame (see scoring/fused.py). Integers are exact."""

    histogram: NDArray[np.int64]
    """(3, 256) counts of each 8-bit value in R, G, B."""
    opponent: tuple[int, int, int, int]
    """Sums over pixels of rg, rg^2, yb, yb^2 with rg = R - G and yb = R + G - 2B (twice Hasler and Suesstrunk's yb)."""


@dataclass(frozen=True, slots=True)
class PairStatistics:
    """What one fused pass finds in a prediction beside its truth."""

    prediction: FrameStatistics
    squared_error: int
    """Sum over pixels and channels of the squared 8-bit difference."""
    ssim: float
    """Mean SSIM over channels, skimage's uniform 7x7 window; NaN where the frame is smaller than the window."""


class FusedPass(Protocol):
    """Where the pixels are gone over: on the CPU or on a GPU, with the same bits. Safe to call from several threads."""

    def frames(self, frames: Sequence[RgbFrame]) -> list[FrameStatistics]:
        """Of each of some frames of one size."""
        ...

    def pairs(self, pairs: Sequence[tuple[RgbFrame, RgbFrame]]) -> list[PairStatistics]:
        """Of each of some pairs of a truth and a prediction, all of one size."""
        ...


class FramePair(Protocol):
    """A scored frame of a prediction and of the truth, with what is already known of both."""

    @property
    def truth(self) -> RgbFrame: ...

    @property
    def prediction(self) -> RgbFrame: ...

    @property
    def statistics(self) -> PairStatistics: ...

    def of_truth(self, key: str, compute: Callable[[RgbFrame], Any]) -> Any:
        """``compute(truth)``, remembered under ``key`` for the other methods of the run as memory allows."""
        ...


@dataclass(frozen=True, slots=True)
class ClipEvidence:
    """What is left of a clip when its frames are gone."""

    prediction: NDArray[np.int64]
    """(T, 3, 256) histograms of the scored frames of the prediction."""
    truth: NDArray[np.int64] | None
    """The same of the truth; None where there is no color ground truth."""
    indices: tuple[int, ...]
    """Which frames of the clip these are, ascending."""


class FrameScorer(Protocol):
    def score_frame(self, pair: FramePair) -> float: ...


class ClipScorer(Protocol):
    def score_clip(self, clip: ClipEvidence) -> float | str:
        """The clip's value, or the reason why it has none."""
        ...


class FrameMetric(Protocol):
    """A metric with one value a frame (``card.per_frame`` is True)."""

    card: MetricCard

    def unavailable(self) -> str:
        """Why it can't be computed on this machine and what to do; empty if it can."""
        ...

    def open(self, *, device: str) -> FrameScorer: ...


class ClipMetric(Protocol):
    """A metric with one value a clip (``card.per_frame`` is False)."""

    card: MetricCard

    def unavailable(self) -> str: ...

    def open(self, *, device: str) -> ClipScorer: ...
