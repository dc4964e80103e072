from __future__ import annotations

import pytest

from colorbench.frames.numbering import numbering


def names(*numbers: int, form: str = "{:05d}") -> list[str]:
    return [form.format(number) for number in numbers]


def test_a_sequence_without_a_hole() -> None:
    assert numbering(names(*range(8, 13))) == ((8, 9, 10, 11, 12), (), ())


@pytest.mark.parametrize("form", ["{:05d}", "frame_{}", "{:03d}-out", "2024 take 2 f{:04d}"])
def test_holes_are_named_as_their_neighbors(form: str) -> None:
    found = numbering(names(*range(3), *range(4, 9), *range(11, 14), form=form))
    assert found.missing == tuple(names(3, 9, 10, form=form))


def test_a_sequence_may_have_a_step() -> None:
    assert numbering(names(0, 5, 10, 15)).missing == ()
    assert numbering(names(0, 5, 10, 20, 25)).missing == ("00015",)


def test_other_names_beside_a_sequence_are_strays() -> None:
    assert numbering([*names(1, 2, 3), "reference", "x7"]).strays == ("reference", "x7")


@pytest.mark.parametrize("given", [[], ["a", "b"], ["a1", "b1", "c1"], ["s1_1", "s1_2", "s2_1", "s2_2"]])
def test_names_without_a_sequence_say_nothing(given: list[str]) -> None:
    assert numbering(given) == ((), (), ())


def test_times_are_no_sequence() -> None:
    assert numbering(names(17, 31, 90, 104, 222, 300)).missing == ()


def test_a_hole_without_end_is_listed_in_part() -> None:
    assert len(numbering(names(1, 2, 3, 10**15)).missing) == 1000
