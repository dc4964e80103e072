"""SMPTE timecodes: what editors print for known frames."""

from __future__ import annotations

from fractions import Fraction

import pytest

from colorbench.frames.timecode import smpte


@pytest.mark.parametrize(
    ("frame", "fps", "wanted"),
    [
        (0, Fraction(25), "00:00:00:00"),
        (24, Fraction(25), "00:00:00:24"),
        (25, Fraction(25), "00:00:01:00"),
        (3600 * 24 + 60 * 24 + 24 + 7, Fraction(24000, 1001), "01:01:01:07"),
        # Non-drop: frame 1800 is a minute of timecode, 60.06 s of the clock.
        (1800, Fraction(30000, 1001), "00:01:00:00"),
        (100 * 3600 * 25, Fraction(25), "100:00:00:00"),
        (3, Fraction(1, 3), "00:00:03:00"),
    ],
)
def test_frames_have_the_timecodes_that_editors_give_them(frame: int, fps: Fraction, wanted: str) -> None:
    assert smpte(frame, fps) == wanted


def test_no_timecode_is_left_out() -> None:
    seen = [smpte(frame, Fraction(30000, 1001)) for frame in range(4000)]
    assert len(set(seen)) == 4000
    assert seen == sorted(seen)
