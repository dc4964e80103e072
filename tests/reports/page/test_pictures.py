"""A page's pictures against the frames that they show, and their differences against scikit-image's Lab in float64."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import rgb2lab

from colorbench.frames.opening import read_image
from colorbench.results.reading import Results, read_results
from colorbench.runs.store import frames_path
from colorbench.types import RgbFrame
from reports.page.pictures import (
    MOST_DISTANCE,
    TRUTH_ROW,
    ClipPictures,
    _write_frame,
    chosen_frames,
    map_colors,
    slug,
    write_pictures,
)
from reports.pictures.clip_frames import Panel, open_clip


@pytest.fixture
def results(framed: Path, tmp_path: Path) -> Results:
    """Of a copy whose saved frames a test may change."""
    return read_results(Path(shutil.copytree(framed, tmp_path / "run")))


def colored(results: Results) -> str:
    return next(name for name in results.clip_names if name != "film")


def written(results: Results, clip: str, page: Path, *, most: int | None = 3, always: tuple[int, ...] = ()) -> ClipPictures:
    return write_pictures(results, clip, page, place="pictures/01", most=most, always=always)


def apart(first: RgbFrame, second: RgbFrame) -> float:
    """Mean difference of their luma: the colors of blocks as small as these are blurred by 4:2:0."""
    lumas = [cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float64) for rgb in (first, second)]
    return float(np.abs(lumas[0] - lumas[1]).mean())


def distances(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Distances that the colors of a map stand for: those of the nearest color of the scale."""
    pixels = picture.reshape(-1, 1, 3).astype(np.float64)
    level = np.square(pixels - map_colors()[None].astype(np.float64)).sum(-1).argmin(1)
    return np.asarray(level.reshape(picture.shape[:2]) / 255 * MOST_DISTANCE)


@pytest.mark.parametrize(
    ("count", "most", "always", "frames"),
    [
        (9, 3, (), (0, 4, 8)),
        (9, 3, (4, 7), (0, 4, 7, 8)),
        (9, 12, (), tuple(range(9))),
        (9, None, (3,), tuple(range(9))),
        (9, 0, (3,), (3,)),
        (9, 1, (), (0,)),
        (1, 12, (), (0,)),
        (2, 2, (), (0, 1)),
    ],
)
def test_frames_are_spread_from_the_first_to_the_last(
    count: int, most: int | None, always: tuple[int, ...], frames: tuple[int, ...]
) -> None:
    assert chosen_frames(count, most=most, always=always) == frames


def test_pictures_are_the_frames(results: Results, tmp_path: Path) -> None:
    clip = colored(results)
    pictures = written(results, clip, tmp_path / "page", always=(5,))
    assert pictures.frames == (0, 4, 5, 8)
    assert (pictures.width, pictures.height) == (48, 32)
    assert [(track.role, track.row) for track in pictures.tracks] == [
        ("truth", TRUTH_ROW),
        ("input", None),
        *(("method", row) for row in range(3)),
    ]
    assert [track.name for track in pictures.tracks[:2]] == ["truth", "gray input"]
    with open_clip(results, clip) as frames:
        panels: dict[tuple[str, str], Panel] = {(panel.role, panel.title): panel for panel in frames.panels}
        for track in pictures.tracks:
            for frame in pictures.frames:
                shown = read_image(tmp_path / "page" / track.folder / f"{frame:05d}.webp")
                read = panels[track.role, track.title].read
                assert apart(shown, read(frame)) < 4
                assert apart(shown, read((frame + 3) % 9)) > 8


def test_maps_are_distances_of_a_and_b(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (2, 4, 6, 3), np.uint8)
    truth, other = np.kron(blocks, np.ones((1, 16, 16, 1), np.uint8))
    labs = [rgb2lab(picture.astype(np.float64) / 255)[..., 1:] for picture in (truth, other)]
    expected = np.minimum(np.hypot(*np.moveaxis(labs[0] - labs[1], -1, 0)), MOST_DISTANCE)
    assert expected.min() < MOST_DISTANCE == expected.max()
    _write_frame(tmp_path, 7, other, labs[0].astype(np.float32))
    shown = distances(read_image(tmp_path / "00007-ab.webp"))
    inside = (slice(8, None, 16), slice(8, None, 16))  # away from the blocks' edges, which WebP blurs
    assert np.abs(shown[inside] - expected[inside]).max() < 2.5
    assert (tmp_path / "00007.webp").exists()


def test_a_frame_equal_to_the_truth_has_a_map_without_light(tmp_path: Path) -> None:
    truth = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    _write_frame(tmp_path, 0, truth, rgb2lab(truth / 255.0)[..., 1:].astype(np.float32))
    assert distances(read_image(tmp_path / "00000-ab.webp")).max() < 1


