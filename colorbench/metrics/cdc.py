"""Color distribution consistency (CDC): how much the color histograms of a clip change over time.

Proposed with TCVC ("Temporally Consistent Video Colorization with Deep Feature Propagation and Self-Regularization Learning",
DOI 10.1007/s41095-023-0342-8); what defines it is the script codes/eval_results.py of its repository
lyh-18/TCVC-Temporally-Consistent-Video-Colorization, written anew here.
A gray or frozen clip scores better than the film itself, so CDC is read beside the truth's own value, PSNR and colorfulness.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import UsageError
from colorbench.metric import ClipEvidence
from colorbench.types import MetricCard

GAPS = (1, 2, 4)

_BLOCK = 1024
"""Pairs compared at once: keeps a whole film's temporaries under 100 MB."""

Divergence = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.floating]]


def cdc(
    histograms: NDArray[np.int64],
    gaps: Sequence[int] = GAPS,
    *,
    indices: Sequence[int] | None = None,
    divergence: Divergence | None = None,
) -> float:
    """Mean Jensen-Shannon divergence between the histograms of frames some gaps apart.

    ``JS(p, q) = (KL(p || m) + KL(q || m)) / 2`` with ``m = (p + q) / 2`` and the natural logarithm; mean over the pairs of a gap,
    then over channels and gaps, each gap weighing the same.

    Args:
        histograms: (T, 3, 256) counts of each 8-bit level in R, G, B.
        gaps: distances in frames.
        indices: the clip's frame numbers, ascending, where frames are left out; a pair counts only if its frames are really
            ``gap`` apart. Without it the frames are consecutive.
        divergence: of (N, 3, 256) pairs; :func:`jensen_shannon` unless given.

    Returns:
        In [0, ln 2], lower is steadier; exactly 0 for a clip of equal histograms.

    Raises:
        UsageError: the histograms are no (T, 3, 256) counts, one is empty, or a gap has no pair.

    >>> flat = np.zeros((5, 3, 256), np.int64)
    >>> flat[..., 7] = 100
    >>> cdc(flat)
    0.0
    """
    numbers = range(len(histograms)) if indices is None else indices
    _check(histograms, numbers)
    if lack := lacking_gap(numbers, gaps):
        raise UsageError(lack, wanted="at least one pair for every gap", remedy="give more frames, or name smaller gaps")
    compare = divergence or jensen_shannon
    # In the precision of the divergences, channel by channel, gaps added in order: float32 then has the published script's bits.
    per_channel = np.zeros(3, compare(histograms[:1], histograms[:1]).dtype)
    for gap in gaps:
        first, second = _pairs(numbers, gap)
        values = [
            compare(histograms[first[at : at + _BLOCK]], histograms[second[at : at + _BLOCK]])
            for at in range(0, len(first), _BLOCK)
        ]
        per_channel += (1.0 / len(gaps)) * np.concatenate(values).T.copy().mean(axis=-1)
    return max(float(per_channel.mean(dtype=np.float64)), 0.0)


