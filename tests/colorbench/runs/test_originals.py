"""What is decoded is what was hashed: a clip that changes while its run goes on fails, and is scored anew by the next run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import colorbench
from baselines.gray import METHODS
from baselines.precomputed import Results
from colorbench.api import Result
from colorbench.errors import MethodError
from colorbench.frames.opening import write_png
from colorbench.runs.unit import Workshop

BLACK = np.zeros((32, 48, 3), np.uint8)
COMMON = {"dataset": "folder", "protocol": "full", "metrics": ["psnr"]}


@pytest.fixture
def root(make_clips: Callable[..., Path]) -> Path:
    return make_clips(one=40, two=5)


@pytest.fixture
def run(root: Path, tmp_path: Path) -> Callable[..., Result]:
    return lambda *methods, **options: colorbench.run(
        methods, **{"data_root": root, "out": tmp_path / "run", **COMMON, **options}
    )


def repaint(folder: Path) -> None:
    write_png(folder / "00030.png", BLACK)


def lose(folder: Path) -> None:
    (folder / "00039.png").unlink()


def swap(folder: Path) -> None:
    """Two frames change their names: the same number of files, of the same sizes and times."""
    (folder / "00030.png").rename(folder / "x")
    (folder / "00031.png").rename(folder / "00030.png")
    (folder / "x").rename(folder / "00031.png")


def overwrite_with_the_time_of_before(folder: Path) -> None:
    path = folder / "00030.png"
    before = path.stat()
    path.write_bytes((folder / "00031.png").read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Does something once, when the first unit is at work."""

    def install(act: Callable[[], object], *, after: bool) -> None:
        colors, todo = Workshop.color, [act]

        def color(self: Workshop, unit: Any, footage: Any, memo: Any, *, advance: Any) -> Any:
            if todo and not after:
                todo.pop()()
            finish = colors(self, unit, footage, memo, advance=advance)
            if todo:
                todo.pop()()
            return finish

        monkeypatch.setattr(Workshop, "color", color)

    return install


@pytest.mark.parametrize("after", [False, True], ids=["before-the-frames-are-read", "after"])
@pytest.mark.parametrize("change", [repaint, lose, swap, overwrite_with_the_time_of_before])
def test_a_clip_that_changes_at_work_fails_with_that_reason_and_the_others_go_on(
    run: Callable[..., Result], root: Path, meanwhile: Callable[..., None], change: Callable[[Path], None], *, after: bool
) -> None:
    meanwhile(lambda: change(root / "one"), after=after)
    result = run("gray", "exemplar-hold")
    assert [(record.clip, record.label) for record in result.outcome.failures] == [("one", "gray"), ("one", "exemplar-hold")]
    for record in result.outcome.failures:
        assert "clip 'one' is not what it was when the run began" in record.error
    assert run("gray", "exemplar-hold").complete


def test_a_clip_written_again_with_the_same_bytes_is_scored(
    run: Callable[..., Result], root: Path, meanwhile: Callable[..., None]
) -> None:
    path = root / "one/00030.png"
    meanwhile(lambda: path.write_bytes(path.read_bytes()), after=False)
    assert run("gray", "exemplar-hold").complete


def test_references_count_too(run: Callable[..., Result], root: Path, meanwhile: Callable[..., None]) -> None:
    for clip in ("one", "two"):
        (root / clip / "references").mkdir()
        shutil.copy(root / clip / "00000.png", root / clip / "references" / "00000.png")
    meanwhile(lambda: write_png(root / "one/references/00000.png", BLACK), after=True)
    result = run("exemplar-hold", protocol="ntire2023")
    assert [record.clip for record in result.outcome.failures] == ["one"]
    assert "or its references changed" in result.outcome.failures[0].error


def test_saved_frames_of_a_clip_that_changed_are_not_kept(
    run: Callable[..., Result], root: Path, tmp_path: Path, meanwhile: Callable[..., None]
) -> None:
    meanwhile(lambda: repaint(root / "one"), after=True)
    run("gray", save_frames="png")
    assert sorted(path.name for path in (tmp_path / "run/frames/gray").iterdir()) == [".two.json", "two"]


def test_a_worker_process_finds_a_change_too(run: Callable[..., Result], root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from colorbench.runs.engines import local

    carry_out = local.carry_out_in_processes

    def changed_first(*arguments: Any) -> None:
        repaint(root / "one")
        carry_out(*arguments)

    monkeypatch.setattr(local, "carry_out_in_processes", changed_first)
    result = run("gray", workers=2)
    assert [record.clip for record in result.outcome.failures] == ["one"]
    assert "is not what it was when the run began" in result.outcome.failures[0].error


def test_results_that_change_while_they_are_scored_are_refused(
    run: Callable[..., Result], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(root, tmp_path / "results")
    colorize = Results.colorize

    def disturbed(self: Results, clip: Any, exemplars: Any) -> Iterator[Any]:
        for index, frame in enumerate(colorize(self, clip, exemplars)):
            if index == 1 and clip.name == "one":
                repaint(tmp_path / "results/one")
            yield frame

    monkeypatch.setattr(Results, "colorize", disturbed)
    result = colorbench.score({"x": tmp_path / "results"}, data_root=root, out=tmp_path / "scored", **COMMON)
    assert [record.clip for record in result.outcome.failures] == ["one"]
    assert "changed while they were scored" in result.outcome.failures[0].error


def test_weights_that_change_between_plan_and_loading_are_refused(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    (gray,) = METHODS
    prints = iter(["planned"])
    monkeypatch.setattr(type(gray), "fingerprint", lambda *_, **__: next(prints, "another"))
    result = run("gray")
    assert len(result.outcome.failures) == 2
    assert "not the method that was planned" in result.outcome.failures[0].error
    assert MethodError.__name__ in result.outcome.failures[0].trace


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def broken_link(path: Path) -> None:
    path.symlink_to("nowhere")


def fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("put", [loop, broken_link, fifo])
def test_one_frame_that_cannot_be_read_fails_its_clip_alone(
    run: Callable[..., Result], root: Path, put: Callable[[Path], None]
) -> None:
    path = root / "one/00030.png"
    whole = path.read_bytes()
    path.unlink()
    put(path)
    result = run("gray")
    assert [record.clip for record in result.outcome.failures] == ["one"]
    assert "00030.png" in result.outcome.failures[0].error
    path.unlink()
    path.write_bytes(whole)
    assert run("gray").complete
