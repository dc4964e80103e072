"""From frames to clips to one number with its interval: pooling, as data frames.

Sums are exact (math.fsum), so that the order never matters.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from colorbench.results.reading import MethodFacts, Results
from colorbench.results.statistics import (
    NO_INTERVAL,
    Interval,
    PairedDifference,
    holm,
    mean_interval,
    paired_difference,
    paired_p,
)
from colorbench.runs.store import UnitRecord
from colorbench.types import MetricCard, Score

TRUTH = "truth"
"""The label of the ground truth's own row."""
RIVALS = ("automatic", "exemplar")
"""The kinds of methods that compete; control rows don't."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """One metric of one row over all clips. A missing value always has a reason."""

    value: float | None
    """By the protocol's pooling."""
    reason: str
    other: float | None
    """By the other pooling, for the record; None for metrics that have one value a clip."""
    clips: int
    interval: Interval = NO_INTERVAL
    """Of value, over clips; see statistics.py."""
    at_ceiling: int = 0
    """Frames whose value is the metric's ceiling."""
    frames: int = 0
    """Scored frames of all clips, of metrics that have one value a frame."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a results table."""

    label: str
    method: str
    variant: str
    kind: str
    """"truth" for the ground truth's own row, else the card's kind."""
    exemplars: tuple[int, int] | None
    """Fewest and most exemplars that a clip had; None for the truth and where every unit failed."""
    scores: dict[str, Pooled]
    frames_per_second: float | None
    seconds: float
    peak_memory_mib: float | None
    failed: int
    missing: int = 0
    """Clips on which the method was not run."""
    seen: str = ""
    """The run's dataset, where the method's weights were trained on clips of it."""
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What a reader should know of the scores, to the clips of which it is true."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A run as a table: one row a method, control rows and the truth's own row among them."""

    metrics: tuple[MetricCard, ...]
    rows: tuple[Row, ...]
    signature: str
    """Long, of protocol and data; a metric's own fields come before it."""
    short_signature: str
    signatures: dict[str, str]
    """Metric name to its full signature."""
    p_values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Metric to label to p of the paired permutation test against the best method, Holm-corrected over the metric's methods."""

    def best(self, card: MetricCard) -> Row | None:
        """The method with the best value, control rows left out; None without two to choose from or without an order."""
        rows = [row for row in self.rows if row.kind in RIVALS and row.scores[card.name].value is not None]
        if card.direction == "none" or len(rows) < 2:
            return None
        sign = 1 if card.direction == "higher" else -1
        return max(rows, key=lambda row: sign * (row.scores[card.name].value or 0.0))


def summarize(results: Results) -> Summary:
    """Pools a run, and tests each method against the best one of each metric."""
    rows = [_method_row(method, results) for method in results.methods]
    if truth := _truth_row(results):
        rows.insert(0, truth)
    summary = Summary(
        metrics=results.metrics,
        rows=tuple(rows),
        signature=results.signature(),
        short_signature=results.signature(short=True),
        signatures={card.name: results.signature(card) for card in results.metrics},
    )
    return replace(summary, p_values={card.name: _against_best(summary, results, card) for card in results.metrics})


def pool(scores: Sequence[tuple[str, Score]], card: MetricCard, *, pooling: str) -> Pooled:
    """One metric over clips.

    A clip without a value leaves the pooled value undefined, with its name in the reason: a mean over fewer clips is another
    number.

    Args:
        scores: (clip name, its score).
        card: the metric.
        pooling: "clip" or "frame".
    """
    for clip, score in scores:
        if score.value is None:
            same = all(other.reason == score.reason for _, other in scores)
            return Pooled(None, score.reason if same else f"{clip}: {score.reason}", None, len(scores))
    values = [score.value for _, score in scores if score.value is not None]
    by_clip = _mean(values)
    frames = [value for _, score in scores for value in score.frames] if card.per_frame else []
    by_frame = _mean(frames) if card.per_frame else None
    counts = {"at_ceiling": frames.count(card.ceiling) if card.ceiling is not None else 0, "frames": len(frames)}
    if pooling == "frame" and by_frame is not None:
        interval = mean_interval(values, [len(score.frames) for _, score in scores])
        return Pooled(by_frame, "", by_clip, len(scores), interval, **counts)
    return Pooled(by_clip, "", by_frame, len(scores), mean_interval(values), **counts)


