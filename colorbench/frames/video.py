"""Video files, frame by frame through PyAV: every coded frame once, in presentation order, exactly addressed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from colorbench.errors import FramesError
from colorbench.files.regular import open_regular
from colorbench.frames.rescaling import Rescaler
from colorbench.frames.siting import stream_siting
from colorbench.frames.truncation import video_shortfall
from colorbench.frames.yuv import frame_to_rgb
from colorbench.types import RgbFrame

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

VIDEO_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("mp4", "m4v", "mov", "3gp", "3g2", "mkv", "webm", "avi", "mpg", "mpeg", "vob", "ts", "m2ts", "mts"),
        *("wmv", "asf", "flv", "f4v", "mxf", "ogv", "gif"),
    )
)
_TIMELESS = {"avi"}
"""Containers without presentation times: those of frames that are coded out of order are FFmpeg's guesses."""
_CONVERT = "convert it to lossless frames that can be addressed: ffmpeg -i IN -vsync passthrough -c:v ffv1 OUT.mkv"


class _Index(NamedTuple):
    """When each frame is shown, in the stream's time base, and the times from which decoding can start."""

    times: tuple[int, ...]
    """Presentation times in ascending order; empty where the file does not give each frame its own."""
    keys: tuple[tuple[int, int], ...]
    """(presentation time, time to seek to) of the key frames, in ascending order."""
    n_frames: int

    def number(self, time: int | None) -> int | None:
        """The number of the frame shown at ``time``; None for one that the index does not have."""
        at = bisect_left(self.times, time) if time is not None else len(self.times)
        return at if at < len(self.times) and self.times[at] == time else None

    def key_before(self, index: int) -> tuple[int, int | None]:
        """The number of the last key frame at or before ``index``, and the time to seek to; (0, None) where there is none."""
        if not self.times:
            return 0, None
        at = bisect_right(self.keys, self.times[index], key=lambda key: key[0]) - 1
        return (bisect_left(self.times, self.keys[at][0]), self.keys[at][1]) if at >= 0 else (0, None)

    def without_first(self, count: int) -> _Index:
        """The index of what is left when the first ``count`` frames are dropped."""
        return _Index(self.times[count:], self.keys, self.n_frames - count) if count else self


class VideoSource:
    """The frames of a video file. Use it from one thread at a time; sequential reading never seeks.

    The file is read through once when opened, without decoding, for the times of its frames. A file that does not give
    each frame a time of its own is decoded once for their count, and read backwards by decoding from the start.

    Raises:
        FramesError: it is no video, is cut off, or its first frame can't be decoded.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rescaler = Rescaler()
        self._next = 0
        self._index = _read_index(path)
        self._container, self._stream = _open(path)
        self._siting = stream_siting(self._stream)
        self.fps: Fraction | None = self._stream.average_rate or self._stream.guessed_rate
        first = self._start()
        self.height, self.width = self._rgb(0, first).shape[:2]
        self.n_frames = self._index.n_frames
        self.names: Sequence[str] = tuple(f"{index:05d}" for index in range(self.n_frames))

    def read(self, index: int) -> RgbFrame:
        """See FrameSource. A jump seeks to the key frame at or before ``index`` and decodes from there."""
        if not 0 <= index < self.n_frames:
            raise IndexError(f"frame {index} of {self.path}, which has {self.n_frames}")
        if index < self._next or self._index.key_before(index)[0] > self._next:
            self._seek(index)
        for number, frame in self._frames:
            if number > index and self._index.times and self._forget_times():
                return self.read(index)
            self._next = number + 1
            if number < index:
                continue
            if number > index or frame.is_corrupt:
                break
            rgb = self._rgb(index, frame)
            if rgb.shape != (self.height, self.width, 3):
                raise FramesError(
                    f"{self.path}: frame {index} is {rgb.shape[1]}x{rgb.shape[0]}, frame 0 is {self.width}x{self.height}",
                    wanted="frames of one size",
                    remedy=_CONVERT,
                )
            return rgb
        raise _undecodable(self.path, index, self.n_frames)

    def iterate(self, start: int = 0, stop: int | None = None) -> Iterator[RgbFrame]:
        """See FrameSource."""
        return (self.read(index) for index in range(self.n_frames)[start:stop])

    def _rgb(self, index: int, frame: VideoFrame) -> RgbFrame:
        return frame_to_rgb(frame, rescaler=self._rescaler, siting=self._siting, name=f"{self.path}: frame {index}")

    def _start(self) -> VideoFrame:
        """To the first frame that decodes; a recording that was cut from a longer one may begin with frames that can't."""
        self._frames, self._next = self._numbered(), 0
        first = next(self._frames, None)
        if first is None:
            raise _undecodable(self.path, 0, self._index.n_frames)
        number, frame = first
        self._index = self._index.without_first(number)
        self._frames = chain([(0, frame)], self._frames)
        return frame

    def _forget_times(self) -> bool:
        """Goes by order alone, if all frames decode in order and yet not at their times: then it is the times that are wrong."""
        if _count(self.path) != self._index.n_frames:
            return False
        self._index = _Index((), (), self._index.n_frames)
        self._reopen()
        return True

    def _reopen(self) -> None:
        self._container.close()
        self._container, self._stream = _open(self.path)
        self._frames, self._next = self._numbered(), 0

    def _seek(self, index: int) -> None:
        """To a frame at or before ``index``; from the start where the container lands behind it."""
        time = self._index.key_before(index)[1]
        if time is not None:
            self._container.seek(time, stream=self._stream)
            frames = self._numbered()
            first = next(frames, None)
            if first is not None and first[0] <= index:
                self._frames, self._next = chain([first], frames), first[0]
                return
        self._reopen()

    def _numbered(self) -> Iterator[tuple[int, VideoFrame]]:
        """The frames that decode from here on, with their numbers."""
        from av.error import FFmpegError

        try:
            for count, frame in enumerate(self._container.decode(self._stream)):
                number = self._index.number(frame.pts) if self._index.times else count
                if number is not None:
                    yield number, frame
        except FFmpegError as error:
            raise _undecodable(self.path, self._next, self._index.n_frames, error) from error


