"""Samples: whose turn it is, true luminance and colors, positions, and augmentation that is alike for a whole sample."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from colorbench.color import rgb_to_lab
from colorbench.errors import DatasetError, UsageError
from colorbench.files.cache import CACHE_VARIABLE
from colorbench.records import overridden, record_from
from colorbench.training.disturbance import Disturbances
from colorbench.training.material import Reel, gather
from colorbench.training.motion import MotionSettings
from colorbench.training.triplets import CHROMA_BOUND, Triplets, TripletSettings, drawn_moments, lab_of, turn

SIZE = (24, 40)
NO_DISTURBANCES = Disturbances(chroma=0.0, mirrored=0.0, occluded=0.0, reframed=0.0, degraded=0.0)
PLAIN = TripletSettings(
    size=SIZE, single=0.0, flip=0.0, reversal=0.0, recolored=0.0, window=(1.0, 1.0), disturbances=NO_DISTURBANCES
)
CLIPS, PHOTOGRAPHS = replace(PLAIN, photograph_share=0.0), replace(PLAIN, photograph_share=1.0)
BUSY = replace(TripletSettings(), size=SIZE)


def reel(name: str, count: int, *, height: int = 24, width: int = 40, seed: int = 0) -> Reel:
    """Every frame is of its own noise."""
    return Reel(name, np.random.default_rng([seed, count]).integers(0, 256, (count, height, width, 3), dtype=np.uint8))


REELS = (reel("a", 20), reel("b", 30), *(reel(f"p{index}", 1, height=50, width=70, seed=index) for index in range(3)))


def lab(rgb: Any) -> Tensor:
    """(3, H, W) by the definition, in float64."""
    return rgb_to_lab(torch.from_numpy(np.asarray(rgb) / 255.0)).permute(2, 0, 1)


def assert_shows(l_star: Tensor, ab: Tensor, rgb: Any) -> None:
    wanted = lab(rgb)
    torch.testing.assert_close(l_star.double(), wanted[:1], rtol=0, atol=1e-3)
    torch.testing.assert_close(ab.double(), wanted[1:], rtol=0, atol=1e-3)


def drawn(settings: TripletSettings, number: int = 0, seed: int = 0, reels: Any = REELS) -> dict[str, Tensor]:
    return Triplets(reels, settings).sample(number, np.random.default_rng([seed, number]))


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("number", range(6))
def test_shapes_types_and_ranges(number: int, frames: int) -> None:
    found = drawn(replace(BUSY, frames=frames), number)
    assert {key: tuple(tensor.shape) for key, tensor in found.items()} == {
        "l_star": (frames, 1, *SIZE),
        "ab": (frames, 2, *SIZE),
        "position": (frames,),
        "first_l": (1, *SIZE),
        "first_ab": (2, *SIZE),
        "last_l": (1, *SIZE),
        "last_ab": (2, *SIZE),
        "seed": (),
    }
    assert found.pop("seed").dtype == torch.int64
    assert all(tensor.dtype == torch.float32 and tensor.is_contiguous() for tensor in found.values())
    for key in ("l_star", "first_l", "last_l"):
        assert -1e-3 <= float(found[key].min()) < float(found[key].max()) <= 100.001
    for key in ("ab", "first_ab", "last_ab"):
        assert float(found[key].abs().max()) <= CHROMA_BOUND


@pytest.mark.parametrize("number", range(4))
def test_a_sample_is_a_function_of_its_number_and_generator(number: int) -> None:
    one, same, other = drawn(BUSY, number), drawn(BUSY, number), drawn(BUSY, number, seed=1)
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["l_star"], other["l_star"])
    assert one["seed"] != other["seed"]


def test_the_order_of_samples_does_not_matter() -> None:
    triplets = Triplets(REELS, BUSY)
    there = [triplets.sample(number, np.random.default_rng(number)) for number in range(8)]
    back = [triplets.sample(number, np.random.default_rng(number)) for number in reversed(range(8))][::-1]
    assert all(torch.equal(a[key], b[key]) for a, b in zip(there, back, strict=True) for key in a)


def test_a_clip_s_sample_is_its_frames_where_the_positions_say() -> None:
    one = reel("a", 12)
    for seed in range(10):
        found = drawn(replace(CLIPS, least_span=12, frames=3), seed=seed, reels=[one])
        assert_shows(found["first_l"], found["first_ab"], one.frames[0])
        assert_shows(found["last_l"], found["last_ab"], one.frames[11])
        moments = (found["position"] * 11).round().long().tolist()
        torch.testing.assert_close(found["position"] * 11, torch.tensor(moments).float())
        assert 0 < moments[0] < moments[1] < moments[2] < 11
        for index, moment in enumerate(moments):
            assert_shows(found["l_star"][index], found["ab"][index], one.frames[moment])


def test_spans_are_uniform_from_the_least_to_the_whole_clip_and_frames_inside() -> None:
    settings = replace(CLIPS, least_span=5, frames=2)
    rng = np.random.default_rng(0)
    moments = [drawn_moments(9, settings, rng) for _ in range(2000)]
    lengths = Counter(one.length for one in moments)
    assert sorted(lengths) == [5, 6, 7, 8, 9]
    assert min(lengths.values()) > 330
    assert all(0 < one.inner[0] < one.inner[1] < one.length - 1 for one in moments)
    assert {one.inner for one in moments if one.length == 5} == {(1, 2), (1, 3), (2, 3)}
    assert drawn_moments(4, settings, rng) == (4, (1, 2))


def test_a_long_film_is_seen_as_the_protocol_cuts_it() -> None:
    settings = TripletSettings(least_span=8, longest_span=20)
    lengths = {
        drawn_moments(min(300, settings.longest_span), settings, np.random.default_rng(seed)).length for seed in range(200)
    }
    assert (min(lengths), max(lengths)) == (8, 20)


def test_a_stretched_clip_is_seen_whole() -> None:
    """A clip of 2:1 whose columns tell where they are, at samples of 1:1: all of them are there, whatever the window."""
    ramp = np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8)[None, None, :, None], (12, 32, 64, 3)).copy()
    still = replace(
        PLAIN, size=(32, 32), stretched=True, window=(0.2, 0.3), photograph_share=0.0, least_span=8, flip=0.0, recolored=0.0
    )
    sample = Triplets((Reel("ramp", ramp),), still).sample(0, np.random.default_rng(0))
    l_star = sample["l_star"][0, 0]
    assert float(l_star[:, 0].max()) < 3
    assert float(l_star[:, -1].min()) > 97


def test_consecutive_frames_follow_one_another() -> None:
    settings = replace(CLIPS, least_span=9, frames=3, consecutive=True)
    rng = np.random.default_rng(0)
    found = {drawn_moments(9, settings, rng).inner for _ in range(200)}
    assert found == {(start, start + 1, start + 2) for start in range(1, 6)}


@pytest.mark.parametrize("settings", [CLIPS, PHOTOGRAPHS])
def test_reversed_time_swaps_the_references_and_mirrors_positions(settings: TripletSettings) -> None:
    forward, backward = drawn(settings), drawn(replace(settings, reversal=1.0))
    assert torch.equal(forward["first_ab"], backward["last_ab"])
    assert torch.equal(forward["last_l"], backward["first_l"])
    assert torch.equal(forward["l_star"].flip(0), backward["l_star"])
    assert torch.equal(forward["ab"].flip(0), backward["ab"])
    torch.testing.assert_close(1.0 - forward["position"].flip(0), backward["position"])
    assert not torch.equal(forward["first_l"], forward["last_l"])


@pytest.mark.parametrize("settings", [CLIPS, PHOTOGRAPHS])
def test_flipping_mirrors_all_of_a_sample(settings: TripletSettings) -> None:
    plain, flipped = drawn(settings), drawn(replace(settings, flip=1.0))
    for key in ("l_star", "ab", "first_l", "first_ab", "last_l", "last_ab"):
        torch.testing.assert_close(plain[key].flip(-1), flipped[key], rtol=0, atol=1e-4)


@pytest.mark.parametrize("settings", [CLIPS, PHOTOGRAPHS])
def test_other_colors_are_one_rotation_for_all_and_leave_luminance(settings: TripletSettings) -> None:
    muted = tuple(Reel(one.name, (90 + one.frames // 4).astype(np.uint8)) for one in REELS)
    plain, colored = drawn(settings, reels=muted), drawn(replace(settings, recolored=1.0), reels=muted)
    for key in ("l_star", "first_l", "last_l", "position"):
        assert torch.equal(plain[key], colored[key])
    before = plain["ab"].transpose(0, 1).reshape(2, -1).double()
    after = colored["ab"].transpose(0, 1).reshape(2, -1).double()
    matrix = torch.linalg.lstsq(before.T, after.T).solution.T
    saturation = float(torch.linalg.det(matrix)) ** 0.5
    assert 0.7 <= saturation <= 1.3
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(2, dtype=torch.float64) * saturation**2, rtol=0, atol=1e-4)
    for key in ("first_ab", "last_ab"):
        wanted = matrix @ plain[key].double().flatten(1)
        torch.testing.assert_close(colored[key].double().flatten(1), wanted, rtol=0, atol=1e-3)
    assert not torch.allclose(plain["ab"], colored["ab"], atol=0.5)


def test_a_disturbed_reference_leaves_the_frames_true() -> None:
    disturbances = Disturbances(chroma=1.0, mirrored=1.0, occluded=1.0, reframed=1.0, degraded=1.0)
    one = reel("a", 12)
    settings = replace(CLIPS, least_span=12, disturbances=disturbances)
    found = drawn(settings, reels=[one])
    for index, moment in enumerate((found["position"] * 11).round().long().tolist()):
        assert_shows(found["l_star"][index], found["ab"][index], one.frames[moment])
    for key, moment in (("first_l", 0), ("last_l", 11)):
        assert (found[key] - lab(one.frames[moment])[:1]).abs().mean() > 1.0


def test_a_single_reference_stands_for_both_at_position_zero() -> None:
    for settings in (replace(BUSY, references=1), replace(BUSY, single=1.0)):
        for number in range(4):
            found = drawn(settings, number)
            assert torch.equal(found["first_l"], found["last_l"])
            assert torch.equal(found["first_ab"], found["last_ab"])
            assert torch.equal(found["position"], torch.zeros(2))
            assert not torch.equal(found["l_star"][0], found["first_l"])


def test_singles_come_at_their_share() -> None:
    triplets = Triplets([reel("p", 1)], replace(PHOTOGRAPHS, single=0.25, size=(8, 8)))
    singles = [not triplets.sample(number, np.random.default_rng(number))["position"].any() for number in range(250)]
    assert np.mean(singles) == pytest.approx(0.25, abs=0.08)


def test_the_window_is_one_for_all_frames_and_varies_between_samples() -> None:
    still = np.random.default_rng(0).integers(0, 256, (1, 96, 160, 3), dtype=np.uint8)
    triplets = Triplets([Reel("still", np.repeat(still, 12, axis=0))], replace(CLIPS, window=(0.3, 1.0)))
    seen = []
    for seed in range(5):
        found = triplets.sample(0, np.random.default_rng(seed))
        for key in ("first_l", "last_l"):
            assert torch.equal(found[key], found["l_star"][0])
        assert torch.equal(found["ab"][0], found["ab"][1])
        seen.append(found["first_l"])
    assert len({float(one.sum()) for one in seen}) == 5


def test_windows_are_not_enlarged_where_the_clip_is_large_enough() -> None:
    # Columns 0 .. 159 in red: neighbors of an enlarged picture would differ by less than a step.
    columns = np.broadcast_to(np.arange(160, dtype=np.uint8)[None, None, :, None], (10, 96, 160, 3))
    triplets = Triplets([Reel("wide", np.ascontiguousarray(columns))], replace(CLIPS, window=(0.01, 1.0)))
    for seed in range(30):
        row = triplets.sample(0, np.random.default_rng(seed))["l_star"][0, 0, 0].double()
        y = ((row + 16) / 116) ** 3
        y = torch.where(y > 0.008856, y, (((row + 16) / 116) - 16 / 116) / 7.787)
        gray = torch.where(y > 0.0031308, 1.055 * y.clamp_min(1e-9) ** (1 / 2.4) - 0.055, 12.92 * y) * 255
        assert 39 * 0.97 - 1 < float(gray[-1] - gray[0]) < 160


def test_a_photograph_that_does_not_move_is_the_same_in_all_frames() -> None:
    still = MotionSettings(
        zoom=1.0, rotation=0.0, perspective=0.0, elastic=0.0, window=(1.0, 1.0), occluder=0, light=0, shadow=0, blur=0, noise=0
    )
    one = reel("p", 1)
    found = drawn(replace(PHOTOGRAPHS, motion=still), reels=[one])
    assert_shows(found["first_l"], found["first_ab"], one.frames[0])
    assert torch.equal(found["last_l"], found["l_star"][1])
    steps = [(found["position"] * (length - 1)) for length in range(8, 49)]
    assert any(torch.allclose(step, step.round(), atol=1e-4) for step in steps)


def test_every_thing_has_its_turn_before_any_comes_again() -> None:
    orders = [[turn(epoch * 7 + index, 7) for index in range(7)] for epoch in range(20)]
    assert all(sorted(order) == list(range(7)) for order in orders)
    assert len({tuple(order) for order in orders}) > 15


@pytest.mark.parametrize("share", [0.0, 0.25, 1 / 3, 0.5, 0.9, 1.0])
def test_clips_and_photographs_alternate_by_their_share_and_all_take_part(share: float) -> None:
    triplets = Triplets(REELS, replace(PLAIN, photograph_share=share))
    names = [triplets.reel_of(number).name for number in range(600)]
    photographs = [name for name in names if name.startswith("p")]
    assert abs(len(photographs) - 600 * share) <= 1
    for kept, known in ((photographs, 3), ([name for name in names if name in "ab"], 2)):
        counts = Counter(kept)
        assert not kept or (len(counts) == known and max(counts.values()) - min(counts.values()) <= 1)


def test_lab_is_the_definition_s() -> None:
    rng = np.random.default_rng(0)
    colors = rng.integers(0, 256, (2, 300, 500, 3), dtype=np.uint8)
    colors[0, :256, 0] = np.arange(256)[:, None]
    colors[1, :100] = rng.integers(0, 24, (100, 500, 3))
    wanted = rgb_to_lab(torch.from_numpy(colors / 255.0)).numpy()
    found = lab_of(list(colors))
    assert found.dtype == np.float32
    assert np.abs(found.transpose(0, 2, 3, 1) - wanted).max() < 1e-3


def test_lab_of_other_chroma_is_multiplied_then_clipped() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    matrix = np.array([[1.5, -0.5], [0.5, 1.5]], np.float32)
    found, plain = lab_of([picture, picture], [matrix, np.eye(2, dtype=np.float32)])
    np.testing.assert_allclose(plain, lab(picture), rtol=0, atol=1e-3)
    wanted = np.einsum("ij,jhw->ihw", matrix.astype(np.float64), lab(picture)[1:].numpy())
    assert np.abs(wanted).max() > CHROMA_BOUND
    np.testing.assert_allclose(found[1:], wanted.clip(-CHROMA_BOUND, CHROMA_BOUND), rtol=0, atol=2e-3)
    np.testing.assert_array_equal(found[0], plain[0])


def test_what_is_wanted_and_not_there_is_told() -> None:
    with pytest.raises(UsageError, match="there are no photographs"):
        Triplets(REELS[:2], BUSY)
    with pytest.raises(UsageError, match="there are no clips"):
        Triplets(REELS[2:], BUSY)
    with pytest.raises(DatasetError, match="clip short has 3 frames"):
        Triplets([reel("short", 3)], CLIPS)
    Triplets([reel("enough", 4)], CLIPS).sample(0, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"frames": 0}, "frames = 0"),
        ({"frames": 7}, "least_span = 8"),
        ({"single": 1.5}, "single = 1.5"),
        ({"photograph_span": 4}, "photograph_span = 4"),
        ({"size": (4, 100)}, "shorter side of size = 4"),
        ({"window": (0.8, 0.2)}, "upper end of window = 0.2"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        replace(TripletSettings(), **changes)


def test_settings_are_read_from_tables() -> None:
    table = {"size": [32, 48], "motion": {"rotation": 3}, "disturbances": {"chroma": 0.5, "saturation": [0.9, 1.1]}}
    settings = overridden(TripletSettings, record_from(TripletSettings, table), {"motion.zoom": "1.1"}, what="samples")
    assert settings.size == (32, 48)
    assert (settings.motion.rotation, settings.motion.zoom) == (3.0, 1.1)
    assert settings.disturbances.saturation == (0.9, 1.1)


@pytest.mark.data
def test_real_clips_and_photographs(data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    davis = data_root / "davis" / "JPEGImages" / "480p"
    photographs = data_root / "bsds500" / "images" / "val"
    if not davis.is_dir() or not photographs.is_dir():
        pytest.skip("DAVIS or BSDS500 is not in COLORBENCH_DATA")
    others = [path.name for path in davis.iterdir() if path.name != "libby"]
    reels = gather(clips=[davis], photographs=[photographs], exclude=others, height=96)
    assert [one.frames.shape for one in reels if len(one.frames) > 1] == [(49, 96, 171, 3)]
    triplets = Triplets(reels, replace(TripletSettings(), size=(64, 96)))
    for number in range(6):
        found = triplets.sample(number, np.random.default_rng(number))
        assert all(bool(tensor.isfinite().all()) for tensor in found.values())
        assert float(found["l_star"].std()) > 3.0