def unit_score(record: UnitRecord | None, metric: str) -> Score:
    """A unit's score; without a value, and with the reason, where the unit failed or was not run."""
    if record is None:
        return Score(metric=metric, value=None, reason="not run")
    return record.score(metric) or Score(metric=metric, value=None, reason="failed")


@dataclass(frozen=True, slots=True)
class ClipValue:
    """A clip's score as statistics take it."""

    value: float
    weight: float
    """Its scored frames where frames are pooled, else 1."""


def clip_values(results: Results, label: str, card: MetricCard) -> dict[str, ClipValue]:
    """One method's scores by clip; clips without a value are left out."""
    values = {}
    for record in results.records:
        score = record.score(card.name) if record.label == label else None
        if score is not None and score.value is not None:
            by_frame = results.protocol.pooling == "frame" and card.per_frame
            values[record.clip] = ClipValue(score.value, len(score.frames) if by_frame else 1)
    return values


def differ(first: Mapping[str, ClipValue], second: Mapping[str, ClipValue]) -> PairedDifference:
    """First minus second over the clips that both have."""
    return paired_difference(*_common(first, second))


def frame_scores(results: Results) -> pd.DataFrame:
    """One row a method, clip, metric and scored frame, with the distance to the nearest exemplar that the method was given.

    Columns: label, method, variant, clip, metric, frame, exemplar_distance (missing where no exemplar has a place), value.
    """
    rows = [
        (record.label, record.method, record.variant, record.clip, score.metric, frame, _distance(frame, exemplars), value)
        for record in results.records
        for exemplars in [sorted(index for index in record.exemplars if index is not None)]
        for score in record.scores
        for frame, value in zip(record.scored, score.frames, strict=False)
    ]
    columns = ["label", "method", "variant", "clip", "metric", "frame", "exemplar_distance", "value"]
    return pd.DataFrame(rows, columns=columns).astype({"exemplar_distance": "Int64", "frame": "int64", "value": "float64"})


def clip_scores(results: Results) -> pd.DataFrame:
    """One row a method, clip and metric, with the unit's cost and the reason of a missing value: of a failed unit, its error."""
    rows: list[tuple[object, ...]] = []
    for clip in results.clip_names:
        for method in results.methods:
            record = results.record(method.label, clip)
            cost = (record.seconds, record.peak_memory_mib) if record else (None, None)
            for card in results.metrics:
                score = unit_score(record, card.name)
                reason = (record and record.error) or score.reason
                rows.append((method.label, method.method, method.variant, clip, card.name, score.value, reason, *cost))
    columns = ["label", "method", "variant", "clip", "metric", "value", "reason", "seconds", "peak_memory_mib"]
    return pd.DataFrame(rows, columns=columns).astype({"value": "float64", "seconds": "float64", "peak_memory_mib": "float64"})


def table(summary: Summary) -> pd.DataFrame:
    """One row a method and the truth, one column a metric; undefined values are missing."""
    rows = [
        {
            "label": row.label,
            "method": row.method,
            "variant": row.variant,
            "kind": row.kind,
            "exemplars": row.exemplars[1] if row.exemplars else None,
            **{card.name: row.scores[card.name].value for card in summary.metrics},
            "frames_per_second": row.frames_per_second,
            "failed": row.failed,
        }
        for row in summary.rows
    ]
    frame = pd.DataFrame(rows).set_index("label")
    return frame.astype({card.name: "float64" for card in summary.metrics})


