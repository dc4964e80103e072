"""Videvo as Lai et al. lay it out, and as people copy it."""

from __future__ import annotations

from pathlib import Path

import pytest

from colorbench.datasets.videvo import DATASETS, TEST
from colorbench.errors import DatasetError, UnknownNameError

VIDEVO = DATASETS[0]


def lay_out(base: Path, clips: list[str]) -> None:
    for clip in clips:
        (base / clip).mkdir(parents=True)


@pytest.mark.parametrize("place", ["test/input/videvo", "videvo", "."])
def test_the_three_layouts_are_found(tmp_path: Path, place: str) -> None:
    lay_out(tmp_path / place, TEST)
    clips = VIDEVO.clips(tmp_path)
    assert [clip.name for clip in clips] == TEST
    assert clips[0].source == tmp_path / place / "AircraftTakingOff1"
    assert VIDEVO.missing(tmp_path) == ""
    assert VIDEVO.absent(tmp_path) == ()


def test_training_clips_are_apart(tmp_path: Path) -> None:
    lay_out(tmp_path / "train" / "input" / "videvo", ["Dog10", "Dog9"])
    assert [clip.name for clip in VIDEVO.clips(tmp_path, split="train")] == ["Dog9", "Dog10"]
    assert VIDEVO.missing(tmp_path) == ""
    with pytest.raises(DatasetError, match="'test'"):
        VIDEVO.clips(tmp_path)


def test_beside_test_clips_other_clips_are_for_training(tmp_path: Path) -> None:
    lay_out(tmp_path, ["Koala", "Dog"])
    assert [clip.name for clip in VIDEVO.clips(tmp_path)] == ["Koala"]
    assert [clip.name for clip in VIDEVO.clips(tmp_path, split="train")] == ["Dog"]
    assert len(VIDEVO.absent(tmp_path)) == 19
    assert VIDEVO.absent(tmp_path, "train") == ()


def test_any_folder_is_not_videvo(tmp_path: Path) -> None:
    lay_out(tmp_path, ["Dog"])
    assert VIDEVO.missing(tmp_path)
    assert VIDEVO.missing(None)
    with pytest.raises(DatasetError, match=r"test\.zip"):
        VIDEVO.clips(tmp_path)


def test_an_unknown_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'test'"):
        VIDEVO.clips(tmp_path, split="tests")
