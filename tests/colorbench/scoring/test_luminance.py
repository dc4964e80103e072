"""What counts as kept luminance: all that the merge yields, and nothing that a method changed by itself."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colorbench.color import Rounding, luminance, merge_luminance
from colorbench.errors import MethodError
from colorbench.scoring.gamut import unexplained_differences
from colorbench.scoring.luminance import LUMINANCE_TOLERANCE, check_kept, luminance_error
from colorbench.types import LStar, RgbFrame

ROUNDINGS = get_args(Rounding)


def error_of(gray: LStar, rgb: RgbFrame) -> float:
    return luminance_error(gray, luminance(rgb), rgb)


def merged(level: float, ab: tuple[float, float], rounding: Rounding = "nearest") -> tuple[LStar, RgbFrame]:
    """A flat frame of one L*, merged with one color."""
    gray = np.full((12, 16), level, np.float32)
    return gray, merge_luminance(gray, np.broadcast_to(np.array(ab, np.float32), (12, 16, 2)).copy(), rounding=rounding)


@settings(max_examples=400, deadline=None)
@given(st.floats(0, 100), st.tuples(st.floats(-128, 128), st.floats(-128, 128)), st.sampled_from(ROUNDINGS))
def test_what_the_merge_yields_is_kept_whatever_the_color(level: float, ab: tuple[float, float], rounding: Rounding) -> None:
    assert error_of(*merged(level, ab, rounding)) < LUMINANCE_TOLERANCE


@pytest.mark.parametrize(
    ("level", "ab"), [(100.0, (2.0, 12.0)), (0.0, (40.0, 30.0)), (97.0, (40.0, -40.0)), (3.0, (50.0, -60.0))]
)
def test_white_and_black_frames_are_moved_by_the_gamut_alone(level: float, ab: tuple[float, float]) -> None:
    gray, rgb = merged(level, ab)
    assert np.median(np.abs(luminance(rgb) - gray)) > LUMINANCE_TOLERANCE
    assert error_of(gray, rgb) < 0.6


@pytest.mark.parametrize(
    ("level", "rgb", "error"),
    [
        (100.0, (0, 0, 0), 100.0),
        (0.0, (255, 255, 255), 100.0),
        (50.0, (0, 0, 0), 50.0),
        (50.0, (255, 255, 255), 50.0),
        (60.0, (200, 30, 0), None),
        (20.0, (255, 120, 40), None),
    ],
)
def test_what_the_gamut_cannot_have_done_is_an_error(level: float, rgb: tuple[int, int, int], error: float | None) -> None:
    """Cut off at 0 a pixel can't be too dark, cut off at 255 it can't be too light."""
    frame = np.broadcast_to(np.array(rgb, np.uint8), (4, 5, 3)).copy()
    wanted = abs(float(luminance(frame)[0, 0]) - level) if error is None else error
    assert error_of(np.full((4, 5), level, np.float32), frame) == pytest.approx(wanted, abs=1e-3)
    assert wanted > 10


def test_a_frame_of_another_time_is_found_out_though_half_of_it_is_black_and_white() -> None:
    """A title in white on black: each pixel that moved is cut off on the wrong side."""
    title = np.zeros((40, 40, 3), np.uint8)
    title[:, 4:24] = 255
    gray = luminance(np.roll(title, 19, axis=1))
    assert error_of(gray, title) == pytest.approx(100.0, abs=1e-3)


def test_what_nothing_can_be_said_of_has_no_error() -> None:
    """Red at full: it was cut off on both sides, so any luminance may have been meant."""
    red = np.broadcast_to(np.array((255, 0, 0), np.uint8), (4, 5, 3)).copy()
    assert error_of(np.full((4, 5), 20.0, np.float32), red) == 0.0


def test_differences_come_in_the_order_of_pixels() -> None:
    rgb = np.array([[[0, 0, 0], [10, 10, 10], [0, 60, 90], [255, 255, 255]]], np.uint8)
    colored = luminance(rgb)
    gray = np.array([[0.0, 50.0, 1.0, 90.0]], np.float32)
    assert unexplained_differences(gray, colored, rgb).tolist() == [
        0.0,
        abs(float(colored[0, 1]) - 50.0),
        float(colored[0, 3]) - 90.0,
    ]


def test_the_refusal_names_clip_frame_and_error() -> None:
    check_kept(LUMINANCE_TOLERANCE, clip="a", index=1)
    with pytest.raises(MethodError, match=r"clip 'a', frame 7: luminance was changed, .* 2.50"):
        check_kept(2.5, clip="a", index=7)
