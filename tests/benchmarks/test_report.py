"""A report of 100,000 frame scores: reading the run, tables in all formats, figures, bundle and its verification.

``extra_info["ratio"]`` is ten seconds, the time that a report may take, by the median round. A report is the work of one thread,
so what counts is its processor time, which a busy machine stretches less than the time on the clock. A benchmark never fails on
time.
"""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from colorbench.results.reading import ClipFacts, Results, read_results
from colorbench.runs.store import Store, digest, unit_key
from colorbench.types import Score
from reports.documents import documents
from reports.formats import write_report

STORE = Path(__file__).resolve().parents[1] / "reports" / "store"
CLIPS, METHODS, FRAMES = 30, 14, 80
"""With three metrics that have values of frames: 100,800."""
SECONDS = 10.0

pytestmark = pytest.mark.benchmark(timer=time.process_time)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny run's methods and metrics, multiplied."""
    tiny, folder = read_results(STORE), tmp_path_factory.mktemp("large")
    template, rng = tiny.records[0], np.random.default_rng(0)
    methods = [
        replace(tiny.methods[number % len(tiny.methods)], label=f"method-{number}", identity=digest(number))
        for number in range(METHODS)
    ]
    clips = [
        ClipFacts(name=f"clip-{number:02d}", digest=digest(number), source=f"clips/{number}", references=())
        for number in range(CLIPS)
    ]
    store = Store(folder)
    contents: dict[str, dict[str, Any]] = {
        "methods": {method.label: _facts(method, "label") for method in methods},
        "metrics": {card.name: {"card": asdict(card), "identity": "0"} for card in tiny.metrics},
        "clips": {clip.name: _facts(clip, "name") for clip in clips},
    }
    store.declare({"protocol": asdict(tiny.protocol), "dataset": "folder", "seed": 0}, contents)
    for clip in clips:
        for method in methods:
            scores = tuple(_score(score, rng) for score in template.scores)
            store.save(
                replace(
                    template,
                    key=unit_key(label=method.label, method=method.identity, clip=clip.digest, protocol=tiny.protocol, seed=0),
                    label=method.label,
                    method=method.method,
                    variant=method.variant,
                    clip=clip.name,
                    exemplars=(0, FRAMES + 1),
                    scored=tuple(range(1, FRAMES + 1)),
                    frame_count=FRAMES + 2,
                    scores=scores,
                    truth=tuple(score for score in scores if score.metric in ("cdc", "colorfulness")),
                )
            )
    return folder


def test_report(benchmark: BenchmarkFixture, run: Path, tmp_path: Path) -> None:
    formats = ["md", "latex", "csv", "html", "figures"]
    made = benchmark.pedantic(lambda: write_report(read_results(run), tmp_path / "out", formats), rounds=3)  # type: ignore[no-untyped-call]
    assert made.notes == ()
    assert count(read_results(run)) >= 100_000
    judge(benchmark)


def test_documents_of_a_bundle(benchmark: BenchmarkFixture, run: Path) -> None:
    texts = benchmark.pedantic(lambda: documents(read_results(run)), rounds=3)  # type: ignore[no-untyped-call]
    assert texts["frames.csv"].count("\n") >= 100_000
    judge(benchmark)


def count(results: Results) -> int:
    return sum(len(score.frames) for record in results.records for score in record.scores)


def judge(benchmark: BenchmarkFixture) -> None:
    if benchmark.stats is not None:
        seconds = statistics.median(benchmark.stats.stats.data)
        benchmark.extra_info.update(ratio=round(SECONDS / seconds, 2), bar=1.0, seconds=round(seconds, 2))


def _score(score: Score, rng: np.random.Generator) -> Score:
    values = tuple(float(value) for value in rng.normal(score.value or 0.0, 0.01 * abs(score.value or 1.0), FRAMES))
    return replace(score, value=math.fsum(values) / FRAMES, frames=values if score.frames else ())


def _facts(record: Any, name: str) -> dict[str, Any]:
    return {key: value for key, value in asdict(record).items() if key != name}
