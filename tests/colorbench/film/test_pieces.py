"""A film that is written keeps the source's times, sound, size and color tags."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream

from colorbench.errors import FramesError, StoreError
from colorbench.film.pieces import join_pieces, write_piece
from colorbench.film.properties import check_sound
from colorbench.film.timeline import Look, Timeline, even_timeline, look_of_pictures, read_look, read_timeline
from colorbench.frames.opening import open_frames
from colorbench.types import RgbFrame

LOOK = look_of_pictures(48)
BASE = Fraction(1, 90000)


def uneven_times(count: int) -> list[int]:
    """Every third frame is shown half as long again."""
    steps = [4500 if index % 3 == 0 else 3000 for index in range(count)]
    return [sum(steps[:index]) for index in range(count)]


def make_film(
    path: Path,
    frames: list[RgbFrame],
    *,
    times: list[int] | None = None,
    sound: str | None = "aac",
    tags: tuple[int, int, int] | None = None,
    aspect: Fraction | None = None,
) -> Path:
    """A film of gray or colored frames.

    Args:
        path: its suffix decides the kind.
        frames: (H, W, 3) uint8, even sides.
        times: in 1/90000 s.
        sound: codec of a sine of the film's length; None for none.
        tags: matrix, primaries, transfer.
        aspect: of a pixel.
    """
    times = times or [3000 * index for index in range(len(frames))]
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=30, options={"crf": "10"})
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        if path.suffix in (".mp4", ".mov", ".mkv"):
            video.time_base = video.codec_context.time_base = BASE
        if tags:
            video.colorspace, video.color_primaries, video.color_trc = tags
        if aspect:
            video.codec_context.sample_aspect_ratio = aspect
        audio = cast(AudioStream, container.add_stream(sound, rate=44100, layout="mono")) if sound else None
        for rgb, time in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=1 if tags and tags[0] == 1 else 5
            )
            frame.pts, frame.time_base = time, BASE
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            resampler = av.AudioResampler(audio.format.name, "mono", 44100)
            for block in range(int((times[-1] + 3000) * BASE * 44100 / 1024)):
                wave = (3000 * np.sin(np.arange(1024) / 20 + block)).astype(np.int16)[None]
                heard = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
                heard.sample_rate, heard.pts = 44100, 1024 * block
                for piece in resampler.resample(heard):
                    container.mux(audio.encode(piece))
            container.mux(audio.encode())
    return path


def sound_of(path: Path) -> list[tuple[bytes, Fraction]]:
    """The sound track's packets, with their times relative to the first picture's."""
    pictures: list[Fraction] = []
    heard: list[tuple[bytes, Fraction]] = []
    with av.open(str(path)) as container:
        for packet in container.demux(video=0, audio=0):
            if packet.size and packet.pts is not None and packet.time_base is not None:
                time = packet.pts * packet.time_base
                if packet.stream.type == "video":
                    pictures.append(time)
                else:
                    heard.append((bytes(packet), time))
    return [(data, time - min(pictures)) for data, time in heard]


def colored_frames(count: int, *, height: int = 48, width: int = 64) -> list[RgbFrame]:
    """Smooth and different from each other."""
    y, x = np.mgrid[:height, :width]
    return [
        np.stack((3 * x + index, 4 * y, 128 + 0 * x + 3 * index), axis=-1).clip(0, 255).astype(np.uint8) for index in range(count)
    ]


def written(
    folder: Path,
    frames: list[RgbFrame],
    timeline: Timeline,
    *,
    name: str = "out.mp4",
    sound: Path | None = None,
    look: Look = LOOK,
    cuts: tuple[int, ...] = (),
) -> Path:
    """Frames as pieces, joined."""
    pieces = []
    for start, stop in pairwise((0, *cuts, len(frames))):
        pieces.append(folder / f"piece-{start}.mp4")
        write_piece(pieces[-1], frames[start:stop], timeline, look=look)
    path = folder / name
    join_pieces(path, pieces, timeline, sound=sound, tags={"comment": "weights: UNTRAINED"})
    return path


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_uneven_times_and_sound_are_those_of_the_source(tmp_path: Path, name: str) -> None:
    frames = colored_frames(21, height=48, width=64)
    source = make_film(tmp_path / "in.mp4", frames, times=uneven_times(21))
    timeline = read_timeline(source, 21)
    path = written(tmp_path, frames, timeline, name=name, sound=source, cuts=(7, 8, 20))
    ours = read_timeline(path, 21)
    exact = name != "out.mkv"
    for time, wanted in zip(ours.times, uneven_times(21), strict=True):
        at = (time - ours.times[0]) * ours.time_base
        assert abs(at - wanted * Fraction(1, 90000)) <= (0 if exact else Fraction(1, 1000))
    assert ours.seconds == pytest.approx(timeline.seconds, abs=0 if exact else 0.002)
    heard, wanted_sound = sound_of(path), sound_of(source)
    assert [data for data, _ in heard] == [data for data, _ in wanted_sound]
    assert all(abs(a - b) < Fraction(2, 1000) for (_, a), (_, b) in zip(heard, wanted_sound, strict=True))


@pytest.mark.parametrize("size", [(48, 64), (47, 63), (48, 63)])
def test_every_frame_is_there_once_in_order_and_of_its_size(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = [np.full((*size, 3), 8 + 12 * index, np.uint8) for index in range(20)]
    path = written(tmp_path, frames, even_timeline(20, Fraction(25)), cuts=(1, 9))
    source = open_frames(path)
    assert (source.n_frames, source.height, source.width) == (20, *size)
    assert source.fps == 25
    for index, frame in enumerate(frames):
        assert abs(int(np.median(source.read(index))) - int(frame[0, 0, 0])) <= 2


@pytest.mark.parametrize("look", [Look(1, 1, 1), Look(6, 6, 6), Look(5, 5, 6), Look(1, 1, 13, Fraction(16, 15))])
def test_colors_and_tags_survive(tmp_path: Path, look: Look) -> None:
    colors = [(200, 30, 40), (20, 160, 60), (40, 60, 210), (220, 210, 30)]
    frames = [np.full((48, 64, 3), color, np.uint8) for color in colors]
    path = written(tmp_path, frames, even_timeline(4, Fraction(24)), look=look)
    assert read_look(path) == look
    source = open_frames(path)
    for index, color in enumerate(colors):
        assert np.abs(np.median(source.read(index), axis=(0, 1)) - color).max() <= 3


def test_what_the_source_says_of_its_colors_is_kept(tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mp4", colored_frames(3), sound=None, tags=(1, 1, 1), aspect=Fraction(4, 3))
    assert read_look(source) == Look(1, 1, 1, Fraction(4, 3))
    silent = make_film(tmp_path / "silent.mp4", colored_frames(3), sound=None)
    assert read_look(silent) == Look(6, 6, 6)


def test_a_film_says_what_made_it(tmp_path: Path) -> None:
    path = written(tmp_path, colored_frames(2), even_timeline(2, Fraction(25)))
    with av.open(str(path)) as container:
        assert "UNTRAINED" in container.metadata["comment"]


def test_sound_that_the_output_can_not_hold_is_refused_before_any_work(tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mkv", colored_frames(10), sound="pcm_u8")
    with pytest.raises(FramesError, match=r"out\.mp4 can't hold(.|\n)*\.mkv"):
        check_sound(tmp_path / "out.mp4", source)
    check_sound(tmp_path / "out.mov", source)
    check_sound(tmp_path / "out.mp4", make_film(tmp_path / "mute.mp4", colored_frames(2), sound=None))


def test_too_few_frames_in_the_pieces_leave_no_film(tmp_path: Path) -> None:
    with pytest.raises(FramesError, match="the pieces have 3 frames, the film 5"):
        written(tmp_path, colored_frames(3), even_timeline(5, Fraction(25)))
    assert not (tmp_path / "out.mp4").exists()


def test_a_folder_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't write"):
        write_piece(tmp_path / "file" / "piece.mp4", colored_frames(2), even_timeline(2, Fraction(25)), look=LOOK)


def test_a_piece_that_fails_in_the_middle_is_not_there(tmp_path: Path) -> None:
    def failing() -> Iterator[RgbFrame]:
        yield from colored_frames(3)
        raise FramesError("frame 3 can't be decoded")

    with pytest.raises(FramesError, match="frame 3"):
        write_piece(tmp_path / "piece.mp4", failing(), even_timeline(9, Fraction(25)), look=LOOK)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_times_gets_its_nominal_rate(tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mpg", colored_frames(6), sound="mp2")
    timeline = read_timeline(source, 6)
    assert len(timeline.times) == 6
    assert timeline.times[0] * timeline.time_base > Fraction(1, 10)  # as MPEG program streams begin
    assert timeline.seconds == pytest.approx(0.2, abs=0.01)
