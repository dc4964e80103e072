"""Each measure on what it should see: colors disturbed by a known amount, beside values worked out by hand or by plain loops."""

from __future__ import annotations

import math
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from colorbench.flow.optical_flow import Motion
from colorbench.inspection import agreement, bleeding, colors, drift, flicker, luminance
from colorbench.inspection.measure import MeasureCard
from colorbench.inspection.motion import carried, is_judged
from colorbench.inspection.verdict import SHOT_CARDS
from colorbench.inspection.view import look_at, working_size
from colorbench.types import Direction

Plane = NDArray[np.float32]

HEIGHT, WIDTH = 48, 64
ALL = np.ones((HEIGHT, WIDTH), bool)


def random_ab(seed: int = 0, *, height: int = HEIGHT, width: int = WIDTH) -> Plane:
    small = np.random.default_rng(seed).uniform(-40, 40, (height // 8, width // 8, 2)).astype(np.float32)
    smooth: Plane = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return smooth


def blocks(seed: int = 0) -> tuple[Plane, Plane]:
    """L* and a*, b* of a mosaic of tiles of 12x16: luminance and color change at the same edges."""
    rng = np.random.default_rng(seed)
    tile = np.ones((12, 16), np.float32)
    l_star = np.kron(rng.uniform(10, 90, (4, 4)).astype(np.float32), tile)
    ab = np.stack([np.kron(rng.uniform(-40, 40, (4, 4)).astype(np.float32), tile) for _ in range(2)], axis=-1)
    return l_star, ab


def turned(ab: Plane, degrees: float) -> Plane:
    angle = math.radians(degrees)
    matrix = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], np.float32)
    return ab @ matrix.T


def still(flow: tuple[float, float] = (0.0, 0.0), mask: NDArray[np.bool_] = ALL) -> Motion:
    field = np.broadcast_to(np.array(flow, np.float32), (*mask.shape, 2)).copy()
    return Motion(field, -field, mask)


def test_luminance_change_is_the_mean_and_the_percentile_of_the_difference() -> None:
    source = np.full((10, 20), 50.0, np.float32)
    colored = source.copy()
    colored[0, :4] += np.array([10, -10, 20, -20], np.float32)
    mean, peak = luminance.luminance_change(source, colored)
    assert mean == pytest.approx(60 / 200)
    assert peak == pytest.approx(np.percentile([0] * 196 + [10, 10, 20, 20], 99))
    assert luminance.luminance_change(source, source) == (0.0, 0.0)


def test_a_constant_tint_does_not_flicker_and_alternating_saturation_does_by_the_computed_amount() -> None:
    tint = np.broadcast_to(np.array((12.0, -5.0), np.float32), (HEIGHT, WIDTH, 2)).copy()
    assert flicker.flicker(tint, tint, ALL) == 0.0
    assert flicker.flicker(tint * np.float32(1.2), tint, ALL) == pytest.approx(0.2 * 13.0, rel=1e-5)


def test_flicker_is_what_plain_loops_give() -> None:
    ab, before = random_ab(1).astype(np.float64), random_ab(2).astype(np.float64)
    mask = np.random.default_rng(3).random((HEIGHT, WIDTH)) < 0.7
    change, lengths = ab - before, []
    for y in range(HEIGHT):
        for x in range(WIDTH):
            if mask[y, x]:
                window = slice(max(y - 4, 0), y + 5), slice(max(x - 4, 0), x + 5)
                lengths.append(np.linalg.norm(change[window][mask[window]].mean(axis=0)))
    assert flicker.flicker(ab.astype(np.float32), before.astype(np.float32), mask) == pytest.approx(np.mean(lengths), rel=1e-5)


def test_flicker_grows_with_the_disturbance_and_is_not_moved_by_noise_of_single_pixels() -> None:
    ab, rng = random_ab(), np.random.default_rng(4)
    values = [flicker.flicker(ab * np.float32(1 + change), ab, ALL) for change in (0.0, 0.1, 0.2, 0.4)]
    assert values == sorted(values)
    assert values[1] > 1.0
    noise = rng.normal(0, 2, ab.shape).astype(np.float32)
    assert flicker.flicker(ab + noise, ab, ALL) < 0.2 * float(np.hypot(noise[..., 0], noise[..., 1]).mean())


def test_what_moves_with_the_picture_has_not_changed() -> None:
    wide = random_ab(5, width=WIDTH + 8)
    before, ab = wide[:, :WIDTH].copy(), wide[:, 3 : WIDTH + 3].copy()
    inside = ALL.copy()
    inside[:, -3:] = False
    assert flicker.flicker(ab, carried(before, still((3.0, 0.0))), inside) == pytest.approx(0.0, abs=1e-5)
    assert flicker.flicker(ab, before, inside) > 3.0


