from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from baselines.exemplar_hold import ExemplarHold
from baselines.flow import METHODS, FlowCarrier
from colorbench.clips.footage import Footage
from colorbench.clips.protocol import load_protocol
from colorbench.color import rgb_to_lab
from colorbench.errors import MethodError
from colorbench.flow.carrying import SPAN_BYTES, carry
from colorbench.types import Clip, Exemplar

from .conftest import psnr

DAVIS_BARS = {"car-shadow": (37.2, 35.0), "scooter-black": (29.3, 28.2)}
"""dB with two exemplars and with one, half a dB under what docs/design/flow.md has."""


@pytest.fixture
def any_thread_count() -> Iterator[Callable[[int], None]]:
    before = cv2.getNumThreads()
    yield cv2.setNumThreads
    cv2.setNumThreads(before)


def double(clip: Any, *exemplars: int) -> list[NDArray[np.uint8]]:
    return list(FlowCarrier(single=False).colorize(clip, clip.exemplars(*exemplars)))


def single(clip: Any, *exemplars: int) -> list[NDArray[np.uint8]]:
    return list(FlowCarrier(single=True).colorize(clip, clip.exemplars(*exemplars)))


def equal(first: list[NDArray[np.uint8]], second: list[NDArray[np.uint8]]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def recolored(exemplar: Exemplar) -> Exemplar:
    return replace(exemplar, rgb=np.ascontiguousarray(exemplar.rgb[..., ::-1]))


def test_colors_follow_a_moving_picture_and_beat_colors_held_still(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(12)
    held = list(ExemplarHold().colorize(clip, clip.exemplars(0, 11)))
    inside = np.s_[:, 24:-24]
    for index, frame in enumerate(double(clip, 0, 11)):
        assert psnr(clip.frames[index][inside], frame[inside]) > 33
        if 2 <= index <= 9:
            assert psnr(clip.frames[index], frame) > psnr(clip.frames[index], held[index]) + 6


def test_two_exemplars_are_better_than_one(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(12)
    mean = {
        name: np.mean([psnr(truth, frame) for truth, frame in zip(clip.frames[1:-1], frames[1:-1], strict=True)])
        for name, frames in (("double", double(clip, 0, 11)), ("single", single(clip, 0)))
    }
    assert mean["double"] > mean["single"] + 1


def test_single_carries_forward_and_back_from_where_its_exemplar_is(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(9)
    held = list(ExemplarHold().colorize(clip, clip.exemplars(4)))
    frames = single(clip, 4)
    for index in (0, 1, 7, 8):
        assert psnr(clip.frames[index], frames[index]) > psnr(clip.frames[index], held[index]) + 4


def test_single_ignores_later_exemplars(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(6)
    assert equal(single(clip, 0), single(clip, 0, 5))
    assert not equal(single(clip, 0), double(clip, 0, 5))


def test_the_variants_are_told_apart_by_name() -> None:
    (flow,) = METHODS
    assert [variant.name for variant in flow.card.variants] == ["double", "single"]
    assert [variant.exemplars for variant in flow.card.variants] == [(2, None), (1, 1)]
    assert flow.fingerprint(variant="double", settings={}).startswith("opencv ")


def test_the_frame_of_an_exemplar_gets_its_colors_as_they_are(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(7)
    frames = double(clip, 0, 3, 6)
    for index in (0, 3, 6):
        ab = rgb_to_lab(torch.from_numpy(clip.frames[index]))[..., 1:].contiguous().numpy()
        assert np.array_equal(frames[index], clip.merge(index, ab))


def test_a_frame_takes_from_the_exemplars_next_to_it_only(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(9)
    first, middle, last = clip.exemplars(0, 4, 8)
    carrier = FlowCarrier(single=False)
    before = list(carrier.colorize(clip, (first, middle, last)))
    after = list(carrier.colorize(clip, (first, middle, recolored(last))))
    assert equal(before[:5], after[:5])
    assert not any(np.array_equal(before[index], after[index]) for index in range(5, 9))


def test_the_nearer_exemplar_weighs_more(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(9, step=0)
    first, last = clip.exemplars(0, 8)
    other = recolored(last)
    frames = list(FlowCarrier(single=False).colorize(clip, (first, other)))
    distances = [float(np.abs(frame.astype(float) - frames[0]).mean()) for frame in frames]
    assert distances == sorted(distances)
    assert distances[1] < distances[8] / 4


def test_frames_before_the_first_and_after_the_last_exemplar_are_colored_too(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(9)
    frames = double(clip, 3, 5)
    assert min(psnr(frames[index][:, 24:-24], clip.frames[index][:, 24:-24]) for index in (0, 8)) > 30


def test_the_order_of_exemplars_does_not_matter_and_of_two_on_one_frame_the_first_counts(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(6)
    first, last = clip.exemplars(0, 5)
    carrier = FlowCarrier(single=False)
    frames = double(clip, 0, 5)
    assert equal(frames, list(carrier.colorize(clip, (last, first))))
    assert equal(frames, list(carrier.colorize(clip, (first, last, recolored(last)))))


def test_a_span_that_is_walked_in_parts_gives_the_same_colors_in_less_memory(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(24, height=64, width=64, step=1)
    sums, peaks = [], []
    for span_bytes in (SPAN_BYTES, 1):
        tracemalloc.start()
        hints = (hints for hints in carry(clip, clip.exemplars(23), span_bytes=span_bytes) if hints.exact is None)
        sums.append([[zlib.crc32(plane.tobytes()) for plane in each.blended()] for each in hints])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert sums[0] == sums[1]
    assert len(sums[0]) == 23
    kept_bytes = 23 * 64 * 64 * 6
    assert peaks[0] - peaks[1] > kept_bytes / 4


def test_the_number_of_threads_does_not_change_a_byte(
    moving_clip: Callable[..., Any], any_thread_count: Callable[[int], None]
) -> None:
    clip = moving_clip(5)
    results = []
    for threads in (1, 4):
        any_thread_count(threads)
        results.append(double(clip, 0, 4))
    assert equal(*results)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 150), (33, 15), (15, 64), (37, 53)])
def test_frames_of_any_size_work(height: int, width: int, moving_clip: Callable[..., Any]) -> None:
    frames = double(moving_clip(4, height=height, width=width), 0, 3)
    assert [frame.shape for frame in frames] == [(height, width, 3)] * 4


@pytest.mark.parametrize(("index", "message"), [(None, "frame unknown"), (5, "frame 5"), (-1, "frame -1")])
def test_an_exemplar_that_is_no_frame_of_the_clip_is_refused(
    moving_clip: Callable[..., Any], index: int | None, message: str
) -> None:
    clip = moving_clip(5)
    with pytest.raises(MethodError, match=message) as error:
        list(FlowCarrier(single=False).colorize(clip, (replace(clip.exemplars(0)[0], index=index),)))
    assert "0 to 4" in str(error.value)


def test_no_exemplar_is_an_error(moving_clip: Callable[..., Any]) -> None:
    with pytest.raises(MethodError, match="without exemplars"):
        double(moving_clip(2))


@pytest.mark.data
@pytest.mark.parametrize("name", DAVIS_BARS)
def test_flow_keeps_its_bars_on_real_clips(name: str, data_root: Path, executor: ThreadPoolExecutor) -> None:
    source = data_root / "davis/JPEGImages/480p" / name
    footage = Footage(Clip(name=name, dataset="davis", source=source), load_protocol("bistnet"), executor=executor)
    for variant, bar in zip(("double", "single"), DAVIS_BARS[name], strict=True):
        carrier = METHODS[0].load(variant=variant, device="cpu", settings={})
        frames = enumerate(carrier.colorize(footage, footage.exemplars()))
        assert np.mean([psnr(footage.rgb(index), frame) for index, frame in frames if index in footage.scored]) > bar
