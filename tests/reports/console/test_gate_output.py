"""What the gate prints and writes, and the command's exit codes, on the tiny committed run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from cli import main
from colorbench.results.gate import GateReport, compare
from colorbench.results.gate_baseline import make_baseline
from colorbench.results.reading import Results, read_results
from reports.console.gate_output import gate_record, github_annotations, job_summary, junit_xml
from reports.tables.cells import DASH
from reports.tables.gate_table import headline, make_gate_grid, verdict_notes

HOSTILE = ("<script>alert(1)</script>", "../../etc", "a|b\n\x1b[31m[red]*c*::error::d,e\x00\ud800", "$x^2$" + "y" * 400)

Write = Callable[[Results, Path], Results]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["gate", *map(str, arguments)])


def lowered(results: Results, by: float, label: str = "bistnet", metric: str = "psnr") -> Results:
    """One metric of one method lower in every clip."""
    records = tuple(
        replace(
            record,
            scores=tuple(
                replace(score, value=score.value - by) if score.metric == metric and score.value is not None else score
                for score in record.scores
            ),
        )
        if record.label == label
        else record
        for record in results.records
    )
    return replace(results, records=records)


@pytest.fixture
def baseline(store: Path, tmp_path: Path) -> Path:
    path = tmp_path / "baseline.json"
    assert call(store, "--update", path).exit_code == 0
    return path


@pytest.fixture
def worse(store: Path) -> GateReport:
    """One metric of bistnet worse, tcvc missing."""
    then = read_results(store)
    now = lowered(then, 0.7).only([method.label for method in then.methods if method.label != "tcvc"])
    return compare(now, make_baseline(then, {}))


@pytest.fixture
def hostile(store: Path) -> GateReport:
    """Worse methods whose names are markup, paths and commands."""
    names = dict(zip(("flow", "gray", "bistnet", "tcvc"), HOSTILE, strict=True))
    then = read_results(store)
    then = replace(
        then,
        methods=tuple(replace(method, label=names[method.label]) for method in then.methods),
        records=tuple(replace(record, label=names[record.label]) for record in then.records),
    )
    now = then
    for name in names.values():
        now = lowered(now, 2.0, label=name)
    return compare(now, make_baseline(then, {}))


def test_the_baseline_that_was_just_written_passes(store: Path, baseline: Path) -> None:
    result = call(store, "--against", baseline)
    assert result.exit_code == 0, result.output
    assert "bistnet" in result.stdout
    assert "gate: pass in 16 of 16 comparisons (exit code 0)" in result.stderr


def test_updating_writes_the_same_bytes_again(store: Path, baseline: Path) -> None:
    before = baseline.read_bytes()
    result = call(store, "--update", baseline)
    assert (result.stdout, result.exit_code) == ("", 0)
    assert "4 methods, 4 metrics, 3 clips" in result.stderr
    assert baseline.read_bytes() == before


def test_each_verdict_has_its_exit_code(store: Path, baseline: Path, write_run: Write, tmp_path: Path) -> None:
    whole = read_results(store)
    write_run(lowered(whole, 0.3), tmp_path / "worse")
    fewer = tuple(record for record in whole.records if record.clip != whole.clips[0].name)
    write_run(replace(whole, clips=whole.clips[1:], records=fewer), tmp_path / "short")
    write_run(replace(whole, protocol=replace(whole.protocol, rounding="truncate")), tmp_path / "other")
    codes = {name: call(tmp_path / name, "--against", baseline).exit_code for name in ("worse", "short", "other")}
    assert codes == {"worse": 1, "short": 3, "other": 4}
    assert call(tmp_path / "worse", "--against", baseline, "--tolerance", "psnr=0.4").exit_code == 0
    first = call(store, "--against", tmp_path / "none.json")
    assert first.exit_code == 3
    assert "gate: no baseline, nothing was compared (exit code 3)" in first.stderr


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--against", "a", "--update", "b"],
        ["--against", "BASELINE", "--tolerance", "psnr"],
        ["--against", "BASELINE", "--tolerance", "psnr=-1"],
        ["--against", "BASELINE", "--tolerance", "nope=1"],
        ["--wrong"],
    ],
)
def test_wrong_usage_exits_with_2(store: Path, baseline: Path, options: list[str]) -> None:
    assert call(store, *(baseline if option == "BASELINE" else option for option in options)).exit_code == 2


def test_a_folder_that_is_not_there_is_wrong_usage_and_one_that_is_no_run_is_not_decided(baseline: Path, tmp_path: Path) -> None:
    assert call(tmp_path / "nowhere", "--against", baseline).exit_code == 2
    result = call(tmp_path, "--against", baseline)
    assert result.exit_code == 3
    assert "run.json" in result.stderr
    assert "remedy" in result.stderr


def test_files_that_cannot_be_written_do_not_read_as_worse(store: Path, baseline: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert call(store, "--against", baseline, "--junit", tmp_path / "file/gate.xml").exit_code == 3


def test_json_goes_to_stdout_alone_and_holds_every_clip(store: Path, baseline: Path) -> None:
    record = json.loads(call(store, "--against", baseline, "--json").stdout)
    assert (record["verdict"], record["exit_code"]) == ("pass", 0)
    (psnr,) = [c for c in record["comparisons"] if (c["label"], c["metric"]) == ("gray", "psnr")]
    assert [clip["clip"] for clip in psnr["clips"]] == ["bear", "cows", "dog"]
    assert psnr["difference"]["mean"] == 0
    assert psnr["tolerance"] == {"mean": 0.1, "clip": 0.5}


def test_junit_has_a_suite_a_method_and_counts_that_agree(worse: GateReport) -> None:
    root = ElementTree.fromstring(junit_xml(worse))
    assert root.tag == "testsuites"
    suites = {suite.get("name"): suite for suite in root}
    assert set(suites) == {"bistnet", "flow", "gray", "tcvc"}
    for element in (root, *root):
        assert int(element.get("tests", "")) == len(list(element.iter("testcase")))
        assert int(element.get("failures", "")) == len(list(element.iter("failure")))
        assert int(element.get("errors", "")) == len(list(element.iter("error")))
    assert [root.get(name) for name in ("tests", "failures", "errors")] == ["16", "1", "4"]
    (failure,) = root.iter("failure")
    assert failure.get("type") == "worse"
    assert "is worse by 0.70" in (failure.text or "")
    assert {error.get("type") for error in root.iter("error")} == {"missing"}
    assert all(case.get("classname") and case.get("name") for case in root.iter("testcase"))


def test_junit_of_a_first_run_is_one_error() -> None:
    report = GateReport(verdict="no baseline", comparisons=(), notes=("there is no x",), signature="")
    (error,) = ElementTree.fromstring(junit_xml(report)).iter("error")
    assert (error.get("type"), error.get("message")) == ("no baseline", "there is no x")


def test_github_gets_an_annotation_a_method(worse: GateReport) -> None:
    lines = list(github_annotations(worse))
    assert len(lines) == 2
    assert lines[0].startswith("::error title=colorbench gate%3A bistnet%3A worse::psnr: worse, ")
    assert lines[1].startswith("::error title=colorbench gate%3A tcvc%3A missing::psnr: missing, the run has no such method%0A")
    assert all("\n" not in line for line in lines)


def test_github_summary_is_added_to_its_file(
    store: Path, baseline: Path, write_run: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    write_run(lowered(read_results(store), 0.3), tmp_path / "worse")
    result = call(tmp_path / "worse", "--against", baseline, "--github")
    assert "::error title=" in result.stderr
    assert "::error" not in result.stdout
    text = summary.read_text()
    assert text.startswith("before\n## gate: worse in 1 of 16 comparisons")
    assert "- worse: psnr of bistnet: the mean is worse" in text
    assert text.count("| bistnet |") == 4


def test_reasons_that_many_share_are_said_once(worse: GateReport) -> None:
    notes = verdict_notes(worse.comparisons)
    assert len(notes) == 2
    assert notes[1] == "missing: psnr, ssim, cdc, colorfulness of tcvc: the run has no such method"


def test_the_table_shows_what_was_compared(worse: GateReport) -> None:
    rows = [tuple(cell.text for cell in row) for group in make_gate_grid(worse).groups for row in group]
    row = next(row for row in rows if row[:2] == ("bistnet", "psnr"))
    assert row[2] == "worse"
    assert float(row[4]) - float(row[3]) == pytest.approx(-0.7, abs=0.011)
    assert row[5:8] == ("-0.70", "0.10", "0.25")
    missing = next(row for row in rows if row[0] == "tcvc")
    assert missing[2:6] == ("missing", DASH, DASH, DASH)
    assert headline(worse) == "gate: worse in 1 of 16 comparisons (exit code 1)"


def test_hostile_names_are_harmless_everywhere(hostile: GateReport, tmp_path: Path) -> None:
    root = ElementTree.fromstring(junit_xml(hostile))
    assert {suite.get("name", "")[:9] for suite in root} == {"<script>a", "../../etc", "a|b\ufffd\ufffd[31m", "$x^2$yyyy"}
    assert not any(character in junit_xml(hostile) for character in "\x00\x1b\ud800")
    lines = list(github_annotations(hostile))
    assert len(lines) == 4
    assert all(line.startswith("::error title=colorbench gate%3A ") and line.count("\n") == 0 for line in lines)
    assert sum(line.count("::error") for line in lines) == 4, "the name's own has its colons encoded"
    summary = job_summary(hostile)
    assert "<script>" not in summary
    assert "\x1b" not in summary
    assert all(len(line) < 6000 for line in summary.splitlines())
    assert json.loads(json.dumps(gate_record(hostile)))["verdict"] == "worse"
