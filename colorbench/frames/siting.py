"""Where the samples of subsampled chroma lie between those of luma, as a stream says, or as its codec has it.

A converter that takes samples of the left column for samples of the middle moves all colors by half a pixel.
"""

from __future__ import annotations

import re
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from av.video.stream import VideoStream


class Siting(NamedTuple):
    """Of the first chroma sample, in 1/256 of a luma sample from the first luma sample."""

    across: int
    down: int


LEFT, CENTER = Siting(0, 128), Siting(128, 128)
_LOCATIONS = (LEFT, CENTER, Siting(0, 0), Siting(128, 0), Siting(0, 256), Siting(128, 256))
"""Chroma sample location types 0 to 5 of H.264 and HEVC."""

_CENTERED = frozenset({"mjpeg", "mpeg1video"})
_TELLING = frozenset({"h264", "hevc"})
_TOP_LEFT = frozenset({"dvvideo"})
_TYPE = re.compile(r"chroma_sample_loc_type_top_field\s+\S+ = (\d)")
_PACKETS = 16

_logging = Lock()


def stream_siting(path: Path, stream: VideoStream) -> Siting:
    """What a video says of its chroma.

    H.264 and HEVC say it in their headers, or mean "left" (Rec. ITU-T H.264, E.2.1). MPEG-1 and JPEG have their samples in the
    middle of four, DV on the luma samples, all else at the left.

    Args:
        path: of the video; its first packets are read where the stream's own headers do not tell.
        stream: of it.
    """
    codec = stream.codec_context.name
    if codec in _CENTERED:
        return CENTER
    if codec in _TOP_LEFT:
        return _LOCATIONS[2]
    return _told(path, stream.index) if codec in _TELLING else LEFT


def _told(path: Path, index: int) -> Siting:
    """By FFmpeg's own reading of the headers, which it only logs."""
    import av
    import av.logging
    from av.bitstream import BitStreamFilterContext
    from av.error import FFmpegError

    with _logging, av.open(str(path)) as container:
        stream = container.streams[index]
        before = av.logging.get_level()
        av.logging.set_level(av.logging.TRACE)
        try:
            with av.logging.Capture() as lines:
                traced = BitStreamFilterContext("trace_headers", stream)
                for number, packet in enumerate(container.demux(stream)):
                    traced.filter(packet)
                    if packet.is_keyframe or number == _PACKETS:
                        break
        except FFmpegError:
            lines = []
        finally:
            av.logging.set_level(before)
    told = next((match for _, _, line in lines if (match := _TYPE.search(line))), None)
    place = int(told[1]) if told else 0
    return _LOCATIONS[place] if place < len(_LOCATIONS) else LEFT
