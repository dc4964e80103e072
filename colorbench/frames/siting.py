"""Where the samples of subsampled chroma lie between those of luma, as a stream says, or as its codec has it.

A converter that takes samples of the left column for samples of the middle moves all colors by half a pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from colorbench.frames.parameter_sets import chroma_location

if TYPE_CHECKING:
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


def stream_siting(stream: VideoStream) -> Siting:
    """What a video says of its chroma.

    H.264 and HEVC say it in their headers, or mean "left" (Rec. ITU-T H.264, E.2.1). MPEG-1 and JPEG have their samples in the
    middle of four, DV on the luma samples, all else at the left.
    """
    codec = stream.codec_context.name
    if codec in _CENTERED:
        return CENTER
    if codec in _TOP_LEFT:
        return _LOCATIONS[2]
    place = chroma_location(codec, stream.codec_context.extradata) if codec in _TELLING else None
    return _LOCATIONS[place] if place is not None and place < len(_LOCATIONS) else LEFT
