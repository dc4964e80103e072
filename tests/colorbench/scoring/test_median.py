"""The counted median beside NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from colorbench.scoring.median import median

VALUES = st.floats(0, 100, width=32)


@settings(max_examples=200, deadline=None)
@given(arrays(np.float32, st.integers(1, 40), elements=VALUES))
def test_is_numpys_to_the_bit(values: NDArray[np.float32]) -> None:
    assert median(values) == float(np.median(values))


@pytest.mark.parametrize("count", [1, 6, 224 * 384, 225 * 385])
def test_of_as_many_values_as_pictures_have(count: int) -> None:
    values = np.abs(np.random.default_rng(count).normal(0, 0.3, count)).astype(np.float32)
    assert median(values) == float(np.median(values))


def test_the_two_middle_values_may_lie_far_apart() -> None:
    assert median(np.array([0, 0, 100, 100], np.float32)) == 50.0
    assert median(np.zeros(4, np.float32)) == 0.0