def test_the_scale_gets_lighter_all_the_way() -> None:
    lightness = rgb2lab(map_colors()[None] / 255.0)[0, :, 0]
    assert (np.diff(lightness) > -0.5).all()
    assert lightness[0] < 1
    assert lightness[-1] > 95


def test_large_frames_are_shrunk_and_small_ones_kept(tmp_path: Path) -> None:
    for width, height, expected in ((1280, 720, (640, 360)), (480, 854, (360, 640)), (641, 2, (640, 2)), (40, 30, (40, 30))):
        _write_frame(tmp_path, 0, np.full((height, width, 3), 99, np.uint8), np.zeros((height, width, 2), np.float32))
        for name in ("00000.webp", "00000-ab.webp"):
            shape = read_image(tmp_path / name).shape
            assert (shape[1], shape[0]) == expected


def test_a_clip_without_color_has_no_truth_and_no_maps(results: Results, tmp_path: Path) -> None:
    pictures = written(results, "film", tmp_path / "page")
    assert [track.role for track in pictures.tracks] == ["input", "method", "method", "method"]
    assert not any(track.has_map for track in pictures.tracks)
    assert not list(tmp_path.rglob("*-ab.webp"))


def test_without_the_source_the_methods_are_left(results: Results, tmp_path: Path) -> None:
    clip = colored(results)
    clips = tuple(replace(facts, source="gone") if facts.name == clip else facts for facts in results.clips)
    pictures = written(replace(results, clips=clips), clip, tmp_path / "page")
    assert [track.role for track in pictures.tracks] == ["method"] * 3
    assert "truth and gray input are not shown" in pictures.note
    assert len(list(tmp_path.rglob("*.webp"))) == 3 * len(pictures.frames)


def test_a_method_with_a_damaged_frame_is_not_shown_and_that_is_said(results: Results, tmp_path: Path) -> None:
    clip = colored(results)
    broken = frames_path(results.folder, label=results.methods[2].label, clip=clip, video=False) / "00008.png"
    broken.write_bytes(broken.read_bytes()[:60])
    pictures = written(results, clip, tmp_path / "page")
    assert [track.row for track in pictures.tracks] == [TRUTH_ROW, None, 0, 1]
    assert "00008.png is not as it was saved" in pictures.note


def test_without_saved_frames_the_note_names_the_flag(results: Results, tmp_path: Path) -> None:
    shutil.rmtree(results.folder / "frames")
    pictures = written(results, colored(results), tmp_path / "page")
    assert pictures.tracks == ()
    assert "--save-frames png" in pictures.note
    assert not (tmp_path / "page").exists()


def test_a_saved_film_is_as_good_as_pictures(
    results: Results, tmp_path: Path, save_as_video: Callable[..., list[RgbFrame]]
) -> None:
    clip, label = colored(results), results.methods[1].label
    before = written(results, clip, tmp_path / "before")
    save_as_video(results, label, clip)
    after = written(results, clip, tmp_path / "after")
    assert after == before
    for path in (tmp_path / "before").rglob("*.webp"):
        assert path.read_bytes() == (tmp_path / "after" / path.relative_to(tmp_path / "before")).read_bytes()


def test_a_method_whose_frames_are_not_saved_has_no_track(results: Results, tmp_path: Path) -> None:
    clip = colored(results)
    shutil.rmtree(frames_path(results.folder, label=results.methods[1].label, clip=clip, video=False))
    pictures = written(results, clip, tmp_path / "page")
    assert [track.row for track in pictures.tracks] == [TRUTH_ROW, None, 0, 2]


@pytest.mark.parametrize(
    ("name", "expected"), [("../../etc/passwd", "etc-passwd"), ("漢字", ""), ("A b\x00c", "a-b-c"), ("x" * 99, "x" * 32)]
)
def test_folder_names_are_plain(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_webp_is_what_a_browser_reads(tmp_path: Path) -> None:
    _write_frame(tmp_path, 3, np.full((8, 8, 3), (200, 40, 10), np.uint8), None)
    assert [path.name for path in tmp_path.iterdir()] == ["00003.webp"]
    data = (tmp_path / "00003.webp").read_bytes()
    assert (data[:4], data[8:12]) == (b"RIFF", b"WEBP")
    shown = read_image(tmp_path / "00003.webp").astype(int)
    assert np.abs(shown - (200, 40, 10)).max() < 8


def test_folders_of_tracks_are_told_apart_by_number(results: Results, tmp_path: Path) -> None:
    names = [Path(track.folder).name for track in written(results, colored(results), tmp_path).tracks]
    assert names == ["00-truth", "01-input", "02-gray", "03-b-frac-1", "04-" + "y" * 32]
