"""`colorbench run` with gray and flow over real clips: how busy the cores are, and how far the run is from its slowest part.

Beside a run of four clips stand decoding alone (the clips read and fitted by as many threads) and the slower method alone (flow,
on frames that are decoded already), in turns: ``extra_info["ratio"]`` is the run's time over the slower of both, under the bar.
How busy the cores are is measured on a run of all clips, from when every worker has a unit to the end. A benchmark never fails
on time.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import colorbench
from colorbench.clips.footage import Footage
from colorbench.clips.protocol import load_protocol
from colorbench.registry import METHODS
from colorbench.runs.engines.contract import Silent
from colorbench.runs.plan import thread_count
from colorbench.types import Clip

CLIPS = ("camel", "dog", "libby", "parkour")
ROUNDS = 2


def used() -> float:
    """Processor time of this process and of its children, those that live and those that it waited for, in seconds."""
    own = sum(
        use.ru_utime + use.ru_stime
        for use in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            _, parent, *fields = file.read_text().rpartition(")")[2].split()
            if int(parent) == os.getpid():
                ticks += int(fields[9]) + int(fields[10])
    return own + ticks / os.sysconf("SC_CLK_TCK")


class Start(Silent):
    """When every worker has a unit."""

    def __init__(self) -> None:
        self.workers, self.units = thread_count(), 0
        self.at, self.used = 0.0, 0.0

    def unit_started(self, label: str, clip: str, frames: int) -> None:
        self.units += 1
        if self.units == self.workers:
            self.at, self.used = time.perf_counter(), used()


def timed(function: Callable[[], Any]) -> float:
    """Seconds on the clock."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


@pytest.fixture(scope="module")
def root() -> Path:
    data = os.environ.get("COLORBENCH_DATA")
    if not data:
        pytest.skip("COLORBENCH_DATA is not set")
    return Path(data) / "davis"


def footage_of(root: Path, clip: str, executor: ThreadPoolExecutor) -> Footage:
    source = root / "JPEGImages/480p" / clip
    return Footage(Clip(name=clip, dataset="davis", source=source), load_protocol("bistnet", overrides={}), executor=executor)


def test_run_beside_decoding_and_the_method(root: Path, tmp_path: Path, benchmark: Any) -> None:
    numbers = itertools.count()

    def run() -> None:
        colorbench.run(
            "gray,flow",
            dataset="davis",
            data_root=root,
            clips=CLIPS,
            metrics=["psnr", "ssim", "cdc"],
            out=tmp_path / str(next(numbers)),
            workers=thread_count(),  # what "auto" is where no test suite sets it to 1
        )

    def decode() -> None:
        with ThreadPoolExecutor(thread_count()) as executor:
            for clip in CLIPS:
                footage = footage_of(root, clip, executor)
                for index in range(len(footage)):
                    footage.rgb(index)
                footage.close()

    flow = METHODS.get("flow").load(variant="double", device="cpu", settings={})
    with ThreadPoolExecutor(thread_count()) as executor:
        decoded = [footage_of(root, clip, executor) for clip in CLIPS]
        for footage in decoded:
            footage.rgb(len(footage) - 1)

        def color() -> None:
            for footage in decoded:
                for _ in flow.colorize(footage, footage.exemplars()):
                    pass

        run()
        ratios = []
        for _ in range(ROUNDS):
            own, decoding, coloring = timed(run), timed(decode), timed(color)
            ratios.append(own / max(decoding, coloring))
    benchmark.pedantic(run, rounds=1)
    benchmark.extra_info.update(
        ratio=1.5 / statistics.median(ratios), bar=1.0, to_slower=statistics.median(ratios), threads=thread_count()
    )


def test_cores_are_busy_after_the_start(root: Path, tmp_path: Path, benchmark: Any) -> None:
    start = Start()

    def run() -> None:
        colorbench.run(
            "gray,flow",
            dataset="davis",
            data_root=root,
            metrics=["psnr", "ssim", "cdc"],
            out=tmp_path / "run",
            workers=thread_count(),
            progress=start,
        )

    benchmark.pedantic(run, rounds=1)
    seconds, busy = time.perf_counter() - start.at, used() - start.used
    share = busy / seconds / thread_count()
    benchmark.extra_info.update(ratio=share / 0.9, bar=1.0, busy=share, seconds_after_start=seconds, threads=thread_count())