def test_a_pair_of_which_hardly_a_pixel_is_found_is_not_judged() -> None:
    few = np.zeros((HEIGHT, WIDTH), bool)
    few[:4] = True
    assert not is_judged(still(mask=few))
    few[:6] = True
    assert is_judged(still(mask=few))


def drift_of(frames: list[Plane], l_star: Plane) -> tuple[float | None, float | None]:
    steps = [np.full((drift.BANDS, drift.STEP_FIELDS), np.nan, np.float32)]
    steps += [drift.drift_step(now, before, l_star, ALL) for before, now in pairwise(frames)]
    return drift.shot_drift(np.stack(steps))


L_STAR = blocks(6)[0]


@pytest.mark.parametrize("degrees", [0.0, 12.0, -30.0, 200.0])
def test_a_turning_hue_gives_the_degrees_by_which_it_turned(degrees: float) -> None:
    frames = [turned(random_ab(), degrees * share) for share in np.linspace(0, 1, 60)]
    _, hue = drift_of(frames, L_STAR)
    assert hue == pytest.approx(abs(degrees), abs=0.02)


def test_a_color_that_creeps_drifts_by_its_way_and_one_that_goes_to_and_fro_does_not() -> None:
    ab, way = random_ab(), np.array((3.0, 4.0), np.float32)
    travel, _ = drift_of([ab + way * np.float32(share) for share in np.linspace(0, 2, 30)], L_STAR)
    assert travel == pytest.approx(10.0, rel=1e-4)
    travel, hue = drift_of([ab + way * np.float32(at % 2) for at in range(31)], L_STAR)
    assert travel == pytest.approx(0.0, abs=1e-3)
    assert hue == pytest.approx(0.0, abs=0.05)


