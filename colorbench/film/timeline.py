"""When each frame of a film is shown and how its pixels are meant, read from the file so that a copy can say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from colorbench.errors import FramesError
from colorbench.frames.orientation import orientation_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_UNSPECIFIED = 2
_BT709, _BT601, _BT470BG, _SRGB_TRANSFER = 1, 6, 5, 13
_HD_LINES = 720
_DEFAULT_FPS, _MOST_FPS = Fraction(25), 1000


@dataclass(frozen=True, slots=True)
class Timeline:
    """Presentation times, in units of ``time_base`` seconds."""

    times: tuple[int, ...]
    """One a frame, ascending; they need not be evenly spaced, nor begin at 0."""
    time_base: Fraction
    last: int
    """How long the last frame is shown."""
    fps: Fraction
    """On average."""
    origin: Fraction = Fraction(0)
    """The moment, in seconds of the source's clock, at which a copy begins: when the first of its pictures and sounds is due."""

    @property
    def seconds(self) -> float:
        return self.at(len(self.times))

    def at(self, number: int) -> float:
        """Seconds from the beginning to frame ``number``; to the end where that is their count."""
        time = self.times[number] if number < len(self.times) else self.times[-1] + self.last
        return float((time - self.times[0]) * self.time_base)

    def excerpt(self, chosen: Sequence[tuple[int, int]]) -> Timeline:
        """Of the frames from ``first`` to ``stop`` - 1 of each pair alone: they follow each other without a gap, from 0 on.

        >>> even_timeline(9, Fraction(25)).excerpt([(2, 4), (7, 9)]).times
        (0, 1, 2, 3)
        """
        ends = (*self.times[1:], self.times[-1] + self.last)
        times, at, last = [], 0, self.last
        for index in (index for first, stop in chosen for index in range(first, stop)):
            times.append(at)
            last = ends[index] - self.times[index]
            at += last
        return replace(self, times=tuple(times), last=last, origin=Fraction(0))


@dataclass(frozen=True, slots=True)
class Look:
    """What a file says beside its pixels: code points of ISO/IEC 23091-2, and the shape of a pixel."""

    matrix: int
    primaries: int
    transfer: int
    pixel_aspect: Fraction | None = None
    """Width by height; None where the file is silent."""


def even_timeline(n_frames: int, fps: Fraction, *, start: Fraction = Fraction(0)) -> Timeline:
    """Frames at a constant rate from ``start`` seconds on.

    >>> even_timeline(3, Fraction(25)).seconds
    0.12
    """
    finer = 100 if start else 1
    step, base = finer * fps.denominator, Fraction(1, finer * fps.numerator)
    first = round(start / base)
    return Timeline(tuple(first + step * n for n in range(n_frames)), base, step, fps)


def read_timeline(path: Path, n_frames: int) -> Timeline:
    """The times of a video's frames, whatever its frame rate does.

    Frames that the reader leaves out because they do not decode are the first of the file, so the last ``n_frames`` times are
    taken. A file without a time for each frame gets its nominal rate, or 25 frames a second where that is none,
    from its first known time on, so that the sound stays in step.

    Raises:
        FramesError: it can't be read.
    """
    container, stream = _open(path)
    with container:
        fps = stream.average_rate or stream.guessed_rate or _DEFAULT_FPS
        nominal = fps if fps <= _MOST_FPS else _DEFAULT_FPS
        base = stream.time_base
        origin = _origin(container)
        shown = [
            (packet.pts, packet.duration or 0)
            for packet in container.demux(stream)
            if packet.size and not packet.is_discard and packet.pts is not None
        ]
    shown = sorted(shown)[-n_frames:]
    times = [time for time, _ in shown]
    if base is None or len(times) != n_frames or any(a >= b for a, b in pairwise(times)):
        start = times[0] * base if times and base else Fraction(0)
        return replace(even_timeline(n_frames, nominal, start=start), origin=min(origin, start))
    last = shown[-1][1] or (times[-1] - times[-2] if n_frames > 1 else round(1 / (fps * base)))
    return Timeline(tuple(times), base, max(1, last), fps, min(origin, times[0] * base))


def read_look(path: Path) -> Look:
    """The color tags of a video; where it is silent, those that the reader assumes: BT.601 below 720 lines, BT.709 from there on.

    Raises:
        FramesError: it can't be read.
    """
    container, stream = _open(path)
    with container:
        frame = next(container.decode(stream))
        assumed = _BT709 if frame.height >= _HD_LINES else _BT601
        matrix = frame.colorspace if frame.colorspace in (_BT709, _BT470BG, _BT601) else assumed
        primaries = frame.color_primaries if _is_given(frame.color_primaries) else matrix
        transfer = frame.color_trc if _is_given(frame.color_trc) else min(matrix, _BT601)
        aspect = stream.sample_aspect_ratio
        if aspect and orientation_of(frame, name=str(path)).transposed:
            aspect = 1 / aspect
    return Look(matrix, primaries, transfer, aspect or None)


def read_timecode(path: Path) -> str | None:
    """The timecode of a video's first frame, as "01:00:00:00", where the file has a track or a tag for it.

    Raises:
        FramesError: it can't be read.
    """
    container, stream = _open(path)
    with container:
        tags = (stream.metadata, container.metadata, *(other.metadata for other in container.streams))
        # Matroska's names are in capitals.
        return next((value for tag in tags for name, value in tag.items() if name.lower() == "timecode"), None)


def look_of_pictures(height: int) -> Look:
    """Pictures are sRGB."""
    return Look(_BT709 if height >= _HD_LINES else _BT601, _BT709, _SRGB_TRANSFER)


def _origin(container: InputContainer) -> Fraction:
    """When the first picture or sound is due, in seconds. What comes before it, a codec needs to begin and nobody hears."""
    streams = (*container.streams.video, *container.streams.audio)
    known = [stream.start_time * stream.time_base for stream in streams if stream.start_time is not None and stream.time_base]
    return min(known, default=Fraction(0))


def _is_given(code: int) -> bool:
    return code not in (0, _UNSPECIFIED) and code < 23


def _open(path: Path) -> tuple[InputContainer, VideoStream]:
    import av
    from av.error import FFmpegError
    from av.stream import Disposition

    try:
        container = av.open(str(path))
    except (FFmpegError, OSError) as error:
        raise FramesError(
            f"{path} can't be opened as a video: {error.strerror or error}", wanted="a video file", remedy="check the file"
        ) from error
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    return container, streams[0]
