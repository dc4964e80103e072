"""Kinds of video files, each with the frames that went in, in their order and at any place."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from colorbench.frames import video
from colorbench.frames.opening import open_frames
from colorbench.types import RgbFrame

COUNT = 24


@pytest.fixture(scope="module")
def frames() -> list[RgbFrame]:
    """A bar that moves, so that each frame is told from the others however it is compressed."""
    found = []
    for index in range(COUNT):
        frame = np.full((64, 128, 3), (60, 90, 120), np.uint8)
        frame[:, 4 * index : 4 * index + 16] = (220, 180, 40)
        found.append(frame)
    return found


def write(
    path: Path, frames: list[RgbFrame], codec: str, *, container: str | None = None, b_frames: int = 0, pixels: str = "yuv420p"
) -> Path:
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 128, 64, pixels, 4_000_000
        stream.codec_context.max_b_frames = b_frames
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=pixels)))
        output.mux(stream.encode())
    return path


def nearest(frame: RgbFrame, frames: list[RgbFrame]) -> int:
    return int(np.argmin([np.abs(frame.astype(int) - other).mean() for other in frames]))


def check(path: Path, frames: list[RgbFrame]) -> None:
    source = open_frames(path)
    assert [nearest(frame, frames) for frame in source.iterate()] == list(range(COUNT))
    assert [nearest(source.read(index), frames) for index in (5, 20, 3, 0, 23)] == [5, 20, 3, 0, 23]


@pytest.mark.parametrize(
    ("suffix", "codec", "container"),
    [
        ("wmv", "wmv2", None),
        ("flv", "flv", None),
        ("mxf", "mpeg2video", None),
        ("m2ts", "libx264", "mpegts"),
        ("3gp", "libx264", None),
        ("ogv", "libvpx", "ogg"),
        ("vob", "mpeg2video", "vob"),
    ],
)
def test_each_kind_of_container_opens(
    tmp_path: Path, frames: list[RgbFrame], suffix: str, codec: str, container: str | None
) -> None:
    check(write(tmp_path / f"film.{suffix}", frames, codec, container=container), frames)


def test_an_animated_gif_is_a_video_with_its_exact_colors(tmp_path: Path, frames: list[RgbFrame]) -> None:
    from PIL import Image

    first, *rest = (Image.fromarray(frame) for frame in frames)
    first.save(tmp_path / "film.gif", save_all=True, append_images=rest, duration=40)
    source = open_frames(tmp_path / "film.gif")
    assert source.n_frames == COUNT
    assert all(np.array_equal(ours, frame) for ours, frame in zip(source.iterate(), frames, strict=True))


@pytest.mark.parametrize(("codec", "b_frames"), [("libx264", 3), ("mpeg4", 2), ("mpeg2video", 2), ("libx264", 0)])
def test_avi_with_reordered_frames_is_read_in_order(tmp_path: Path, frames: list[RgbFrame], codec: str, b_frames: int) -> None:
    """AVI has no presentation times; those that FFmpeg makes up for reordered frames are not the frames' own."""
    check(write(tmp_path / "film.avi", frames, codec, b_frames=b_frames), frames)


def test_times_that_the_decoder_contradicts_are_dropped(
    tmp_path: Path, frames: list[RgbFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "_TIMELESS", frozenset())
    check(write(tmp_path / "film.avi", frames, "libx264", b_frames=3), frames)
