"""A colored film on disk: finished pieces, and the whole with the source's sound and times.

Pieces are H.264 without B-frames, so that their packets, laid end to end, are a film: joining codes nothing again. The sound is
copied packet by packet. docs/design/inference.md says why.
"""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bistnet.timeline import Look, Timeline
from colorbench.atomic import replacing_file
from colorbench.errors import FramesError
from colorbench.types import RgbFrame

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream
    from av.video.reformatter import VideoReformatter
    from av.video.stream import VideoStream

    _Timed = tuple[float, Packet[VideoStream] | Packet[Stream]]

FILM_SUFFIXES = frozenset({".mp4", ".mov", ".mkv"})

_FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
_QUALITY = {"crf": "16", "preset": "medium", "bf": "0"}
_LIMITED, _FULL = 1, 2
_SWSCALE = {1: 1, 5: 5, 6: 5}


def write_piece(path: Path, frames: Iterable[RgbFrame], timeline: Timeline, *, look: Look) -> None:
    """Codes consecutive frames as a file of their own, whole or not at all; one frame in memory at a time.

    4:2:0 where both sides are even, else 4:4:4, which keeps odd sizes. BT.601 or BT.709 as ``look`` says, limited range, tagged.

    Args:
        path: the piece; its suffix is not looked at.
        frames: (H, W, 3) uint8 in [0, 255], all of one size, at least one.
        timeline: of the film, for its frame rate.
        look: what the film says of its pixels.

    Raises:
        FramesError: this build of PyAV can't code H.264.
        StoreError: the disk is full, or the folder can't be written.
    """
    import av
    import av.error
    from av.video.reformatter import VideoReformatter

    reformatter = VideoReformatter()
    with replacing_file(path) as temporary:
        try:
            with av.open(str(temporary), "w", format="mp4") as container:
                stream = None
                for index, rgb in enumerate(frames):
                    if stream is None:
                        stream = container.add_stream("libx264", rate=timeline.fps.limit_denominator(1001), options=_QUALITY)
                        stream.height, stream.width = rgb.shape[:2]
                        stream.pix_fmt = "yuv444p" if stream.height % 2 or stream.width % 2 else "yuv420p"
                        stream.color_range, stream.colorspace = _LIMITED, look.matrix
                        stream.color_primaries, stream.color_trc = look.primaries, look.transfer
                        if look.pixel_aspect:
                            stream.codec_context.sample_aspect_ratio = look.pixel_aspect
                    frame = _to_yuv(rgb, str(stream.pix_fmt), look, reformatter)
                    frame.pts = index
                    container.mux(stream.encode(frame))
                if stream is not None:
                    container.mux(stream.encode())
        except av.error.EncoderNotFoundError as error:
            raise FramesError(
                "this build of PyAV has no libx264", wanted="an encoder of H.264", remedy="write a folder of PNG files instead"
            ) from error
        except av.error.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error


def join_pieces(path: Path, pieces: Sequence[Path], timeline: Timeline, *, sound: Path | None, tags: Mapping[str, str]) -> None:
    """Pieces to one film with the source's times and sound, whole or not at all.

    Args:
        path: ends in one of FILM_SUFFIXES.
        pieces: of :func:`write_piece`, in order; together they have a frame for each time.
        timeline: when each frame is shown.
        sound: the file whose sound tracks are copied; None for none.
        tags: of the file as a whole, such as "comment".

    Raises:
        FramesError: pieces that don't fit together.
        StoreError: the disk is full, or the folder can't be written.
    """
    import av
    import av.error

    with replacing_file(path) as temporary, ExitStack() as stack:
        inputs = [stack.enter_context(av.open(str(pieces[0])))]
        source = stack.enter_context(av.open(str(sound))) if sound is not None else None
        try:
            with av.open(str(temporary), "w", format=_FORMATS[path.suffix.lower()]) as out:
                out.metadata.update(tags)
                video = out.add_stream_from_template(inputs[0].streams.video[0])
                video.time_base = timeline.time_base
                tracks = [_add_sound(out, track) for track in source.streams.audio] if source is not None else []
                packets: list[Iterator[_Timed]] = [_picture_packets(pieces, timeline, video)]
                if source is not None and tracks:
                    packets.append(_sound_packets(source, tracks))
                for _, packet in heapq.merge(*packets, key=lambda timed: timed[0]):
                    out.mux(packet)
        except av.error.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error


