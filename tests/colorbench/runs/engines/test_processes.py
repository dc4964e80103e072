from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import colorbench
from colorbench.api import Result
from colorbench.results.reading import read_results

from .conftest import Crew, numbers, pixels, within

MakeClips = Callable[..., Path]


def unit_files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (folder / "units").rglob("*.json")}


def alive(process: int) -> bool:
    """Whether it runs; a dead one that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def test_two_workers_give_the_bits_of_one_and_a_third_has_nothing_to_do(make_clips: MakeClips, tmp_path: Path) -> None:
    root = make_clips(one=12, two=9)

    def run(workers: int, out: str) -> Result:
        return colorbench.run(
            ["gray", "exemplar-hold", "flow"],
            dataset="folder",
            data_root=root,
            protocol="full",
            metrics=["psnr", "ssim", "cdc", "colorfulness"],
            out=tmp_path / out,
            save_frames="png",
            workers=workers,
        )

    one, two = run(1, "one"), run(2, "two")
    assert two.complete
    assert list(map(numbers, two.outcome.records)) == list(map(numbers, one.outcome.records))
    assert len(pixels(tmp_path / "one")) == 3 * 21
    assert pixels(tmp_path / "two") == pixels(tmp_path / "one")
    before = unit_files(tmp_path / "two")
    assert run(3, "two").table.equals(two.table)
    assert unit_files(tmp_path / "two") == before


@pytest.mark.slow
def test_a_dead_worker_costs_the_unit_it_was_at_and_no_other(make_clips: MakeClips, crew: Crew) -> None:
    process = crew.start(make_clips(one=12, two=9), "--methods", "plain,exits,naps", "--workers", "2")
    for clip in ("one", "two"):
        (victim,) = crew.napping(clip)
        os.kill(victim, signal.SIGKILL)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 1, errors
    results = read_results(crew.out)
    failed = {(record.label, record.clip): record.error for record in results.failures}
    assert failed.keys() == {("exits", "two"), ("naps", "one"), ("naps", "two")}
    assert "ended with exit status 3 while 'exits' was at clip 'two'" in failed["exits", "two"]
    assert "killed by SIGKILL while 'naps' was at clip 'one'" in failed["naps", "one"]
    assert "fewer --workers" in failed["naps", "one"]
    assert {(record.label, record.clip) for record in results.records if record.status == "done"} == {
        ("plain", "one"),
        ("plain", "two"),
        ("exits", "one"),
    }
    assert errors.count("FAILED") == 3


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_parent(number: signal.Signals, make_clips: MakeClips, crew: Crew) -> None:
    process = crew.start(make_clips(one=12, two=9), "--methods", "naps", "--workers", "2")
    workers = crew.napping("one", "two")
    assert process.pid not in workers
    process.send_signal(number)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert within(1, lambda: not any(map(alive, workers)))
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors
