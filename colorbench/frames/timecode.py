"""SMPTE timecodes, non-drop: how editors name frames."""

from __future__ import annotations

from fractions import Fraction


def smpte(frame: int, fps: Fraction) -> str:
    """HH:MM:SS:FF of a frame, counted from 00:00:00:00.

    Non-drop as SMPTE ST 12-1 has it: a second of timecode holds as many frames as the rate rounded to a whole number, so that at
    30000/1001 frames a second a timecode lags behind the clock by 3.6 s an hour, and no number is left out. After 99 hours the
    hours have three digits.

    Args:
        frame: from 0 on.
        fps: frames a second; under 1 counts as 1.

    >>> smpte(1799, Fraction(30000, 1001)), smpte(100, Fraction(25))
    ('00:00:59:29', '00:00:04:00')
    """
    seconds, rest = divmod(frame, max(round(fps), 1))
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{rest:02}"
