"""Strips and closeups: what is in them, their size in print, the same bytes each time, and names that can't break them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from colorbench.errors import FramesError
from colorbench.results.reading import read_results
from reports.pictures.clip_frames import ClipFrames, Panel, open_clip
from reports.pictures.selection import Box
from reports.pictures.strips import closeup, strip, write_strips


def made_up(*methods: str, exemplars: int = 0, width: int = 60, height: int = 40) -> ClipFrames:
    """A clip whose panels are flat: method m of frame f has the gray level 10 m + f."""

    def panel(title: str, role: str, level: int) -> Panel:
        return Panel(title, role, lambda index: np.full((height, width, 3), (10 * level + index) % 256, np.uint8))  # type: ignore[arg-type]

    panels = [
        panel("input", "input", 0),
        *(panel(f"exemplar, frame {number}", "exemplar", 20) for number in range(exemplars)),
        *(panel(name, "method", place) for place, name in enumerate(methods, start=1)),
        panel("ground truth", "truth", 19),
    ]
    return ClipFrames(name="clip", count=9, height=height, width=width, fps=Fraction(25), panels=tuple(panels))


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def pictures(figure: Figure) -> list[np.ndarray]:
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes]


def test_a_strip_has_a_row_for_each_source_and_a_column_for_each_frame() -> None:
    figure = strip(made_up("a", "b", exemplars=3), [2, 5])
    assert words(figure) == [
        "exemplar, frame 0",
        "exemplar, frame 1",
        *("frame 2", "frame 5"),
        *("input", "a", "b", "ground truth"),
    ]
    assert [picture[0, 0, 0] for picture in pictures(figure)] == [200, 200, 2, 5, 12, 15, 22, 25, 192, 195]
    lefts = [round(axes.get_position().x0, 4) for axes in figure.axes]
    assert lefts[2::2] == [lefts[0]] * 4
    assert lefts[3::2] == [lefts[1]] * 4


def test_a_closeup_letters_its_panels_and_enlarges_the_box() -> None:
    figure = closeup(made_up("a", "b", exemplars=2), 3, Box(10, 20, 30, 15))
    assert words(figure) == ["(a) input, frame 3", "(b) exemplars", "(c) a", "(d) b", "(e) ground truth"]
    assert [picture.shape[:2] for picture in pictures(figure)] == [(40, 60), (15, 30)] * 4 + [(40, 60)] * 2
    assert [picture[0, 0, 0] for picture in pictures(figure)] == [3, 3, 13, 13, 23, 23, 193, 193, 203, 203]


@pytest.mark.parametrize("box", [Box(-1, 0, 5, 5), Box(0, 0, 61, 5), Box(56, 36, 5, 5)])
def test_a_box_outside_the_frame_is_refused(box: Box) -> None:
    with pytest.raises(FramesError, match="of a frame of 60x40"):
        closeup(made_up("a"), 0, box)


@pytest.mark.parametrize("count", [1, 14])
@pytest.mark.parametrize(("width", "height"), [(60, 40), (40, 90)])
def test_pictures_fit_a_page_and_do_not_cover_each_other(count: int, width: int, height: int) -> None:
    clip = made_up(*(f"m{number}" for number in range(count)), exemplars=2, width=width, height=height)
    for figure in (strip(clip, range(5)), closeup(clip, 0, Box(0, 0, 20, 10))):
        inches = figure.get_size_inches()
        assert inches[0] <= 6.88
        assert inches[1] <= 8.88
        boxes = [axes.get_position() for axes in figure.axes]
        assert all(box.x0 >= -1e-9 and box.y0 >= -1e-9 and box.x1 <= 1 + 1e-9 and box.y1 <= 1 + 1e-9 for box in boxes)
        for place, box in enumerate(boxes):
            assert not any(box.shrunk(0.999, 0.999).overlaps(other) for other in boxes[place + 1 :])


def test_letters_have_seven_points_and_names_do_not_touch_each_other() -> None:
    wide = "MW" * 150
    figure = strip(made_up("deepexemplar:compact", "exemplar-hold", wide, wide, "\u6f22\u5b57"), [0, 1, 2, 3, 4])
    FigureCanvasAgg(figure)
    boxes = [text.get_window_extent() for text in figure.texts]
    for box in boxes:
        assert box.x0 >= -1
        assert box.x1 <= figure.bbox.width + 1
    for place, box in enumerate(boxes):
        assert not any(box.shrunk(0.98, 0.98).overlaps(other) for other in boxes[place + 1 :])
    sizes = {text.get_text(): text.get_fontsize() for text in figure.texts}
    assert {sizes[name] for name in ("input", "frame 3", "ground truth")} == {7}
    assert any(name.startswith("MW") and name.endswith("\N{HORIZONTAL ELLIPSIS}") for name in sizes)


def test_files_are_named_and_the_same_each_time(framed: Path, tmp_path: Path) -> None:
    results = read_results(framed)
    name = next(name for name in results.clip_names if name != "film")
    first, second = (write_strips(results, name, tmp_path / where) for where in ("a", "b"))
    assert [path.name for path in first] == ["strip.png", "strip.pdf", "worst.png", "worst.pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert {path.parent.parent for path in first} == {tmp_path / "a"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    picture = cv2.imread(str(first[0]))
    assert picture is not None
    assert picture.shape[1] <= 6.875 * 300 + 1


def test_a_film_without_truth_shows_its_middle_frame(framed: Path, tmp_path: Path) -> None:
    results = read_results(framed)
    paths = write_strips(results, "film", tmp_path)
    assert [path.name for path in paths] == ["strip.png", "strip.pdf", "middle.png", "middle.pdf"]
    with open_clip(results, "film") as clip:
        assert "ground truth" not in words(strip(clip, [4]))


def test_an_exemplar_of_its_own_name_is_shown(framed: Path) -> None:
    with open_clip(read_results(framed), "film") as clip:
        titled = tuple(replace(panel, title="$\\frac{1") for panel in clip.panels)
        assert "$\\frac{1" in words(strip(replace(clip, panels=titled), [4]))
