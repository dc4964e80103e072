"""A cluster of one node on this machine. Ray is started by commands of their own, as it stays in a process that has used it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from colorbench.config import make_spec
from colorbench.errors import UsageError
from colorbench.results.reading import read_results
from colorbench.runs.engines.cluster import Needs
from colorbench.runs.runner import open_engine
from colorbench.runs.store import UnitRecord

from .conftest import Crew, numbers, pixels

MakeClips = Callable[..., Path]

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")


def test_a_missing_ray_is_said_with_the_command_that_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'colorbench\[ray\]'"):
        open_engine(make_spec({"methods": "gray", "engine": "ray"}))


def test_a_task_asks_for_what_units_of_its_method_have_taken() -> None:
    needs = Needs([record("flow", "done", 1000.0), record("flow", "failed", 3000.0)], most=4000.0)
    assert needs.memory("flow") == 1250 * 2**20
    assert needs.memory("gray") == 2048 * 2**20
    for status, peak in (("done", 1600.0), ("done", 1200.0), ("done", None), ("failed", 9000.0)):
        needs.measured(record("gray", status, peak))
    assert needs.memory("gray") == 2000 * 2**20
    needs.measured(record("gray", "done", 8000.0))
    assert needs.memory("gray") == 4000 * 2**20


def record(label: str, status: str, peak: float | None) -> UnitRecord:
    return UnitRecord(
        key="k", label=label, method=label, variant="default", clip="one", status=status, peak_memory_mib=peak, device="cpu"
    )


@needs_ray
@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_at_which_nothing_listens_is_said_at_once(scheme: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{unused.getsockname()[1]}"
        spec = make_spec({"methods": "gray", "engine": "ray", "address": address})
        with pytest.raises(UsageError, match=f"no Ray cluster at {address}"):
            open_engine(spec).__enter__()


@needs_ray
@pytest.mark.slow
def test_networks_give_the_same_bits_in_one_process_in_four_and_on_a_cluster(tmp_path: Path) -> None:
    def run(out: str, *where: str) -> None:
        command = [sys.executable, "-m", "cli", "run", "--methods", "deepexemplar:compact,flow,gray", "--save-frames", "png"]
        command += [
            "--clips",
            "cat-handheld,coffee-lamp",
            "--override",
            "max_frames=9",
            "--metrics",
            "psnr,ssim,cdc",
            "--protocol",
            "full",
        ]
        ended = subprocess.run([*command, "--out", str(tmp_path / out), *where], check=False, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr

    run("one", "--workers", "1")
    run("four", "--workers", "4")
    run("cluster", "--engine", "ray")
    one, *others = (list(map(numbers, read_results(tmp_path / out).records)) for out in ("one", "four", "cluster"))
    assert len(one) == 6
    assert others == [one, one]
    frames, *others_frames = (pixels(tmp_path / out) for out in ("one", "four", "cluster"))
    assert len(frames) == 3 * 2 * 9
    assert others_frames == [frames, frames]


@needs_ray
@pytest.mark.slow
def test_a_unit_whose_process_was_lost_is_made_again(make_clips: MakeClips, crew: Crew) -> None:
    root = make_clips(one=12, two=9)
    process = crew.start(root, "--methods", "plain,exits,naps", "--engine", "ray")
    for victim in crew.napping("one", "two"):
        os.kill(victim, signal.SIGKILL)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 1, errors
    results = read_results(crew.out)
    failed = {(record.label, record.clip): record.error for record in results.failures}
    assert failed.keys() == {("exits", "two")}, failed
    assert "was lost" in failed["exits", "two"]
    by_unit = {(record.label, record.clip): record.scores for record in results.records}
    for clip in ("one", "two"):
        assert by_unit["naps", clip] == by_unit["plain", clip]
