"""Moving photographs: geometry against a fitted homography, chance as a function of the generator, and each effect alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from colorbench.errors import UsageError
from colorbench.training.motion import MotionSettings, MovingPicture, cut_blob, paste

SIZE = (40, 64)
BARE = MotionSettings(elastic=0.0, occluder=0.0, light=0.0, shadow=0.0, blur=0.0, noise=0.0)
STILL = replace(BARE, zoom=1.0, rotation=0.0, perspective=0.0, window=(1.0, 1.0))
EVERYTHING = MotionSettings(occluder=1.0, light=1.0, shadow=1.0, blur=1.0, noise=1.0)
TIMES = np.linspace(0.0, 1.0, 13)


def photograph(height: int = 81, width: int = 121, seed: int = 0) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(60, 200, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def moving(settings: MotionSettings, seed: int = 0, *, picture: NDArray[np.uint8] | None = None) -> MovingPicture:
    rng = np.random.default_rng(seed)
    shown = photograph() if picture is None else picture
    return MovingPicture(shown, rng, size=SIZE, other=photograph(seed=9), settings=settings)


def homography(places: NDArray[np.float32]) -> NDArray[np.float64]:
    """The one that takes the frame's corners to their places."""
    height, width = SIZE
    rows, columns = [0, 0, height - 1, height - 1], [0, width - 1, 0, width - 1]
    corners = np.array([columns, rows], np.float32).T
    return np.asarray(cv2.getPerspectiveTransform(corners, np.ascontiguousarray(places[:, rows, columns].T)))


def applied(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    x, y, w = np.einsum("ij,jhw->ihw", matrix, np.stack((columns, rows, np.ones(SIZE))))
    return np.stack((x / w, y / w))


def test_a_still_camera_shows_the_photograph() -> None:
    picture = photograph(*SIZE)
    for u in TIMES:
        np.testing.assert_array_equal(moving(STILL, picture=picture).frame(u), picture)


@pytest.mark.parametrize("seed", range(5))
def test_chance_is_the_generator_s_alone_and_frames_are_functions_of_time(seed: int) -> None:
    one, same, other = moving(EVERYTHING, seed), moving(EVERYTHING, seed), moving(EVERYTHING, seed + 100)
    several = one.frames([0.9, 0.0, 0.4])
    np.testing.assert_array_equal(several, np.stack([same.frame(u) for u in (0.9, 0.0, 0.4)]))
    assert several.shape == (3, *SIZE, 3)
    assert several.dtype == np.uint8
    assert np.abs(several - other.frames([0.9, 0.0, 0.4]).astype(np.int16)).max() > 10


@pytest.mark.parametrize("seed", range(10))
def test_a_camera_sees_by_a_homography(seed: int) -> None:
    camera = moving(BARE, seed)
    bent = 0.0
    for u in TIMES:
        places = camera.places(u)
        matrix = homography(places)
        assert np.abs(applied(matrix) - places).max() < 0.01
        bent = max(bent, float(np.abs(matrix[2, :2] * SIZE[::-1]).max()))
    assert 1e-3 < bent < 0.2


@pytest.mark.parametrize("seed", range(10))
def test_without_perspective_it_turns_and_zooms_within_its_settings(seed: int) -> None:
    camera = moving(replace(BARE, perspective=0.0), seed)
    found = []
    for u in TIMES:
        (a, b), (c, d) = homography(camera.places(u))[:2, :2]
        assert (a, b) == (pytest.approx(d, abs=1e-3), pytest.approx(-c, abs=1e-3))
        found.append((np.hypot(a, c), np.degrees(np.arctan2(c, a))))
    scales, angles = np.array(found).T
    assert np.abs(angles).max() <= 12.0
    assert scales.max() / scales.min() <= 1.25**2


@pytest.mark.parametrize("shape", [(81, 121), (121, 81), (40, 300), (20, 30)])
def test_no_frame_looks_out_of_its_photograph(shape: tuple[int, int]) -> None:
    slack = 0.02 * max(shape)
    for seed in range(30):
        camera = moving(EVERYTHING, seed, picture=photograph(*shape))
        for u in TIMES:
            x, y = camera.places(u)
            assert x.min() > -slack
            assert y.min() > -slack
            assert x.max() < shape[1] - 1 + slack
            assert y.max() < shape[0] - 1 + slack


def test_motion_is_smooth_and_there_is_motion() -> None:
    far = []
    for seed in range(8):
        places = np.stack([moving(EVERYTHING, seed).places(u) for u in np.linspace(0.0, 1.0, 49)])
        steps = np.diff(places, axis=0)
        assert np.abs(steps).max() < 0.06 * 121
        assert np.abs(np.diff(steps, axis=0)).max() < 0.02 * 121
        far.append(np.abs(places[-1] - places[0]).mean())
    assert np.median(far) > 3.0


def test_bending_grows_with_time_up_to_its_amount() -> None:
    grown = []
    for seed in range(20):
        camera = moving(replace(STILL, elastic=0.1), seed)
        # With nothing else that moves, places are those of a still camera plus the displacement; a plane takes the camera out.
        rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
        plane = np.stack((columns.ravel(), rows.ravel(), np.ones(rows.size)), axis=1)
        size = []
        for u in (0.0, 0.5, 1.0):
            places = camera.places(u).reshape(2, -1).T
            left = places - plane @ np.linalg.lstsq(plane, places, rcond=None)[0]
            size.append(np.abs(left).max())
        assert size[0] < 1e-3
        assert size[0] < size[1] < size[2] < 0.2 * SIZE[0] * 2
        grown.append(size[2])
    assert np.median(grown) > 1.0


def test_light_is_one_rising_curve_for_all_channels() -> None:
    plain, lit = (moving(replace(BARE, light=light), 3).frame(0.7) for light in (0.0, 1.0))
    curve = dict(zip(plain.ravel().tolist(), lit.ravel().tolist(), strict=True))
    assert all(curve[level] == value for level, value in zip(plain.ravel().tolist(), lit.ravel().tolist(), strict=True))
    values = [curve[level] for level in sorted(curve)]
    assert values == sorted(values)
    assert np.abs(plain.astype(int) - lit).max() > 3


def test_a_shadow_darkens_by_at_most_its_depth() -> None:
    plain, shaded = (moving(replace(BARE, shadow=shadow), 3).frame(0.5).astype(float) for shadow in (0.0, 1.0))
    assert (shaded <= plain + 0.5).all()
    assert (shaded >= 0.55 * plain - 1.0).all()
    assert (shaded < 0.9 * plain).any()


def test_noise_is_gray_and_changes_from_frame_to_frame() -> None:
    flat = np.full((81, 121, 3), (90, 120, 150), np.uint8)
    noisy = moving(replace(BARE, noise=1.0), picture=flat)
    one, two = (noisy.frame(u).astype(int) - flat[0, 0] for u in (0.25, 0.5))
    assert (one == one[..., :1]).all()
    assert 0.8 < one[..., 0].std() < 4.5
    assert abs(np.corrcoef(one[..., 0].ravel(), two[..., 0].ravel())[0, 1]) < 0.1


def test_an_occluder_hides_a_part_and_moves() -> None:
    hidden = []
    for seed in range(10):
        plain, passed = (moving(replace(BARE, occluder=share), seed) for share in (0.0, 1.0))
        changed = [(plain.frame(u) != passed.frame(u)).any(axis=-1) for u in (0.0, 1.0)]
        hidden.append([one.mean() for one in changed])
        assert (changed[0] != changed[1]).any()
    assert 0.01 < np.mean(hidden) < 0.4
    assert np.max(hidden) < 0.5


def test_a_blob_is_round_and_soft() -> None:
    for seed in range(20):
        cover = cut_blob(photograph(), np.random.default_rng(seed), side=40)[..., 3]
        assert cover[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0
        assert cover[20, 20] == 255
        assert ((cover > 0) & (cover < 255)).any()
        assert 0.1 < (cover > 127).mean() < 0.75


@pytest.mark.parametrize("quarters", range(4))
def test_pasting_mixes_by_cover_and_turns(quarters: int) -> None:
    patch = np.random.default_rng(1).integers(0, 256, (9, 9, 4), dtype=np.uint8)
    frame = photograph(*SIZE)
    found = frame.copy()
    paste(found, patch, (20.0, 15.0), quarters * np.pi / 2)
    wanted = frame.astype(np.float64)
    turned = np.rot90(patch, -quarters).astype(np.float64)  # y points down: a positive angle turns clockwise
    cover = turned[..., 3:] / 255.0
    wanted[11:20, 16:25] = (1.0 - cover) * wanted[11:20, 16:25] + cover * turned[..., :3]
    # A turned patch is interpolated at places that miss the pixels by rounding of 1/32.
    assert np.abs(found - wanted)[12:19, 17:24].max() < (0.51 if quarters == 0 else 10.0)
    outside = np.ones(SIZE, bool)
    outside[10:21, 15:26] = False
    np.testing.assert_array_equal(found[outside], frame[outside])


def test_pasting_over_the_border_is_cut_and_beyond_it_does_nothing() -> None:
    patch = np.full((9, 9, 4), 255, np.uint8)
    frame = np.zeros((*SIZE, 3), np.uint8)
    paste(frame, patch, (0.0, 0.0), 0.0)
    assert (frame[:5, :5] == 255).all()
    assert frame.sum() == 25 * 3 * 255
    for center in ((-30.0, 10.0), (10.0, 90.0), (200.0, -50.0)):
        paste(frame, patch, center, 0.3)
    assert frame.sum() == 25 * 3 * 255


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"light": 1.1}, "light = 1.1"),
        ({"zoom": 0.9}, "zoom = 0.9"),
        ({"window": (0.9, 0.5)}, "upper end of window = 0.5"),
        ({"elastic": float("nan")}, "elastic = nan"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        replace(MotionSettings(), **changes)
