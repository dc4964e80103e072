"""Parameter sets as encoders write them, and what is no parameter set."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from colorbench.frames.parameter_sets import chroma_location

PIXELS = np.zeros((64, 96, 3), np.uint8)


def extradata(encoder: str, options: dict[str, str], *, container: str, pix_fmt: str = "yuv420p") -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = cast(VideoStream, output.add_stream(encoder, rate=25, options=options))
        stream.width, stream.height, stream.pix_fmt = 96, 64, pix_fmt
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(np.roll(PIXELS + index * 40, index, 1), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer) as source:
        return bytes(source.streams.video[0].codec_context.extradata or b"")


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize(("codec", "encoder", "key"), [("h264", "libx264", "x264-params"), ("hevc", "libx265", "x265-params")])
def test_the_place_that_an_encoder_wrote_is_read(codec: str, encoder: str, key: str, place: int, container: str) -> None:
    quiet = "log-level=none:bframes=0:" if codec == "hevc" else ""
    found = chroma_location(codec, extradata(encoder, {key: f"{quiet}chromaloc={place}"}, container=container))
    # Of 0, which is what is meant where nothing is said, encoders say nothing.
    assert found == place or (place == 0 and found is None)


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p", "yuv444p"])
@pytest.mark.parametrize("extra", ["", ":cqm=jvt", ":interlaced=1", ":bframes=3:ref=5", ":sar=64/45"])
def test_other_settings_of_h264_are_skipped_right(pix_fmt: str, extra: str) -> None:
    data = extradata("libx264", {"x264-params": f"chromaloc=3{extra}"}, container="mp4", pix_fmt=pix_fmt)
    # Where chroma is not halved both ways, encoders may leave the place out.
    assert chroma_location("h264", data) in ((3,) if "420" in pix_fmt else (3, None))


@pytest.mark.parametrize("extra", [":scaling-list=default", ":temporal-layers=3", ":interlace=tff", ":bframes=4:ref=5"])
def test_other_settings_of_hevc_are_skipped_right(extra: str) -> None:
    options = {"x265-params": f"log-level=none:chromaloc=2{extra}"}
    assert chroma_location("hevc", extradata("libx265", options, container="mp4")) == 2


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_what_is_no_parameter_set_tells_nothing(codec: str) -> None:
    whole = extradata({"h264": "libx264", "hevc": "libx265"}[codec], {"x265-params": "log-level=none"}, container="mp4")
    rng = np.random.default_rng(0)
    assert chroma_location(codec, None) is None
    assert chroma_location(codec, b"") is None
    for length in range(0, len(whole), 7):
        assert chroma_location(codec, whole[:length]) in (None, 0)
    for _ in range(200):
        changed = bytearray(whole)
        changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
        assert isinstance(chroma_location(codec, bytes(changed)), int | None)
