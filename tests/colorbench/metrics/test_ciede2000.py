"""CIEDE2000 against scikit-image and against the pairs that its authors publish."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from colorbench.metrics.ciede2000 import METRICS, _differences, ciede2000
from colorbench.scoring.lab import lab_planes
from colorbench.types import RgbFrame

Pair = tuple[RgbFrame, RgbFrame]

# Sharma, Wu and Dalal 2005, Table 1: pairs chosen to find mistakes at the seams of the formula.
PUBLISHED = [
    ((50.0000, 2.6772, -79.7751), (50.0000, 0.0000, -82.7485), 2.0425),
    ((50.0000, -1.3802, -84.2814), (50.0000, 0.0000, -82.7485), 1.0000),
    ((50.0000, 0.0000, 0.0000), (50.0000, -1.0000, 2.0000), 2.3669),
    ((50.0000, 2.4900, -0.0010), (50.0000, -2.4900, 0.0009), 7.1792),
    ((50.0000, 2.4900, -0.0010), (50.0000, -2.4900, 0.0011), 7.2195),
    ((50.0000, -0.0010, 2.4900), (50.0000, 0.0009, -2.4900), 4.8045),
    ((50.0000, -0.0010, 2.4900), (50.0000, 0.0011, -2.4900), 4.7461),
    ((50.0000, 2.5000, 0.0000), (50.0000, 0.0000, -2.5000), 4.3065),
    ((50.0000, 2.5000, 0.0000), (73.0000, 25.0000, -18.0000), 27.1492),
    ((50.0000, 2.5000, 0.0000), (58.0000, 24.0000, 15.0000), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


def reference(truth: RgbFrame, prediction: RgbFrame) -> np.ndarray:
    return np.asarray(deltaE_ciede2000(rgb2lab(truth / 255.0), rgb2lab(prediction / 255.0))).ravel()


@pytest.mark.parametrize(("one", "other", "wanted"), PUBLISHED)
def test_it_has_the_values_of_its_authors(
    one: tuple[float, float, float], other: tuple[float, float, float], wanted: float
) -> None:
    found = _differences(np.array([one]).T.copy(), np.array([other]).T.copy())
    assert found[0] == pytest.approx(wanted, abs=5e-5)


def test_it_agrees_with_scikit_image_a_pixel(pair: Pair) -> None:
    found = _differences(*map(lab_planes, pair))
    assert np.abs(found - reference(*pair)).max() < 1e-10
    assert ciede2000(*pair) == pytest.approx(reference(*pair).mean(), abs=1e-10)


def test_it_agrees_on_colors_that_have_nothing_to_do_with_each_other() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 256, (300, 300, 3), np.uint8) for _ in range(2))
    assert np.abs(_differences(lab_planes(one), lab_planes(other)) - reference(one, other)).max() < 1e-10
    complement = 255 - one
    assert np.abs(_differences(lab_planes(one), lab_planes(complement)) - reference(one, complement)).max() < 1e-10


def test_it_agrees_where_one_frame_is_gray(photograph: RgbFrame) -> None:
    gray = np.repeat(photograph[..., :1], 3, axis=2)
    assert np.abs(_differences(lab_planes(photograph), lab_planes(gray)) - reference(photograph, gray)).max() < 1e-10


@pytest.mark.data
def test_it_agrees_on_real_clips(clip_pairs: list[Pair]) -> None:
    for pair in clip_pairs[::8]:
        assert np.abs(_differences(*map(lab_planes, pair)) - reference(*pair)).max() < 1e-10


def test_equal_frames_are_0_and_order_does_not_matter(pair: Pair) -> None:
    assert ciede2000(pair[0], pair[0]) == 0.0
    assert ciede2000(*pair) == pytest.approx(ciede2000(pair[1], pair[0]), abs=1e-12)


def test_it_is_computed_when_it_is_named() -> None:
    assert not METRICS[0].card.default
