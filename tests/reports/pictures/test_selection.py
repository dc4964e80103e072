"""The frames and the part that a picture shows, by hand and by brute force."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from colorbench.results.reading import Results, read_results
from reports.pictures.selection import Box, middle_frame, spread_frames, telling_box, worst_frame


@pytest.mark.parametrize(
    ("count", "frames"),
    [(1, (4,)), (2, (2, 5)), (3, (2, 4, 6)), (6, (1, 2, 3, 4, 5, 6)), (9, (1, 2, 3, 4, 5, 6))],
)
def test_spread_frames_are_the_middles_of_equal_parts_of_the_scored_ones(
    store: Path, count: int, frames: tuple[int, ...]
) -> None:
    assert spread_frames(read_results(store), "dog", count) == frames


def test_a_clip_with_no_unit_has_no_frame(store: Path) -> None:
    results = replace(read_results(store), records=())
    assert spread_frames(results, "dog", 5) == ()
    assert middle_frame(results, "dog") is None
    assert worst_frame(results, "dog") is None


def test_the_worst_frame_has_the_lowest_psnr_of_a_method_that_is_no_control(store: Path) -> None:
    values: dict[float, int] = {}
    for path in (store / "units" / "dog").glob("*.json"):
        record = json.loads(path.read_text())["record"]
        if record["label"] in ("bistnet", "tcvc"):
            values |= dict(zip(record["scores"][0]["frames"], record["scored"], strict=True))
    assert worst_frame(read_results(store), "dog") == values[min(values)]


def test_control_rows_count_where_there_is_nothing_else(store: Path) -> None:
    results = read_results(store).only({"gray"})
    record = results.record("gray", "dog")
    assert record is not None
    psnr = record.scores[0].frames
    assert worst_frame(results, "dog") == record.scored[psnr.index(min(psnr))]


def test_without_values_of_frames_there_is_no_worst_one(store: Path) -> None:
    results: Results = read_results(store)
    assert worst_frame(replace(results, metrics=results.metrics[2:]), "dog") is None


def test_the_box_is_where_pictures_differ_most() -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (19, 31, 3), np.uint8) for _ in range(3)]
    box = telling_box(pictures)
    assert (box.height, box.width) == (6, 10)
    variance = np.rint(np.var(np.stack(pictures).astype(np.float32), axis=0).sum(axis=-1))
    sums = {
        (top, left): variance[top : top + 6, left : left + 10].sum() for top in range(19 - 6 + 1) for left in range(31 - 10 + 1)
    }
    assert sums[box.top, box.left] == max(sums.values())
    assert box.of(pictures[0]).shape == (6, 10, 3)


def test_equal_pictures_and_a_single_one_show_the_middle() -> None:
    picture = np.full((30, 60, 3), 7, np.uint8)
    assert telling_box([picture]) == telling_box([picture, picture]) == Box(20, 10, 20, 10)


def test_a_picture_of_one_pixel_has_a_box() -> None:
    assert telling_box([np.zeros((1, 1, 3), np.uint8)]) == Box(0, 0, 1, 1)
