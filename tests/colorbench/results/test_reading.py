"""A run folder read back: equal to the run itself, current units only, and what is missing is said."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import colorbench
from colorbench import registry
from colorbench.api import Result
from colorbench.errors import StoreError, UnknownNameError
from colorbench.results.reading import read_results, results_of
from colorbench.results.summary import clip_scores, frame_scores, summarize

METRICS = ["psnr", "cdc"]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def run(make_clips: Callable[..., Path], tmp_path: Path) -> Callable[..., Result]:
    root = make_clips(clip10=9, clip2=8)

    def go(*methods: str, **options: object) -> Result:
        defaults = {"dataset": "folder", "data_root": root, "protocol": "full", "out": tmp_path / "run", "metrics": METRICS}
        return colorbench.run(methods or ("gray", "exemplar-hold"), **{**defaults, **options})  # type: ignore[arg-type]

    return go


def test_a_folder_read_back_is_the_run(run: Callable[..., Result], tmp_path: Path) -> None:
    outcome = run().outcome
    read, own = read_results(tmp_path / "run"), results_of(outcome)
    assert read == own
    assert read.complete
    assert summarize(read) == summarize(own)
    assert clip_scores(read).equals(clip_scores(own))
    assert frame_scores(read).equals(frame_scores(own))
    assert {(record.label, record.clip): record for record in read.records} == {
        (record.label, record.clip): record for record in outcome.records
    }


def test_facts_are_those_of_the_cards(run: Callable[..., Result], tmp_path: Path) -> None:
    result = run("gray", "mine=flow:single")
    read = read_results(tmp_path / "run")
    flow = read.methods[1]
    assert (flow.label, flow.method, flow.variant, flow.kind, flow.exemplars) == ("mine", "flow", "single", "control", (1, 1))
    assert read.metrics == tuple(registry.METRICS.get(name).card for name in METRICS)
    assert read.clip_names == ("clip2", "clip10")
    assert read.protocol == result.outcome.plan.protocol
    assert read.signature() == result.summary.signature
    assert read.signature(read.metrics[0]).startswith("metric:psnr|")
    assert set(read.provenance) == {record.provenance for record in read.records}
    assert all("packages" in value for value in read.provenance.values())


def test_reading_needs_the_folder_alone(run: Callable[..., Result], tmp_path: Path) -> None:
    run()
    moved = tmp_path / "elsewhere"
    shutil.move(tmp_path / "run", moved)
    shutil.rmtree(tmp_path / "clips")
    shutil.rmtree(moved / "locks")
    code = (
        "import sys; from pathlib import Path; from colorbench.results.reading import read_results;"
        "from colorbench.results.summary import summarize; rows = summarize(read_results(Path(sys.argv[1]))).rows;"
        "print(len(rows), sorted({'torch', 'numba', 'baselines', 'colorbench.registry'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(moved)], check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "3 []\n"
    assert not (moved / "locks").exists()


def test_methods_added_later_stand_beside_the_earlier_ones(run: Callable[..., Result], tmp_path: Path) -> None:
    run("gray")
    later = run("exemplar-hold")
    assert [method.label for method in later.results.methods] == ["exemplar-hold"]
    read = read_results(tmp_path / "run")
    assert [method.label for method in read.methods] == ["gray", "exemplar-hold"]
    assert read.complete
    assert read.only({"exemplar-hold"}) == later.results
    with pytest.raises(UnknownNameError, match="did you mean 'gray'"):
        read.only({"grey"})


def test_units_that_are_not_there_are_missing(run: Callable[..., Result], tmp_path: Path) -> None:
    run()
    next((tmp_path / "run/units/clip2").glob("gray-*.json")).unlink()
    read = read_results(tmp_path / "run")
    assert read.missing == (("gray", "clip2"),)
    assert not read.complete
    gray = summarize(read).rows[1]
    assert (gray.missing, gray.failed) == (1, 0)
    assert gray.scores["psnr"].value is None
    assert gray.scores["psnr"].reason == "clip2: not run"
    row = clip_scores(read).query("label == 'gray' and clip == 'clip2' and metric == 'psnr'").iloc[0]
    assert row.reason == "not run"


def test_a_clip_added_later_is_missing_where_it_was_not_run(run: Callable[..., Result], tmp_path: Path) -> None:
    run("gray", clips=["clip10"])
    run("exemplar-hold")
    assert read_results(tmp_path / "run").missing == (("gray", "clip2"),)


def test_records_of_other_code_or_weights_are_not_read(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run("gray")
    gray = registry.METHODS.get("gray")
    monkeypatch.setattr(type(gray), "fingerprint", lambda self, *, variant, settings: "other weights")
    second = run("gray")
    assert len(list((tmp_path / "run/units").rglob("gray-*.json"))) == 4
    read = read_results(tmp_path / "run")
    assert {record.key for record in read.records} == {record.key for record in second.outcome.records}
    assert not {record.key for record in read.records} & {record.key for record in first.outcome.records}


def test_a_score_of_another_metric_version_is_missing_with_its_reason(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("gray")
    psnr = registry.METRICS.get("psnr")
    monkeypatch.setattr(type(psnr), "card", replace(psnr.card, version=psnr.card.version + 1))
    run("exemplar-hold", metrics=["psnr"])
    scores = {row.label: row.scores for row in summarize(read_results(tmp_path / "run")).rows}
    assert "another version" in scores["gray"]["psnr"].reason
    assert scores["gray"]["cdc"].value is not None
    assert scores["exemplar-hold"]["psnr"].value is not None
    assert "not computed" in scores["exemplar-hold"]["cdc"].reason


def test_a_failed_unit_is_read_as_failed(run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("out of paint")

    monkeypatch.setattr(type(registry.METHODS.get("gray")), "load", refuse)
    result = run()
    read = read_results(tmp_path / "run")
    assert read == result.results
    assert [(record.label, record.clip) for record in read.failures] == [("gray", "clip2"), ("gray", "clip10")]
    assert summarize(read).rows[1].scores["psnr"].reason == "failed"
    assert "out of paint" in clip_scores(read).query("label == 'gray'").reason.iloc[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "can't read"),
        ("{", "not valid JSON"),
        ('{"format": 1, "identity": {}, "contents": {"methods": ["a"]}}', "give the run's command again"),
        ('{"format": 99}', "use a newer colorbench"),
        ('{"format": 2, "identity": {}, "contents": {}}', "give the run's command again"),
        ('{"format": 3, "identity": {}, "contents": {}}', "no protocol"),
        ('{"format": 3, "identity": [], "contents": {}}', "identity = []"),
        ('{"format": 3, "identity": {}, "contents": {"methods": {"a": null}}}', "contents.methods.a = None"),
        ('{"format": true}', "format True"),
        ("null", "holds None"),
        ("[]", "holds []"),
        ("NaN", "NaN is no JSON number"),
        ("[" * 100_000, "nested too deep"),
        ('{"format": ' + "9" * 5000 + "}", "not valid JSON"),
    ],
)
def test_what_is_no_run_folder_of_now_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(StoreError, match=r"run\.json") as caught:
        read_results(tmp_path)
    assert message in str(caught.value)
    assert "remedy" in str(caught.value)


def test_run_json_is_read_as_it_is_written(run: Callable[..., Result], tmp_path: Path) -> None:
    plan = run().outcome.plan
    stored = json.loads((tmp_path / "run/run.json").read_text())
    assert stored["format"] == 3
    assert stored["contents"]["clips"]["clip2"]["digest"] == plan.clip_digests[0]
    assert stored["contents"]["methods"]["gray"]["identity"] == plan.methods[0].identity
