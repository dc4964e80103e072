from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from baselines.exemplar_hold import ExemplarHold, nearest
from colorbench.color import rgb_to_lab
from colorbench.errors import MethodError


def test_an_exemplars_own_frame_comes_back_as_it_was(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(5)
    frames = list(ExemplarHold().colorize(clip, clip.exemplars(0, 4)))
    for index in (0, 4):
        assert np.abs(frames[index].astype(int) - clip.frames[index]).max() <= 1


def test_colors_stay_where_they_are(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(3)
    frames = list(ExemplarHold().colorize(clip, clip.exemplars(0)))
    ab = rgb_to_lab(torch.from_numpy(clip.frames[0]))[..., 1:].contiguous().numpy()
    assert np.array_equal(frames[2], clip.merge(2, ab))


def test_the_nearest_exemplar_is_taken_and_of_two_as_near_the_earlier(moving_clip: Callable[..., Any]) -> None:
    exemplars = moving_clip(9).exemplars(0, 4, 8)
    assert [nearest(exemplars, index) for index in range(9)] == [0, 0, 0, 1, 1, 1, 1, 2, 2]


def test_the_order_of_exemplars_does_not_matter(moving_clip: Callable[..., Any]) -> None:
    exemplars = moving_clip(9).exemplars(8, 0)
    assert [nearest(exemplars, index) for index in (0, 4, 5, 8)] == [1, 1, 0, 0]


def test_exemplars_of_unknown_place_serve_when_there_is_no_other(moving_clip: Callable[..., Any]) -> None:
    first, second = (replace(exemplar, index=None) for exemplar in moving_clip(9).exemplars(0, 8))
    placed = moving_clip(9).exemplars(8)[0]
    assert nearest([first, second], 7) == 0
    assert nearest([first, placed], 0) == 1


def test_no_exemplar_is_an_error(moving_clip: Callable[..., Any]) -> None:
    with pytest.raises(MethodError, match="without exemplars"):
        list(ExemplarHold().colorize(moving_clip(2), ()))
