from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from colorbench.results.reading import Results, read_results
from colorbench.types import Score
from reports.pictures.worst_frames import leading_metric, worst_frames


@pytest.fixture
def results(store: Path) -> Results:
    return read_results(store)


def with_frames(results: Results, frames: dict[tuple[str, str], tuple[float, ...]], metric: str = "psnr") -> Results:
    """The same with these values of frames; units that are not named have none of that metric."""
    records = []
    for record in results.records:
        own = frames.get((record.label, record.clip), ())
        scores = (Score(metric=metric, value=0.0, frames=own), *(score for score in record.scores if score.metric != metric))
        records.append(replace(record, scores=scores))
    return replace(results, records=tuple(records))


def test_the_worst_come_first(results: Results) -> None:
    found = worst_frames(
        with_frames(
            results,
            {
                ("gray", "bear"): (30.0, 20.0, 25.0, 20.0, 31.0, 32.0),
                ("gray", "dog"): (19.0, 40.0, 40.0, 40.0, 40.0, 40.0),
                ("flow", "bear"): (40.0, 40.0, 40.0, 40.0, 40.0, 39.5),
            },
        )
    )
    assert [(worst.label, worst.clip, worst.frame, worst.value) for worst in found] == [
        ("gray", "dog", 1, 19.0),
        ("gray", "bear", 2, 20.0),
        ("flow", "bear", 6, 39.5),
    ]


def test_where_less_is_better_the_largest_is_worst(results: Results) -> None:
    metrics = tuple(replace(card, direction="lower") for card in results.metrics if card.name == "psnr")
    changed = with_frames(replace(results, metrics=metrics), {("gray", "bear"): (1.0, 5.0, 2.0, 5.0, 0.0, 0.0)})
    assert [(worst.frame, worst.value) for worst in worst_frames(changed)] == [(2, 5.0)]


def test_a_frame_equal_to_the_truth_is_never_worse_than_another(results: Results) -> None:
    found = worst_frames(with_frames(results, {("gray", "bear"): (math.inf, math.inf, 60.0, math.inf, math.inf, math.inf)}))
    assert [(worst.frame, worst.value) for worst in found] == [(3, 60.0)]


def test_the_leading_metric_has_an_order_and_values_of_frames(results: Results) -> None:
    assert getattr(leading_metric(results), "name", None) == "psnr"
    assert getattr(leading_metric(with_frames(results, {})), "name", None) == "ssim"
    unordered = replace(results, metrics=tuple(card for card in results.metrics if card.name in ("cdc", "colorfulness")))
    assert leading_metric(unordered) is None
    assert worst_frames(unordered) == ()
