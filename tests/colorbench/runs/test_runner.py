from __future__ import annotations

import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import colorbench
from colorbench import registry
from colorbench.api import Result
from colorbench.errors import DatasetError, MetricError, StoreError, UnknownNameError, UsageError
from colorbench.frames.opening import open_frames, read_image, write_png
from colorbench.method import GrayClip
from colorbench.registry import Entry
from colorbench.runs.plan import Plan
from colorbench.runs.store import UnitRecord
from colorbench.types import Exemplar, Luminance, MethodCard, RgbFrame, Variant

MakeClips = Callable[..., Path]
METRICS = ["psnr", "ssim", "cdc", "delta-cdc", "colorfulness"]


class Fake:
    """A method made of a function from clip and exemplars to frames."""

    def __init__(
        self,
        name: str,
        colorize: Callable[[GrayClip, Sequence[Exemplar]], Iterator[RgbFrame]],
        *,
        exemplars: tuple[int, int | None] = (0, 0),
        luminance: Luminance = "kept",
    ) -> None:
        variants = (Variant(name="default", exemplars=exemplars),)
        self.card = MethodCard(name=name, kind="control", summary="for tests", variants=variants, luminance=luminance)
        self.colorize = colorize
        self.identity = ""

    def unavailable(self, variant: str) -> str:
        return ""

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:
        return self.identity

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> Fake:
        return self