def test_dark_and_light_that_drift_apart_do_not_cancel() -> None:
    l_star = np.full((HEIGHT, WIDTH), 10.0, np.float32)
    l_star[:, WIDTH // 2 :] = 90.0
    ab = np.full((HEIGHT, WIDTH, 2), 20.0, np.float32)
    sign = np.where(l_star > 50, 1.0, -1.0).astype(np.float32)[..., None]
    travel, _ = drift_of([ab + sign * np.float32(share) for share in np.linspace(0, 5, 20)], l_star)
    assert travel == pytest.approx(5.0 * math.sqrt(2), rel=1e-4)


def test_what_comes_into_view_does_not_drift() -> None:
    """A window that moves from red to blue over colors that stay."""
    wide = np.full((HEIGHT, 4 * WIDTH, 2), (30.0, 10.0), np.float32)
    wide[:, 2 * WIDTH :] = (-10.0, -40.0)
    steps = [np.full((drift.BANDS, drift.STEP_FIELDS), np.nan, np.float32)]
    mask = ALL.copy()
    mask[:, -3:] = False
    for at in range(3, 3 * WIDTH, 3):
        before, now = wide[:, at - 3 : at - 3 + WIDTH], wide[:, at : at + WIDTH]
        steps.append(drift.drift_step(now, carried(before.copy(), still((3.0, 0.0))), L_STAR, mask))
    travel, hue = drift.shot_drift(np.stack(steps))
    assert travel == pytest.approx(0.0, abs=1e-3)
    assert hue == pytest.approx(0.0, abs=1e-2)


def test_pixels_matched_with_another_thing_do_not_count() -> None:
    ab = random_ab()
    wrong = ab.copy()
    wrong[:, :3] += 30.0
    travel, _ = drift_of([ab, wrong, ab + np.float32(0.5), wrong + np.float32(1.0)], L_STAR)
    assert travel == pytest.approx(math.sqrt(2), rel=0.02)


def test_gray_and_a_shot_of_one_frame_have_no_drift() -> None:
    gray = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    assert drift_of([gray, gray], L_STAR) == (0.0, None)
    assert drift_of([gray], L_STAR) == (None, None)


def test_bleeding_is_what_plain_loops_give() -> None:
    rng = np.random.default_rng(7)
    l_star, ab = (100 * rng.random((9, 11))).astype(np.float32), (20 * rng.standard_normal((9, 11, 2))).astype(np.float32)
    padded_l, padded_ab = (
        np.pad(plane.astype(np.float64), ((2, 2), (2, 2), (0, 0))[: plane.ndim], "symmetric") for plane in (l_star, ab)
    )
    explained = total = 0.0
    for y in range(9):
        for x in range(11):
            light = padded_l[y : y + 5, x : x + 5].ravel()
            for channel in (0, 1):
                chroma = padded_ab[y : y + 5, x : x + 5, channel].ravel()
                total += chroma.var()
                explained += np.cov(light, chroma, bias=True)[0, 1] ** 2 / (light.var() + 1.0)
    assert bleeding.bleeding(l_star, ab) == pytest.approx(1 - explained / total, rel=1e-4)


def test_bleeding_rises_with_each_pixel_by_which_color_is_shifted() -> None:
    l_star, ab = blocks(8)
    values = [bleeding.bleeding(l_star, np.roll(ab, shift, axis=1)) for shift in range(4)]
    numbers = [value for value in values if value is not None]
    assert len(numbers) == 4
    assert all(after > before for before, after in pairwise(numbers))


def test_bleeding_rises_as_color_is_smeared() -> None:
    l_star, ab = blocks(9)
    values = [bleeding.bleeding(l_star, cv2.GaussianBlur(ab, (0, 0), sigma)) for sigma in (0.1, 1.0, 2.0, 4.0)]
    numbers = [value for value in values if value is not None]
    assert numbers == sorted(numbers)
    assert numbers[0] < 0.5 * numbers[-1]


def test_color_that_follows_luminance_does_not_bleed_and_none_has_no_value() -> None:
    l_star, _ = blocks(10)
    ab = np.stack((0.5 * l_star - 20, 10 - 0.3 * l_star), axis=-1).astype(np.float32)
    value = bleeding.bleeding(l_star, ab)
    assert value is not None
    assert value < 0.01
    assert bleeding.bleeding(l_star, np.full_like(ab, 7.0)) is None


def test_distribution_distance_is_the_wasserstein_distance_of_both_channels() -> None:
    first, second = random_ab(11), random_ab(12) * np.float32(0.5) + np.float32(10)
    wanted = math.hypot(*(wasserstein_distance(first[..., c].ravel(), second[..., c].ravel()) for c in (0, 1)))
    found = agreement.distribution_distance(agreement.chroma_quantiles(first), agreement.chroma_quantiles(second))
    assert float(found) == pytest.approx(wanted, rel=0.02)


def textured(seed: int, tint: tuple[float, float, float] = (1.0, 0.8, 0.5)) -> NDArray[np.uint8]:
    small = np.random.default_rng(seed).integers(40, 230, (16, 24)).astype(np.float32)
    gray = cv2.resize(small, (96, 64), interpolation=cv2.INTER_CUBIC).clip(0, 255)[..., None]
    picture: NDArray[np.uint8] = (gray * np.array(tint, np.float32)).round().astype(np.uint8)
    return picture


def test_a_reference_agrees_with_its_own_frame_and_less_with_another_tint() -> None:
    view, other = look_at(textured(1), (96, 64)), look_at(textured(1, (0.55, 0.8, 1.0)), (96, 64))
    assert agreement.matched_difference(view, view, view) == pytest.approx(0.0, abs=1e-3)
    wanted = float(np.linalg.norm(view.ab - other.ab, axis=-1).mean())
    found = agreement.matched_difference(other, view, view)
    assert found == pytest.approx(wanted, rel=0.1)


def test_a_reference_of_another_scene_is_not_matched() -> None:
    view, other = look_at(textured(2), (96, 64)), look_at(textured(3), (96, 64))
    flat = look_at(np.zeros((64, 96, 3), np.uint8), (96, 64))
    assert agreement.matched_difference(view, view, flat) is None
    found = agreement.matched_difference(view, view, other)
    assert found is None or found < 30


def test_severity_is_how_often_the_limit_fits_into_the_value() -> None:
    def card(direction: Direction) -> MeasureCard:
        return MeasureCard(name="m", summary="", unit="", direction=direction, limit=4.0, decimals=1, reference="")

    assert [card("lower").severity(value) for value in (0.0, 4.0, 6.0, 1000.0, None, math.nan)] == [0, 1, 1.5, 10, 0, 0]
    assert [card("none").severity(value) for value in (0.0, 2.0, 4.0, 40.0, None)] == [10, 2, 1, 0.1, 0]


def test_cards_are_complete_and_their_names_differ() -> None:
    assert len({card.name for card in SHOT_CARDS}) == len(SHOT_CARDS)
    for card in SHOT_CARDS:
        assert card.summary
        assert card.reference
        assert card.limit > 0


def test_gray_has_no_color() -> None:
    assert colors.colorfulness(np.full((8, 8, 3), 90, np.uint8)) == 0.0


def test_no_film_is_enlarged_and_the_source_decides_the_aspect() -> None:
    assert working_size([(720, 576), (1440, 1152)], 256) == (256, 205)
    assert working_size([(720, 576), (200, 160)], 256) == (200, 160)
    assert working_size([(100, 80)], 256) == (100, 80)
    assert working_size([(480, 854)], 256) == (144, 256)


def test_a_view_samples_single_pixels_of_a_large_frame() -> None:
    rng = np.random.default_rng(13)
    rgb = rng.integers(0, 256, (40, 1200, 3), np.uint8)
    view = look_at(rgb, (256, 9))
    assert view.rgb.shape == (9, 256, 3)
    assert view.sampled.shape == (14, 400)
    assert view.sampled[2, 5] == look_at(np.ascontiguousarray(rgb[6:7, 15:16]), (1, 1)).l_star[0, 0]
