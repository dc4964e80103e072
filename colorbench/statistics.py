"""From frames to clips to one number: pooling, as data frames. Sums are exact (math.fsum), so that the order never matters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from colorbench.protocol import metric_fields, signature
from colorbench.runner import Outcome
from colorbench.store import UnitRecord
from colorbench.types import MetricCard, Score

TRUTH = "truth"
"""The label of the ground truth's own row."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """One metric of one row over all clips. A missing value always has a reason."""

    value: float | None
    """By the protocol's pooling."""
    reason: str
    other: float | None
    """By the other pooling, for the record; None for metrics that have one value a clip."""
    clips: int


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


def summarize(outcome: Outcome) -> Summary:
    """Pools a finished run."""
    plan = outcome.plan
    cards = tuple(metric.metric.card for metric in plan.metrics)
    rows = []
    for method in plan.methods:
        records = [record for record in outcome.records if record.label == method.label]
        rows.append(_method_row(records, cards, plan.protocol.pooling, kind=method.method.card.kind))
    if truth := _truth_row(outcome, cards):
        rows.insert(0, truth)
    shared = plan.signature_fields()
    return Summary(
        metrics=cards,
        rows=tuple(rows),
        signature=signature(*shared),
        short_signature=signature(*shared, short=True),
        signatures={card.name: signature(*metric_fields(card), *shared) for card in cards},
    )


def pool(scores: Sequence[tuple[str, Score | None]], card: MetricCard, *, pooling: str) -> Pooled:
    """One metric over clips.

    A clip without a value leaves the pooled value undefined, with its name in the reason: a mean over fewer clips is another
    number.

    Args:
        scores: (clip name, its score or None where the unit failed).
        card: the metric.
        pooling: "clip" or "frame".
    """
    for clip, score in scores:
        if score is None:
            return Pooled(None, f"{clip}: failed", None, len(scores))
        if score.value is None:
            same = all(other is not None and other.reason == score.reason for _, other in scores)
            return Pooled(None, score.reason if same else f"{clip}: {score.reason}", None, len(scores))
    present = [score for _, score in scores if score is not None]
    by_clip = _mean([score.value for score in present if score.value is not None])
    by_frame = _mean([value for score in present for value in score.frames]) if card.per_frame else None
    if pooling == "frame" and by_frame is not None:
        return Pooled(by_frame, "", by_clip, len(present))
    return Pooled(by_clip, "", by_frame, len(present))


def frame_scores(outcome: Outcome) -> pd.DataFrame:
    """One row a method, clip, metric and scored frame, with the distance to the nearest exemplar that the method was given.

    Columns: label, method, variant, clip, metric, frame, exemplar_distance (missing where no exemplar has a place), value.
    """
    rows = [
        (record.label, record.method, record.variant, record.clip, score.metric, frame, _distance(frame, record.exemplars), value)
        for record in outcome.records
        for score in record.scores
        for frame, value in zip(record.scored, score.frames, strict=False)
    ]
    columns = ["label", "method", "variant", "clip", "metric", "frame", "exemplar_distance", "value"]
    return pd.DataFrame(rows, columns=columns).astype({"exemplar_distance": "Int64", "frame": "int64", "value": "float64"})


def clip_scores(outcome: Outcome) -> pd.DataFrame:
    """One row a method, clip and metric, with the reason of a missing value (of a failed unit, its error) and the unit's cost."""
    rows: list[tuple[object, ...]] = []
    for record in outcome.records:
        cost = (record.seconds, record.peak_memory_mib)
        head = (record.label, record.method, record.variant, record.clip)
        if record.status != "done":
            rows += [(*head, metric.metric.card.name, None, record.error, *cost) for metric in outcome.plan.metrics]
        rows += [(*head, score.metric, score.value, score.reason, *cost) for score in record.scores]
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


def _method_row(records: Sequence[UnitRecord], cards: Sequence[MetricCard], pooling: str, *, kind: str) -> Row:
    done = [record for record in records if record.status == "done"]
    seconds = math.fsum(record.seconds for record in done)
    memory = [record.peak_memory_mib for record in done if record.peak_memory_mib is not None]
    counts = {len(record.exemplars) for record in done}
    return Row(
        label=records[0].label,
        method=records[0].method,
        variant=records[0].variant,
        kind=kind,
        exemplars=(min(counts), max(counts)) if counts else None,
        scores={card.name: pool([(r.clip, r.score(card.name)) for r in records], card, pooling=pooling) for card in cards},
        frames_per_second=sum(record.frame_count for record in done) / seconds if seconds else None,
        seconds=seconds,
        peak_memory_mib=max(memory) if memory else None,
        failed=len(records) - len(done),
    )


def _truth_row(outcome: Outcome, cards: Sequence[MetricCard]) -> Row | None:
    """The truth's own values, from whichever method's record of each clip has them."""
    by_clip: dict[str, dict[str, Score]] = {}
    for record in outcome.records:
        for score in record.truth:
            by_clip.setdefault(record.clip, {})[score.metric] = score
    if not by_clip:
        return None
    clips = [clip.name for clip in outcome.plan.clips]
    scores = {}
    for card in cards:
        if card.needs_truth:
            scores[card.name] = Pooled(None, "the truth itself", None, len(clips))
        else:
            known = [(clip, by_clip.get(clip, {}).get(card.name)) for clip in clips]
            scores[card.name] = pool(known, card, pooling=outcome.plan.protocol.pooling)
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


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _distance(frame: int, exemplars: Sequence[int | None]) -> int | None:
    return min((abs(frame - index) for index in exemplars if index is not None), default=None)
