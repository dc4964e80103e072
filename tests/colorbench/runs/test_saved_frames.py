"""Saved frames belong to a unit: what does not fit its key and digests is made again, and never shown or scored as another's."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import colorbench
from colorbench.api import Result
from colorbench.errors import UsageError
from colorbench.frames.opening import read_image, write_png
from colorbench.results.reading import read_results
from colorbench.runs.saved_frames import frames_mismatch, note_path, read_note

COMMON = {"dataset": "folder", "protocol": "full", "metrics": ["psnr"]}


@pytest.fixture
def root(make_clips: Callable[..., Path]) -> Path:
    return make_clips(one=5, two=5)


@pytest.fixture
def run(root: Path, tmp_path: Path) -> Callable[..., Result]:
    def go(*methods: str, **options: object) -> Result:
        given = {"data_root": root, "out": tmp_path / "run", "save_frames": "png", **COMMON, **options}
        return colorbench.run(methods, **given)  # type: ignore[arg-type]

    return go


def score(folder: Path, root: Path, out: Path) -> Result:
    return colorbench.score({"x": folder}, data_root=root, out=out, **COMMON)


def psnr(result: Result) -> list[float]:
    return [float(value) for value in result.clips.query("metric == 'psnr'").value]


def test_a_note_names_the_unit_and_the_digest_of_each_file(run: Callable[..., Result], tmp_path: Path) -> None:
    result = run("gray")
    folder = tmp_path / "run/frames/gray/one"
    note, record = read_note(folder), result.outcome.records[0]
    assert note is not None
    assert (note.key, note.label, note.clip, note.method) == (record.key, "gray", "one", "gray")
    assert note.files == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert frames_mismatch(folder, key=record.key) == ""
    assert "frames of another unit: gray:default" in frames_mismatch(folder, key="another")


def lost(folder: Path) -> None:
    (folder / "00003.png").unlink()


def empty(folder: Path) -> None:
    (folder / "00003.png").write_bytes(b"")


def repainted(folder: Path) -> None:
    write_png(folder / "00003.png", np.zeros((32, 48, 3), np.uint8))


def one_more(folder: Path) -> None:
    shutil.copy(folder / "00003.png", folder / "00099.png")


def a_note_of_the_wrong_form(folder: Path) -> None:
    note_path(folder).write_text("[]")


def a_file_in_their_place(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("")


@pytest.mark.parametrize(
    "harm", [lost, empty, repainted, one_more, a_note_of_the_wrong_form, a_file_in_their_place, shutil.rmtree]
)
def test_frames_that_are_not_as_they_were_saved_are_made_again(
    run: Callable[..., Result], tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    run("gray")
    folder = tmp_path / "run/frames/gray/one"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    harm(folder)
    result = run("gray")
    assert result.complete
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert frames_mismatch(folder, key=result.outcome.records[0].key) == ""


def test_a_label_that_goes_to_another_method_and_back_has_the_frames_of_each(run: Callable[..., Result], tmp_path: Path) -> None:
    run("m=exemplar-hold")
    first = read_image(tmp_path / "run/frames/m/one/00002.png")
    run("m=gray")
    second = read_image(tmp_path / "run/frames/m/one/00002.png")
    assert not np.array_equal(first, second)
    run("m=exemplar-hold")
    assert np.array_equal(first, read_image(tmp_path / "run/frames/m/one/00002.png"))


def test_names_that_look_alike_keep_frames_of_their_own(make_clips: Callable[..., Path], tmp_path: Path) -> None:
    root = make_clips(**{"a|b": 5, "a_b": 5, "a:b": 5})
    made = colorbench.run(["gray"], data_root=root, out=tmp_path / "r", save_frames="png", **COMMON)  # type: ignore[arg-type]
    assert len([path for path in (tmp_path / "r/frames/gray").iterdir() if path.is_dir()]) == 3
    assert len(set(psnr(made))) == 3
    assert psnr(score(tmp_path / "r/frames/gray", root, tmp_path / "s")) == psnr(made)


def test_labels_that_look_alike_keep_frames_of_their_own(run: Callable[..., Result], root: Path, tmp_path: Path) -> None:
    result = run("flow:single", "flow_single=gray")
    folders = sorted(path for path in (tmp_path / "run/frames").iterdir())
    assert len(folders) == 2
    values = dict(zip(("flow:single", "flow_single"), (psnr(result)[:1], psnr(result)[1:2]), strict=True))
    for number, folder in enumerate(folders):
        note = read_note(folder / "one")
        assert note is not None
        assert psnr(score(folder, root, tmp_path / f"s{number}"))[:1] == values[note.label]


def test_score_takes_saved_frames_by_the_clip_they_say_not_by_the_name_of_their_folder(
    make_clips: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_clips(**{"a|b": 5})
    made = colorbench.run(["gray"], data_root=root, out=tmp_path / "r", save_frames="png", **COMMON)  # type: ignore[arg-type]
    (folder,) = (path for path in (tmp_path / "r/frames/gray").iterdir() if path.is_dir())
    other = make_clips(root="others", **{folder.name: 5})
    result = score(tmp_path / "r/frames/gray", other, tmp_path / "s")
    assert "no results for clip" in result.outcome.failures[0].error
    assert made.complete


def test_score_refuses_frames_of_two_methods_in_one_folder(run: Callable[..., Result], root: Path, tmp_path: Path) -> None:
    run("m=exemplar-hold")
    run("m=gray", clips=["one"])
    with pytest.raises(UsageError, match="other clips beside it are of another method"):
        score(tmp_path / "run/frames/m", root, tmp_path / "s")


def test_score_refuses_frames_that_are_not_of_the_method_that_the_run_has_now(
    run: Callable[..., Result], root: Path, tmp_path: Path
) -> None:
    run("m=exemplar-hold")
    run("m=gray", save_frames="no")
    with pytest.raises(UsageError, match="the run has another method there now"):
        score(tmp_path / "run/frames/m", root, tmp_path / "s")


def test_score_refuses_saved_frames_that_were_changed(run: Callable[..., Result], root: Path, tmp_path: Path) -> None:
    run("gray")
    repainted(tmp_path / "run/frames/gray/one")
    result = score(tmp_path / "run/frames/gray", root, tmp_path / "s")
    assert [record.clip for record in result.outcome.failures] == ["one"]
    assert "00003.png is not as it was saved" in result.outcome.failures[0].error


def test_what_a_killed_run_left_is_cleared_and_what_others_are_at_stays(run: Callable[..., Result], tmp_path: Path) -> None:
    key = run("gray").outcome.records[0].key
    frames = tmp_path / "run/frames/gray"
    (frames / f".{key}.tmp/one").mkdir(parents=True)
    (frames / ".one.1234-abcd.tmp").mkdir()
    run("gray")
    assert not (frames / f".{key}.tmp").exists()
    assert (frames / ".one.1234-abcd.tmp").exists()


def test_a_stored_score_that_was_changed_is_made_again_and_a_copied_record_heals(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    before = psnr(run("gray"))
    one, two = (next((tmp_path / f"run/units/{clip}").glob("gray-*.json")) for clip in ("one", "two"))
    loaded = json.loads(one.read_text())
    loaded["record"]["scores"][0]["value"] = 99.0
    one.write_text(json.dumps(loaded))
    shutil.copy(one, two)
    assert read_results(tmp_path / "run").damaged
    assert not read_results(tmp_path / "run").complete
    with pytest.warns(UserWarning, match="is damaged") as said:
        result = run("gray")
    assert len([warning for warning in said if "set aside" in str(warning.message)]) == 2
    assert result.complete
    assert psnr(result) == before