def _open(path: Path) -> tuple[InputContainer, VideoStream]:
    import av
    from av.error import FFmpegError
    from av.stream import Disposition

    try:
        with open_regular(path):
            container = av.open(str(path))
    except (FFmpegError, OSError) as error:
        raise FramesError(
            f"{path} can't be opened as a video: {error.strerror or error}",
            wanted="a video file that FFmpeg's libraries read",
            remedy="check the file; a picture or a text under this suffix is no video",
        ) from error
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        container.close()
        raise FramesError(
            f"{path} has no video in it", wanted="a file with a video stream", remedy="check the file: it may hold sound only"
        )
    streams[0].thread_type = "AUTO"
    return container, streams[0]


def _read_index(path: Path) -> _Index:
    """Reads every packet's time; decodes for the count alone where the times do not tell the frames apart."""
    from av.error import FFmpegError

    if shortfall := _shortfall(path):
        raise _cut_off(path, shortfall)
    container, stream = _open(path)
    times: list[int | None] = []
    keys: list[tuple[int, int]] = []
    with container:
        try:
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                if packet.is_keyframe and packet.pts is not None:
                    keys.append((packet.pts, packet.pts if packet.dts is None else min(packet.dts, packet.pts)))
                if not packet.is_discard:
                    times.append(packet.pts)
        except FFmpegError as error:
            raise _cut_off(path, str(error.strerror)) from error
        if not times:
            raise FramesError(f"{path} has no frame in it", wanted="at least one frame", remedy="check the file")
        known = sorted(time for time in times if time is not None)
        guessed = stream.codec_context.has_b_frames and not _TIMELESS.isdisjoint(container.format.name.split(","))
        if not guessed and len(known) == len(times) and all(a < b for a, b in pairwise(known)):
            return _Index(tuple(known), tuple(sorted(keys)), len(known))
    return _Index((), (), _count(path))


def _shortfall(path: Path) -> str:
    try:
        return video_shortfall(path)
    except OSError as error:
        raise FramesError(f"can't read {path}: {error.strerror or error}", wanted="a file that can be opened") from error


def _count(path: Path) -> int:
    """How many frames decode before the first that does not."""
    from av.error import FFmpegError

    n_frames = 0
    container, stream = _open(path)
    with container:
        try:
            for frame in container.decode(stream):
                if frame.is_corrupt:
                    break
                n_frames += 1
        except FFmpegError:
            pass
    return n_frames


def _cut_off(path: Path, shortfall: str) -> FramesError:
    try:
        container, stream = _open(path)
        with container:
            announced = stream.frames or "an unknown number of"
        decode = f"{_count(path)} of {announced} frames decode"
    except FramesError:
        decode = "no frame decodes"
    return FramesError(
        f"{path} is cut off: {shortfall}; {decode}",
        wanted="a whole video",
        remedy="copy the file again, or keep what decodes with: ffmpeg -i IN -c:v ffv1 OUT.mkv",
    )


def _undecodable(path: Path, index: int, n_frames: int, error: Exception | None = None) -> FramesError:
    reason = f": {getattr(error, 'strerror', None) or error}" if error else ""
    return FramesError(
        f"{path}: frame {index} can't be decoded{reason}; {_count(path)} of {n_frames} frames decode in order",
        wanted="a video that decodes from end to end",
        remedy=f"copy the file again, or {_CONVERT}",
    )
