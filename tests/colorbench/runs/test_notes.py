"""What stands beside a score: results that are late, too many or too bright; exemplars without color or place."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

import colorbench
from colorbench.api import Result
from colorbench.frames.opening import read_image, write_png, write_video
from colorbench.types import RgbFrame
from reports.tables.grid import make_grid

Form = Literal["NFC", "NFD"]
COUNT = 16
Score = Callable[..., Result]


@pytest.fixture
def root(make_clips: Callable[..., Path]) -> Path:
    return make_clips(film=COUNT)


@pytest.fixture
def score(root: Path, tmp_path: Path) -> Score:
    def go(frames: Sequence[RgbFrame], *, names: Sequence[str] = (), clip: str = "film", **options: object) -> Result:
        for name, frame in zip(names or [f"{index:05d}" for index in range(len(frames))], frames, strict=True):
            write_png(tmp_path / "results" / clip / f"{name}.png", frame)
        return colorbench.score(
            {"m": tmp_path / "results"},
            dataset="folder",
            data_root=root,
            protocol="full",
            metrics=["psnr"],
            out=tmp_path / "run",
            **options,  # type: ignore[arg-type]
        )

    return go


def frames_of(root: Path) -> list[RgbFrame]:
    return [read_image(path) for path in sorted((root / "film").glob("*.png"))]


def notes(result: Result) -> str:
    assert result.complete, result.outcome.failures[0].error
    return "\n".join(result.outcome.records[0].notes)


@pytest.mark.parametrize(
    ("offset", "words"), [(1, "1 frame early"), (2, "2 frames early"), (-1, "1 frame late"), (-3, "3 frames late")]
)
def test_results_that_are_late_or_early_are_noted_with_their_offset(root: Path, score: Score, offset: int, words: str) -> None:
    frames = frames_of(root)
    result = score([frames[min(max(index + offset, 0), COUNT - 1)] for index in range(COUNT)])
    assert f"its frames come {words}, each fits the clip best" in notes(result)
    assert any("m on film: its luminance differs from the input's by" in note for note in make_grid(result.summary).notes)


def test_results_of_another_brightness_have_no_offset(root: Path, score: Score) -> None:
    found = notes(score([frame // 2 + 60 for frame in frames_of(root)]))
    assert "its luminance differs" in found
    assert "fits the clip best" not in found


def test_right_results_have_no_note(root: Path, score: Score) -> None:
    assert notes(score(frames_of(root))) == ""


def test_a_result_too_many_is_noted(root: Path, score: Score) -> None:
    frames = frames_of(root)
    assert "1 of its results are named as no frame and left out: 00016" in notes(score([*frames, frames[0]]))


def test_results_past_the_protocols_cut_are_not_noted(root: Path, score: Score) -> None:
    assert notes(score(frames_of(root), overrides={"max_frames": "9"})) == ""


def test_a_video_with_a_frame_too_many_is_noted(root: Path, score: Score, tmp_path: Path) -> None:
    frames = frames_of(root)
    write_video(tmp_path / "results" / "film.mkv", [*frames, frames[0]], fps=Fraction(25))
    assert "1 of its results are named as no frame" in notes(score([]))


def test_a_lost_frame_beside_a_stray_one_is_refused_by_name(root: Path, score: Score) -> None:
    frames = frames_of(root)
    names = [f"{index:05d}" for index in range(COUNT) if index != 3]
    result = score([*frames[:3], *frames[4:], frames[0]], names=[*names, "reference"])
    assert not result.complete
    assert "without result: 00003; unknown: reference" in result.outcome.failures[0].error


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_clip_is_found_however_its_accents_are_written(root: Path, score: Score, forms: tuple[Form, Form]) -> None:
    there, here = (unicodedata.normalize(form, "caf\u00e9") for form in forms)
    (root / "film").rename(root / here)
    frames = [read_image(path) for path in sorted((root / here).glob("*.png"))]
    result = score(frames, clip=there, clips=[there])
    assert result.complete
    assert result.table.psnr["m"] == 60.0


@pytest.fixture
def given(root: Path, tmp_path: Path) -> Callable[..., Result]:
    def go(**references: RgbFrame) -> Result:
        for name, picture in references.items():
            write_png(root / "references" / "film" / f"{name.removeprefix('n')}.png", picture)
        overrides = {"exemplars": "given"}
        return colorbench.run(
            ["exemplar-hold"],
            dataset="folder",
            data_root=root,
            protocol="full",
            overrides=overrides,
            metrics=["psnr"],
            out=tmp_path / "r",
        )

    return go


def test_exemplars_without_color_are_noted(root: Path, given: Callable[..., Result]) -> None:
    frames = frames_of(root)
    gray = np.repeat(frames[7][..., :1], 3, axis=-1)
    assert "exemplars without color: 00007" in notes(given(n00000=frames[0], n00007=gray))


def test_exemplars_numbered_past_the_end_are_noted(root: Path, given: Callable[..., Result]) -> None:
    frames = frames_of(root)
    found = notes(given(n00000=frames[0], n00040=frames[9], wall=frames[3]))
    assert found == "exemplars numbered as no frame, whose place is not known: 00040 (the frames are 00000 to 00015)"
