"""Colorfulness against its formula in floating point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from colorbench.metrics.colorfulness import METRICS, colorfulness
from colorbench.types import RgbFrame

Pair = tuple[RgbFrame, RgbFrame]


def by_formula(frame: RgbFrame) -> float:
    r, g, b = np.moveaxis(frame.astype(np.float64), -1, 0)
    rg, yb = r - g, 0.5 * (r + g) - b
    return float(np.sqrt(rg.std() ** 2 + yb.std() ** 2) + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2))


def test_it_is_the_papers_formula_on_photographs(pair: Pair) -> None:
    for frame in pair:
        assert colorfulness(frame) == pytest.approx(by_formula(frame), abs=1e-10)


@pytest.mark.data
def test_it_is_the_papers_formula_on_real_clips(clip_pairs: list[Pair]) -> None:
    for pair in clip_pairs:
        for frame in pair:
            assert colorfulness(frame) == pytest.approx(by_formula(frame), abs=1e-10)


@settings(deadline=None, max_examples=60, derandomize=True, database=None)
@given(st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(lambda side: arrays(np.uint8, (*side, 3))))
def test_it_is_the_papers_formula_on_any_frame(frame: RgbFrame) -> None:
    # In floating point a variance that is zero comes out as large as the rounding of its terms; its root is what differs.
    assert colorfulness(frame) == pytest.approx(by_formula(frame), abs=1e-6)


def test_it_is_exactly_zero_for_gray() -> None:
    gray = np.random.default_rng(0).integers(0, 256, (30, 40, 1), np.uint8).repeat(3, axis=2)
    assert colorfulness(gray) == 0.0


def test_a_constant_color_has_no_spread() -> None:
    assert colorfulness(np.full((50, 70, 3), (90, 30, 200), np.uint8)) == pytest.approx(0.3 * np.hypot(60.0, 140.0), abs=1e-12)


def test_it_falls_with_saturation(pair: Pair) -> None:
    assert colorfulness(pair[1]) < colorfulness(pair[0])


def test_more_is_not_called_better() -> None:
    card = METRICS[0].card
    assert card.direction == "none"
    assert not card.needs_truth
