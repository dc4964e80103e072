"""References on the time line: by name, by given frames, by likeness."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorbench.clips.likeness import ALIKE, describe
from colorbench.color import luminance
from colorbench.errors import ColorbenchError, FramesError, UsageError
from colorbench.film.placing import Place, Rule, check_at, check_counts, check_rule, named_frames, parse_at, place
from colorbench.frames.opening import open_frames, picture_files, read_image
from colorbench.types import RgbFrame

NAMES = [f"{index:05d}" for index in range(10)]


def shots(count: int, *, height: int = 72, width: int = 96) -> list[RgbFrame]:
    """Frames that differ from each other, as shots do."""
    rng = np.random.default_rng(3)
    small = rng.integers(0, 256, (count, 5, 7, 3)).astype(np.uint8)
    return [cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) for frame in small]


def places(
    names: list[str], *, rule: Rule = "auto", frames: list[RgbFrame], pictures: list[RgbFrame] | None = None
) -> tuple[Place, ...]:
    frame_names = NAMES[: len(frames)]
    check_counts(names, len(frames))
    check_rule(names, frame_names, rule)
    film, stills = ([describe(luminance(rgb)) for rgb in group] for group in (frames, (pictures or frames)[: len(names)]))
    return place(names, frame_names, np.stack(film) @ np.stack(stills).T, at=None, rule=rule, least=ALIKE)


def placed(names: list[str], *, rule: Rule = "auto", frames: list[RgbFrame], pictures: list[RgbFrame] | None = None) -> list[int]:
    return [found.index for found in places(names, rule=rule, frames=frames, pictures=pictures)]


@pytest.mark.parametrize(
    ("name", "index"),
    [("00003", 3), ("ref_00003", 3), ("frame3", 3), ("3", 3), ("00003_out", 3), ("shot2_7", 7), ("wall", None), ("00042", None)],
)
def test_a_name_means_the_frame_of_that_stem_or_last_number(name: str, index: int | None) -> None:
    assert named_frames([name], NAMES) == (index,)


def test_names_of_frames_need_not_be_their_numbers() -> None:
    assert named_frames(["b", "scene_0020"], ["a", "b", "scan-0010", "scan-0020"]) == (1, 3)


def test_a_number_that_two_frames_share_means_neither() -> None:
    assert named_frames(["x_7"], ["a_7", "b_7"]) == (None,)


def test_a_name_is_believed_where_the_picture_looks_like_that_frame() -> None:
    frames = shots(8)
    found = places(["00002", "00000"], frames=frames, pictures=[frames[2], frames[0]])
    assert [(at.index, at.rule, at.named) for at in found] == [(2, "name", None), (0, "name", None)]


@pytest.mark.parametrize("name", ["shot2", "take_2", "00002"])
def test_a_number_in_the_name_of_a_picture_of_another_frame_is_not_believed(name: str) -> None:
    frames = shots(8)
    (found,) = places([name], frames=frames, pictures=[frames[6]])
    assert (found.index, found.rule, found.named) == (6, "match", 2)
    assert found.likeness == pytest.approx(1.0, abs=0.01)


def test_stills_that_are_numbered_by_their_shots_find_their_frames() -> None:
    frames = shots(9)
    assert placed(["shot1", "shot2", "shot3"], frames=frames, pictures=[frames[4], frames[7], frames[1]]) == [4, 7, 1]


def test_a_name_that_is_a_frame_s_own_stands_where_the_picture_was_changed_beyond_likeness() -> None:
    frames = shots(8)
    assert placed(["00005"], frames=frames, pictures=[shots(40)[35]]) == [5]
    with pytest.raises(FramesError, match="looks like no frame"):
        placed(["shot5"], frames=frames, pictures=[shots(40)[35]])


def test_a_mix_of_names_that_mean_frames_and_names_that_do_not_is_placed_one_by_one() -> None:
    frames = shots(6)
    assert placed(["00001", "wall"], frames=frames, pictures=[frames[1], frames[4]]) == [1, 4]


@pytest.mark.parametrize("text", ["", "1,", "-1", "1;2", "one", "1.5", "²"])
def test_at_that_is_no_list_of_frames_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--at 0,49,99"):
        parse_at(text)


@pytest.mark.parametrize(
    ("indices", "n_frames", "message"),
    [
        ((0,), 10, "names 1 frames for 2 references"),
        ((0, 1, 2), 10, "names 3 frames for 2 references"),
        ((0, 10), 10, "at frame 10 of a clip of 10"),
        ((4, 4), 10, "both at frame 4"),
        ((0, 1), 1, "2 references for a clip of 1 frame"),
    ],
)
def test_at_that_can_not_be_is_refused_in_three_parts(indices: tuple[int, ...], n_frames: int, message: str) -> None:
    def check() -> None:
        check_counts(["a", "b"], n_frames)
        check_at(["a", "b"], indices, n_frames)

    with pytest.raises(UsageError, match=message) as caught:
        check()
    assert caught.value.wanted
    assert caught.value.remedy


def test_by_name_alone_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="no frame is named like"):
        placed(["wall"], rule="name", frames=shots(4))


def test_two_names_of_one_frame_are_refused() -> None:
    with pytest.raises(UsageError, match="both at frame 3"):
        placed(["00003", "ref_3"], frames=shots(5), pictures=[shots(5)[3], shots(5)[3]])


def test_a_picture_is_found_at_the_frame_that_it_shows() -> None:
    frames = shots(8)
    assert placed(["first", "second"], frames=frames, pictures=[frames[6], frames[2]]) == [6, 2]


def test_match_goes_by_likeness_even_where_names_mean_frames() -> None:
    frames = shots(8)
    assert placed(["00000"], rule="match", frames=frames, pictures=[frames[5]]) == [5]


def test_a_picture_of_other_brightness_contrast_size_and_aspect_is_found() -> None:
    frames = shots(8)
    brighter = (frames[3] * 0.6 + 80).astype(np.uint8)
    stretched = cv2.resize(brighter, (200, 131))
    assert placed(["still"], frames=frames, pictures=[stretched]) == [3]


def test_a_picture_of_something_else_is_refused_with_its_likeness() -> None:
    with pytest.raises(FramesError, match=r"looks like no frame.*likeness -?0\.[0-4]"):
        placed(["other"], frames=shots(8)[:4], pictures=[shots(40)[35]])


def test_two_pictures_of_one_frame_are_refused() -> None:
    frames = shots(4)
    with pytest.raises(UsageError, match="'one' and 'two' are both at frame 1"):
        placed(["one", "two"], frames=frames, pictures=[frames[1], frames[1]])


def test_every_message_has_three_parts() -> None:
    for names, rule in ((["a"] * 9, "auto"), (["wall"], "name")):
        with pytest.raises(ColorbenchError) as caught:
            placed(names, rule=rule, frames=shots(3))  # type: ignore[arg-type]
        assert caught.value.wanted
        assert caught.value.remedy


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("COLORBENCH_DATA"), reason="COLORBENCH_DATA is not set")
def test_hand_colored_stills_are_found_in_their_film(data_root: Path) -> None:
    folder = data_root / "legacy" / "a-bomb"
    source = open_frames(folder / "a-bomb_blast_effects_part.mp4")
    files = picture_files(folder / "references")
    pictures = [read_image(file) for file in files]
    film = np.stack([describe(luminance(rgb)) for rgb in source.iterate()])
    likeness = film @ np.stack([describe(luminance(rgb)) for rgb in pictures]).T
    found = place([file.stem for file in files], source.names, likeness, at=None, rule="auto", least=ALIKE)
    # Their names count from frame 869 of the whole film; the second is of a shot that stands still from 44 to 133.
    assert [at.index for at in found][2:] == [1063 - 869, 1220 - 869]
    assert abs(found[0].index - (874 - 869)) <= 1
    assert 44 <= found[1].index <= 133
    assert all(at.likeness > ALIKE for at in found)
