"""One method on one clip: colored frames in, checked, scores out. Frames pass by; only statistics stay."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import numpy as np

from colorbench.clips.footage import Footage
from colorbench.errors import MethodError
from colorbench.metric import ClipEvidence, ClipScorer, FrameScorer, FrameStatistics, FusedPass, PairStatistics
from colorbench.scoring.luminance import (
    LUMINANCE_TOLERANCE,
    MISFIT,
    best_offset,
    check_kept,
    luminance_error,
    luminance_in_strips,
)
from colorbench.scoring.truth_memo import TruthMemo
from colorbench.types import LStar, MethodCard, MetricCard, RgbFrame, Score

__all__ = ["LUMINANCE_TOLERANCE", "ClipScores", "OpenMetric", "TruthMemo", "checked", "score_clip", "take_frames"]

_BATCH = 4
_BATCHES_IN_FLIGHT = 8
_SAMPLES = 3

NO_COLOR = "the clip has no color (R = G = B in every scored frame), so there is no truth to compare with"


@dataclass(frozen=True, slots=True)
class OpenMetric:
    """A metric ready to score, or the reason why it can't."""

    card: MetricCard
    scorer: FrameScorer | ClipScorer | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ClipScores:
    """What is known of one method on one clip."""

    scores: tuple[Score, ...]
    truth: tuple[Score, ...]
    """Metrics that need no truth, of the truth itself."""
    luminance_error: float | None
    """Largest of the frames looked at; see scoring/luminance.py."""
    frame_offset: int = 0
    """At which the frames of a method with a luminance of its own fit the clip best, where they don't fit it; see best_offset."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """Satisfies colorbench.metric.FramePair."""

    index: int
    truth: RgbFrame
    prediction: RgbFrame
    statistics: PairStatistics
    memo: TruthMemo

    def of_truth(self, key: str, compute: Callable[[RgbFrame], Any]) -> Any:
        return self.memo.of(self.index, key, self.truth, compute)


@dataclass(frozen=True, slots=True)
class _Scored:
    """One frame's share of the result."""

    index: int
    statistics: FrameStatistics
    values: Mapping[str, float]
    luminance_error: float | None
    looked_at: tuple[LStar, RgbFrame] | None
    """Of a method with a luminance of its own: L* and pixels of a frame that was looked at."""


def score_clip(
    frames: Iterator[RgbFrame],
    footage: Footage,
    *,
    card: MethodCard,
    metrics: Sequence[OpenMetric],
    memo: TruthMemo,
    executor: ThreadPoolExecutor,
    advance: Callable[[int], None] = lambda _: None,
) -> ClipScores:
    """Checks and scores what a method yields for a clip, in one pass; see :func:`take_frames`."""
    return take_frames(frames, footage, card=card, metrics=metrics, memo=memo, executor=executor, advance=advance)()


