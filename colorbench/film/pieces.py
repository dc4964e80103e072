"""A colored film on disk: finished pieces, and the whole with the source's sound and times.

Pieces are coded without B-frames, so that their packets, laid end to end, are a film: joining codes nothing again. The sound is
copied packet by packet. docs/design/inference.md says why.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

from colorbench.errors import FramesError
from colorbench.files.atomic import replacing_file
from colorbench.film.encoding import Encoding
from colorbench.film.matroska import write_pixel_aspect
from colorbench.film.properties import FORMATS, kept_tracks, moved_chapters
from colorbench.film.timeline import Look, Timeline
from colorbench.frames.rescaling import Rescaler, Samples
from colorbench.frames.siting import LEFT
from colorbench.frames.yuv import subsampled

if TYPE_CHECKING:
    import numpy as np
    from av import Packet, VideoFrame
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    _Levels = NDArray[np.uint8] | NDArray[np.uint16]
    _Timed = tuple[float, Packet[VideoStream] | Packet[Stream]]

_LIMITED = 1


def write_piece(
    path: Path, frames: Iterable[_Levels], timeline: Timeline, *, look: Look, encoding: Encoding | None = None
) -> None:
    """Codes consecutive frames as a file of their own, whole or not at all; one frame in memory at a time.

    BT.601 or BT.709 as ``look`` says, limited range, tagged; chroma at the left.

    Args:
        path: the piece; its suffix is not looked at.
        frames: (H, W, 3) uint8 in [0, 255] or uint16 in [0, 65535], all of one size, at least one.
        timeline: of the film, for its frame rate.
        look: what the film says of its pixels.
        encoding: codec, quality and samples; H.264 by default.

    Raises:
        FramesError: this build of PyAV lacks the encoder.
        StoreError: the disk is full, or the folder can't be written.
    """
    import av
    import av.error

    rescaler, encoding = Rescaler(), encoding or Encoding()
    with replacing_file(path) as temporary:
        try:
            with av.open(str(temporary), "w", format=encoding.piece_format) as container:
                stream, rate = None, timeline.fps.limit_denominator(1001)
                for index, rgb in enumerate(frames):
                    if stream is None:
                        stream = cast("VideoStream", container.add_stream(encoding.encoder, rate=rate, options=encoding.options))
                        stream.height, stream.width = rgb.shape[:2]
                        stream.pix_fmt = encoding.samples(stream.height, stream.width)
                        stream.color_range, stream.colorspace = _LIMITED, look.matrix
                        stream.color_primaries, stream.color_trc = look.primaries, look.transfer
                        if look.pixel_aspect:
                            stream.codec_context.sample_aspect_ratio = look.pixel_aspect
                    frame = _to_yuv(rgb, str(stream.pix_fmt), look, rescaler)
                    frame.pts, frame.time_base = index, 1 / rate
                    # ProRes writes what its frames say.
                    frame.color_range, frame.colorspace = _LIMITED, look.matrix
                    frame.color_primaries, frame.color_trc = look.primaries, look.transfer
                    container.mux(stream.encode(frame))
                if stream is not None:
                    container.mux(stream.encode())
        except av.error.EncoderNotFoundError as error:
            raise FramesError(
                f"this build of PyAV has no {encoding.encoder}",
                wanted="its encoder",
                remedy="write a folder of PNG files instead",
            ) from error
        except av.error.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error


def join_pieces(
    path: Path,
    pieces: Sequence[Path],
    timeline: Timeline,
    *,
    sound: Path | None,
    tags: Mapping[str, str],
    timecode: str | None = None,
    aspect: Fraction | None = None,
) -> None:
    """Pieces to one film with the source's times and sound, whole or not at all.

    Args:
        path: ends in one of FILM_SUFFIXES.
        pieces: of :func:`write_piece`, in order; together they have a frame for each time.
        timeline: when each frame is shown.
        sound: the file whose sound, subtitles and chapters are copied; None for none.
        tags: of the file as a whole, such as "comment".
        timecode: of the first frame, "01:00:00:00"; a track of its own in .mp4 and .mov, a tag in .mkv.
        aspect: width of a pixel by its height; None: nothing is said of it.

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
            with av.open(str(temporary), "w", format=FORMATS[path.suffix.lower()]) as out:
                out.metadata.update(tags)
                template = inputs[0].streams.video[0]
                video = out.add_stream_from_template(template)
                video.time_base = timeline.time_base
                if aspect is not None:
                    video.codec_context.sample_aspect_ratio = aspect
                if template.codec_context.name == "hevc" and path.suffix.lower() != ".mkv":
                    # Apple's players show no other.
                    video.codec_context.codec_tag = "hvc1"
                if timecode is not None:
                    # Its track counts frames, so that it needs their rate, which not every codec hands on.
                    video.codec_context.framerate = timeline.fps.limit_denominator(1001)
                    video.metadata["timecode"] = timecode
                packets: list[Iterator[_Timed]] = [_picture_packets(pieces, timeline, video)]
                if source is not None:
                    tracks = {track.index: _add_track(out, track) for track in kept_tracks(source, path)}
                    if tracks:
                        packets.append(_other_packets(source, tracks, timeline.origin))
                    out.set_chapters(moved_chapters(source, timeline.origin))
                for _, packet in heapq.merge(*packets, key=lambda timed: timed[0]):
                    out.mux(packet)
        except av.error.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error
        if aspect is not None and path.suffix.lower() == ".mkv":
            write_pixel_aspect(temporary, aspect)


