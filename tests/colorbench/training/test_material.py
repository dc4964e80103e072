"""Clips and photographs as cached frames: sizes, order, exclusion, and a cache that mends itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from colorbench.errors import DatasetError, UsageError
from colorbench.files.cache import CACHE_VARIABLE
from colorbench.frames.opening import read_image, write_png
from colorbench.training.material import fitted, gather

MakeClips = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "training"


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Three photographs whose natural order is not that of their names as text; the second stands upright."""
    rng = np.random.default_rng(0)
    for name, size in {"2": (60, 90), "10": (90, 60), "9b": (20, 30)}.items():
        path = tmp_path / "photographs" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        write_png(path, rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    (tmp_path / "photographs" / "notes.txt").write_text("no photograph")
    return tmp_path / "photographs"


def test_clips_come_first_then_photographs_in_natural_order(make_clips: MakeClips, photographs: Path) -> None:
    reels = gather(clips=[make_clips(b=3, a=5)], photographs=[photographs], height=30)
    assert [reel.name for reel in reels] == ["a", "b", "2", "9b", "10"]
    assert [reel.frames.shape for reel in reels] == [
        (5, 30, 45, 3),
        (3, 30, 45, 3),
        (1, 30, 45, 3),
        (1, 20, 30, 3),
        (1, 45, 30, 3),
    ]


def test_frames_are_the_source_s_and_read_only(make_clips: MakeClips) -> None:
    root = make_clips(one=3)
    (reel,) = gather(clips=[root], height=100)
    for index in range(3):
        np.testing.assert_array_equal(reel.frames[index], read_image(root / "one" / f"{index:05d}.png"))
    assert isinstance(reel.frames, np.memmap)
    assert not reel.frames.flags.writeable


def test_halving_is_the_mean_of_four() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    means = rgb.reshape(4, 2, 6, 2, 3).astype(np.float64).mean(axis=(1, 3))
    assert np.abs(fitted(rgb, 4) - means).max() <= 0.5


def test_excluded_names_are_left_out_of_every_root(make_clips: MakeClips, photographs: Path) -> None:
    reels = gather(clips=[make_clips(a=2, b=2)], photographs=[photographs], exclude=["b", "10"], height=8)
    assert [reel.name for reel in reels] == ["a", "2", "9b"]


def test_an_unknown_excluded_name_is_told_with_the_nearest(make_clips: MakeClips) -> None:
    with pytest.raises(DatasetError, match="'blackswam' to exclude, did you mean 'blackswan'"):
        gather(clips=[make_clips(blackswan=2, dog=2)], exclude=["blackswam"], height=8)


def test_what_is_missing_is_named(make_clips: MakeClips, photographs: Path, tmp_path: Path) -> None:
    clips = make_clips(a=2)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="nowhere is not there"):
        gather(clips=[tmp_path / "nowhere"], height=8)
    with pytest.raises(DatasetError, match="is no folder"):
        gather(photographs=[photographs / "2.png"], height=8)
    with pytest.raises(DatasetError, match=r"no clip in .*empty"):
        gather(clips=[tmp_path / "empty"], height=8)
    with pytest.raises(DatasetError, match="no photograph in"):
        gather(photographs=[clips], height=8)
    with pytest.raises(DatasetError, match="nothing to train on"):
        gather(height=8)
    with pytest.raises(DatasetError, match="all 1 clips and photographs are excluded"):
        gather(clips=[clips], exclude=["a"], height=8)
    with pytest.raises(UsageError, match="height = 0"):
        gather(clips=[clips], height=0)


def test_sources_are_read_once_for_each_height(make_clips: MakeClips, photographs: Path, cache: Path) -> None:
    notes: list[str] = []
    pieces: list[int] = []
    clips = make_clips(a=2)

    def read(height: int) -> None:
        gather(clips=[clips], photographs=[photographs], height=height, note=notes.append, advance=pieces.append)

    read(16)
    assert notes == [f"reading 4 of 4 clips and photographs into {cache}"]
    assert pieces == [1, 1, 1, 1]
    read(16)
    assert len(notes) == 1
    read(8)
    assert len(notes) == 2
    assert len(list(cache.iterdir())) == 8


def test_a_changed_source_is_read_anew(make_clips: MakeClips) -> None:
    root = make_clips(a=2)
    gather(clips=[root], height=100)
    changed = np.full((32, 48, 3), 7, np.uint8)
    write_png(root / "a" / "00001.png", changed)
    (reel,) = gather(clips=[root], height=100)
    np.testing.assert_array_equal(reel.frames[1], changed)


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def of_other_numbers(file: Path) -> None:
    with file.open("wb") as opened:
        np.save(opened, np.zeros((2, 16, 24, 3), np.float32))


def of_other_axes(file: Path) -> None:
    with file.open("wb") as opened:
        np.save(opened, np.zeros((16, 24, 3), np.uint8))


def too_large(file: Path) -> None:
    with file.open("wb") as opened:
        np.save(opened, np.zeros((2, 32, 48, 3), np.uint8))


@pytest.mark.parametrize("damage", [cut_short, emptied, of_other_numbers, of_other_axes, too_large])
def test_a_cached_file_that_is_not_ours_is_made_again(make_clips: MakeClips, cache: Path, damage: Callable[[Path], None]) -> None:
    root = make_clips(a=2)
    wanted = np.array(gather(clips=[root], height=16)[0].frames)
    (file,) = cache.iterdir()
    damage(file)
    (reel,) = gather(clips=[root], height=16)
    np.testing.assert_array_equal(reel.frames, wanted)
    assert list(cache.iterdir()) == [file]
