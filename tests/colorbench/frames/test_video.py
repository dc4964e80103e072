"""Video files: exact frames in presentation order, colors by the file's own matrix and range, refusal of what is not whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from colorbench.errors import FramesError, StoreError
from colorbench.frames.opening import FrameSource, open_frames, write_video
from colorbench.frames.video import VideoSource
from colorbench.types import RgbFrame

KR_KB = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593)}
MATRIX = {"601": 6, "709": 1, "2020": 9, "unspecified": 2}
RANGE = {"limited": 1, "full": 2, "unspecified": 0}
COLORS = list(itertools.product((0, 90, 180, 255), repeat=3))


def gray_steps(n_frames: int, height: int = 48, width: int = 64) -> list[RgbFrame]:
    """Frame i is gray, with i written in binary in eight bars: survives any codec."""
    frames = []
    for i in range(n_frames):
        frame = np.full((height, width, 3), 128, np.uint8)
        for bit in range(8):
            frame[:, bit * 8 : bit * 8 + 8] = 220 if i >> bit & 1 else 30
        frames.append(frame)
    return frames


def number(rgb: RgbFrame) -> int:
    return sum(int(rgb[20, bit * 8 + 4, 1] > 125) << bit for bit in range(8))


def encode(
    path: Path,
    frames: Sequence[RgbFrame],
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    *,
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    times: Sequence[int] | None = None,
    rotation: int = 0,
) -> Path:
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream: VideoStream = container.add_stream(codec, rate=25, options=options or {})  # type: ignore[assignment]
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], pix_fmt
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for i, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts = times[i] if times else i
            if times:
                frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def yuv_of(rgb: Sequence[int], matrix: str, *, full: bool, bits: int) -> list[int]:
    kr, kb = KR_KB[matrix]
    r, g, b = (v / 255 for v in rgb)
    y = kr * r + (1 - kr - kb) * g + kb * b
    u, v = (b - y) / 2 / (1 - kb), (r - y) / 2 / (1 - kr)
    top, scale = 2**bits - 1, 2 ** (bits - 8)
    levels = (
        [y * top, u * top + 128 * scale, v * top + 128 * scale] if full else [(16 + 219 * y) * scale, (128 + 224 * u) * scale]
    )
    if not full:
        levels.append((128 + 224 * v) * scale)
    return [min(max(round(level), 0), top) for level in levels]


def flat_yuv(pix_fmt: str, values: Sequence[int], height: int, width: int, *, bits: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, pix_fmt)
    kind = np.uint8 if bits == 8 else np.uint16
    for plane, value in zip(frame.planes, values, strict=True):
        plane.update(np.full(plane.buffer_size // kind().itemsize, value, kind).tobytes())
    return frame


def encode_yuv(
    path: Path, matrix: str, tag: str, range_tag: str, *, full: bool, pix_fmt: str, bits: int, height: int = 16
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = height, 16, pix_fmt
        stream.codec_context.colorspace = MATRIX[tag]
        stream.codec_context.color_range = RANGE[range_tag]
        for i, color in enumerate(COLORS):
            frame = flat_yuv(pix_fmt, yuv_of(color, matrix, full=full, bits=bits), height, 16, bits=bits)
            frame.colorspace, frame.color_range, frame.pts = MATRIX[tag], RANGE[range_tag], i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def worst(source: FrameSource) -> int:
    return max(int(np.abs(f.astype(int) - c).max()) for f, c in zip(source.iterate(), COLORS, strict=True))


@pytest.mark.parametrize(("matrix", "full"), list(itertools.product(KR_KB, (False, True))))
@pytest.mark.parametrize(("pix_fmt", "bits"), [("yuv420p", 8), ("yuv444p", 8), ("yuv422p10le", 10), ("yuv444p16le", 16)])
def test_known_colors_come_out_by_the_matrix_and_range_of_the_file(
    tmp_path: Path, matrix: str, full: bool, pix_fmt: str, bits: int
) -> None:
    tag = "full" if full else "limited"
    path = encode_yuv(tmp_path / "a.mkv", matrix, matrix, tag, full=full, pix_fmt=pix_fmt, bits=bits)
    assert worst(open_frames(path)) <= (2 if bits == 8 else 1)


@pytest.mark.parametrize(("height", "matrix"), [(718, "601"), (720, "709")])
def test_where_the_file_is_silent_the_height_decides_the_matrix_and_the_range_is_limited(
    tmp_path: Path, height: int, matrix: str
) -> None:
    path = encode_yuv(
        tmp_path / "a.mkv", matrix, "unspecified", "unspecified", full=False, pix_fmt="yuv420p", bits=8, height=height
    )
    assert worst(open_frames(path)) <= 2


def test_yuvj_without_a_range_is_full(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.avi", [np.full((32, 32, 3), 255, np.uint8)] * 2, "mjpeg", "yuvj420p", options={"qscale": "1"})
    assert open_frames(path).read(0).min() >= 253


def test_a_constant_luminance_matrix_is_refused(tmp_path: Path) -> None:
    from colorbench.frames.rescaling import Rescaler
    from colorbench.frames.siting import LEFT
    from colorbench.frames.yuv import frame_to_rgb

    frame = flat_yuv("yuv420p", [90, 120, 130], 16, 16, bits=8)
    frame.colorspace = 10
    with pytest.raises(FramesError, match="matrix 10"):
        frame_to_rgb(frame, rescaler=Rescaler(), siting=LEFT, name="a.mkv: frame 0")


@pytest.mark.parametrize(
    ("pix_fmt", "bits"), [("gray10le", 10), ("gbrp10le", 10), ("gbrp12le", 12), ("gray16le", 16), ("gbrp16le", 16)]
)
def test_deep_rgb_and_gray_are_rounded_correctly(pix_fmt: str, bits: int) -> None:
    from colorbench.frames.rescaling import Rescaler
    from colorbench.frames.siting import LEFT
    from colorbench.frames.yuv import frame_to_rgb

    levels: NDArray[np.uint16] = np.linspace(0, 2**bits - 1, 256 * 16).round().astype(np.uint16)
    frame = av.VideoFrame(256, 16, pix_fmt)
    for plane in frame.planes:
        plane.update(levels.tobytes())
    expected = np.floor(levels * 255.0 / (2**bits - 1) + 0.5).reshape(16, 256)
    rgb = frame_to_rgb(frame, rescaler=Rescaler(), siting=LEFT, name="x")
    np.testing.assert_array_equal(rgb, np.dstack([expected] * 3))


CODED = {
    "b-frames.mp4": ("libx264", {"g": "12", "bf": "3"}),
    "open-gop.mkv": ("libx264", {"g": "10", "bf": "3", "x264-params": "open-gop=1:bframes=3:b-adapt=0"}),
    "one-gop.mov": ("libx264", {"g": "250"}),
    "simple.avi": ("mpeg4", {"g": "7", "bf": "0"}),
    "packed.avi": ("mpeg4", {"g": "7", "bf": "2"}),
    "program.mpg": ("mpeg2video", {"g": "9", "bf": "2"}),
    "transport.ts": ("libx264", {"g": "9", "bf": "2"}),
    "vp9.webm": ("libvpx-vp9", {"g": "9", "cpu-used": "8", "deadline": "realtime"}),
}


@pytest.mark.parametrize("name", CODED)
def test_every_frame_is_there_once_in_order_and_can_be_addressed(tmp_path: Path, name: str) -> None:
    codec, options = CODED[name]
    path = encode(tmp_path / name, gray_steps(40), codec, options=options)
    source = open_frames(path)
    assert source.n_frames == 40
    assert (source.height, source.width, len(source.names), source.names[7]) == (48, 64, 40, "00007")
    assert source.fps == 25
    sequential = list(source.iterate())
    assert [number(f) for f in sequential] == list(range(40))
    for index in [39, 0, 20, 21, 5, 38, 11, 12, 13, 2, 30]:
        np.testing.assert_array_equal(source.read(index), sequential[index])
    assert [number(f) for f in source.iterate(17, 21)] == [17, 18, 19, 20]


def test_frames_that_cannot_be_decoded_at_the_start_of_a_cut_are_not_counted(tmp_path: Path) -> None:
    options = {"g": "10", "x264-params": "open-gop=1:bframes=3:b-adapt=0:scenecut=0"}
    whole = encode(tmp_path / "whole.mkv", gray_steps(40), options=options)
    with av.open(str(whole)) as reader, av.open(str(tmp_path / "cut.mkv"), "w") as writer:
        stream = writer.add_stream_from_template(reader.streams.video[0])
        keys = 0
        for packet in reader.demux(reader.streams.video[0]):
            keys += packet.is_keyframe
            if keys > 1 and packet.size:
                packet.stream = stream
                writer.mux(packet)
    source = open_frames(tmp_path / "cut.mkv")
    numbers = [number(f) for f in source.iterate()]
    assert numbers == list(range(40 - source.n_frames, 40))
    assert 25 < source.n_frames <= 30
    assert number(source.read(source.n_frames - 3)) == 37
    assert number(source.read(0)) == numbers[0]


def test_reading_in_order_never_seeks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_frames(encode(tmp_path / "a.mp4", gray_steps(30), options={"g": "5"}))
    monkeypatch.setattr(VideoSource, "_seek", lambda *_: pytest.fail("sought"))
    assert [number(f) for f in source.iterate()] == list(range(30))


def test_two_readers_in_turn_get_the_right_frames(tmp_path: Path) -> None:
    source = open_frames(encode(tmp_path / "a.mp4", gray_steps(20), options={"g": "5"}))
    pairs = zip(source.iterate(0, 10), source.iterate(10, 20), strict=True)
    assert [(number(a), number(b)) for a, b in pairs] == [(i, i + 10) for i in range(10)]


@pytest.mark.parametrize("index", [-1, 20])
def test_a_frame_past_the_end_is_an_index_error(tmp_path: Path, index: int) -> None:
    with pytest.raises(IndexError, match="which has 20"):
        open_frames(encode(tmp_path / "a.mp4", gray_steps(20))).read(index)


def test_variable_frame_rate_gives_each_coded_frame_once(tmp_path: Path) -> None:
    times = list(itertools.accumulate([40, 40, 500, 7, 33, 1000, 20, 21, 40, 300]))
    source = open_frames(encode(tmp_path / "a.mkv", gray_steps(10), times=times, options={"g": "4"}))
    assert [number(f) for f in source.iterate()] == list(range(10))
    assert number(source.read(3)) == 3


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (-90, -1), (180, 2)])
def test_the_rotation_of_the_file_is_applied(tmp_path: Path, degrees: int, turns: int) -> None:
    if not hasattr(av.VideoStream, "set_display_rotation"):
        pytest.skip("this PyAV can't write a rotation")
    corner = np.full((48, 64, 3), 30, np.uint8)
    corner[:24, :32] = 220
    source = open_frames(encode(tmp_path / "a.mp4", [corner] * 3, rotation=degrees))
    expected = np.rot90(corner, turns)
    assert (source.height, source.width) == expected.shape[:2]
    assert np.abs(source.read(1).astype(int) - expected).mean() < 6


def sound(container: av.container.OutputContainer, stream: AudioStream) -> None:
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), format="s16", layout="mono")
    frame.sample_rate = 16000
    frame.pts = 0
    container.mux(stream.encode(frame))
    container.mux(stream.encode())


def test_sound_is_ignored(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        audio = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        sound(container, audio)
        for i, rgb in enumerate(gray_steps(6)):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert [number(f) for f in open_frames(tmp_path / "a.mkv").iterate()] == list(range(6))


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        sound(container, container.add_stream("pcm_s16le", rate=16000, layout="mono"))
    with pytest.raises(FramesError, match="no video in it"):
        open_frames(tmp_path / "a.mkv")


def test_a_text_named_as_a_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("not a video " * 100)
    with pytest.raises(FramesError, match="can't be opened as a video") as raised:
        open_frames(tmp_path / "a.mp4")
    assert raised.value.remedy


def test_an_empty_video_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(FramesError, match=r"a\.mp4"):
        open_frames(tmp_path / "a.mp4")


@pytest.mark.parametrize(("name", "said"), [("a.mkv", "can't be opened"), ("a.avi", "no frame in it")])
def test_a_video_without_frames_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        container.start_encoding()
    with pytest.raises(FramesError, match=said):
        open_frames(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi"])
def test_a_video_that_is_cut_off_is_refused_with_what_decodes(tmp_path: Path, name: str) -> None:
    noisy = [np.random.default_rng(i).integers(0, 256, (48, 64, 3)).astype(np.uint8) for i in range(30)]
    muxer = {"movflags": "faststart"} if name in {"a.mp4", "a.mov"} else None
    data = encode(tmp_path / name, noisy, "mpeg4", options={"g": "1"}, muxer=muxer).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * 0.6)])
    with pytest.raises(FramesError, match=r"cut off.* \d+ of .* frames decode") as raised:
        open_frames(tmp_path / name)
    decoded = int(str(raised.value).split("; ")[1].split(" of ")[0])
    assert 5 < decoded < 25
    if name != "a.mkv":
        assert "of 30 frames" in str(raised.value)


def test_a_recording_without_its_index_is_refused_as_such(tmp_path: Path) -> None:
    data = encode(tmp_path / "a.mp4", gray_steps(10)).read_bytes()
    (tmp_path / "a.mp4").write_bytes(data[: data.rindex(b"moov") - 4])
    with pytest.raises(FramesError, match=r"'moov'.*no frame decodes"):
        open_frames(tmp_path / "a.mp4")


def test_damage_inside_is_reported_at_its_frame(tmp_path: Path) -> None:
    noisy = [np.random.default_rng(i).integers(0, 256, (96, 128, 3)).astype(np.uint8) for i in range(30)]
    path = encode(tmp_path / "a.mp4", noisy, options={"g": "10"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    frames = open_frames(path).iterate()
    read: list[RgbFrame] = []
    with pytest.raises(FramesError, match=r"frame \d+ can't be decoded.*of 30 frames decode") as raised:
        read.extend(frames)
    assert 5 < len(read) < 25
    assert f"frame {len(read)} can't" in str(raised.value)


def test_a_written_video_is_read_back_to_the_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (47, 63, 3)).astype(np.uint8) for _ in range(7)]
    write_video(tmp_path / "new" / "a.mkv", iter(frames), fps=Fraction(24000, 1001))
    source = open_frames(tmp_path / "new" / "a.mkv")
    assert source.fps == Fraction(24000, 1001)
    np.testing.assert_array_equal(np.stack(list(source.iterate())), np.stack(frames))
    np.testing.assert_array_equal(source.read(3), frames[3])
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.mkv"]


@pytest.mark.parametrize("fps", [Fraction(1, 2), Fraction(12), Fraction(29), Fraction(30000, 1001), Fraction(120), Fraction(999)])
def test_every_frame_rate_keeps_its_frames(tmp_path: Path, fps: Fraction) -> None:
    write_video(tmp_path / "a.mkv", gray_steps(12), fps=fps)
    assert [number(f) for f in open_frames(tmp_path / "a.mkv").iterate()] == list(range(12))


def test_a_video_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def breaks() -> Iterator[RgbFrame]:
        yield from gray_steps(3)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_video(tmp_path / "a.mkv", breaks(), fps=Fraction(25))
    with pytest.raises(FramesError, match="frame 1"):
        write_video(tmp_path / "a.mkv", [np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9, 3), np.uint8)], fps=Fraction(25))
    with pytest.raises(FramesError, match="no frame"):
        write_video(tmp_path / "a.mkv", [], fps=Fraction(25))
    assert list(tmp_path.iterdir()) == []


def test_only_mkv_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.mkv"):
        write_video(tmp_path / "a.mp4", gray_steps(1), fps=Fraction(25))


def test_a_full_disk_while_writing_a_video_is_a_store_error(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    from colorbench.frames import video_writer

    with pytest.MonkeyPatch.context() as patch:
        from contextlib import contextmanager

        from colorbench.files.atomic import storage_errors

        @contextmanager
        def onto_a_full_disk(path: Path) -> Iterator[Path]:
            with storage_errors(path):
                yield Path("/dev/full")

        patch.setattr(video_writer, "replacing_file", onto_a_full_disk)
        with pytest.raises(StoreError, match="disk full"):
            write_video(tmp_path / "a.mkv", gray_steps(30, 96, 128), fps=Fraction(25))