def check_sound(path: Path, sound: Path) -> None:
    """Refuses an output that can't hold the source's sound, before any work is done.

    Raises:
        FramesError: naming the codec and a kind of file that can.
    """
    import av
    import av.error

    with av.open(str(sound)) as source:
        tracks = source.streams.audio
        try:
            with av.open(io.BytesIO(), "w", format=_FORMATS[path.suffix.lower()]) as out:
                for track in tracks:
                    out.add_stream_from_template(track)
                if tracks:
                    out.start_encoding()
        except (ValueError, av.error.FFmpegError) as error:
            raise FramesError(
                f"{path.name} can't hold the source's sound ({', '.join(track.codec_context.name for track in tracks)})",
                wanted="a kind of file that holds it as it is",
                remedy="give the output the suffix .mkv, or convert the source's sound first",
            ) from error


def _to_yuv(rgb: RgbFrame, pix_fmt: str, look: Look, reformatter: VideoReformatter) -> VideoFrame:
    import av
    from av.video.reformatter import Interpolation

    return reformatter.reformat(
        av.VideoFrame.from_ndarray(rgb, format="rgb24"),
        format=pix_fmt,
        src_color_range=_FULL,
        dst_colorspace=_SWSCALE[look.matrix],
        dst_color_range=_LIMITED,
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP | Interpolation.BITEXACT,
    )


def _add_sound(out: OutputContainer, track: AudioStream) -> AudioStream:
    added = out.add_stream_from_template(track)
    added.metadata.update(track.metadata)
    return added


def _picture_packets(
    pieces: Sequence[Path], timeline: Timeline, stream: VideoStream
) -> Iterator[tuple[float, Packet[VideoStream]]]:
    """The packets of all pieces, timed by their number in the film."""
    import av

    number, extradata = 0, None
    for path in pieces:
        with av.open(str(path)) as container:
            track = container.streams.video[0]
            extradata = extradata or track.codec_context.extradata
            if track.codec_context.extradata != extradata:
                raise FramesError(
                    f"piece {path.name} was coded by another encoder than the first",
                    wanted="pieces of one encoder",
                    remedy="start anew with --overwrite",
                )
            for packet in container.demux(track):
                if packet.size:
                    if number == len(timeline.times):
                        break
                    yield _timed(packet, number, timeline, stream)
                    number += 1
    if number != len(timeline.times):
        raise FramesError(
            f"the pieces have {number} frames, the film {len(timeline.times)}",
            wanted="one for each",
            remedy="start anew with --overwrite",
        )


def _timed(
    packet: Packet[VideoStream], number: int, timeline: Timeline, stream: VideoStream
) -> tuple[float, Packet[VideoStream]]:
    times = timeline.times
    packet.time_base = timeline.time_base
    packet.pts = packet.dts = times[number]
    packet.duration = times[number + 1] - times[number] if number + 1 < len(times) else timeline.last
    packet.stream = stream
    return float(times[number] * timeline.time_base), packet


def _sound_packets(source: InputContainer, tracks: Sequence[AudioStream]) -> Iterator[tuple[float, Packet[Stream]]]:
    by_index = {track.index: added for track, added in zip(source.streams.audio, tracks, strict=True)}
    latest = 0.0
    for packet in source.demux(*source.streams.audio):
        if not packet.size:
            continue
        if packet.dts is None:
            packet.dts = packet.pts
        packet.stream = by_index[packet.stream_index]
        latest = float(packet.dts * packet.time_base) if packet.dts is not None and packet.time_base else latest
        yield latest, packet
