from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from colorbench.clips.protocol import PRESETS
from colorbench.results.reading import ClipFacts, MethodFacts, Results
from colorbench.results.statistics import holm, mean_interval, permutation_p
from colorbench.results.summary import pool, summarize, unit_score
from colorbench.runs.store import UnitRecord
from colorbench.types import Kind, MetricCard, Score

PSNR = MetricCard(
    name="psnr",
    summary="",
    unit="dB",
    direction="higher",
    needs_truth=True,
    per_frame=True,
    signature=(),
    version=1,
    reference="",
    decimals=2,
)


def score(*frames: float) -> Score:
    return Score(metric="psnr", value=math.fsum(frames) / len(frames), frames=frames)


def test_pooling_by_clip_weighs_clips_alike() -> None:
    pooled = pool([("a", score(10.0)), ("b", score(20.0, 20.0, 20.0))], PSNR, pooling="clip")
    assert (pooled.value, pooled.other) == (15.0, 17.5)


def test_pooling_by_frame_weighs_frames_alike() -> None:
    pooled = pool([("a", score(10.0)), ("b", score(20.0, 20.0, 20.0))], PSNR, pooling="frame")
    assert (pooled.value, pooled.other) == (17.5, 15.0)


def test_the_order_of_clips_changes_no_digit() -> None:
    clips = [(str(index), score(0.1 * index, 1e9 / (index + 1))) for index in range(30)]
    assert pool(clips, PSNR, pooling="frame") == pool(clips[::-1], PSNR, pooling="frame")


@pytest.mark.parametrize(("pooling", "value"), [("clip", 37.5), ("frame", 40.0)])
def test_frames_at_the_ceiling_count_it_and_are_counted(pooling: str, value: float) -> None:
    pooled = pool([("a", score(30.0, 60.0)), ("b", score(30.0))], replace(PSNR, ceiling=60.0), pooling=pooling)
    assert (pooled.value, pooled.at_ceiling, pooled.frames) == (value, 1, 3)
    assert pool([("a", score(30.0, 60.0))], PSNR, pooling=pooling).at_ceiling == 0


def test_an_infinite_frame_of_an_older_run_makes_the_mean_infinite() -> None:
    assert pool([("a", score(30.0, math.inf)), ("b", score(30.0))], PSNR, pooling="clip").value == math.inf


def test_a_missing_clip_leaves_no_value() -> None:
    pooled = pool([("a", score(30.0)), ("b", unit_score(None, "psnr"))], PSNR, pooling="clip")
    assert pooled.value is None
    assert pooled.reason == "b: not run"


def test_a_reason_common_to_all_clips_is_said_once() -> None:
    missing = Score(metric="psnr", value=None, reason="no weights")
    assert pool([("a", missing), ("b", missing)], PSNR, pooling="clip").reason == "no weights"
    assert pool([("a", score(1.0)), ("b", missing)], PSNR, pooling="clip").reason == "b: no weights"


@pytest.mark.parametrize("pooling", ["clip", "frame"])
def test_a_metric_of_clips_has_one_pooling(pooling: str) -> None:
    card = replace(PSNR, per_frame=False)
    scores = [("a", Score(metric="psnr", value=1.0)), ("b", Score(metric="psnr", value=2.0))]
    pooled = pool(scores, card, pooling=pooling)
    assert (pooled.value, pooled.other) == (1.5, None)


def method(label: str, kind: Kind) -> MethodFacts:
    return MethodFacts(
        label=label,
        method=label,
        variant="default",
        kind=kind,
        summary="",
        licence="",
        paper="",
        luminance="kept",
        exemplars=(0, 0),
        trained_on=(),
        weights="",
        device="cpu",
        settings=(),
        identity="",
    )


def results(values: dict[str, list[tuple[float, ...]]], *, pooling: Literal["clip", "frame"] = "clip") -> Results:
    """Label to the frames' scores of each clip; the label "flow" is a control."""
    names = [f"clip{index}" for index in range(len(next(iter(values.values()))))]
    records = [
        UnitRecord(
            key="",
            label=label,
            method=label,
            variant="default",
            clip=clip,
            status="done",
            scored=tuple(range(len(frames))),
            scores=(score(*frames),),
        )
        for label, clips in values.items()
        for clip, frames in zip(names, clips, strict=True)
    ]
    return Results(
        folder=Path(),
        protocol=replace(PRESETS["bistnet"], pooling=pooling),
        dataset="demo",
        seed=0,
        methods=tuple(method(label, "control" if label == "flow" else "exemplar") for label in values),
        metrics=(PSNR,),
        clips=tuple(ClipFacts(name=name, digest=name, source="", references=()) for name in names),
        records=tuple(records),
        missing=(),
        provenance={},
    )


BEST = [(33.0, 34.0), (30.0,), (31.5, 32.0, 33.0), (29.0, 30.0), (35.0,), (30.5, 31.0), (28.0,), (33.3,)]


def lower(by: list[float]) -> list[tuple[float, ...]]:
    return [tuple(value - step for value in frames) for frames, step in zip(BEST, by, strict=True)]


def test_a_pooled_value_has_the_interval_of_its_clips() -> None:
    means = [math.fsum(frames) / len(frames) for frames in BEST]
    (row,) = summarize(results({"a": BEST})).rows
    assert row.scores["psnr"].interval == mean_interval(means)
    (row,) = summarize(results({"a": BEST}, pooling="frame")).rows
    assert row.scores["psnr"].interval == mean_interval(means, [len(frames) for frames in BEST])
    low, high = row.scores["psnr"].interval.low, row.scores["psnr"].interval.high
    assert low is not None
    assert high is not None
    assert low < (row.scores["psnr"].value or 0.0) < high


def test_each_method_is_tested_against_the_best_and_controls_are_not() -> None:
    steps = {"near": [0.2, -0.1, 0.3, -0.2, 0.1, 0.2, -0.1, 0.0], "far": [2.0, 1.5, 2.5, 1.0, 3.0, 2.2, 1.8, 2.1]}
    run = results({"flow": lower([-9.0] * 8), "best": BEST} | {label: lower(by) for label, by in steps.items()})
    summary = summarize(run)
    best = summary.best(PSNR)
    assert best is not None
    assert best.label == "best"
    raw = [permutation_p([-step for step in by]) for by in steps.values()]
    assert summary.p_values["psnr"] == dict(zip(steps, holm(raw), strict=True))
    assert summary.p_values["psnr"]["far"] < 0.05 < summary.p_values["psnr"]["near"]


def test_one_method_has_nothing_to_be_tested_against() -> None:
    assert summarize(results({"flow": lower([0.0] * 8), "a": BEST})).p_values["psnr"] == {}
