"""Where each method is at its worst: one frame a method and clip, the worst first."""

from __future__ import annotations

from dataclasses import dataclass

from colorbench.results.reading import Results
from colorbench.types import MetricCard, Score


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstFrame:
    """The scored frame of a clip on which a method is farthest from what the metric wants."""

    label: str
    clip: str
    frame: int
    value: float


def leading_metric(results: Results) -> MetricCard | None:
    """The first metric of the run that has an order and a value a frame, by which frames are called good or bad; None without."""
    present = {score.metric for record in results.records for score in record.scores if score.frames}
    return next((card for card in results.metrics if card.direction != "none" and card.name in present), None)


def worst_frames(results: Results) -> tuple[WorstFrame, ...]:
    """By the leading metric, worst first; of equal values the earliest frame, and clips and methods in the run's order."""
    card = leading_metric(results)
    if card is None:
        return ()
    sign = 1 if card.direction == "higher" else -1
    found = []
    for record in results.records:
        score = record.score(card.name) or Score(metric=card.name, value=None)
        if score.frames:
            value, frame = min(zip(score.frames, record.scored, strict=False), key=lambda pair: (sign * pair[0], pair[1]))
            found.append(WorstFrame(label=record.label, clip=record.clip, frame=frame, value=value))
    return tuple(sorted(found, key=lambda worst: sign * worst.value))
