from __future__ import annotations

import math

import pytest

from colorbench.statistics import pool
from colorbench.types import MetricCard, Score

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


def test_an_infinite_frame_makes_the_mean_infinite() -> None:
    assert pool([("a", score(30.0, math.inf)), ("b", score(30.0))], PSNR, pooling="clip").value == math.inf


def test_a_missing_clip_leaves_no_value() -> None:
    pooled = pool([("a", score(30.0)), ("b", None)], PSNR, pooling="clip")
    assert pooled.value is None
    assert pooled.reason == "b: failed"


def test_a_reason_common_to_all_clips_is_said_once() -> None:
    missing = Score(metric="psnr", value=None, reason="no weights")
    assert pool([("a", missing), ("b", missing)], PSNR, pooling="clip").reason == "no weights"
    assert pool([("a", score(1.0)), ("b", missing)], PSNR, pooling="clip").reason == "b: no weights"


@pytest.mark.parametrize("pooling", ["clip", "frame"])
def test_a_metric_of_clips_has_one_pooling(pooling: str) -> None:
    from dataclasses import replace

    card = replace(PSNR, per_frame=False)
    scores = [("a", Score(metric="psnr", value=1.0)), ("b", Score(metric="psnr", value=2.0))]
    pooled = pool(scores, card, pooling=pooling)
    assert (pooled.value, pooled.other) == (1.5, None)
