"""Shots of films made on the spot, and of the development data."""

from __future__ import annotations

import importlib.metadata
import os
import weakref
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorbench.clips.shots import DETECTION, Shot, find_shots
from colorbench.color import luma_rec601
from colorbench.frames.opening import open_frames
from colorbench.types import RgbFrame

SEPARATELY_JOINED = ("blackswan", "scooter-black", "camel", "drift-straight", "cows", "motocross-jump", "dog")


def scene(seed: int, count: int, *, speed: int = 1, height: int = 72, width: int = 96) -> list[RgbFrame]:
    """A camera that pans over a picture of its own, ``speed`` pixels a frame."""
    rng = np.random.default_rng(seed)
    small = rng.integers(20, 236, (6, 8 + speed * count // 12, 3)).astype(np.uint8)
    wide = cv2.resize(small, (small.shape[1] * 12, height), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(wide[:, speed * at : speed * at + width]) for at in range(count)]


def starts(frames: Sequence[RgbFrame]) -> list[int]:
    return [shot.first for shot in find_shots(frames)]


def joined(lengths: Sequence[int], **options: int) -> tuple[list[RgbFrame], list[int]]:
    """Scenes one after the other, and where each begins."""
    frames = [frame for seed, length in enumerate(lengths) for frame in scene(seed, length, **options)]
    return frames, [0, *accumulate(lengths[:-1])]


@pytest.mark.parametrize("speed", [0, 1, 4])
def test_cuts_are_found_where_scenes_are_joined(speed: int) -> None:
    frames, wanted = joined([20, 9, 4, 30, 12], speed=speed)
    assert starts(frames) == wanted


def test_shots_hold_every_frame_once() -> None:
    frames, _ = joined([20, 9, 30])
    shots = find_shots(frames)
    assert [index for shot in shots for index in range(shot.first, shot.last + 1)] == list(range(59))
    assert [len(shot) for shot in shots] == [20, 9, 30]


def test_a_gray_copy_has_the_same_shots() -> None:
    frames, wanted = joined([15, 15, 15])
    gray = [np.repeat(luma_rec601(frame)[..., None], 3, axis=-1) for frame in frames]
    assert starts(gray) == wanted


def test_a_change_of_color_alone_is_no_cut() -> None:
    red, green = np.array((200, 40, 40)), np.array((50, 116, 50))
    weights = np.array((0.299, 0.587, 0.114))
    assert abs(red @ weights - green @ weights) < 1.0
    shade = np.linspace(0.5, 1, 96)[None, :, None] * np.ones((72, 1, 1))
    frames = [(shade * hue).astype(np.uint8) for hue in (red, green) for _ in range(10)]
    assert starts(frames) == [0]


def test_a_fast_pan_flicker_and_grain_are_no_cut() -> None:
    rng = np.random.default_rng(1)
    for speed in (1, 10):
        frames = [
            (frame * rng.uniform(0.7, 1.0) + rng.normal(0, 8, frame.shape)).clip(0, 255).astype(np.uint8)
            for frame in scene(2, 60, speed=speed)
        ]
        assert starts(frames) == [0]


def test_cuts_are_found_in_a_film_that_flickers() -> None:
    rng = np.random.default_rng(2)
    frames, wanted = joined([20, 12, 25])
    assert starts([(frame * rng.uniform(0.7, 1.0)).astype(np.uint8) for frame in frames]) == wanted


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_and_a_black_frame_are_no_cut(level: int, length: int) -> None:
    frames = scene(3, 30)
    frames[12 : 12 + length] = [np.full_like(frames[0], level)] * length
    assert starts(frames) == [0]


@pytest.mark.parametrize("length", [8, 20])
def test_a_fade_through_black_is_one_cut_in_the_black(length: int) -> None:
    first, second = scene(4, 30), scene(5, 30)
    down = [(frame * (1 - (at + 1) / length)).astype(np.uint8) for at, frame in enumerate(first[-length:])]
    up = [(frame * ((at + 1) / length)).astype(np.uint8) for at, frame in enumerate(second[:length])]
    frames = [*first[:-length], *down, *[np.zeros_like(first[0])] * 5, *up, *second[length:]]
    (begin, cut) = starts(frames)
    assert begin == 0
    assert 28 <= cut <= 37


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6])
def test_short_clips_are_one_shot(count: int) -> None:
    assert find_shots(scene(6, count)) == (Shot(0, count - 1),)


def test_no_frame_has_no_shot() -> None:
    assert find_shots([]) == ()


def test_frames_of_any_size_and_a_flat_film_do() -> None:
    assert starts([np.full((9, 7, 3), 80, np.uint8)] * 12) == [0]
    frames, wanted = joined([10, 10], height=300, width=40)
    assert starts(frames) == wanted


def test_frames_are_read_once_and_let_go() -> None:
    held: list[weakref.ref[RgbFrame]] = []

    def frames() -> Iterator[RgbFrame]:
        for index in range(40):
            frame = np.full((20, 30, 3), index, np.uint8)
            held.append(weakref.ref(frame))
            yield frame
            del frame
            assert sum(reference() is not None for reference in held) <= 1

    find_shots(frames())
    assert len(held) == 40


def test_the_signature_names_the_installed_package() -> None:
    assert DETECTION.startswith(f"scenedetect-{importlib.metadata.version('scenedetect')}-")


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("COLORBENCH_DATA"), reason="COLORBENCH_DATA is not set")
def test_real_clips_have_no_cut_but_where_they_are_joined(data_root: Path) -> None:
    frames, wanted = [], [0]
    for name in SEPARATELY_JOINED:
        source = open_frames(data_root / "davis/JPEGImages/480p" / name)
        whole = [cv2.resize(frame, (214, 120), interpolation=cv2.INTER_AREA) for frame in source.iterate()]
        assert starts(whole) == [0], name
        frames += whole[5:40]
        wanted.append(len(frames))
    assert starts(frames) == wanted[:-1]


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("COLORBENCH_DATA"), reason="COLORBENCH_DATA is not set")
def test_the_cuts_of_a_black_and_white_film_are_those_that_one_sees(data_root: Path) -> None:
    source = open_frames(data_root / "legacy/a-bomb/a-bomb_blast_effects_part.mp4")
    assert find_shots(source.iterate()) == (Shot(0, 43), Shot(44, 133), Shot(134, 298), Shot(299, 359))