def plain(clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
    return (clip.merge(index, np.zeros((clip.height, clip.width, 2), np.float32)) for index in range(len(clip)))


def one_short(clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
    return (frame for index, frame in enumerate(plain(clip, exemplars)) if index)


def one_more(clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
    yield from plain(clip, exemplars)
    yield from plain(clip, exemplars)


def floats(clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[Any]:
    return (frame / 255.0 for frame in plain(clip, exemplars))


def cropped(clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
    return (frame[:-1] for frame in plain(clip, exemplars))


def brighter(clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
    return (frame // 2 + 100 for frame in plain(clip, exemplars))


def crashing(clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
    yield from [frame for frame, _ in zip(plain(clip, exemplars), range(3), strict=False)]
    raise RuntimeError("out of paint")


def crashing_on_two(clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
    return crashing(clip, exemplars) if clip.name == "two" else plain(clip, exemplars)


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fake]:
    def add(name: str, colorize: Callable[..., Iterator[Any]], **card: Any) -> Fake:
        fake = Fake(name, colorize, **card)
        entry: Entry[Any] = Entry(name=name, module=__name__, item=fake)
        monkeypatch.setitem(registry.METHODS.entries, name, entry)
        return fake

    return add


@pytest.fixture
def run(make_clips: MakeClips, tmp_path: Path) -> Callable[..., Result]:
    root = make_clips(one=12, two=9)

    def go(methods: Sequence[str], **options: Any) -> Result:
        defaults = {"dataset": "folder", "data_root": root, "protocol": "full", "out": tmp_path / "run", "metrics": METRICS}
        return colorbench.run(methods, **{**defaults, **options})

    return go


def unit_files(folder: Path) -> dict[Path, float]:
    return {path: path.stat().st_mtime_ns for path in (folder / "units").rglob("*.json")}


def test_scores_are_those_of_the_frames_that_came_out(
    register: Callable[..., Fake], run: Callable[..., Result], make_clips: MakeClips
) -> None:
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    register("plain", plain)
    result = run(["plain"], save_frames="png")
    folder = result.outcome.plan.spec.out / "frames" / "plain" / "one"
    frames = result.frames.query("clip == 'one'")
    references: dict[str, Callable[[RgbFrame, RgbFrame], float]] = {
        "psnr": lambda a, b: float(peak_signal_noise_ratio(a, b, data_range=255)),
        "ssim": lambda a, b: float(structural_similarity(a, b, channel_axis=2, data_range=255)),
    }
    for metric, reference in references.items():
        for row in frames[frames.metric == metric].itertuples():
            name = f"{row.frame:05d}.png"
            truth = read_image(result.outcome.plan.clips[0].source / name)
            assert row.value == pytest.approx(reference(truth, read_image(folder / name)), abs=1e-12)


def test_exemplar_frames_are_not_scored_and_distances_are_kept(register: Callable[..., Fake], run: Callable[..., Result]) -> None:
    register("two-refs", plain, exemplars=(2, 2))
    frames = run(["two-refs"]).frames.query("clip == 'one' and metric == 'psnr'")
    assert list(frames.frame) == list(range(1, 11))
    assert list(frames.exemplar_distance) == [1, 2, 3, 4, 5, 5, 4, 3, 2, 1]


def test_a_method_is_given_no_more_exemplars_than_it_takes(register: Callable[..., Fake], run: Callable[..., Result]) -> None:
    seen: list[list[int | None]] = []

    def look(clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        seen.append([exemplar.index for exemplar in exemplars])
        return plain(clip, exemplars)

    register("one-ref", look, exemplars=(1, 1))
    run(["one-ref"])
    assert seen == [[0], [0]]


def test_the_mean_is_over_frames_then_clips_and_the_other_pooling_is_kept(
    register: Callable[..., Fake], run: Callable[..., Result]
) -> None:
    register("plain", plain)
    result = run(["plain"])
    frames = result.frames.query("metric == 'psnr'")
    by_clip = frames.groupby("clip").value.mean()
    pooled = result.summary.rows[1].scores["psnr"]
    assert pooled.value == pytest.approx(by_clip.mean(), rel=1e-14)
    assert pooled.other == pytest.approx(frames.value.mean(), rel=1e-14)
    assert pooled.value != pooled.other


@pytest.mark.parametrize(
    ("colorize", "message"),
    [
        (one_short, "11 frames came out, 12 went in"),
        (one_more, "more frames came out than the 12"),
        (floats, "float64 array"),
        (cropped, r"shape \(31, 48, 3\)"),
        (brighter, "luminance was changed"),
        (crashing, "RuntimeError: out of paint"),
    ],
)
def test_a_method_that_breaks_its_contract_fails_with_the_reason(
    register: Callable[..., Fake], run: Callable[..., Result], colorize: Callable[..., Iterator[Any]], message: str
) -> None:
    register("broken", colorize)
    result = run(["broken"])
    assert not result.complete
    failure = result.outcome.failures[0]
    assert failure.clip == "one"
    assert re.search(message, failure.error)
    assert result.table.psnr.isna().all()


def test_a_failure_leaves_other_units_whole_and_is_never_a_smaller_average(
    register: Callable[..., Fake], run: Callable[..., Result]
) -> None:
    register("plain", plain)
    register("fragile", crashing_on_two)
    result = run(["fragile", "plain"])
    assert [(record.label, record.clip) for record in result.outcome.failures] == [("fragile", "two")]
    assert math.isnan(result.table.psnr["fragile"])
    assert result.table.psnr["plain"] > 0
    assert "two: failed" in result.summary.rows[1].scores["psnr"].reason


def test_own_luminance_is_measured_not_refused(register: Callable[..., Fake], run: Callable[..., Result]) -> None:
    register("own", brighter, luminance="own")
    result = run(["own"])
    assert result.complete
    assert (result.outcome.records[0].luminance_error or 0) > 5


def test_the_same_command_does_nothing_twice(register: Callable[..., Fake], run: Callable[..., Result]) -> None:
    register("plain", plain)
    first = run(["plain"])
    before = unit_files(first.outcome.plan.spec.out)
    second = run(["plain"])
    assert unit_files(second.outcome.plan.spec.out) == before
    assert second.table.equals(first.table)


def test_a_failed_unit_is_tried_again(register: Callable[..., Fake], run: Callable[..., Result]) -> None:
    fake = register("plain", crashing)
    assert not run(["plain"]).complete
    fake.colorize = plain
    assert run(["plain"]).complete


def test_changed_weights_or_results_are_run_again(register: Callable[..., Fake], run: Callable[..., Result]) -> None:
    fake = register("plain", plain)
    folder = run(["plain"]).outcome.plan.spec.out
    before = unit_files(folder)
    fake.identity = "other weights"
    run(["plain"])
    assert len(unit_files(folder)) == 2 * len(before)


def test_a_changed_frame_is_run_again_and_the_other_clip_is_not(
    register: Callable[..., Fake], run: Callable[..., Result]
) -> None:
    register("plain", plain)
    plan = run(["plain"]).outcome.plan
    before = unit_files(plan.spec.out)
    write_png(plan.clips[0].source / "00004.png", np.full((32, 48, 3), 9, np.uint8))
    run(["plain"])
    new = set(unit_files(plan.spec.out)) - set(before)
    assert [path.parent.name for path in new] == ["one"]


def test_a_metric_added_later_keeps_what_was_there(register: Callable[..., Fake], run: Callable[..., Result]) -> None:
    register("plain", plain)
    run(["plain"], metrics=["psnr"])
    result = run(["plain"], metrics=["ssim"])
    assert {score.metric for score in result.outcome.records[0].scores} == {"psnr", "ssim"}
    before = unit_files(result.outcome.plan.spec.out)
    assert run(["plain"], metrics=["psnr"]).table.psnr["plain"] > 0
    assert unit_files(result.outcome.plan.spec.out) == before


def test_a_stored_score_of_another_metric_version_is_not_used(
    register: Callable[..., Fake], run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    register("plain", plain)
    before = unit_files(run(["plain"], metrics=["psnr"]).outcome.plan.spec.out)
    from dataclasses import replace

    psnr = registry.METRICS.get("psnr")
    monkeypatch.setattr(type(psnr), "card", replace(psnr.card, version=psnr.card.version + 1))
    after = unit_files(run(["plain"], metrics=["psnr"]).outcome.plan.spec.out)
    assert set(after) == set(before)
    assert all(after[path] > before[path] for path in before)


def test_saved_video_is_lossless(register: Callable[..., Fake], run: Callable[..., Result]) -> None:
    register("plain", plain)
    out = run(["plain"], save_frames="png").outcome.plan.spec.out
    run(["plain"], save_frames="video")
    video = open_frames(out / "frames" / "plain" / "one.mkv")
    assert video.n_frames == 12
    for index, frame in enumerate(video.iterate()):
        assert np.array_equal(frame, read_image(out / "frames" / "plain" / "one" / f"{index:05d}.png"))


@pytest.mark.parametrize("kind", ["png", "video"])
def test_a_failed_clip_leaves_no_saved_frames(register: Callable[..., Fake], run: Callable[..., Result], kind: str) -> None:
    register("broken", crashing)
    result = run(["broken"], save_frames=kind)
    assert not result.complete
    assert "out of paint" in result.outcome.failures[0].error
    assert [path for path in (result.outcome.plan.spec.out / "frames").rglob("*") if path.is_file()] == []


def test_a_gray_clip_has_no_truth_to_compare_with(
    register: Callable[..., Fake], run: Callable[..., Result], make_clips: MakeClips
) -> None:
    root = make_clips(film=9, root="gray")
    for path in (root / "film").iterdir():
        write_png(path, np.repeat(read_image(path)[..., :1], 3, axis=-1))
    register("plain", plain)
    record = run(["plain"], data_root=root).outcome.records[0]
    psnr, colorfulness = record.score("psnr"), record.score("colorfulness")
    assert psnr is not None
    assert psnr.value is None
    assert "no color" in psnr.reason
    assert colorfulness is not None
    assert colorfulness.value == 0


def test_equal_frames_score_the_ceiling(register: Callable[..., Fake], run: Callable[..., Result], make_clips: MakeClips) -> None:
    def truth(clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        return (clip.rgb(index) for index in range(len(clip)))  # type: ignore[attr-defined]

    register("cheat", truth)
    result = run(["cheat"])
    assert result.table.psnr["cheat"] == 60.0
    assert result.table.ssim["cheat"] == 1
    assert result.table["delta-cdc"]["cheat"] == 0
    assert run(["cheat"]).table.psnr["cheat"] == 60.0
    scored = sum(len(record.scored) for record in result.outcome.records)
    assert (result.summary.rows[-1].scores["psnr"].at_ceiling, result.summary.rows[-1].scores["psnr"].frames) == (scored, scored)


def test_a_clip_too_short_for_cdc_has_a_dash_with_a_reason(
    register: Callable[..., Fake], run: Callable[..., Result], make_clips: MakeClips
) -> None:
    register("plain", plain)
    result = run(["plain"], data_root=make_clips(short=5, root="short"))
    score = result.outcome.records[0].score("cdc")
    assert score is not None
    assert score.value is None
    assert score.reason
    assert result.table.psnr["plain"] > 0


def test_a_missing_metric_is_a_reason_and_an_error_only_when_required(
    register: Callable[..., Fake], run: Callable[..., Result]
) -> None:
    if not registry.METRICS.get("lpips").unavailable():
        pytest.skip("AlexNet's weights are on this machine")
    register("plain", plain)
    result = run(["plain"], metrics=["psnr", "lpips"])
    assert "alexnet" in result.summary.rows[-1].scores["lpips"].reason
    with pytest.raises(MetricError, match="required metric 'lpips'"):
        run(["plain"], require=["lpips"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"methods": ["plian"]}, UnknownNameError, "did you mean 'plain'"),
        ({"metrics": ["psrn"]}, UnknownNameError, "did you mean 'psnr'"),
        ({"protocol": "bisnet"}, UnknownNameError, "did you mean 'bistnet'"),
        ({"dataset": "foldr"}, UnknownNameError, "did you mean 'folder'"),
        ({"clips": ["oen"]}, UnknownNameError, "did you mean 'one'"),
        ({"methods": ["plain:big"]}, UnknownNameError, "variant"),
        ({"methods": ["plain", "plain"]}, UsageError, "two methods with the label 'plain'"),
        ({"methods": ["plain"], "settings": {"plain.folder": "x"}}, UnknownNameError, "setting of 'plain'"),
        ({"methods": ["plain"], "data_root": Path("/nowhere/at/all")}, DatasetError, "/nowhere/at/all"),
        ({"methods": ["two-refs"], "protocol": "tcvc"}, UsageError, "takes 2 exemplars or more"),
    ],
)
def test_a_wrong_call_is_refused_before_anything_runs(
    register: Callable[..., Fake], run: Callable[..., Result], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    register("plain", plain)
    register("two-refs", plain, exemplars=(2, 2))
    with pytest.raises(error) as caught:
        run(**{"methods": ["plain"], **options})
    assert message in str(caught.value)


def test_another_protocol_needs_another_folder(register: Callable[..., Fake], run: Callable[..., Result]) -> None:
    register("plain", plain)
    run(["plain"])
    with pytest.raises(StoreError, match="choose another --out"):
        run(["plain"], overrides={"max_frames": "8"})


PATIENCE = 600
"""Seconds after which something hangs, on however busy a machine."""

COMMAND = [
    "-m",
    "cli",
    "run",
    "--methods",
    "gray,exemplar-hold",
    "--dataset",
    "folder",
    "--protocol",
    "full",
    "--metrics",
    ",".join(METRICS),
]


def start(root: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, *COMMAND, "--data-root", str(root), "--out", str(out), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished_table(root: Path, out: Path) -> str:
    process = start(root, out)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    return without_speed((out / "table.md").read_text())


def without_speed(table: str) -> str:
    return "\n".join(line.rpartition("| ")[0] if line.startswith("|") else line for line in table.splitlines())


def wait_for_units(out: Path, count: int) -> None:
    end = time.monotonic() + PATIENCE
    while len(list((out / "units").rglob("*.json"))) < count and time.monotonic() < end:
        time.sleep(0.005)


def test_a_killed_run_goes_on_where_it_was_with_the_same_table(make_clips: MakeClips, tmp_path: Path) -> None:
    root = make_clips(height=96, width=128, **{f"clip{index}": 40 for index in range(5)})
    whole = finished_table(root, tmp_path / "whole")
    out = tmp_path / "killed"
    process = start(root, out)
    wait_for_units(out, 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = unit_files(out)
    assert 3 <= len(kept) < 10, "killed too late to show anything"
    assert finished_table(root, out) == whole
    after = unit_files(out)
    assert {path: after[path] for path in kept} == kept


def test_two_processes_on_one_folder_make_the_same_table_and_each_unit_once(make_clips: MakeClips, tmp_path: Path) -> None:
    root = make_clips(height=96, width=128, **{f"clip{index}": 30 for index in range(4)})
    whole = finished_table(root, tmp_path / "whole")
    out = tmp_path / "shared"
    processes = [start(root, out), start(root, out)]
    outputs = [process.communicate(timeout=PATIENCE) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert without_speed((out / "table.md").read_text()) == whole
    done = sum(errors.count(" frames/s") for _, errors in outputs)
    assert done == 8, outputs


def test_an_interrupted_run_exits_with_130_and_keeps_what_was_done(make_clips: MakeClips, tmp_path: Path) -> None:
    root = make_clips(height=96, width=128, **{f"clip{index}": 60 for index in range(8)})
    process = start(root, tmp_path / "run", "--methods", "gray,flow")  # slow enough to be interrupted on a busy machine
    wait_for_units(tmp_path / "run", 1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert "the same command goes on" in errors
    assert unit_files(tmp_path / "run")


def test_a_unit_is_stored_while_the_next_one_is_at_work(
    register: Callable[..., Fake], run: Callable[..., Result], tmp_path: Path
) -> None:
    seen: list[int] = []

    def waits(clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        wait_for_units(tmp_path / "run", 2 * len(seen) + 1)
        seen.append(len(unit_files(tmp_path / "run")))
        yield from plain(clip, exemplars)

    register("plain", plain)
    register("waits", waits)
    assert run(["plain", "waits"]).complete
    assert seen == [1, 3]


class Diary:
    """Writes down what a run tells."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.threads: set[int] = set()

    def planned(self, plan: Plan, *, stored: int, outdated: int) -> None:
        self.lines.append(f"{plan.unit_count} planned, {stored} stored, {outdated} outdated")

    def unit_started(self, label: str, clip: str, frames: int) -> None:
        self.lines.append(f"{label} on {clip} starts")

    def advance(self, label: str, clip: str, frames: int) -> None:
        self.threads.add(threading.get_ident())

    def unit_ended(self, record: UnitRecord) -> None:
        self.threads.add(threading.get_ident())
        self.lines.append(f"{record.label} on {record.clip} {record.status}")

    def waiting(self, units: int) -> None:
        self.lines.append(f"{units} elsewhere")


def test_each_unit_is_told_once_in_order_and_in_the_callers_thread(
    register: Callable[..., Fake], run: Callable[..., Result]
) -> None:
    register("plain", plain)
    register("brighter", brighter)
    diary = Diary()
    assert not run(["plain", "brighter"], progress=diary).complete
    assert diary.threads == {threading.get_ident()}
    assert diary.lines[0] == "4 planned, 0 stored, 0 outdated"
    units = [f"{label} on {clip}" for clip in ("one", "two") for label in ("plain", "brighter")]
    assert [line for line in diary.lines if line.endswith("starts")] == [f"{unit} starts" for unit in units]
    ended = [line for line in diary.lines if line.endswith(("done", "failed"))]
    assert ended == [f"{unit} {'done' if 'plain' in unit else 'failed'}" for unit in units]


def test_units_that_other_settings_made_are_counted_in_the_plan(
    register: Callable[..., Fake], run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register("plain", plain)
    register("plain-too", plain)
    run(["plain", "plain-too"], clips=["one"])
    monkeypatch.setattr("colorbench.runs.planned_method.source_digest", lambda *_: "other code")
    diary = Diary()
    assert run(["plain"], progress=diary).complete
    assert diary.lines[0] == "2 planned, 0 stored, 1 outdated"


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs root to mount a small disk")
def test_a_really_full_disk_is_said_and_costs_nothing(
    register: Callable[..., Fake], run: Callable[..., Result], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(disk)], check=False, capture_output=True
    ).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        register("plain", plain)
        with pytest.raises(StoreError, match="disk full"):
            run(["plain"], out=disk / "run", save_frames="png")
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        assert run(["plain"], out=disk / "run", save_frames="png").complete
    finally:
        subprocess.run(["umount", str(disk)], check=True)