def take_frames(
    frames: Iterator[RgbFrame],
    footage: Footage,
    *,
    card: MethodCard,
    metrics: Sequence[OpenMetric],
    memo: TruthMemo,
    executor: ThreadPoolExecutor,
    fused: FusedPass | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Callable[[], ClipScores]:
    """Takes all that a method yields for a clip; metrics are computed in ``executor``'s threads meanwhile.

    Args:
        frames: the method's output, one (H, W, 3) uint8 frame for each of the footage's.
        footage: the truth.
        card: decides whether luminance has to be kept.
        metrics: opened metrics; those with a reason become scores without a value.
        memo: what is already known of this clip's truth; filled for the next method.
        executor: threads of the metrics; ``frames`` must not be produced in them.
        fused: where pixels are gone over; the CPU unless given.
        advance: called with 1 for each frame that arrived.

    Returns:
        Waits for the last frames' metrics and makes the scores; to be called once, in any thread but the executor's.

    Raises:
        MethodError: the output is not what the Method protocol asks for; here or from what is returned.
    """
    scored = set(footage.scored)
    step = 1 if card.luminance == "kept" else math.ceil(len(footage.scored) / _SAMPLES)
    looked_at = set(footage.scored[::step])
    frame_metrics = {m.card.name: cast(FrameScorer, m.scorer) for m in metrics if m.card.per_frame and m.scorer is not None}
    passing = fused or _cpu_pass()
    waiting: deque[Future[list[_Scored]]] = deque()
    results: list[_Scored] = []

    def scored_batch(batch: Sequence[tuple[int, RgbFrame, RgbFrame]]) -> list[_Scored]:
        new = {index: truth for index, truth, _ in batch if index not in memo.statistics}
        memo.statistics.update(zip(new, passing.frames(tuple(new.values())), strict=True))
        found = passing.pairs([(truth, prediction) for _, truth, prediction in batch])
        return [scored_pair(_Pair(*item, statistics, memo)) for item, statistics in zip(batch, found, strict=True)]

    def scored_pair(pair: _Pair) -> _Scored:
        values = {name: scorer.score_frame(pair) for name, scorer in frame_metrics.items()}
        if pair.index not in looked_at:
            return _Scored(pair.index, pair.statistics.prediction, values, None, None)
        gray, colored = _luminances(footage, pair)
        error = luminance_error(gray, colored, pair.prediction)
        if card.luminance == "kept":
            check_kept(error, clip=footage.name, index=pair.index)
        kept = (colored, pair.prediction) if card.luminance == "own" else None
        return _Scored(pair.index, pair.statistics.prediction, values, error, kept)

    def finish() -> ClipScores:
        with _canceled_on_error(waiting):
            results.extend(chain.from_iterable(future.result() for future in waiting))
        error = max((result.luminance_error for result in results if result.luminance_error is not None), default=None)
        frames = {result.index: result.looked_at for result in results if result.looked_at is not None}
        fits = error is None or error <= MISFIT
        return ClipScores(
            scores=tuple(_score(metric, results, footage, memo) for metric in metrics),
            truth=_truth_scores(metrics, footage, memo),
            luminance_error=error,
            frame_offset=0 if fits or not frames else best_offset(frames, footage.luminance, len(footage)),
        )

    with _canceled_on_error(waiting):
        batch: list[tuple[int, RgbFrame, RgbFrame]] = []
        for index, frame in enumerate(checked(frames, footage)):
            if index in scored:
                batch.append((index, footage.rgb(index), frame))
            if len(batch) == _BATCH:
                waiting.append(executor.submit(scored_batch, batch))
                batch = []
                if len(waiting) > _BATCHES_IN_FLIGHT:
                    results.extend(waiting.popleft().result())
            advance(1)
        waiting.append(executor.submit(scored_batch, batch))
    return finish


def _cpu_pass() -> FusedPass:
    from colorbench.scoring.fused import CpuPass

    return CpuPass()


@contextmanager
def _canceled_on_error(waiting: Iterable[Future[list[_Scored]]]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for future in waiting:
            future.cancel()
        raise


def checked(frames: Iterator[RgbFrame], footage: Footage) -> Iterator[RgbFrame]:
    """Passes on what a method yields after checking count, type and size.

    Raises:
        MethodError: naming the clip, the frame, what came and what was wanted.
    """
    wanted = (footage.height, footage.width, 3)
    count = 0
    for frame in frames:
        if count == len(footage):
            raise MethodError(
                f"clip {footage.name!r}: more frames came out than the {len(footage)} that went in",
                wanted="one frame for each input frame",
                remedy="mend the method",
            )
        if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.shape != wanted:
            came = f"{frame.dtype} array of shape {frame.shape}" if isinstance(frame, np.ndarray) else type(frame).__name__
            raise MethodError(
                f"clip {footage.name!r}, frame {count}: {came} came out",
                wanted=f"uint8 array of shape {wanted}, sRGB in [0, 255]",
                remedy="mend the method's last step",
            )
        yield frame
        count += 1
    if count != len(footage):
        raise MethodError(
            f"clip {footage.name!r}: {count} frames came out, {len(footage)} went in",
            wanted="one frame for each input frame",
            remedy="mend the method",
        )


def _luminances(footage: Footage, pair: _Pair) -> tuple[LStar, LStar]:
    """L* of the input and of the colored frame."""
    from colorbench.color import luminance

    gray = pair.of_truth("luminance", lambda truth: luminance_in_strips(truth, footage.luminance_of))
    return gray, luminance_in_strips(pair.prediction, luminance)


def _score(metric: OpenMetric, results: Sequence[_Scored], footage: Footage, memo: TruthMemo) -> Score:
    card = metric.card
    if metric.scorer is None:
        return Score(metric=card.name, value=None, reason=metric.reason)
    if card.needs_truth and not _has_color(footage, memo):
        return Score(metric=card.name, value=None, reason=NO_COLOR)
    if card.per_frame:
        return _mean(card.name, [result.values[card.name] for result in results], footage.scored)
    evidence = ClipEvidence(
        prediction=np.stack([result.statistics.histogram for result in results]),
        truth=np.stack([memo.statistics[index].histogram for index in footage.scored]),
        indices=footage.scored,
    )
    return _clip_score(card.name, cast(ClipScorer, metric.scorer), evidence)


def _truth_scores(metrics: Sequence[OpenMetric], footage: Footage, memo: TruthMemo) -> tuple[Score, ...]:
    """The truth's own values of the metrics that need no truth."""
    if not _has_color(footage, memo):
        return tuple(Score(metric=m.card.name, value=None, reason=NO_COLOR) for m in metrics if not m.card.needs_truth)
    for metric in metrics:
        if metric.scorer is not None and not metric.card.needs_truth and metric.card.name not in memo.scores:
            memo.scores[metric.card.name] = _truth_score(metric, footage, memo)
    return tuple(memo.scores[m.card.name] for m in metrics if m.card.name in memo.scores)


def _truth_score(metric: OpenMetric, footage: Footage, memo: TruthMemo) -> Score:
    if metric.card.per_frame:
        scorer = cast(FrameScorer, metric.scorer)
        values = [scorer.score_frame(_OfTruth(index, footage, memo)) for index in footage.scored]
        return _mean(metric.card.name, values, footage.scored)
    histograms = np.stack([memo.statistics[index].histogram for index in footage.scored])
    evidence = ClipEvidence(prediction=histograms, truth=histograms, indices=footage.scored)
    return _clip_score(metric.card.name, cast(ClipScorer, metric.scorer), evidence)


class _OfTruth:
    """The truth as its own prediction; pixels are decoded only if the metric looks at them."""

    def __init__(self, index: int, footage: Footage, memo: TruthMemo) -> None:
        self.index, self.footage, self.memo = index, footage, memo
        self.statistics = PairStatistics(prediction=memo.statistics[index], squared_error=0, ssim=1.0)

    @property
    def truth(self) -> RgbFrame:
        return self.footage.rgb(self.index)

    @property
    def prediction(self) -> RgbFrame:
        return self.truth

    def of_truth(self, key: str, compute: Callable[[RgbFrame], Any]) -> Any:
        return self.memo.of(self.index, key, self.truth, compute)


def _clip_score(name: str, scorer: ClipScorer, evidence: ClipEvidence) -> Score:
    value = scorer.score_clip(evidence)
    reason = value if isinstance(value, str) else _not_finite(value)
    return Score(metric=name, value=None, reason=reason) if reason else Score(metric=name, value=cast(float, value))


def _mean(name: str, values: Sequence[float], indices: Sequence[int]) -> Score:
    """Mean over frames; an undefined frame makes the clip's value undefined, never the mean of the others."""
    for index, value in zip(indices, values, strict=True):
        if reason := _not_finite(value):
            return Score(metric=name, value=None, reason=f"{reason} for frame {index}")
    return Score(metric=name, value=math.fsum(values) / len(values), frames=tuple(values))


def _not_finite(value: float) -> str:
    """Why a value can't be averaged; empty if it can."""
    return "" if math.isfinite(value) else "undefined" if math.isnan(value) else "infinite"


def _has_color(footage: Footage, memo: TruthMemo) -> bool:
    return any(any(memo.statistics[index].opponent) for index in footage.scored)
