"""`colorbench methods`, from the start of the interpreter to its end, with compiled modules kept, as users have it.

``extra_info["ratio"]`` is half a second, which DESIGN.md allows, by the median round. What counts is processor time, which a busy
machine stretches less than the time on the clock. A benchmark never fails on time.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from typing import Any

import pytest

SECONDS = 0.5


def _children_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.benchmark(timer=_children_time)
def test_listing_methods(benchmark: Any) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def list_methods() -> str:
        command = [sys.executable, "-m", "cli", "methods"]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout

    text = benchmark.pedantic(list_methods, rounds=5, warmup_rounds=1)
    assert "flow" in text
    benchmark.extra_info |= {"bar": 1.0, "ratio": SECONDS / statistics.median(benchmark.stats.stats.data)}
