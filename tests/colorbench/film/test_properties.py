"""What a copy keeps of its source beside the pictures, and what it names as lost."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from colorbench.film.encoding import Encoding
from colorbench.film.output import film_plan
from colorbench.film.pieces import join_pieces, write_piece
from colorbench.film.properties import lost
from colorbench.film.timeline import Look, even_timeline, read_look, read_timeline
from colorbench.frames.opening import open_frames

RATE, COUNT = 25, 24


def frames(count: int = COUNT) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    return [np.full((64, 96, 3), 20 + 8 * index, np.uint8) for index in range(count)]


def source_film(
    path: Path, *, begins: float = 0.0, late: float = 0.0, encoder: str = "libx264", options: dict[str, str] | None = None
) -> Path:
    """Pictures and sound whose clock begins at a time; the pictures come later by ``late`` seconds."""
    with av.open(str(path), "w") as container:
        video = cast(VideoStream, container.add_stream(encoder, rate=RATE, options=options or {"bf": "2"}))
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        track = container.add_stream("mp2", rate=48000, layout="mono")
        for index, rgb in enumerate(frames()):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = round((begins + late + index / RATE) * 90000), Fraction(1, 90000)
            container.mux(video.encode(frame))
        for block in range(40):
            wave = (8000 * np.sin(np.arange(1152) / 20)).astype(np.int16)[None]
            heard = av.AudioFrame.from_ndarray(wave, format="s16p", layout="mono")
            heard.sample_rate, heard.pts = 48000, round(begins * 48000) + 1152 * block
            heard.time_base = Fraction(1, 48000)
            container.mux(track.encode(heard))
        container.mux(video.encode())
        container.mux(track.encode())
    return path


def copied(source: Path, path: Path) -> Path:
    """As ``colorize`` copies a film, with its own pictures."""
    opened = open_frames(source)
    plan = film_plan(opened, fps=Fraction(25))
    piece = path.with_name("piece.mp4")
    write_piece(piece, opened.iterate(), plan.timeline, look=plan.look)
    join_pieces(path, [piece], plan.timeline, sound=plan.sound, tags={}, aspect=plan.look.pixel_aspect)
    return path


def starts(path: Path) -> list[float]:
    """Seconds at which the pictures and the sound of a film begin."""
    with av.open(str(path)) as container:
        streams = (container.streams.video[0], container.streams.audio[0])
        return [float((stream.start_time or 0) * (stream.time_base or 1)) for stream in streams]


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.mov"])
@pytest.mark.parametrize("begins", [36000.0, 0.0, -2.0, 95443.0])
def test_a_clock_that_begins_anywhere_is_a_film_of_its_own_length_with_its_sound_in_step(
    tmp_path: Path, begins: float, name: str
) -> None:
    source = source_film(tmp_path / "film.ts", begins=begins)
    made = copied(source, tmp_path / name)
    assert open_frames(made).n_frames == COUNT
    with av.open(str(made)) as container:
        assert 0.9 < (container.duration or 0) / 1e6 < 1.2
    (picture, sound), (first, heard) = starts(source), starts(made)
    assert min(first, heard) == pytest.approx(0.0, abs=0.002)
    assert first - heard == pytest.approx(picture - sound, abs=0.002)
    times = read_timeline(made, COUNT)
    assert times.seconds == pytest.approx(COUNT / RATE, abs=0.003)


@pytest.mark.parametrize("late", [0.4, 1.0])
def test_pictures_that_begin_after_the_sound_do_so_in_the_copy(tmp_path: Path, late: float) -> None:
    source = source_film(tmp_path / "film.mkv", late=late)
    picture, sound = starts(copied(source, tmp_path / "out.mp4"))
    assert picture - sound == pytest.approx(late, abs=0.05)


SUFFIXES = [("h264", ".mp4"), ("h264", ".mkv"), ("hevc", ".mov"), ("prores", ".mov"), ("prores", ".mkv"), ("ffv1", ".mkv")]


@pytest.mark.parametrize(("codec", "suffix"), SUFFIXES)
@pytest.mark.parametrize("aspect", [Fraction(16, 15), Fraction(64, 45), Fraction(8, 9)])
def test_the_shape_of_a_pixel_is_kept_by_every_codec(tmp_path: Path, codec: str, suffix: str, aspect: Fraction) -> None:
    piece, path, timeline = tmp_path / "piece.mp4", tmp_path / f"out{suffix}", even_timeline(COUNT, Fraction(RATE))
    write_piece(piece, frames(), timeline, look=Look(6, 6, 6, aspect), encoding=Encoding(codec=codec))
    join_pieces(path, [piece], timeline, sound=None, tags={"comment": "x" * 300}, aspect=aspect)
    with av.open(str(path)) as container:
        assert container.streams.video[0].sample_aspect_ratio == aspect
    source = open_frames(path)
    assert source.n_frames == COUNT
    assert np.abs(np.median(source.read(20)) - (20 + 8 * 20)) <= 3
    assert read_look(path).pixel_aspect == aspect


def test_chapters_and_subtitles_come_with_the_film_or_are_named_as_lost(tmp_path: Path) -> None:
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,100 --> 00:00:00,500\nhello\n")
    plain, source = source_film(tmp_path / "plain.mkv"), tmp_path / "film.mkv"
    with av.open(str(plain)) as container, av.open(str(words)) as text, av.open(str(source), "w") as out:
        inputs: Sequence[av.container.InputContainer] = (container, text)
        tracks = {
            (number, stream.index): out.add_stream_from_template(stream)
            for number, opened in enumerate(inputs)
            for stream in opened.streams
        }
        out.set_chapters([{"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}}])
        for number, opened in enumerate(inputs):
            for packet in opened.demux():
                if packet.size:
                    packet.stream = tracks[number, packet.stream.index]
                    out.mux(packet)
    with av.open(str(copied(source, tmp_path / "out.mkv"))) as made:
        assert [chapter["metadata"]["title"] for chapter in made.chapters()] == ["one"]
        assert len(made.streams.subtitles) == 1
    assert lost(source, tmp_path / "out.mkv", deep=False) == ()
    (sentence,) = lost(source, tmp_path / "out.mp4", deep=False)
    assert "subtitles (srt)" in sentence
    assert ".mkv" in sentence


@pytest.mark.parametrize(
    ("encoder", "options", "said"),
    [
        ("libx264", {"flags": "+ilme+ildct", "x264-params": "tff=1"}, "interlaced (top field first)"),
        ("libx264", {"flags": "+ilme+ildct", "x264-params": "bff=1"}, "interlaced"),
        ("mpeg2video", {"flags": "+ilme+ildct", "top": "1"}, "interlaced"),
    ],
)
def test_interlacing_is_named_with_what_to_do(tmp_path: Path, encoder: str, options: dict[str, str], said: str) -> None:
    source = source_film(tmp_path / "film.mkv", encoder=encoder, options=options)
    sentences = lost(source, tmp_path / "out.mp4", deep=False)
    assert any(said in sentence and "bwdif" in sentence for sentence in sentences), sentences
    assert lost(source_film(tmp_path / "plain.mkv"), tmp_path / "out.mp4", deep=False) == ()
