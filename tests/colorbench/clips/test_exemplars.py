from __future__ import annotations

from pathlib import Path

import pytest

from colorbench.clips.exemplars import check_rule, exemplar_indices, given_positions, scored_indices
from colorbench.clips.protocol import load_protocol
from colorbench.errors import DatasetError, UsageError
from colorbench.types import Clip

CLIP = Clip(name="dog", dataset="test", source=Path("dog"))


def test_the_paper_scores_frames_6_to_85_of_90() -> None:
    scored = scored_indices(load_protocol("bistnet"), CLIP, 90, (0, 89))
    assert (scored[0], scored[-1], len(scored)) == (6, 85, 80)


def test_exemplar_frames_are_not_scored() -> None:
    assert scored_indices(load_protocol("full"), CLIP, 5, (0, 4)) == (1, 2, 3)


def test_exemplar_frames_are_scored_when_a_protocol_says_so() -> None:
    protocol = load_protocol("full", overrides={"score_exemplars": "true"})
    assert scored_indices(protocol, CLIP, 5, (0, 4)) == (0, 1, 2, 3, 4)


def test_an_exemplar_of_unknown_place_excludes_nothing() -> None:
    assert scored_indices(load_protocol("ntire2023"), CLIP, 3, (None,)) == (0, 1, 2)


def test_a_clip_with_nothing_to_score_is_refused() -> None:
    with pytest.raises(DatasetError, match="'dog' of 10 frames"):
        scored_indices(load_protocol("bistnet"), CLIP, 10, (0, 9))


@pytest.mark.parametrize("rule", ["none", "first", "ends", "first-middle-last", "every:1", "every:40"])
@pytest.mark.parametrize("count", [1, 2, 3, 90])
def test_indices_ascend_without_repeats_and_stay_in_the_clip(rule: str, count: int) -> None:
    indices = exemplar_indices(rule, count)
    assert list(indices) == sorted(set(indices))
    assert all(0 <= index < count for index in indices)


@pytest.mark.parametrize("rule", ["per-shot", "given", "ends", "every:12"])
def test_a_rule_that_there_is_passes(rule: str) -> None:
    check_rule(rule)


@pytest.mark.parametrize("rule", ["per-shots", "last", "every:", "every:0", "every:K", "every:-1", ""])
def test_an_unknown_rule_is_refused(rule: str) -> None:
    with pytest.raises(UsageError, match="every:K"):
        check_rule(rule)


def test_given_exemplars_stand_where_their_names_say() -> None:
    references = [Path("r/00049.jpg"), Path("r/other.png")]
    assert given_positions(references, [f"{index:05d}" for index in range(100)]) == (49, None)
