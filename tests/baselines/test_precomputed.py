from __future__ import annotations

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines.precomputed import Precomputed, Results
from colorbench.errors import FramesError, MethodError, UsageError
from colorbench.frames.opening import write_png, write_video
from colorbench.runs.store import safe_name

DEFAULTS = {"match": "auto", "resize": "no"}


@pytest.fixture
def clip(moving_clip: Callable[..., Any]) -> Any:
    return moving_clip(5)


@pytest.fixture
def folder(clip: Any, tmp_path: Path) -> Path:
    for name, frame in zip(clip.frame_names, clip.frames, strict=True):
        write_png(tmp_path / "clip" / f"{name}.png", frame)
    return tmp_path


def same(frames: list[np.ndarray], clip: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(frames, clip.frames, strict=True))


def test_results_come_back_as_they_are(clip: Any, folder: Path) -> None:
    assert same(list(Results(folder).colorize(clip, ())), clip)


def test_a_video_of_results_is_read(clip: Any, tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mkv", clip.frames, fps=Fraction(25))
    assert same(list(Results(tmp_path).colorize(clip, ())), clip)


def test_results_are_matched_by_stem_where_all_are_there(clip: Any, folder: Path) -> None:
    write_png(folder / "clip" / "99999.png", clip.frames[0])
    assert same(list(Results(folder).colorize(clip, ())), clip)


def test_results_with_names_of_their_own_are_matched_by_order(clip: Any, folder: Path) -> None:
    for index, path in enumerate(sorted((folder / "clip").iterdir())):
        path.rename(path.with_name(f"out{index + 1}.png"))
    assert same(list(Results(folder).colorize(clip, ())), clip)
    with pytest.raises(MethodError, match="5 frames of clip 'clip' have no result"):
        list(Results(folder, match="stem").colorize(clip, ()))


def test_a_count_that_is_off_by_one_is_said_with_both_counts_and_the_frame(clip: Any, folder: Path) -> None:
    (folder / "clip" / "00003.png").unlink()
    with pytest.raises(MethodError, match=r"4 results, clip 'clip' has 5 frames \(without result: 00003\)"):
        list(Results(folder).colorize(clip, ()))


def test_a_missing_clip_names_the_nearest(clip: Any, folder: Path) -> None:
    (folder / "clip").rename(folder / "clipp")
    with pytest.raises(MethodError, match="did you mean 'clipp'"):
        list(Results(folder).colorize(clip, ()))


def test_another_size_is_refused_unless_allowed(clip: Any, folder: Path) -> None:
    for path in (folder / "clip").iterdir():
        write_png(path, np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(MethodError, match="64x48") as error:
        list(Results(folder).colorize(clip, ()))
    assert "128x96" in str(error.value)
    assert next(Results(folder, resize=True).colorize(clip, ())).shape == (96, 128, 3)


def test_a_truncated_result_is_named(clip: Any, folder: Path) -> None:
    path = folder / "clip" / "00002.png"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FramesError, match=r"00002\.png"):
        list(Results(folder).colorize(clip, ()))


def test_unicode_and_spaces_work(clip: Any, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "Ergebnisse é 日本" / "clip"
    shutil.copytree(folder / "clip", target)
    assert same(list(Results(target.parent).colorize(clip, ())), clip)


def test_the_fingerprint_changes_with_one_byte_and_not_with_the_place(folder: Path, tmp_path: Path) -> None:
    def fingerprint(path: Path) -> str:
        return Precomputed().fingerprint(variant="default", settings={"folder": str(path), **DEFAULTS})

    before = fingerprint(folder)
    copy = tmp_path / "copy"
    shutil.copytree(folder / "clip", copy / "clip")
    assert fingerprint(copy) == before
    write_png(copy / "clip" / "00001.png", np.zeros((96, 128, 3), np.uint8))
    assert fingerprint(copy) != before


@pytest.mark.parametrize(
    ("settings", "message"), [({"match": "name"}, "auto, stem, order"), ({"folder": "/nowhere/at/all"}, "/nowhere/at/all")]
)
def test_a_wrong_setting_is_refused(folder: Path, settings: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        Precomputed().load(variant="default", device="cpu", settings={"folder": str(folder), **DEFAULTS, **settings})
    assert message in str(error.value)


def test_a_clip_with_two_sets_of_results_is_refused(clip: Any, folder: Path) -> None:
    write_video(folder / "clip.mkv", clip.frames, fps=Fraction(25))
    with pytest.raises(MethodError, match=r"both .*clip and .*clip\.mkv"):
        list(Results(folder).colorize(clip, ()))


def test_folders_without_pictures_are_no_results(clip: Any, folder: Path) -> None:
    (folder / "logs").mkdir()
    (folder / "logs" / "clip.txt").write_text("done")
    assert Precomputed().fingerprint(variant="default", settings={"folder": str(folder), **DEFAULTS})
    (folder / "clip").rename(folder / "other")
    with pytest.raises(MethodError, match="there are other"):
        list(Results(folder).colorize(clip, ()))


def test_a_clip_whose_name_is_no_file_name_is_found_as_runs_save_it(clip: Any, folder: Path) -> None:
    (folder / "clip").rename(folder / safe_name("a/b"))
    clip.name = "a/b"
    assert same(list(Results(folder).colorize(clip, ())), clip)


def test_results_of_several_sizes_are_refused_unless_resizing_is_allowed(clip: Any, folder: Path) -> None:
    write_png(folder / "clip" / "00003.png", np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(FramesError, match="64x48"):
        list(Results(folder).colorize(clip, ()))
    assert {frame.shape for frame in Results(folder, resize=True).colorize(clip, ())} == {(96, 128, 3)}
