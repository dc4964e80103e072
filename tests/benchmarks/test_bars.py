"""What a run of benchmarks says of its bars."""

from __future__ import annotations

import pytest

from .conftest import missed_bars


@pytest.mark.parametrize(
    ("info", "lines"),
    [
        ({"ratio": 2.0, "bar": 2.0}, 0),
        ({"ratio": 1.99, "bar": 2.0}, 1),
        ({"ratio": 15.0, "bar": 10.0, "to_decoding": 1.31, "decoding_bar": 1.3}, 1),
        ({"ratio": 9.0, "bar": 10.0, "to_decoding": 1.31, "decoding_bar": 1.3}, 2),
        ({"ratio": 15.0, "bar": 10.0, "to_decoding": 1.3, "decoding_bar": 1.3}, 0),
    ],
)
def test_a_bar_that_is_not_reached_is_named(info: dict[str, float], lines: int) -> None:
    assert [line.startswith("scoring: ") for line in missed_bars("scoring", info)] == [True] * lines
