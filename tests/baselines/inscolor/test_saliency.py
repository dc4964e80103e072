"""Boxes of what is salient: the spectral residual against a transcription, and the rule that makes boxes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label, uniform_filter

from baselines.inscolor_networks.saliency import MOST, SalientBoxes, saliency, salient_boxes

Plane = NDArray[np.float64]


def textured(height: int, width: int, *, seed: int = 0) -> Plane:
    return np.asarray(np.random.default_rng(seed).normal(50.0, 2.0, (height, width)))


def transcribed(gray: Plane) -> Plane:
    """Hou and Zhang, eq. 3 to 5, with the Fourier transform as a sum."""
    height, width = gray.shape
    rows = np.exp(-2j * np.pi * np.outer(np.arange(height), np.arange(height)) / height)
    columns = np.exp(-2j * np.pi * np.outer(np.arange(width), np.arange(width)) / width)
    spectrum = rows @ gray @ columns
    log = np.log(np.abs(spectrum))
    residual = log - uniform_filter(log, 3, mode="mirror")
    picture = rows.conj() @ (np.exp(residual) * spectrum / np.abs(spectrum)) @ columns.conj() / gray.size
    return np.asarray(gaussian_filter(np.abs(picture) ** 2, 4.0, mode="mirror"))


def test_saliency_is_the_spectral_residual() -> None:
    gray = textured(36, 64)
    gray[10:20, 30:45] += 30.0
    np.testing.assert_allclose(saliency(gray), transcribed(gray), rtol=1e-6)


def test_boxes_go_around_what_is_above_one_and_a_half_times_the_mean() -> None:
    gray = textured(36, 64, seed=3)
    gray[4:12, 6:14] += 25.0
    gray[22:32, 40:56] -= 30.0
    salient = transcribed(gray)
    parts, count = label(salient > 1.5 * salient.mean(), np.ones((3, 3)))
    expected = []
    for part in range(1, count + 1):
        y, x = np.nonzero(parts == part)
        if min(np.ptp(x), np.ptp(y)) + 1 >= 36 / 8:
            expected.append((salient[parts == part].sum(), x.min(), y.min(), x.max() + 1, y.max() + 1))
    expected.sort(reverse=True)
    found = salient_boxes(gray.astype(np.float32))
    assert len(found) >= 2
    for box, (score, *edges) in zip(found, expected, strict=False):
        assert [box.left, box.top, box.right, box.bottom] == edges
        assert box.score == pytest.approx(score, rel=1e-4)
    assert len(found) == min(MOST, len(expected))


def test_a_thing_in_an_even_scene_is_boxed_at_any_size() -> None:
    small = textured(36, 64, seed=5)
    small[12:24, 20:36] += 40.0
    large = np.kron(small, np.ones((5, 5)))
    boxes, enlarged = (salient_boxes(picture.astype(np.float32)) for picture in (small, large))
    best = boxes[0]
    assert best.left <= 28 <= best.right
    assert best.top <= 18 <= best.bottom
    assert [(box.left * 5, box.bottom * 5) for box in boxes] == [(box.left, box.bottom) for box in enlarged]


@pytest.mark.parametrize("size", [(48, 64), (5, 200), (3, 3)])
def test_a_frame_without_contrast_has_none(size: tuple[int, int]) -> None:
    assert salient_boxes(np.full(size, 40.0, np.float32)) == []
    assert salient_boxes(np.zeros(size, np.float32)) == []


@pytest.mark.parametrize("size", [(2, 90), (90, 2), (3, 5), (40, 41)])
def test_boxes_of_frames_of_any_shape_lie_inside_best_first(size: tuple[int, int]) -> None:
    found = salient_boxes(np.random.default_rng(0).uniform(0, 100, size).astype(np.float32))
    assert len(found) <= MOST
    assert [box.score for box in found] == sorted((box.score for box in found), reverse=True)
    for box in found:
        assert 0 <= box.left < box.right <= size[1] + 1e-9
        assert 0 <= box.top < box.bottom <= size[0] + 1e-9


def test_a_clip_s_boxes_are_those_of_its_frame_s_luminance(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(2)
    assert SalientBoxes().of(clip, 1) == salient_boxes(clip.luminance(1))
