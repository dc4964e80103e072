"""The counted median beside NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from colorbench.scoring.median import median_absolute_difference

VALUES = st.floats(-100, 100, width=32)


def by_numpy(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float(np.median(np.abs(first - second)))


@settings(max_examples=200, deadline=None)
@given(arrays(np.float32, st.integers(1, 40), elements=VALUES), st.sampled_from([0.0, 0.1, -50.0]))
def test_is_numpys_to_the_bit(first: NDArray[np.float32], shift: float) -> None:
    second = first[::-1].copy() + np.float32(shift)
    assert median_absolute_difference(first, second) == by_numpy(first, second)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (224, 384), (225, 385)])
def test_of_pictures(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(size[0])
    first = rng.uniform(0, 100, size).astype(np.float32)
    second = first + rng.normal(0, 0.3, size).astype(np.float32)
    assert median_absolute_difference(first, second) == by_numpy(first, second)


def test_the_two_middle_values_may_lie_far_apart() -> None:
    first = np.array([0, 0, 100, 100], np.float32)
    assert median_absolute_difference(first, np.zeros(4, np.float32)) == 50.0
    assert median_absolute_difference(first, first) == 0.0
