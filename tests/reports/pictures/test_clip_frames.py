"""What is shown of a clip is what was run: gray input, exemplars, saved frames and truth, or an error that says what is gone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from skimage.color import rgb2lab

from colorbench.errors import FramesError, StoreError, UnknownNameError
from colorbench.frames.opening import open_frames, read_image, write_png, write_video
from colorbench.results.reading import read_results
from colorbench.runs.saved_frames import note_path, remove
from colorbench.runs.store import digest, frames_path
from colorbench.types import RgbFrame
from reports.pictures.clip_frames import open_clip, saved_labels, why_unsaved


@pytest.fixture
def run(framed: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may change."""
    return Path(shutil.copytree(framed, tmp_path / "run"))


def clip_of(run: Path) -> str:
    return next(name for name in read_results(run).clip_names if name != "film")


def test_panels_are_input_exemplars_methods_and_truth(framed: Path) -> None:
    results = read_results(framed)
    name = clip_of(framed)
    source = open_frames(Path(next(clip.source for clip in results.clips if clip.name == name)))
    with open_clip(results, name) as clip:
        assert (clip.count, clip.height, clip.width, clip.fps) == (9, 32, 48, Fraction(25))
        assert [panel.role for panel in clip.panels] == ["input", "exemplar", "exemplar", *3 * ["method"], "truth"]
        labels = [method.label for method in results.methods]
        assert [panel.title for panel in clip.panels] == [
            "input",
            "exemplar, frame 0",
            "exemplar, frame 8",
            *labels,
            "ground truth",
        ]
        gray, first, last, *methods, truth = (panel.read(4) for panel in clip.panels)
    assert np.array_equal(truth, source.read(4))
    assert np.array_equal(first, source.read(0))
    assert np.array_equal(last, source.read(8))
    for label, picture in zip(labels, methods, strict=True):
        folder = frames_path(framed, label=label, clip=name, video=False)
        assert np.array_equal(picture, read_image(folder / "00004.png"))
    assert np.array_equal(gray[..., 0], gray[..., 2])
    assert np.abs(rgb2lab(gray)[..., 0] - rgb2lab(truth)[..., 0]).max() < 0.3


def test_a_gray_film_has_no_truth_and_keeps_its_frame_rate(framed: Path) -> None:
    with open_clip(read_results(framed), "film") as clip:
        assert clip.fps == Fraction(24000, 1001)
        assert [panel.role for panel in clip.panels][-1] == "method"
        assert "truth" not in {panel.role for panel in clip.panels}


def test_frames_saved_as_video_are_read_too(run: Path, save_as_video: Callable[..., list[RgbFrame]]) -> None:
    results = read_results(run)
    name = clip_of(run)
    frames = save_as_video(results, "gray", name)
    with open_clip(results, name) as clip:
        panel = next(panel for panel in clip.panels if panel.title == "gray")
        assert np.array_equal(panel.read(5), frames[5])


def test_methods_without_saved_frames_are_left_out(run: Path) -> None:
    shutil.rmtree(frames_path(run, label="gray", clip="film", video=False))
    results = read_results(run)
    assert "gray" not in saved_labels(results, "film")
    with open_clip(results, "film") as clip:
        assert "gray" not in {panel.title for panel in clip.panels}


def test_frames_of_a_failed_unit_are_not_shown(run: Path) -> None:
    path = next((run / "units" / "film").glob("gray-*.json"))
    record = json.loads(path.read_text())["record"] | {"status": "failed"}
    path.write_text(json.dumps({"checksum": digest(record), "record": record}))
    assert "gray" not in saved_labels(read_results(run), "film")


def test_a_clip_of_which_nothing_is_saved_is_an_error(run: Path) -> None:
    shutil.rmtree(run / "frames")
    with pytest.raises(StoreError, match="--save-frames png"), open_clip(read_results(run), "film"):
        pass


def test_an_unknown_clip_is_named_with_the_nearest(framed: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'film'"), open_clip(read_results(framed), "flim"):
        pass


def test_a_source_that_was_changed_is_refused(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(json.loads((run / "run.json").read_text())["contents"]["clips"]["film"]["source"], tmp_path))
    text = json.loads((run / "run.json").read_text())
    text["contents"]["clips"]["film"]["source"] = str(copy)
    (run / "run.json").write_text(json.dumps(text))
    with open_clip(read_results(run), "film"):
        pass
    write_video(copy, 9 * [np.zeros((32, 48, 3), np.uint8)], fps=Fraction(25))
    with pytest.raises(FramesError, match="not as it was"), open_clip(read_results(run), "film"):
        pass
    copy.unlink()
    with pytest.raises(FramesError, match=r"film\.mkv"), open_clip(read_results(run), "film"):
        pass


def empty(path: Path) -> None:
    path.write_bytes(b"")


def repaint(path: Path) -> None:
    write_png(path, np.zeros((32, 48, 3), np.uint8))


@pytest.mark.parametrize(
    ("harm", "why"), [(Path.unlink, "lacks"), (empty, "not as it was saved"), (repaint, "not as it was saved")]
)
def test_saved_frames_that_are_not_as_they_were_are_left_out_with_the_reason(
    run: Path, harm: Callable[[Path], object], why: str
) -> None:
    harm(frames_path(run, label="gray", clip="film", video=False) / "00008.png")
    results = read_results(run)
    assert "gray" not in saved_labels(results, "film")
    assert why in why_unsaved(results, "gray", "film")
    assert "00008.png" in why_unsaved(results, "gray", "film")


def test_frames_of_another_method_under_the_same_label_are_left_out_with_the_reason(run: Path) -> None:
    results = read_results(run)
    other = next(label for label in results.methods if label.label != "gray").label
    theirs = frames_path(run, label=other, clip="film", video=False)
    ours = frames_path(run, label="gray", clip="film", video=False)
    remove(ours)
    shutil.copytree(theirs, ours)
    shutil.copy(note_path(theirs), note_path(ours))
    assert "gray" not in saved_labels(results, "film")
    assert "frames of another unit" in why_unsaved(results, "gray", "film")
    note_path(ours).unlink()
    assert "does not say whose" in why_unsaved(results, "gray", "film")
