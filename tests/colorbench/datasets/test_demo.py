"""The embedded clips: the same everywhere to the byte, made once, and worth colorizing."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from colorbench.datasets import demo
from colorbench.datasets.demo import DATASETS
from colorbench.demo.motion import path
from colorbench.demo.rendering import Photographs
from colorbench.demo.sampling import Camera, average, bilinear, mix, pack, unpack
from colorbench.demo.scenes import SCENES
from colorbench.demo.stereo import StereoPair
from colorbench.errors import DatasetError, UnknownNameError
from colorbench.files.cache import cache_root
from colorbench.frames.opening import open_frames

BY_NAME = {scene.name: scene for scene in SCENES}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NDArray[np.uint8]]:
    """(T, 224, 384, 3) of each clip, made afresh."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLORBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        return {clip.name: np.stack(list(open_frames(clip.source).iterate())) for clip in DATASETS[0].clips(None)}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_clip_is_the_same_on_every_machine_to_the_byte(clips: dict[str, NDArray[np.uint8]], name: str) -> None:
    frames = clips[name]
    assert frames.shape == (BY_NAME[name].n_frames, 224, 384, 3)
    assert hashlib.sha256(frames.tobytes()).hexdigest() == BY_NAME[name].sha256


def test_there_are_eight_clips_of_several_lengths() -> None:
    lengths = [scene.n_frames for scene in SCENES]
    assert len(SCENES) == 8
    assert min(lengths) == 24
    assert max(lengths) == 48
    assert len(set(lengths)) > 5


@pytest.mark.parametrize("name", BY_NAME)
def test_a_clip_is_colorful_moves_and_shows_new_things(clips: dict[str, NDArray[np.uint8]], name: str) -> None:
    frames = clips[name].astype(int)
    chroma = frames.max(axis=-1) - frames.min(axis=-1)
    assert chroma.mean() > 30
    steps = [np.abs(a - b).mean() for a, b in pairwise(frames)]
    assert max(steps) < 40
    assert sum(step > 0.5 for step in steps) > 0.7 * len(steps)
    assert np.abs(frames[0] - frames[-1]).mean() > 15


def test_the_clips_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    for scene in SCENES:
        folder = tmp_path / "demo" / f"v{demo.VERSION}" / scene.name
        folder.mkdir(parents=True)
        for i in range(scene.n_frames):
            (folder / f"{i:05d}.png").touch()
    monkeypatch.setattr(demo, "_make_clip", lambda *_: pytest.fail("made again"))
    listed = DATASETS[0].clips(None)
    assert [clip.name for clip in listed] == list(DATASETS[0].names()) == sorted(BY_NAME)
    assert listed[0].source == tmp_path / "demo" / f"v{demo.VERSION}" / listed[0].name
    (listed[0].source / "00000.png").unlink()
    with pytest.raises(DatasetError, match="holds 31 files"):
        DATASETS[0].clips(None)


def test_pixels_that_differ_are_refused_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    scene = dataclasses.replace(BY_NAME["rocket-whip"], sha256="0" * 64)
    with pytest.raises(DatasetError, match="rocket-whip"):
        demo._make([scene], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_only_its_own_split_is_known() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'all'"):
        DATASETS[0].clips(None, split="al")


def test_importing_the_dataset_imports_nothing_heavy() -> None:
    code = "import sys, colorbench.datasets.demo as d; d.DATASETS[0].names(); print([m for m in sys.modules if m in %r])"
    heavy = ("torch", "cv2", "skimage", "av", "pooch")
    result = subprocess.run(
        [sys.executable, "-c", code % (heavy,)], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert result.stdout.strip() == "[]"


def test_the_cache_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("COLORBENCH_CACHE")
    assert cache_root().name == "colorbench"


def test_a_camera_that_stands_straight_at_scale_one_copies_the_photograph() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (300, 500, 3)).astype(np.uint8)
    u, v = Camera(x=250 * 16, y=150 * 16, scale=256).positions((2, 2))
    np.testing.assert_array_equal(unpack(bilinear(pack(photo), u, v)), photo[38:262, 58:442])


def test_samples_outside_the_photograph_are_its_edge() -> None:
    photo = np.full((40, 40, 3), (1, 2, 3), np.uint8)
    u, v = Camera(x=-9999, y=99999, scale=500, sine=20000).positions((1, 3))
    assert (unpack(bilinear(pack(photo), u, v)) == (1, 2, 3)).all()


def test_lanes_do_not_run_into_each_other() -> None:
    white, black = pack(np.full((2, 2, 3), 255, np.uint8)), pack(np.zeros((2, 2, 3), np.uint8))
    assert (unpack(average([white] * 4)) == 255).all()
    assert (unpack(mix(black, white, np.full((2, 2), 256))) == 255).all()
    assert (unpack(mix(black, white, np.full((2, 2), 128))) == 128).all()
    assert (unpack(mix(white, black, np.full((2, 2), 256))) == 0).all()


def test_a_path_passes_its_waypoints_and_stays_between_them() -> None:
    way = path((2, 10, -10), (12, 110, 90), (20, 0, 0))
    assert way.at(0) == way.at(2) == (10, -10)
    assert way.at(12) == (110, 90)
    assert way.at(99) == (0, 0)
    assert way.at(7) == (60, 40)
    assert [way.at(i)[0] for i in range(2, 13)] == sorted(way.at(i)[0] for i in range(2, 13))


def test_both_ends_of_a_stereo_pair_are_its_photographs() -> None:
    """A flat scene with a near square: at share 0 the left photograph, at share 256 the right one."""
    rng = np.random.default_rng(0)
    scenery = rng.integers(0, 256, (60, 140, 3)).astype(np.uint8)
    left, right = scenery[:, 10:130].copy(), scenery[:, 14:134].copy()
    disparity = np.full((60, 120), 4, np.float32)
    left[20:40, 50:70] = right[20:40, 40:60] = (250, 20, 20)
    disparity[20:40, 50:70] = 10
    pair = StereoPair(left, right, disparity, converge=0)
    np.testing.assert_array_equal(unpack(pair.view(0))[:, :-1], left[:, :-1])
    difference = np.abs(unpack(pair.view(256)).astype(int) - right)
    assert (difference[:, 8:-8].max(axis=-1) == 0).mean() > 0.97
    middle = unpack(pair.view(128))
    np.testing.assert_array_equal(middle[30, 46:64], [(250, 20, 20)] * 18)


def test_the_motorcycle_moves_against_its_background() -> None:
    pair = Photographs().pair()
    near, far = pair.view(0), pair.view(100)
    assert (near != far).mean() > 0.5
