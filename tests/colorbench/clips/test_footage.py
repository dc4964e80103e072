from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorbench.clips.footage import Footage, fit_frame, fitted_size
from colorbench.clips.protocol import load_protocol
from colorbench.color import luma_rec601, luminance
from colorbench.errors import DatasetError, FramesError
from colorbench.frames.opening import read_image, write_png
from colorbench.types import Clip, Protocol

MakeClips = Callable[..., Path]
RGB = np.random.default_rng(0).integers(0, 256, (100, 180, 3), dtype=np.uint8)


def clip(root: Path, *references: Path) -> Clip:
    return Clip(name="clip", dataset="test", source=root / "clip", references=references)


def test_frames_are_those_of_the_files_in_any_order(make_clips: MakeClips, executor: ThreadPoolExecutor) -> None:
    root = make_clips(clip=70)
    footage = Footage(clip(root), load_protocol("full"), executor=executor)
    for index in (0, 1, 2, 69, 40, 39, 5, 6, 0):
        assert np.array_equal(footage.rgb(index), read_image(root / "clip" / f"{index:05d}.png"))


def test_a_clip_larger_than_memory_reads_the_same(make_clips: MakeClips, executor: ThreadPoolExecutor) -> None:
    root = make_clips(clip=120, height=8, width=8)
    footage = Footage(clip(root), load_protocol("full"), executor=executor, memory_bytes=1)
    order = [*range(120), *reversed(range(120)), 60, 3]
    for index in order:
        assert np.array_equal(footage.rgb(index), read_image(root / "clip" / f"{index:05d}.png"))
    assert len(footage._kept) <= 48


def test_only_the_first_frames_are_taken(make_clips: MakeClips, executor: ThreadPoolExecutor) -> None:
    footage = Footage(clip(make_clips(clip=20)), load_protocol("full", overrides={"max_frames": "7"}), executor=executor)
    assert len(footage) == 7
    assert footage.exemplar_positions == (0, 6)
    with pytest.raises(IndexError):
        footage.rgb(7)


def test_luminance_is_the_gray_input(make_clips: MakeClips, executor: ThreadPoolExecutor) -> None:
    footage = Footage(clip(make_clips(clip=3)), load_protocol("full"), executor=executor)
    assert np.array_equal(footage.luminance(1), luminance(footage.rgb(1)))


def test_rec601_input_is_the_luminance_of_the_luma_picture(make_clips: MakeClips, executor: ThreadPoolExecutor) -> None:
    footage = Footage(clip(make_clips(clip=3)), load_protocol("full", overrides={"gray": "rec601"}), executor=executor)
    luma = luma_rec601(footage.rgb(1))
    gray = footage.merge(1, np.zeros((footage.height, footage.width, 2), np.float32))
    assert np.array_equal(gray, np.repeat(luma[..., None], 3, axis=-1))


def test_given_exemplars_of_another_size_are_brought_to_the_clips(make_clips: MakeClips, executor: ThreadPoolExecutor) -> None:
    root = make_clips(clip=4)
    write_png(root / "refs" / "00002.png", RGB)
    write_png(root / "refs" / "wall.png", RGB)
    paths = (root / "refs" / "00002.png", root / "refs" / "wall.png")
    footage = Footage(clip(root, *paths), load_protocol("ntire2023"), executor=executor)
    exemplars = footage.exemplars()
    assert [exemplar.index for exemplar in exemplars] == [2, None]
    assert {exemplar.rgb.shape for exemplar in exemplars} == {(32, 48, 3)}
    assert footage.scored == (0, 1, 3)
    assert len(footage.exemplars(1)) == 1


def test_given_exemplars_must_be_there(make_clips: MakeClips, executor: ThreadPoolExecutor) -> None:
    with pytest.raises(DatasetError, match="no exemplars of its own"):
        Footage(clip(make_clips(clip=4)), load_protocol("ntire2023"), executor=executor)


def test_a_broken_frame_is_named_when_it_is_reached(make_clips: MakeClips, executor: ThreadPoolExecutor) -> None:
    root = make_clips(clip=6)
    (root / "clip" / "00003.png").write_bytes(b"not a picture")
    footage = Footage(clip(root), load_protocol("full"), executor=executor)
    assert footage.rgb(2).shape == (32, 48, 3)
    for _ in range(2):
        with pytest.raises(FramesError, match=r"00003\.png"):
            footage.rgb(3)
    assert footage.rgb(4).shape == (32, 48, 3)


def test_stretch_is_opencvs_area_resize() -> None:
    protocol = load_protocol("bistnet")
    assert np.array_equal(fit_frame(RGB, protocol), cv2.resize(RGB, (384, 224), interpolation=cv2.INTER_AREA))


def test_cover_keeps_the_aspect_ratio_and_the_center() -> None:
    protocol = Protocol(name="p", width=50, height=50, fit="cover")
    expected = cv2.resize(np.ascontiguousarray(RGB[:, 40:140]), (50, 50), interpolation=cv2.INTER_AREA)
    assert np.array_equal(fit_frame(RGB, protocol), expected)


def test_native_crops_bottom_and_right_to_multiples() -> None:
    assert np.array_equal(fit_frame(RGB, load_protocol("tcvc")), RGB[:96, :160])


def test_a_frame_smaller_than_the_multiple_is_refused() -> None:
    with pytest.raises(DatasetError, match="31x20"):
        fitted_size(31, 20, load_protocol("tcvc"))
