"""A film of two shots and colored versions of it, disturbed in known ways, measured side by side in one pass."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from colorbench.color import merge_luminance, rgb_to_lab
from colorbench.errors import ColorbenchError, FramesError, UsageError
from colorbench.flow.optical_flow import dis, find_motion
from colorbench.frames.opening import open_frames, write_png
from colorbench.inspection import bleeding, flicker
from colorbench.inspection import survey as inspect
from colorbench.inspection.drift import shot_drift
from colorbench.inspection.meter import FilmMeter
from colorbench.inspection.survey import FilmReport, Inspection, inspect_films
from colorbench.inspection.verdict import worst_first
from colorbench.inspection.view import View, look_at
from colorbench.types import RgbFrame

HEIGHT, WIDTH, LENGTH = 72, 96, 10


class Quiet:
    """A watcher that counts."""

    def __init__(self) -> None:
        self.total = self.done = 0

    def started(self, total: int, done: int) -> None:
        self.total = total

    def advance(self, count: int) -> None:
        self.done += count


def scene(seed: int) -> list[RgbFrame]:
    """A camera that pans over a colored picture of its own, one pixel a frame."""
    small = np.random.default_rng(seed).integers(60, 200, (6, 9, 3)).astype(np.uint8)
    wide = cv2.resize(small, (WIDTH + 12, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(wide[:, at : at + WIDTH]) for at in range(LENGTH)]


@lru_cache
def truth() -> tuple[RgbFrame, ...]:
    return (*scene(0), *scene(1))


def recolored(rgb: RgbFrame, saturation: float) -> RgbFrame:
    """The same luminance, chroma times ``saturation``."""
    lab = rgb_to_lab(torch.from_numpy(rgb)).numpy()
    return merge_luminance(np.ascontiguousarray(lab[..., 0]), np.ascontiguousarray(lab[..., 1:]) * np.float32(saturation))


Write = Callable[[str, Sequence[RgbFrame]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes frames as a folder of pictures."""

    def write_clip(name: str, frames: Sequence[RgbFrame]) -> Path:
        for index, rgb in enumerate(frames):
            write_png(tmp_path / name / f"{index:05d}.png", rgb)
        return tmp_path / name

    return write_clip


def found(source: Path, *colored: tuple[str, Path], references: Sequence[Path] = ()) -> Inspection:
    return inspect_films(source, colored, references=references, watcher=Quiet(), fps=Fraction(5))


def by_label(inspection: Inspection, label: str) -> FilmReport:
    return next(film for film in inspection.films if film.label == label)


def value(film: FilmReport, shot: int, name: str) -> float:
    number = film.shots[shot - 1].values[name]
    assert number is not None
    return number


def test_each_disturbance_is_found_in_its_shot_by_its_measure(write: Write, tmp_path: Path) -> None:
    source = write("gray", [recolored(rgb, 0) for rgb in truth()])
    pulsing = [recolored(rgb, 1 - 0.1 * (index % 2)) if index >= LENGTH else rgb for index, rgb in enumerate(truth())]
    larger = [cv2.resize(rgb, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC) for rgb in truth()]
    noise = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    for name, rgb in {"00003": truth()[3], "wall": truth()[16], "stranger": noise}.items():
        write_png(tmp_path / "stills" / f"{name}.png", rgb)
    stills = [tmp_path / "stills" / f"{name}.png" for name in ("00003", "wall", "stranger")]
    inspection = found(
        source,
        ("true", write("true", truth())),
        ("pulsing", write("pulsing", pulsing)),
        ("larger", write("larger", larger)),
        ("gray", source),
        references=stills,
    )
    assert inspection.size == (WIDTH, HEIGHT)
    assert [(shot.first, shot.last) for shot in inspection.shots] == [(0, 9), (10, 19)]
    true, pulse, large, gray = (by_label(inspection, label) for label in ("true", "pulsing", "larger", "gray"))

    assert [(row.start, row.end) for row in true.shots] == [("00:00:00:00", "00:00:02:00"), ("00:00:02:00", "00:00:04:00")]
    assert value(true, 1, "luminance") < 0.3
    assert value(large, 1, "luminance") < 1.5
    assert value(pulse, 1, "flicker") == value(true, 1, "flicker")
    assert value(pulse, 2, "flicker") > 5 * value(true, 2, "flicker")
    assert value(pulse, 2, "jump") >= value(pulse, 2, "flicker")
    assert value(true, 1, "drift") < 1.0
    assert value(true, 1, "hue_drift") < 3.0

    assert value(gray, 1, "colorfulness") < 0.5
    assert value(gray, 2, "flicker") < 0.2
    order = worst_first([row for film in inspection.films for row in film.shots])
    assert [(row.label, row.reason) for row in order[:2]] == [("gray", "colorfulness")] * 2
    assert (order[2].label, order[2].number, order[2].reason) == ("pulsing", 2, "flicker")

    changes = true.frames["flicker"]
    assert np.flatnonzero(np.isnan(changes)).tolist() == [0, 10]

    rows = {(row.reference, row.label): row for row in inspection.references}
    assert len(rows) == 12
    assert (rows["00003.png", "true"].frame, rows["00003.png", "true"].shot) == (3, 1)
    assert (rows["wall.png", "true"].frame, rows["wall.png", "true"].shot) == (16, 2)
    assert (rows["stranger.png", "true"].frame, rows["stranger.png", "true"].agreement) == (None, None)
    for name in ("agreement", "agreement_matched"):
        near, far = (getattr(rows["wall.png", label], name) for label in ("true", "gray"))
        assert near < 0.5 * far
    matched = rows["wall.png", "true"].agreement_matched
    assert matched == pytest.approx(0.0, abs=0.2)
    assert value(true, 2, "agreement_matched") == pytest.approx(matched)


