"""Exemplars per shot: what methods are given that take any number of them, a fixed number, or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

import colorbench
from colorbench.clips.footage import Footage
from colorbench.clips.protocol import load_protocol
from colorbench.clips.shot_clip import color_clip
from colorbench.clips.shots import DETECTION
from colorbench.frames.opening import write_png
from colorbench.method import GrayClip
from colorbench.registry import METHODS
from colorbench.types import Clip, Exemplar, RgbFrame

LENGTHS = (9, 7, 8)
PER_SHOT = load_protocol("full", overrides={"exemplars": "per-shot"})


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Three scenes of a hue each, 24 frames in all."""
    rng = np.random.default_rng(0)
    hues = ((1.0, 0.5, 0.5), (0.5, 1.0, 0.5), (0.5, 0.5, 1.0))
    index = 0
    for length, hue in zip(LENGTHS, hues, strict=True):
        picture = cv2.resize(rng.integers(60, 250, (5, 7)).astype(np.float32), (56, 40), interpolation=cv2.INTER_CUBIC)
        for shift in range(length):
            rgb = (picture[:32, shift : shift + 48, None] * hue).clip(0, 255).astype(np.uint8)
            write_png(tmp_path / "films" / "film" / f"{index:05d}.png", rgb)
            index += 1
    return tmp_path / "films" / "film"


@pytest.fixture
def footage(film: Path, executor: ThreadPoolExecutor) -> Iterator[Footage]:
    opened = Footage(Clip(name="film", dataset="test", source=film), PER_SHOT, executor=executor)
    yield opened
    opened.close()


class Spy:
    """Colors nothing; remembers what it was given."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, tuple[int | None, ...]]] = []

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        self.seen.append((len(clip), tuple(exemplar.index for exemplar in exemplars)))
        for index in range(len(clip)):
            assert clip.luminance(index).shape == (clip.height, clip.width)
            yield clip.merge(index, np.zeros((clip.height, clip.width, 2), np.float32))


def given(footage: Footage, limit: int | None) -> list[tuple[int, tuple[int | None, ...]]]:
    spy = Spy()
    frames = list(color_clip(spy, footage, footage.exemplars(limit), limit=limit))
    assert len(frames) == len(footage)
    for index, frame in enumerate(frames):
        assert np.array_equal(frame, footage.merge(index, np.zeros((32, 48, 2), np.float32)))
    return spy.seen


def test_the_ends_of_each_shot_are_exemplars_and_are_not_scored(footage: Footage) -> None:
    assert footage.exemplar_positions == (0, 8, 9, 15, 16, 23)
    assert footage.scored == (*range(1, 8), *range(10, 15), *range(17, 23))


def test_a_method_of_any_number_gets_the_whole_clip_and_all(footage: Footage) -> None:
    assert given(footage, None) == [(24, (0, 8, 9, 15, 16, 23))]


def test_a_method_of_one_colors_shot_by_shot_from_the_first_frame_of_each(footage: Footage) -> None:
    assert given(footage, 1) == [(9, (0,)), (7, (0,)), (8, (0,))]


def test_a_method_of_two_colors_shot_by_shot_from_both_ends(footage: Footage) -> None:
    assert given(footage, 2) == [(9, (0, 8)), (7, (0, 6)), (8, (0, 7))]


def test_an_automatic_method_gets_the_whole_clip(footage: Footage) -> None:
    assert given(footage, 0) == [(24, ())]


@pytest.mark.parametrize(("name", "variant"), [("exemplar-hold", "default"), ("flow", "double"), ("flow", "single")])
def test_no_method_takes_colors_across_a_cut(footage: Footage, name: str, variant: str) -> None:
    method = METHODS.get(name)
    limit = next(found.exemplars[1] for found in method.card.variants if found.name == variant)
    settings = {setting.name: setting.default or "" for setting in method.card.settings}
    colorizer = method.load(variant=variant, device="cpu", settings=settings)
    for index, frame in enumerate(color_clip(colorizer, footage, footage.exemplars(limit), limit=limit)):
        assert int(frame.mean(axis=(0, 1)).argmax()) == (0 if index < 9 else 1 if index < 16 else 2)


def test_a_clip_without_a_cut_is_as_under_ends(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    for index in range(8):
        write_png(tmp_path / "clip" / f"{index}.png", np.full((16, 24, 3), 90 + index, np.uint8))
    footage = Footage(Clip(name="clip", dataset="test", source=tmp_path / "clip"), PER_SHOT, executor=executor)
    assert footage.exemplar_positions == (0, 7)
    assert given_single(footage) == [(8, (0,))]


def test_a_run_under_the_rule_scores_each_method_with_the_exemplars_that_it_had(film: Path, tmp_path: Path) -> None:
    result = colorbench.run(
        methods=["exemplar-hold", "flow:single", "gray"],
        dataset="folder",
        data_root=film.parent,
        protocol="full",
        overrides={"exemplars": "per-shot"},
        metrics=["psnr"],
        out=tmp_path / "run",
    )
    assert result.complete
    records = result.outcome.records
    used = {record.label: record.exemplars for record in records}
    assert used == {"exemplar-hold": (0, 8, 9, 15, 16, 23), "flow:single": (0, 9, 16), "gray": ()}
    assert {record.scored for record in records} == {(*range(1, 8), *range(10, 15), *range(17, 23))}
    values = {record.label: record.scores[0].value or 0.0 for record in records}
    assert min(values["exemplar-hold"], values["flow:single"]) > values["gray"] + 3
    assert f"|exemplars:per-shot|shots:{DETECTION}|" in result.summary.signature


def given_single(footage: Footage) -> list[tuple[int, tuple[int | None, ...]]]:
    spy = Spy()
    list(color_clip(spy, footage, footage.exemplars(1), limit=1))
    return spy.seen
