"""Which frames of a film are colored: all of them, some shots, from one timecode to another, the first seconds of each shot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from colorbench.clips.shots import Shot
from colorbench.errors import UsageError
from colorbench.film.timeline import Timeline

PREVIEW_SECONDS = 2.0
"""Of each shot."""

PREVIEW_SCALE = 2
"""Sides are divided by this, which leaves a quarter of the size."""

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """What is asked for; by default everything."""

    shots: tuple[tuple[int, int], ...] = ()
    """First and last numbers, from 1 on; none: all."""
    start: float | None = None
    """Seconds from the film's beginning."""
    stop: float | None = None
    preview: bool = False
    """The first seconds of each shot, at a quarter of the size."""

    @property
    def whole(self) -> bool:
        """All frames at their size."""
        return self == Excerpt()

    def ranges(self, shots: Sequence[Shot], timeline: Timeline) -> tuple[tuple[int, int], ...]:
        """(first frame, one past the last) in order, each within a shot.

        Raises:
            UsageError: there are no such shots, or no frame is left.
        """
        for first, last in self.shots:
            if not 1 <= first <= last <= len(shots):
                raise UsageError(
                    f"--shots {first}-{last} of a film of {len(shots)} shots",
                    wanted=f"numbers from 1 to {len(shots)}, the smaller first",
                    remedy="OUTPUT.shots.json has all shots with their numbers",
                )
        begin = 0 if self.start is None else _frame_at(timeline, self.start)
        end = len(timeline.times) if self.stop is None else _frame_at(timeline, self.stop)
        found = []
        for number, shot in enumerate(shots, 1):
            if self.shots and not any(first <= number <= last for first, last in self.shots):
                continue
            first, stop = max(shot.first, begin), min(shot.last + 1, end)
            if self.preview and first < stop:
                stop = min(stop, max(first + 1, _frame_at(timeline, timeline.at(first) + PREVIEW_SECONDS)))
            if first < stop:
                found.append((first, stop))
        if not found:
            raise UsageError(
                "no frame is left to color",
                wanted=f"times within the film, which ends at {timeline.seconds:.3f} s",
                remedy="change --from, --to or --shots",
            )
        return tuple(found)


def parse_shots(text: str) -> tuple[tuple[int, int], ...]:
    """Numbers and ranges of shots.

    Raises:
        UsageError: something else.

    >>> parse_shots("3,7-9")
    ((3, 3), (7, 9))
    """
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part, re.ASCII)
        if match is None:
            raise UsageError(f"--shots {text!r}", wanted="numbers of shots", remedy="for instance --shots 3,7-9")
        found.append((int(match[1]), int(match[2] or match[1])))
    return tuple(found)


def parse_time(text: str, *, flag: str) -> float:
    """HH:MM:SS.mmm, MM:SS or seconds, to seconds.

    Raises:
        UsageError: something else.

    >>> parse_time("00:01:12.480", flag="--from")
    72.48
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{flag} {text!r}", wanted="a time of the film", remedy=f"for instance {flag} 00:01:12.480")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _frame_at(timeline: Timeline, seconds: float) -> int:
    """The first frame that begins at a time or after it."""
    # Timecodes are rounded to milliseconds.
    return next((n for n in range(len(timeline.times)) if timeline.at(n) >= seconds - 0.0006), len(timeline.times))