@pytest.mark.parametrize(
    ("colored", "options", "error", "message"),
    [
        ({"n": 7}, {}, FramesError, "7 frames, the source .* has 6"),
        ({"width": 80}, {}, FramesError, "80x72, the source .* is 96x72"),
        ({}, {"long_side": 63}, UsageError, "--long-side 63"),
        ({"again": True}, {}, UsageError, "two colored films are called 'a'"),
        ({"none": True}, {}, UsageError, "no colored film"),
    ],
)
def test_films_that_do_not_fit_are_refused_with_both_figures(
    write: Write, colored: dict[str, int], options: dict[str, int], error: type[ColorbenchError], message: str
) -> None:
    frames = truth()[:7]
    source = write("source", frames[:6])
    film = write("film", [rgb[:, : colored.get("width", WIDTH)].copy() for rgb in frames[: colored.get("n", 6)]])
    films = [("a", film)] * (0 if "none" in colored else 2 if "again" in colored else 1)
    with pytest.raises(error, match=message) as caught:
        inspect_films(source, films, watcher=Quiet(), **options)  # type: ignore[arg-type]
    assert caught.value.wanted


def test_few_frames_are_in_memory_and_each_is_counted(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tracked(np.ndarray):
        """An array whose life can be watched."""

    kept: list[weakref.ref[Tracked]] = []
    most = 0

    def looked(rgb: RgbFrame, size: tuple[int, int]) -> View:
        view = look_at(rgb, size)
        tracked = view.ab.view(Tracked)
        kept.append(weakref.ref(tracked))
        return View(view.rgb, view.l_star, tracked, view.sampled)

    class Counting(Quiet):
        def advance(self, count: int) -> None:
            nonlocal most
            super().advance(count)
            most = max(most, sum(reference() is not None for reference in kept))

    monkeypatch.setattr(inspect, "look_at", looked)
    source = write("film", [rgb for _ in range(3) for rgb in scene(2)])
    watcher = Counting()
    inspect_films(source, [("a", source)], watcher=watcher)
    assert (watcher.total, watcher.done) == (30, 30)
    assert len(kept) == 60
    assert most < 24


def meter_of(films: dict[str, list[View]], source: list[View]) -> dict[str, FilmMeter]:
    meters = {label: FilmMeter(len(source), same_size=True, keep_chroma=False) for label in films}
    for index, view in enumerate(source):
        motion = find_motion(view.gray, source[index - 1].gray, dis) if index else None
        for label, meter in meters.items():
            meter.see(index, films[label][index], view, motion)
    return meters


@pytest.mark.data
@pytest.mark.parametrize("clip", ["blackswan", "parkour"])
def test_true_colors_of_real_films_beat_disturbed_ones(data_root: Path, clip: str) -> None:
    (folder,) = data_root.glob(f"davis/**/480p/{clip}")
    source = [look_at(open_frames(folder).read(index), (256, 144)) for index in range(12)]
    rng = np.random.default_rng(0)
    angles = np.radians(np.linspace(0, 30, len(source)))
    turns = [np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]], np.float32) for a in angles]

    def changed(change: Callable[[int, np.ndarray], np.ndarray]) -> list[View]:
        return [View(v.rgb, v.l_star, np.ascontiguousarray(change(i, v.ab)), v.sampled) for i, v in enumerate(source)]

    films = {
        "true": source,
        "jittered": changed(lambda _, ab: ab * np.float32(1 + 0.15 * rng.standard_normal())),
        "shifted": changed(lambda _, ab: np.roll(ab, 2, axis=1)),
        "turned": changed(lambda index, ab: ab @ turns[index]),
    }
    meters = meter_of(films, source)
    mean = {label: {name: np.nanmean(of) for name, of in meter.frames.items()} for label, meter in meters.items()}
    assert mean["jittered"][flicker.CARD.name] > 1.5 * mean["true"][flicker.CARD.name]
    assert mean["shifted"][bleeding.CARD.name] > 1.15 * mean["true"][bleeding.CARD.name]
    assert mean["true"][flicker.CARD.name] < flicker.CARD.limit
    (_, still), (_, turned) = (shot_drift(meters[label].steps) for label in ("true", "turned"))
    assert still is not None
    assert still < 6
    assert turned == pytest.approx(30, abs=4)
