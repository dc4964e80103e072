"""Imperfect references: each disturbance alone, its frequency, and chroma in polar coordinates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from colorbench.errors import UsageError
from colorbench.training.disturbance import Disturbances, chroma_matrix, disturbed, disturbed_chroma

NONE = Disturbances(chroma=0.0, mirrored=0.0, occluded=0.0, reframed=0.0, degraded=0.0)
RED = np.full((30, 30, 3), (255, 0, 0), np.uint8)


def slope(height: int = 48, width: int = 80) -> NDArray[np.uint8]:
    """Red tells the column, green the row, blue nothing."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack((3 * columns, 5 * rows, np.full((height, width), 40)), axis=-1).astype(np.uint8)


def draw(seed: int, **chances: Any) -> NDArray[np.uint8]:
    return disturbed(slope(), RED, replace(NONE, **chances), np.random.default_rng(seed))


def test_nothing_is_done_where_nothing_is_wanted() -> None:
    picture = slope()
    assert disturbed(picture, RED, NONE, np.random.default_rng(0)) is picture
    np.testing.assert_array_equal(disturbed_chroma(NONE, np.random.default_rng(0)), np.eye(2))


def test_mirroring_swaps_left_and_right() -> None:
    np.testing.assert_array_equal(draw(0, mirrored=1.0), slope()[:, ::-1])


@pytest.mark.parametrize("seed", range(10))
def test_reframing_stretches_a_part_of_at_least_the_given_share(seed: int) -> None:
    part = draw(seed, reframed=1.0).astype(np.float64)
    assert part.shape == slope().shape
    across, down = np.ptp(part[24, :, 0]) / (3 * 79), np.ptp(part[:, 40, 1]) / (5 * 47)
    assert 0.65 * 0.94 < across <= 1.0
    assert 0.65 * 0.94 < down <= 1.0
    assert abs(across / down - 1.0) < 0.15
    columns = part[24, 4:-4, 0]
    np.testing.assert_allclose(columns, np.linspace(columns[0], columns[-1], columns.size), atol=2.0)


def test_hiding_puts_another_picture_over_a_part() -> None:
    shares = []
    for seed in range(30):
        found = draw(seed, occluded=1.0)
        changed = (found != slope()).any(axis=-1)
        inner = (found == RED[0, 0]).all(axis=-1)
        assert (changed | ~inner).all()
        shares.append(changed.mean())
    assert 0.02 < np.mean(shares) < 0.3
    assert max(shares) < 0.5


def test_a_degraded_reference_is_near_the_true_one() -> None:
    noise = np.random.default_rng(0).integers(0, 60, slope().shape)
    picture = (slope() // 2 + 30 + noise).astype(np.uint8)
    for seed in range(12):
        found = disturbed(picture, RED, replace(NONE, degraded=1.0), np.random.default_rng(seed))
        assert found.shape == picture.shape
        assert found.dtype == np.uint8
        difference = np.abs(found.astype(float) - picture)
        assert 1.0 < difference.mean() < 20.0
        assert np.abs(found.mean(axis=(0, 1)) - picture.mean(axis=(0, 1))).max() < 3.0


def test_chances_are_kept_and_independent() -> None:
    settings = replace(NONE, mirrored=0.3, chroma=0.6)
    draws = []
    for seed in range(2000):
        rng = np.random.default_rng(seed)
        mirrored = disturbed(slope(), RED, settings, rng)[0, 0, 0] > 0
        draws.append((mirrored, not np.array_equal(disturbed_chroma(settings, rng), np.eye(2))))
    mirrored_rate, chroma_rate = np.mean(draws, axis=0)
    assert mirrored_rate == pytest.approx(0.3, abs=0.04)
    assert chroma_rate == pytest.approx(0.6, abs=0.04)
    assert np.mean([a and b for a, b in draws]) == pytest.approx(0.18, abs=0.04)


@pytest.mark.parametrize(("saturation", "degrees"), [(1.0, 0.0), (0.5, 30.0), (1.3, -75.0), (2.0, 180.0)])
def test_chroma_is_scaled_and_hue_turned(saturation: float, degrees: float) -> None:
    for a, b in ((30.0, 5.0), (-12.0, 44.0), (-3.0, -60.0)):
        turned = complex(a, b) * saturation * np.exp(1j * np.radians(degrees))
        np.testing.assert_allclose(chroma_matrix(saturation, degrees) @ (a, b), (turned.real, turned.imag), atol=1e-4)


def test_drawn_chroma_stays_in_its_ranges() -> None:
    settings = replace(NONE, chroma=1.0, saturation=(0.5, 0.8), hue=20.0)
    drawn = np.array([disturbed_chroma(settings, np.random.default_rng(seed)) for seed in range(200)])
    factors, angles = np.hypot(drawn[:, 0, 0], drawn[:, 1, 0]), np.degrees(np.arctan2(drawn[:, 1, 0], drawn[:, 0, 0]))
    assert 0.5 <= factors.min() + 1e-6 < 0.52
    assert 0.78 < factors.max() - 1e-6 <= 0.8
    assert -20.0 <= angles.min() + 1e-4 < -18.0
    assert 18.0 < angles.max() - 1e-4 <= 20.0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mirrored": -0.1}, "mirrored = -0.1"),
        ({"saturation": (1.2, 0.8)}, "upper end of saturation = 0.8"),
        ({"hue": 200.0}, "hue = 200"),
        ({"least_part": 0.0}, "least_part = 0"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        replace(Disturbances(), **changes)