def jensen_shannon(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
    """Jensen-Shannon divergence in nats of counts (..., 256), in float64; (...)."""
    from scipy.special import rel_entr

    p = first / first.sum(axis=-1, keepdims=True)
    q = second / second.sum(axis=-1, keepdims=True)
    middle = (p + q) / 2.0
    result: NDArray[np.float64] = (rel_entr(p, middle).sum(axis=-1) + rel_entr(q, middle).sum(axis=-1)) / 2.0
    return np.maximum(result, 0.0)


def jensen_shannon_tcvc(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float32]:
    """The same with every step rounded to float32, as TCVC's script computes it from OpenCV's float32 histograms.

    Its entropy function normalizes what it is given once more, which is kept: in float32 a sum is not quite 1. The means that
    :func:`cdc` takes of the result are float32 too, as NumPy 2 has it; with NumPy 1 the script weighs the gaps in float64, which
    moves a clip's value by up to a unit of float32.
    """
    from scipy.special import rel_entr

    def normalized(values: NDArray[np.float32]) -> NDArray[np.float32]:
        result: NDArray[np.float32] = values / values.sum(axis=-1, keepdims=True)
        return result

    pixels = first.sum(axis=-1, keepdims=True), second.sum(axis=-1, keepdims=True)
    p = first.astype(np.float32) / pixels[0].astype(np.float32)
    q = second.astype(np.float32) / pixels[1].astype(np.float32)
    middle = normalized(np.float32(0.5) * (p + q))
    half = np.float32(0.5)
    result: NDArray[np.float32] = half * rel_entr(normalized(p), middle).sum(axis=-1)
    result += half * rel_entr(normalized(q), middle).sum(axis=-1)
    return result


def lacking_gap(indices: Sequence[int], gaps: Sequence[int] = GAPS) -> str:
    """Why the CDC of these frames is undefined; empty if it is not."""
    for gap in gaps:
        if not len(_pairs(indices, gap)[0]):
            return f"no two of the {len(indices)} scored frames are {gap} frames apart"
    return ""


def _pairs(indices: Sequence[int], gap: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions of the frames that have, and are, a frame ``gap`` later."""
    numbers = np.asarray(indices, np.int64)
    _, first, second = np.intersect1d(numbers, numbers - gap, assume_unique=True, return_indices=True)
    return first, second


def _check(histograms: NDArray[np.int64], indices: Sequence[int]) -> None:
    if histograms.ndim != 3 or histograms.shape[1:] != (3, 256) or not np.issubdtype(histograms.dtype, np.integer):
        raise UsageError(
            f"the histograms are a {histograms.dtype} array of shape {histograms.shape}",
            wanted="integer counts of shape (T, 3, 256)",
            remedy="take them from colorbench.scoring.fused.measure_frame",
        )
    if len(indices) != len(histograms) or any(b <= a for a, b in pairwise(indices)):
        raise UsageError(
            f"{len(indices)} frame numbers were given for {len(histograms)} histograms, or they do not ascend",
            wanted="one number a histogram, ascending",
            remedy="sort frames and numbers together",
        )
    empty = np.flatnonzero((histograms.sum(axis=-1) == 0).any(axis=-1))
    if empty.size:
        raise UsageError(
            f"histogram {empty[0]} counts no pixel",
            wanted="at least one pixel in every channel",
            remedy="leave out the frame and its number",
        )


class _Cdc:
    def __init__(self, card: MetricCard, divergence: Divergence) -> None:
        self.card, self.divergence = card, divergence

    def unavailable(self) -> str:
        return ""

    def open(self, *, device: str) -> _Cdc:  # noqa: ARG002 - computed on the CPU, wherever the method runs
        return self

    def score_clip(self, clip: ClipEvidence) -> float | str:
        return lacking_gap(clip.indices) or cdc(clip.prediction, indices=clip.indices, divergence=self.divergence)


SIGNATURE = (
    ("input", "rgb8"),
    ("histogram", "256-per-channel"),
    ("divergence", "jensen-shannon"),
    ("log", "natural"),
    ("gaps", "1,2,4"),
    ("pairs", "both-scored"),
    ("mean", "pairs-channels-gaps"),
)

METRICS = (
    _Cdc(
        MetricCard(
            name="cdc",
            summary="color distribution consistency over time; to be read beside the ground truth's own",
            unit="nat",
            direction="lower",
            needs_truth=False,
            per_frame=False,
            signature=(*SIGNATURE, ("precision", "float64")),
            version=1,
            reference="Liu et al., TCVC, DOI 10.1007/s41095-023-0342-8, with scipy.stats.entropy in float64",
            decimals=6,
        ),
        jensen_shannon,
    ),
    _Cdc(
        MetricCard(
            name="cdc-tcvc",
            summary="color distribution consistency with the published script's float32 rounding",
            unit="nat",
            direction="lower",
            needs_truth=False,
            per_frame=False,
            signature=(*SIGNATURE, ("precision", "float32-tcvc")),
            version=1,
            reference="Liu et al., TCVC, DOI 10.1007/s41095-023-0342-8, codes/eval_results.py",
            decimals=6,
            default=False,
        ),
        jensen_shannon_tcvc,
    ),
)