def _to_yuv(rgb: _Levels, pix_fmt: str, look: Look, rescaler: Rescaler) -> VideoFrame:
    """Chroma lies at the left, which is what H.264, HEVC and all our codecs mean where a stream is silent."""
    import av

    given = "rgb24" if rgb.itemsize == 1 else "rgb48le"
    return rescaler.convert(
        av.VideoFrame.from_ndarray(rgb, format=given),
        Samples(given, full=True),
        Samples(pix_fmt, full=False, matrix=look.matrix, siting=subsampled(LEFT, pix_fmt)),
    )


def _add_track(out: OutputContainer, track: Stream) -> Stream:
    added: Stream = out.add_stream_from_template(track)
    added.metadata.update(track.metadata)
    return added


def _picture_packets(
    pieces: Sequence[Path], timeline: Timeline, stream: VideoStream
) -> Iterator[tuple[float, Packet[VideoStream]]]:
    """The packets of all pieces, timed by their number in the film."""
    import av

    number, extradata = 0, None
    start = round(timeline.origin / timeline.time_base)
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
                    yield _timed(packet, number, timeline, stream, start)
                    number += 1
    if number != len(timeline.times):
        raise FramesError(
            f"the pieces have {number} frames, the film {len(timeline.times)}",
            wanted="one for each",
            remedy="start anew with --overwrite",
        )


def _timed(
    packet: Packet[VideoStream], number: int, timeline: Timeline, stream: VideoStream, start: int
) -> tuple[float, Packet[VideoStream]]:
    times = timeline.times
    packet.time_base = timeline.time_base
    packet.pts = packet.dts = times[number] - start
    packet.duration = times[number + 1] - times[number] if number + 1 < len(times) else timeline.last
    packet.stream = stream
    return float(packet.pts * timeline.time_base), packet


def _other_packets(
    source: InputContainer, tracks: Mapping[int, Stream], origin: Fraction
) -> Iterator[tuple[float, Packet[Stream]]]:
    """The packets of the tracks that are copied, by their index in the source; times counted from the film's origin."""
    latest = 0.0
    for packet in source.demux(*(source.streams[index] for index in tracks)):
        if not packet.size:
            continue
        start = round(origin / packet.time_base) if packet.time_base else 0
        if packet.pts is not None:
            packet.pts -= start
        packet.dts = packet.pts if packet.dts is None else packet.dts - start
        packet.stream = tracks[packet.stream_index]
        latest = float(packet.dts * packet.time_base) if packet.dts is not None and packet.time_base else latest
        yield latest, packet
