"""Distance of a clip's CDC from its ground truth's: steadier than the film counts as wrong too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from colorbench.metric import ClipEvidence
from colorbench.metrics.cdc import GAPS, SIGNATURE, cdc, lacking_gap
from colorbench.types import MetricCard

NO_TRUTH = "the clip has no color ground truth whose CDC could be compared with"


def delta_cdc(
    truth: NDArray[np.int64],
    prediction: NDArray[np.int64],
    gaps: Sequence[int] = GAPS,
    *,
    indices: Sequence[int] | None = None,
) -> float:
    """``|CDC(prediction) - CDC(truth)|`` in float64.

    A gray copy, a frozen tint and half the saturation all have a lower CDC than the film itself; ranking by the distance to the
    film's own value does not reward them.

    Args:
        truth: (T, 3, 256) counts, see :func:`colorbench.metrics.cdc.cdc`.
        prediction: the same shape.
        gaps: distances in frames.
        indices: the clip's frame numbers where frames are left out.

    Returns:
        In [0, ln 2], lower is better.

    Raises:
        UsageError: the histograms are no counts, or a gap has no pair.
    """
    return abs(cdc(prediction, gaps, indices=indices) - cdc(truth, gaps, indices=indices))


class _DeltaCdc:
    card = MetricCard(
        name="delta-cdc",
        summary="absolute difference of the clip's CDC from its ground truth's",
        unit="nat",
        direction="lower",
        needs_truth=True,
        per_frame=False,
        signature=(*SIGNATURE, ("precision", "float64"), ("difference", "absolute-per-clip")),
        version=1,
        reference="this project; docs/design/metrics.md",
        decimals=6,
    )

    def unavailable(self) -> str:
        return ""

    def open(self, *, device: str) -> _DeltaCdc:  # noqa: ARG002 - computed on the CPU, wherever the method runs
        return self

    def score_clip(self, clip: ClipEvidence) -> float | str:
        if clip.truth is None:
            return NO_TRUTH
        return lacking_gap(clip.indices) or delta_cdc(clip.truth, clip.prediction, indices=clip.indices)


METRICS = (_DeltaCdc(),)