def _method_row(method: MethodFacts, results: Results) -> Row:
    records = {record.clip: record for record in results.records if record.label == method.label}
    done = [record for record in records.values() if record.status == "done"]
    seconds = math.fsum(record.seconds for record in done)
    memory = [record.peak_memory_mib for record in done if record.peak_memory_mib is not None]
    counts = {len(record.exemplars) for record in done}
    scores = {
        card.name: pool(
            [(clip, unit_score(records.get(clip), card.name)) for clip in results.clip_names],
            card,
            pooling=results.protocol.pooling,
        )
        for card in results.metrics
    }
    return Row(
        label=method.label,
        method=method.method,
        variant=method.variant,
        kind=method.kind,
        exemplars=(min(counts), max(counts)) if counts else None,
        scores=scores,
        frames_per_second=sum(record.frame_count for record in done) / seconds if seconds else None,
        seconds=seconds,
        peak_memory_mib=max(memory) if memory else None,
        failed=len(records) - len(done),
        missing=len(results.clips) - len(records),
        seen=_seen(method.trained_on, results.dataset),
        notes=_notes(done),
    )


def _notes(records: Sequence[UnitRecord]) -> dict[str, tuple[str, ...]]:
    """Each note to the clips that have it."""
    found: dict[str, tuple[str, ...]] = {}
    for record in records:
        for note in record.notes:
            found[note] = (*found.get(note, ()), record.clip)
    return found


def _seen(trained_on: tuple[str, ...], dataset: str) -> str:
    """The dataset's name if weights that were trained on these have seen clips of it.

    >>> _seen(("davis", "bsds500"), "davis:val"), _seen(("davis-train",), "davis:val")
    ('davis', '')
    """
    name, _, split = dataset.partition(":")
    return name if {name, f"{name}-{split}"} & set(trained_on) else ""


def _truth_row(results: Results) -> Row | None:
    """The truth's own values, from whichever method's record of each clip has them."""
    by_clip: dict[str, dict[str, Score]] = {}
    for record in results.records:
        known = by_clip.setdefault(record.clip, {})
        for score in record.truth:
            if known.setdefault(score.metric, score).value is None:
                known[score.metric] = score
    if not any(by_clip.values()):
        return None
    scores = {}
    for card in results.metrics:
        if card.needs_truth:
            scores[card.name] = Pooled(None, "the truth itself", None, len(results.clips))
        else:
            missing = Score(metric=card.name, value=None, reason="no method's unit is done")
            of_clips = [(clip, by_clip.get(clip, {}).get(card.name, missing)) for clip in results.clip_names]
            scores[card.name] = pool(of_clips, card, pooling=results.protocol.pooling)
    return Row(
        label=TRUTH,
        method="",
        variant="",
        kind=TRUTH,
        exemplars=None,
        scores=scores,
        frames_per_second=None,
        seconds=0.0,
        peak_memory_mib=None,
        failed=0,
    )


def _against_best(summary: Summary, results: Results, card: MetricCard) -> dict[str, float]:
    """Methods whose difference from the best one can be tested, with Holm's p."""
    best = summary.best(card)
    if best is None:
        return {}
    of_best = clip_values(results, best.label, card)
    found = {}
    for row in summary.rows:
        if row is not best and row.kind in RIVALS and row.scores[card.name].value is not None:
            found[row.label] = paired_p(*_common(clip_values(results, row.label, card), of_best))
    tested = {label: p for label, p in found.items() if p is not None}
    return dict(zip(tested, holm(list(tested.values())), strict=True))


def _common(first: Mapping[str, ClipValue], second: Mapping[str, ClipValue]) -> tuple[list[float], list[float], list[float]]:
    """Values of both, and weights, on the clips that both have."""
    clips = [clip for clip in first if clip in second]
    return [first[c].value for c in clips], [second[c].value for c in clips], [first[c].weight for c in clips]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _distance(frame: int, exemplars: Sequence[int]) -> int | None:
    """To the nearest of exemplars, which ascend."""
    at = bisect(exemplars, frame)
    return min((abs(frame - index) for index in exemplars[max(at - 1, 0) : at + 1]), default=None)
