"""`colorbench run` with gray and flow over real clips: how busy the cores are, and how far the run is from its slowest part.

Beside the run stand decoding alone (the clips read and fitted by as many threads) and the slower method alone (flow, on frames
that are decoded already), in turns. ``extra_info["ratio"]`` is the run's time over the slower of both, under the bar; "busy" is
the share of all cores that the run kept at work, workers included. A benchmark never fails on time.
"""

from __future__ import annotations

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
from colorbench.footage import Footage
from colorbench.plan import thread_count
from colorbench.protocol import load_protocol
from colorbench.registry import METHODS
from colorbench.types import Clip

CLIPS = ("camel", "dog", "libby", "parkour")
ROUNDS = 2


def used() -> float:
    """Processor time of this process and of those that it waited for, in seconds."""
    return sum(
        use.ru_utime + use.ru_stime
        for use in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def timed(function: Callable[[], Any]) -> tuple[float, float]:
    """Seconds on the clock, and the share of the cores that was busy."""
    before, start = used(), time.perf_counter()
    function()
    seconds = time.perf_counter() - start
    return seconds, (used() - before) / seconds / thread_count()


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
        ratios, busy = [], []
        for _ in range(ROUNDS):
            (own, share), (decoding, _), (coloring, _) = timed(run), timed(decode), timed(color)
            ratios.append(own / max(decoding, coloring))
            busy.append(share)
    benchmark.pedantic(run, rounds=1)
    benchmark.extra_info.update(
        ratio=1.5 / statistics.median(ratios),
        bar=1.0,
        to_slower=statistics.median(ratios),
        busy=statistics.median(busy),
        busy_bar=0.9,
        threads=thread_count(),
    )
