"""What holds for every registered metric, on the day its file is dropped in."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from colorbench.clips.footage import Footage
from colorbench.clips.protocol import load_protocol, metric_fields, signature
from colorbench.method import GrayClip
from colorbench.metric import ClipMetric, FrameMetric
from colorbench.registry import METRICS
from colorbench.scoring.clip_scores import ClipScores, OpenMetric, TruthMemo, score_clip
from colorbench.types import Clip, MethodCard, RgbFrame, Variant

Metric = FrameMetric | ClipMetric
CARD = MethodCard(name="test", kind="control", summary="", variants=(Variant(name="default"),), luminance="own")
HERE = [pytest.param(metric, id=metric.card.name) for metric in METRICS.items() if not metric.unavailable()]


def test_no_file_is_broken() -> None:
    assert {name: entry.error for name, entry in METRICS.entries.items() if entry.error} == {}


@pytest.mark.parametrize("metric", METRICS.items(), ids=lambda metric: metric.card.name)
def test_cards_are_complete_and_signatures_differ(metric: Metric) -> None:
    card = metric.card
    assert card.summary
    assert card.reference
    assert card.version >= 1
    assert card.signature
    assert not any(set(value) & set(" :|") for _, value in card.signature), "signatures are parsed by : and |"
    signatures = [signature(*metric_fields(other.card)) for other in METRICS.items()]
    assert signatures.count(signature(*metric_fields(card))) == 1


def test_lpips_without_its_weights_says_why_and_what_to_do() -> None:
    reason = METRICS.get("lpips").unavailable()
    if not reason:
        pytest.skip("AlexNet's weights are on this machine")
    assert "alexnet" in reason


@pytest.fixture
def score(make_clips: Callable[..., Path], executor: ThreadPoolExecutor) -> Callable[..., ClipScores]:
    root = make_clips(clip=12, height=40, width=56)
    footage = Footage(Clip(name="clip", dataset="test", source=root / "clip"), load_protocol("full"), executor=executor)

    def run(metric: Metric, change: Callable[[RgbFrame], RgbFrame]) -> ClipScores:
        frames = (change(footage.rgb(index)) for index in range(len(footage)))
        metrics = [OpenMetric(metric.card, metric.open(device="cpu"))]
        return score_clip(frames, footage, card=CARD, metrics=metrics, memo=TruthMemo(), executor=executor)

    return run


@pytest.mark.parametrize("metric", HERE)
def test_the_truth_is_never_worse_than_a_changed_copy(metric: Metric, score: Callable[..., ClipScores]) -> None:
    def darker(rgb: RgbFrame) -> RgbFrame:
        return rgb // 2

    same, changed = (score(metric, change).scores[0].value for change in (np.copy, darker))
    assert same is not None
    assert changed is not None
    if metric.card.needs_truth:
        assert same > changed if metric.card.direction == "higher" else same < changed


@pytest.mark.parametrize("metric", HERE)
def test_scores_are_numbers_and_repeat_to_the_last_digit(metric: Metric, score: Callable[..., ClipScores]) -> None:
    def tinted(rgb: RgbFrame) -> RgbFrame:
        return np.asarray(np.minimum(rgb.astype(np.uint16) + np.array([9, 0, 4]), 255), np.uint8)

    first, second = score(metric, tinted), score(metric, tinted)
    assert first == second
    assert first.scores[0].value is not None
    assert not math.isnan(first.scores[0].value)
    assert len(first.scores[0].frames) == (10 if metric.card.per_frame else 0)


@pytest.mark.parametrize(
    "change", [np.copy, np.zeros_like, lambda rgb: np.full_like(rgb, 255), lambda rgb: np.full_like(rgb, 90)]
)
@pytest.mark.parametrize("metric", HERE)
def test_equal_black_white_and_flat_frames_have_finite_scores(
    metric: Metric, change: Callable[[RgbFrame], RgbFrame], score: Callable[..., ClipScores]
) -> None:
    found = score(metric, change).scores[0]
    assert found.value is not None
    assert math.isfinite(found.value)
    assert all(map(math.isfinite, found.frames))


@pytest.mark.parametrize("metric", HERE)
def test_only_metrics_that_need_no_truth_have_a_value_of_the_truth(metric: Metric, score: Callable[..., ClipScores]) -> None:
    truth = score(metric, np.copy).truth
    assert [item.metric for item in truth] == ([] if metric.card.needs_truth else [metric.card.name])


def test_footage_is_what_methods_may_see(make_clips: Callable[..., Path], executor: ThreadPoolExecutor) -> None:
    root = make_clips(clip=3)
    clip: GrayClip = Footage(Clip(name="clip", dataset="test", source=root / "clip"), load_protocol("full"), executor=executor)
    assert clip.luminance(0).shape == (clip.height, clip.width)
