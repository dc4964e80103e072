"""Results and frames by their names, and by order only where names leave no doubt."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Literal

import pytest

from colorbench.errors import MethodError
from colorbench.frames.matching import Rule, match_frames, surplus_names

Form = Literal["NFC", "NFD"]
FRAMES = [f"{index:05d}" for index in range(8)]


def match(results: Sequence[str], frames: Sequence[str] = FRAMES, *, rule: Rule = "auto", named: bool = True) -> list[int]:
    return list(match_frames(results, frames, rule=rule, named=named, source="R/c", clip="c"))


def without(*indices: int) -> list[str]:
    return [name for index, name in enumerate(FRAMES) if index not in indices]


def test_names_decide_whatever_else_is_there() -> None:
    assert match(["00000", "00000b", *FRAMES[1:], "reference"]) == [0, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("results", "named"),
    [
        ([*without(3), "reference"], ("00003", "reference")),
        ([*without(0), "00008"], ("00000", "00008")),
        ([*without(2, 5), "00002_", "5"], ("00002, 00005", "00002_, 5")),
        (["cover", *without(7)], ("00007", "cover")),
    ],
)
def test_what_is_missing_and_what_is_too_many_are_refused_by_name(results: list[str], named: tuple[str, str]) -> None:
    with pytest.raises(MethodError) as error:
        match(results)
    assert f"without result: {named[0]}; unknown: {named[1]}" in str(error.value)
    assert match(results, rule="order") == list(range(8))


@pytest.mark.parametrize("form", ["out{}", "{:03d}_colored", "f{:08d}"])
@pytest.mark.parametrize("first", [0, 1, 101])
def test_results_in_a_numbering_of_their_own_are_taken_in_order(form: str, first: int) -> None:
    assert match([form.format(first + index) for index in range(8)]) == list(range(8))


@pytest.mark.parametrize(
    ("results", "named"),
    [
        ([f"f{index}" for index in (0, 1, 2, 4, 5, 6, 7)] + ["reference"], "missing: f3; named unlike the others: reference"),
        ([f"f{index}" for index in (0, 1, 2, 4, 5, 6, 7, 8)], "missing: f3"),
        ([f"f{index}" for index in range(7)] + ["mosaic"], "named unlike the others: mosaic"),
    ],
)
@pytest.mark.parametrize("named_frames", [True, False])
def test_a_numbering_with_a_break_is_never_matched_by_order(results: list[str], named: str, named_frames: bool) -> None:
    with pytest.raises(MethodError) as error:
        match(results, named=named_frames)
    assert named in str(error.value)
    assert match(results, rule="order") == list(range(8))


def test_a_numbering_with_the_holes_of_the_clip_itself_is_in_order() -> None:
    assert match(["f1", "f2", "f4", "f9"], ["0", "1", "3", "8"]) == [0, 1, 2, 3]


def test_names_without_numbers_are_taken_in_order() -> None:
    assert match(["dawn", "day", "dusk"], ["a", "b", "c"]) == [0, 1, 2]


def test_frames_of_a_video_have_no_names_that_could_disagree() -> None:
    """A tool that counts from 1 wrote them."""
    assert match([f"{index + 1:05d}" for index in range(8)], named=False) == list(range(8))
    with pytest.raises(MethodError, match="missing: 00003"):
        match([*without(3), "00008"], named=False)


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_may_be_written_either_way(forms: tuple[Form, Form]) -> None:
    there, here = ([unicodedata.normalize(form, f"é{index}") for index in range(4)] for form in forms)
    assert match([*reversed(there), "x"], here) == [3, 2, 1, 0]
    assert surplus_names([*there, "x"], here) == ("x",)


def test_left_over_results_are_told_only_where_every_frame_has_one() -> None:
    assert surplus_names([*FRAMES, "00008"], FRAMES) == ("00008",)
    assert surplus_names([*without(1), "00008"], FRAMES) == ()
    assert surplus_names(FRAMES, FRAMES) == ()


def test_counts_are_compared_first_and_both_sides_named() -> None:
    with pytest.raises(MethodError, match=r"R/c has 7 results, clip 'c' has 8 frames \(without result: 00003\)"):
        match(without(3))
    with pytest.raises(MethodError, match="8 frames of clip 'c' have no result"):
        match([f"f{index}" for index in range(8)], rule="stem")
