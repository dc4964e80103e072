"""Any footage of one's own."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Literal

import pytest

from colorbench.datasets.folder import DATASETS
from colorbench.errors import DatasetError, UnknownNameError
from colorbench.frames.opening import open_frames

FOLDER = DATASETS[0]


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def listed(root: Path) -> dict[str, tuple[str, list[str]]]:
    """Name to source and references, relative to the root."""
    return {
        clip.name: (clip.source.relative_to(root).as_posix(), [r.relative_to(root).as_posix() for r in clip.references])
        for clip in FOLDER.clips(root)
    }


def test_folders_of_pictures_and_videos_are_clips_in_natural_order(tmp_path: Path) -> None:
    touch(tmp_path, "shot10/0.png", "shot9/0.jpg", "film ü.MP4", "notes.txt", "empty/x.txt", ".hidden/0.png")
    assert list(listed(tmp_path)) == ["film ü", "shot9", "shot10"]


def test_a_folder_with_pictures_is_one_clip(tmp_path: Path) -> None:
    root = touch(tmp_path / "shot", "0.png", "1.png", "references/a.png")
    assert listed(root) == {"shot": (".", ["references/a.png"])}


def test_a_single_video_or_picture_is_one_clip(tmp_path: Path) -> None:
    touch(tmp_path, "film.mkv", "still.png", "text.txt")
    assert [(c.name, c.source) for c in FOLDER.clips(tmp_path / "film.mkv")] == [("film", tmp_path / "film.mkv")]
    assert [c.name for c in FOLDER.clips(tmp_path / "still.png")] == ["still"]
    with pytest.raises(DatasetError, match="no pictures"):
        FOLDER.clips(tmp_path / "text.txt")


def test_a_clip_folder_may_hold_frames_or_one_video_and_references(tmp_path: Path) -> None:
    touch(tmp_path, "a/frames/0.png", "a/references/9.png", "b/film.mp4", "b/references/x.jpg", "c/0.png")
    touch(tmp_path, "references/c/r.png", "references/a/ignored.png")
    assert listed(tmp_path) == {
        "a": ("a/frames", ["a/references/9.png"]),
        "b": ("b/film.mp4", ["b/references/x.jpg"]),
        "c": ("c", ["references/c/r.png"]),
    }


def test_the_root_itself_may_be_a_clip_folder(tmp_path: Path) -> None:
    root = touch(tmp_path / "a", "frames/0.png", "references/9.png")
    assert listed(root) == {"a": ("frames", ["references/9.png"])}


def test_references_under_the_root_belong_to_the_only_clip(tmp_path: Path) -> None:
    touch(tmp_path, "film.mp4", "references/1.png", "references/2.png")
    assert listed(tmp_path) == {"film": ("film.mp4", ["references/1.png", "references/2.png"])}
    touch(tmp_path, "other.mp4")
    assert listed(tmp_path)["film"] == ("film.mp4", [])


def test_two_clips_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="both named 'a'"):
        FOLDER.clips(touch(tmp_path, "a.mp4", "a/0.png"))


def test_several_videos_in_a_clip_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"2 videos, x\.mp4 and y\.mp4"):
        FOLDER.clips(touch(tmp_path, "a/x.mp4", "a/y.mp4"))


def test_pictures_beside_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="beside them is the clip"):
        FOLDER.clips(touch(tmp_path, "cover.png", "a/0.png"))


def test_nothing_to_find_is_said(tmp_path: Path) -> None:
    assert FOLDER.missing(None)
    assert FOLDER.missing(tmp_path / "gone") == "it does not exist"
    assert FOLDER.missing(tmp_path)
    with pytest.raises(DatasetError, match="no clip under"):
        FOLDER.clips(tmp_path)


def test_a_folder_that_may_not_be_listed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: Path) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(DatasetError, match="Permission denied"):
        FOLDER.clips(tmp_path)


def test_an_unknown_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError):
        FOLDER.clips(tmp_path, split="val")


@pytest.mark.data
def test_the_legacy_footage_is_two_clips_with_references() -> None:
    root = os.environ.get("COLORBENCH_DATA")
    if not root or not (Path(root) / "legacy").is_dir():
        pytest.skip("COLORBENCH_DATA is not set, or has no legacy folder")
    film, gray = FOLDER.clips(Path(root) / "legacy")
    assert (film.name, len(film.references), gray.name, len(gray.references)) == ("a-bomb", 4, "ntire001", 3)
    assert (open_frames(film.source).n_frames, open_frames(gray.source).n_frames) == (360, 100)


def test_what_is_no_clip_is_named_with_the_reason(tmp_path: Path) -> None:
    touch(tmp_path, "a.wmv", "b/0.png", "c/film.mov", "d/frames/0.png", "references/b/0.png", ".hidden/x")
    touch(tmp_path, "jp2/00000.jp2", "jp2/00001.jp2", "nested/e/0.png", "notes.txt", "film.rm")
    (tmp_path / "empty").mkdir()
    assert list(listed(tmp_path)) == ["a", "b", "c", "d"]
    assert FOLDER.left_out(tmp_path) == (
        "empty/, no picture and no video in it",
        "film.rm, no video or picture that can be read",
        "jp2/, no picture and no video in it: 00000.jp2, 00001.jp2",
        "nested/, no picture and no video in it: e",
        "notes.txt, no video or picture that can be read",
    )


def test_beside_the_pictures_of_a_single_clip_nothing_is_left_out(tmp_path: Path) -> None:
    root = touch(tmp_path / "shot", "0.png", "1.png", "notes.txt")
    assert FOLDER.left_out(root) == ()
    assert FOLDER.left_out(root / "0.png") == ()
    assert FOLDER.left_out(None) == ()


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_references_are_found_however_accents_are_written(tmp_path: Path, forms: tuple[Literal["NFC", "NFD"], ...]) -> None:
    there, here = (unicodedata.normalize(form, "caf\u00e9") for form in forms)
    touch(tmp_path, f"{here}/0.png", "other/0.png", f"references/{there}/0.png")
    assert listed(tmp_path)[here] == (here, [f"references/{there}/0.png"])
