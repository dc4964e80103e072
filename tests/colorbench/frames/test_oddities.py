"""What lies in a frame's place and is none, and what the numbering lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from colorbench.frames.oddities import oddities_of
from colorbench.frames.opening import write_png
from colorbench.types import Clip


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    for index in range(9):
        write_png(tmp_path / "walk" / f"{index:05d}.png", np.full((8, 8, 3), index, np.uint8))
    return tmp_path / "walk"


def said(folder: Path, *references: Path) -> tuple[str, ...]:
    return oddities_of(Clip(name="walk", dataset="test", source=folder, references=references))


def test_a_folder_of_frames_alone_has_none(walk: Path) -> None:
    (walk / ".DS_Store").touch()
    assert said(walk) == ()


def test_things_in_a_frames_place_and_the_hole_they_leave_are_named(walk: Path) -> None:
    (walk / "00003.png").rename(walk / "00003.gif")
    (walk / "00001.png").unlink()
    (walk / "00001.png").mkdir()
    (walk / "notes.txt").touch()
    assert said(walk) == (
        "3 left out that are no frames: 00001.png/, 00003.gif, notes.txt",
        "2 missing in the numbering: 00001, 00003",
    )


def test_a_picture_among_numbered_ones_is_named(walk: Path) -> None:
    write_png(walk / "poster.png", np.zeros((8, 8, 3), np.uint8))
    assert said(walk) == ("1 named unlike the others and taken as frames: poster",)


def test_many_are_counted_and_the_first_named(walk: Path) -> None:
    for index in range(20):
        (walk / f"{index}.jp2").touch()
    assert said(walk)[0].startswith("20 left out that are no frames: 0.jp2, 1.jp2, 2.jp2,")
    assert said(walk)[0].endswith("7.jp2 and 12 more")


def test_references_are_in_their_place(walk: Path) -> None:
    write_png(walk / "references" / "00000.png", np.zeros((8, 8, 3), np.uint8))
    assert said(walk, walk / "references" / "00000.png") == ()
    assert said(walk) == ("1 left out that are no frames: references/",)


def test_a_video_has_none(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").touch()
    assert said(tmp_path / "film.mp4") == ()
