"""The film of a clip: its layout, that every panel shows its frames at the right time, and that few are held at once."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from colorbench.results.reading import read_results
from colorbench.types import RgbFrame
from reports.pictures.clip_frames import open_clip
from reports.pictures.video import TALLEST, WIDEST, Layout, _encode, caption, lay_out, write_video


def decoded(path: Path) -> list[RgbFrame]:
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("count", "width", "height", "columns", "rows", "factor"),
    [
        (3, 384, 224, 3, 1, 1),
        (4, 384, 224, 2, 2, 1),
        (5, 384, 224, 3, 2, 1),
        (7, 384, 224, 4, 2, 1),
        (2, 48, 32, 2, 1, 5),
        (1, 240, 1, 1, 1, 1),
    ],
)
def test_the_grid_has_few_empty_places(count: int, width: int, height: int, columns: int, rows: int, factor: int) -> None:
    assert lay_out(count, width=width, height=height) == Layout(columns, rows, factor * width, factor * height)


@pytest.mark.parametrize(("width", "height"), [(384, 224), (854, 480), (3840, 2160), (47, 31), (480, 854), (1, 5000)])
@pytest.mark.parametrize("count", [1, 2, 5, 12, 25])
def test_panels_fit_a_screen_side_by_side(count: int, width: int, height: int) -> None:
    layout = lay_out(count, width=width, height=height)
    total = layout.size
    assert total[0] % 2 == total[1] % 2 == 0
    assert total[0] <= WIDEST + 1
    assert total[1] <= TALLEST + 1
    covered = np.zeros(total[::-1], int)
    for place in range(count):
        left, top = layout.corner(place)
        part = covered[top : top + 26 + layout.height, left : left + layout.width]
        assert part.shape == (26 + layout.height, layout.width)
        part += 1
    assert covered.max() == 1


def test_every_panel_shows_its_frames(framed: Path, tmp_path: Path) -> None:
    results = read_results(framed)
    name = next(name for name in results.clip_names if name != "film")
    path = write_video(results, name, tmp_path / "out", exemplars=True)
    assert path.parent == tmp_path / "out"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out"]
    frames = decoded(path)
    assert len(frames) == 9
    with open_clip(results, name) as clip:
        layout = lay_out(len(clip.panels), width=48, height=32)
        assert layout.width == 240
        assert frames[0].shape[1::-1] == layout.size
        for index in (0, 4, 8):
            for place, panel in enumerate(clip.panels):
                left, top = layout.corner(place)
                part = frames[index][top + 26 : top + 26 + layout.height, left : left + layout.width]
                wanted = np.kron(panel.read(index), np.ones((5, 5, 1)))
                assert np.abs(part - wanted).mean() < 8
                assert frames[index][top : top + 26, left : left + layout.width].max() > 200


def test_a_film_keeps_its_frame_rate_and_has_no_exemplars_unasked(framed: Path, tmp_path: Path) -> None:
    results = read_results(framed)
    path = write_video(results, "film", tmp_path)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == Fraction(24000, 1001)
        assert stream.frames == 9
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == lay_out(4, width=48, height=32).size


def test_colors_come_back_as_they_went_in(tmp_path: Path) -> None:
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 64, 200], [255, 255, 255]], np.uint8)
    bars = np.repeat(np.repeat(colors[None], 32, 0), 32, 1)
    _encode(tmp_path / "bars.mp4", [bars] * 2, fps=Fraction(25))
    centers = decoded(tmp_path / "bars.mp4")[1][16, 16::32].astype(int)
    assert np.abs(centers - colors).max() <= 4


def test_few_frames_are_held_at_once(tmp_path: Path) -> None:
    made: list[weakref.ref[RgbFrame]] = []
    most = 0

    def frames() -> Iterator[RgbFrame]:
        nonlocal most
        for index in range(60):
            frame = np.full((64, 64, 3), index, np.uint8)
            made.append(weakref.ref(frame))
            most = max(most, sum(reference() is not None for reference in made))
            yield frame

    _encode(tmp_path / "long.mp4", frames(), fps=Fraction(25))
    assert most <= 3
    assert len(decoded(tmp_path / "long.mp4")) == 60


@pytest.mark.parametrize("name", ["gray", "x" * 10_000, "", "\x1b[31m\n\0", "\udcff", "\u6f22\u5b57", " "])
def test_any_name_is_a_caption_of_the_panels_width(name: str) -> None:
    band = caption(name, 240)
    assert band.shape == (26, 240, 3)
    assert (band[:, 0] == band[0, 0]).all()
