"""Verdicts on runs made by hand: each seeded change gets the verdict that it deserves, and noise gets none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from colorbench.clips.protocol import PRESETS
from colorbench.errors import UnknownNameError, UsageError
from colorbench.results.gate import Comparison, GateReport, compare
from colorbench.results.gate_baseline import (
    Tolerance,
    UndecidedError,
    changed_tolerances,
    default_tolerance,
    make_baseline,
    read_baseline,
    write_baseline,
)
from colorbench.results.reading import ClipFacts, MethodFacts, Results
from colorbench.runs.store import UnitRecord
from colorbench.types import Direction, MetricCard, Score

Change = Callable[[str, str, int, float], float | None]
"""(label, metric, clip's number, score) to the new score."""


def card(name: str, direction: Direction, decimals: int, *, needs_truth: bool = True) -> MetricCard:
    return MetricCard(
        name=name,
        summary="",
        unit="",
        direction=direction,
        needs_truth=needs_truth,
        per_frame=name == "psnr",
        signature=(("input", "rgb8"),),
        version=1,
        reference="",
        decimals=decimals,
    )


CARDS = (
    card("psnr", "higher", 2),
    card("lpips", "lower", 4),
    card("cdc", "lower", 6, needs_truth=False),
    card("colorfulness", "none", 1, needs_truth=False),
)
TRUTH = {"cdc": 0.0047, "colorfulness": 32.0}
BASE = {"psnr": 31.0, "lpips": 0.06, "cdc": 0.0044, "colorfulness": 28.0}


def run(change: Change | None = None, *, clips: int = 8, labels: tuple[str, ...] = ("ours", "gray")) -> Results:
    """Methods that differ by clip in a fixed way, each score changed as asked."""

    def scores(label: str, index: int) -> tuple[Score, ...]:
        found = []
        for metric in CARDS:
            base = BASE[metric.name] * (1 + 0.05 * math.sin(index + len(label)))
            value = base if change is None else change(label, metric.name, index, base)
            frames = (value - 1, value + 1) if metric.per_frame and value is not None else ()
            found.append(Score(metric=metric.name, value=value, reason="" if value is not None else "too short", frames=frames))
        return tuple(found)

    names = [f"clip{index}" for index in range(clips)]
    return Results(
        folder=Path("run"),
        protocol=PRESETS["bistnet"],
        dataset="demo",
        seed=0,
        methods=tuple(
            MethodFacts(
                label=label,
                method=label,
                variant="default",
                kind="exemplar",
                summary="",
                licence="",
                paper="",
                luminance="kept",
                exemplars=(2, 2),
                trained_on=(),
                weights="",
                device="cpu",
                settings=(),
                identity=f"code of {label}",
            )
            for label in labels
        ),
        metrics=CARDS,
        clips=tuple(ClipFacts(name=name, digest=f"bytes of {name}", source="", references=()) for name in names),
        records=tuple(
            UnitRecord(
                key="",
                label=label,
                method=label,
                variant="default",
                clip=name,
                status="done",
                scored=(1, 2),
                scores=scores(label, index),
                truth=tuple(Score(metric=metric, value=value) for metric, value in TRUTH.items()),
                provenance="p",
            )
            for index, name in enumerate(names)
            for label in labels
        ),
        missing=(),
        provenance={"p": {"commit": "abc", "dirty": False, "seed": 0, "command": ["secret"], "packages": {"numpy": "2"}}},
    )


def only(label: str, metric: str, by: float | list[float]) -> Change:
    """One metric of one method moved, by the same or by clip."""
    return lambda own, name, index, value: (
        value + (by if isinstance(by, float) else by[index]) if (own, name) == (label, metric) else value
    )


def gate(now: Results, then: Results | None = None, **tolerances: Tolerance) -> GateReport:
    return compare(now, make_baseline(then or run(), tolerances))


def found(report: GateReport, label: str = "ours", metric: str = "psnr") -> Comparison:
    (comparison,) = [c for c in report.comparisons if (c.label, c.metric) == (label, metric)]
    return comparison


def test_the_same_scores_pass_without_any_change() -> None:
    report = gate(run())
    assert (report.verdict, report.exit_code, report.notes) == ("pass", 0, ())
    assert len(report.comparisons) == 8
    assert all(c.difference and c.difference.mean == 0 and c.difference.p == 1 for c in report.comparisons)


def test_noise_from_run_to_run_passes() -> None:
    rng = np.random.default_rng(0)
    noisy = gate(run(lambda _, metric, index, value: value * (1 + 1e-4 * rng.standard_normal())))
    assert noisy.verdict == "pass"
    assert all(c.difference and c.difference.mean != 0 for c in noisy.comparisons)


def test_a_metric_that_is_worse_in_every_clip_is_worse() -> None:
    report = gate(run(only("ours", "psnr", -0.2)))
    assert (report.verdict, report.exit_code) == ("worse", 1)
    assert [(c.label, c.metric) for c in report.comparisons if c.verdict != "pass"] == [("ours", "psnr")]
    worse = found(report)
    assert worse.difference
    assert worse.difference.mean == pytest.approx(-0.2)
    assert worse.difference.p == 2 / 2**8
    assert worse.now == pytest.approx((worse.baseline or 0) - 0.2)
    assert worse.reason == "the mean is worse"


@pytest.mark.parametrize(
    ("metric", "by", "verdict"),
    [
        ("psnr", -0.09, "pass"),
        ("psnr", -0.11, "worse"),
        ("psnr", 3.0, "pass"),
        ("lpips", 0.002, "worse"),
        ("lpips", -0.02, "pass"),
        # Of 0.0044 and 28.0, on whose far side the truth's 0.0047 and 32.0 lie.
        ("cdc", -0.0001, "worse"),
        ("cdc", 0.00004, "pass"),
        ("colorfulness", -1.5, "worse"),
        ("colorfulness", 1.5, "pass"),
        ("colorfulness", 20.0, "worse"),
    ],
)
def test_each_metric_has_its_own_direction_and_tolerance(metric: str, by: float, verdict: str) -> None:
    assert found(gate(run(only("ours", metric, by))), metric=metric).verdict == verdict


def test_cdc_nearer_to_the_truth_is_no_regression_though_it_is_higher() -> None:
    """By its own direction "lower" the same move would be worse."""
    flat = run(lambda _, metric, index, value: 0.0040 if metric == "cdc" else value)
    nearer = run(lambda _, metric, index, value: 0.0046 if metric == "cdc" else value)
    comparison = found(gate(nearer, flat), metric="cdc")
    assert (comparison.verdict, comparison.to_truth) == ("pass", True)
    assert comparison.difference
    assert comparison.difference.mean == pytest.approx(0.0006)
    assert found(gate(flat, nearer), metric="cdc").verdict == "worse"


def test_clips_that_disagree_are_inconclusive() -> None:
    report = gate(run(only("ours", "psnr", [-0.45, -0.45, -0.45, 0.1, 0.1, -0.45, 0.2, 0.2])))
    comparison = found(report)
    assert comparison.difference
    assert comparison.difference.mean == pytest.approx(-0.15)
    assert comparison.difference.p
    assert comparison.difference.p > 0.05
    assert comparison.difference.interval.high
    assert comparison.difference.interval.high > 0
    assert (comparison.verdict, report.exit_code) == ("inconclusive", 3)
    assert "do not agree" in comparison.reason


def test_one_clip_that_falls_far_is_worse_whatever_the_mean_does() -> None:
    comparison = found(gate(run(only("ours", "psnr", [0.3] * 7 + [-0.6]))))
    assert comparison.difference
    assert comparison.difference.mean
    assert comparison.difference.mean > 0
    assert comparison.verdict == "worse"
    assert comparison.reason == "clip7 is worse by 0.60, beyond the tolerance of a clip"


@pytest.mark.parametrize("clips", [1, 4, 5])
def test_with_few_clips_all_must_fall(clips: int) -> None:
    """No p of so few clips reaches 0.05."""
    then = run(clips=clips)
    all_fall = found(gate(run(only("ours", "psnr", -0.2), clips=clips), then))
    assert all_fall.verdict == "worse"
    assert all_fall.difference
    assert all_fall.difference.p == 2.0 ** (1 - clips)
    if clips > 1:
        one_holds = found(gate(run(only("ours", "psnr", [0.05] + [-0.4] * (clips - 1)), clips=clips), then))
        assert one_holds.verdict == "inconclusive"


def test_a_clip_that_is_not_in_the_run_is_missing_and_not_averaged_over() -> None:
    report = gate(run(clips=7))
    assert (report.verdict, report.exit_code) == ("missing", 3)
    assert all(c.difference is None and c.baseline is None and len(c.clips) == 7 for c in report.comparisons)
    assert found(report).reason == "clip7 is not in the run"


def test_a_fall_is_worse_though_another_clip_is_missing() -> None:
    report = gate(run(only("ours", "psnr", [-0.9] + [0.0] * 6), clips=7))
    assert (report.verdict, report.exit_code) == ("worse", 1)
    assert {c.verdict for c in report.comparisons} == {"worse", "missing"}


def test_failed_and_lacking_units_are_missing() -> None:
    whole = run()
    first, second, *rest = whole.records
    failed = replace(first, status="failed", scores=(), truth=())
    report = gate(replace(whole, records=(failed, *rest), missing=((second.label, second.clip),)))
    assert found(report, first.label).reason == "clip0: failed"
    assert found(report, second.label).reason == "clip0: not run"
    assert report.verdict == "missing"


def test_a_score_without_a_value_is_missing_with_its_reason() -> None:
    report = gate(run(lambda _, metric, index, value: None if (metric, index) == ("lpips", 2) else value))
    assert found(report, metric="lpips").reason == "clip2: too short"
    assert found(report, metric="psnr").verdict == "pass"


def test_methods_and_metrics_that_are_gone_are_missing_and_new_ones_are_noted() -> None:
    fewer = replace(run(labels=("ours", "new")), metrics=(*CARDS[:3], card("ssim", "higher", 4)))
    report = gate(fewer)
    assert found(report, "gray").reason == "the run has no such method"
    assert found(report, metric="colorfulness").reason == "the run has no such metric"
    assert report.verdict == "missing"
    assert "method not in the baseline, not judged: new" in report.notes
    assert "metric not in the baseline, not judged: ssim" in report.notes


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"protocol": replace(PRESETS["bistnet"], exemplars="first")}, "exemplars is first, was ends"),
        ({"protocol": replace(PRESETS["bistnet"], width=768)}, "size is 768x224, was 384x224"),
        ({"metrics": tuple(replace(metric, version=2) for metric in CARDS)}, "version is 2, was 1"),
        ({"dataset": "davis"}, "data is davis, was demo"),
    ],
)
def test_another_signature_is_incomparable(change: Mapping[str, object], reason: str) -> None:
    report = gate(replace(run(only("ours", "psnr", -5.0)), **change))  # type: ignore[arg-type]
    assert (report.verdict, report.exit_code) == ("incomparable", 4)
    assert {c.reason for c in report.comparisons} == {reason}


def test_another_name_of_the_same_protocol_and_a_new_clip_stay_comparable() -> None:
    report = gate(replace(run(clips=9), protocol=replace(PRESETS["bistnet"], name="mine")))
    assert report.verdict == "pass"
    assert report.notes == ("clip not in the baseline, not judged: clip8",)


def test_a_clip_of_other_bytes_and_a_method_of_another_variant_are_incomparable() -> None:
    whole = run()
    other = replace(whole, clips=(replace(whole.clips[0], digest="else"), *whole.clips[1:]))
    assert {c.reason for c in gate(other).comparisons} == {"clip0 has other frames"}
    official = replace(whole, methods=(replace(whole.methods[0], variant="official"), whole.methods[1]))
    assert found(gate(official)).reason == "ours:official in the run, ours:default in the baseline"


def test_other_code_is_what_a_gate_is_for() -> None:
    whole = run()
    report = gate(replace(whole, methods=tuple(replace(method, identity="new") for method in whole.methods)))
    assert report.verdict == "pass"
    assert "ours: its code, settings or weights are not those of the baseline" in report.notes


def test_worse_outranks_incomparable_and_missing() -> None:
    whole = run(only("ours", "psnr", -1.0), clips=7)
    mixed = replace(whole, methods=(whole.methods[0], replace(whole.methods[1], variant="official")))
    report = gate(mixed)
    assert {c.verdict for c in report.comparisons} == {"worse", "incomparable", "missing"}
    assert report.exit_code == 1
    assert gate(replace(mixed, records=run(clips=7).records)).exit_code == 4


def test_a_better_run_passes_and_asks_for_a_new_baseline() -> None:
    report = gate(run(only("ours", "psnr", 0.4)))
    assert report.verdict == "pass"
    assert report.notes == ("better than the baseline: psnr of ours; with --update a later fall back to it will be noticed",)


def test_infinite_scores() -> None:
    perfect = run(only("ours", "psnr", math.inf))
    assert found(gate(perfect, perfect)).verdict == "pass"
    assert found(gate(run(), perfect)).verdict == "worse"
    assert found(gate(perfect)).verdict == "inconclusive"


def test_frames_weigh_alike_where_the_protocol_pools_over_them() -> None:
    """Clip 0 has four frames, the others two: (4 * -0.4 + 7 * 2 * 0.1) / 18."""

    def pooled(by: list[float]) -> Results:
        whole = run(only("ours", "psnr", by))
        records = tuple(
            replace(r, scores=tuple(replace(s, frames=s.frames * 2) if r.clip == "clip0" else s for s in r.scores))
            for r in whole.records
        )
        return replace(whole, protocol=replace(whole.protocol, pooling="frame"), records=records)

    comparison = found(gate(pooled([-0.4] + [0.1] * 7), pooled([0.0] * 8)))
    assert comparison.difference
    assert comparison.difference.mean == pytest.approx((4 * -0.4 + 7 * 2 * 0.1) / 18)


def test_tolerances_of_a_call_replace_the_baselines() -> None:
    then, now = run(), run(only("ours", "psnr", -0.2))
    baseline = make_baseline(then, {"psnr": Tolerance(0.3, 1.0)})
    assert compare(now, baseline).verdict == "pass"
    strict = changed_tolerances(baseline.tolerances, mean={"psnr": "0.1"}, clip={})
    assert strict["psnr"] == Tolerance(0.1, 0.5)
    assert compare(now, baseline, strict).verdict == "worse"
    assert changed_tolerances(baseline.tolerances, mean={"psnr": "inf"}, clip={"psnr": "2"})["psnr"] == Tolerance(math.inf, 2.0)


@pytest.mark.parametrize("text", ["-1", "nan", "much"])
def test_what_is_no_tolerance_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no tolerance"):
        changed_tolerances({"psnr": Tolerance(0.1, 0.5)}, mean={"psnr": text}, clip={})


def test_a_tolerance_of_an_unknown_metric_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'psnr'"):
        changed_tolerances({"psnr": Tolerance(0.1, 0.5)}, mean={}, clip={"pnsr": "1"})


def test_default_tolerances_follow_the_printed_digits_and_cdcs_the_runs_mean() -> None:
    whole = run(lambda _, metric, index, value: 0.01 * (1 + index) if metric == "cdc" else value)
    assert {metric.name: default_tolerance(metric, whole) for metric in CARDS} == {
        "psnr": Tolerance(0.1, 0.5),
        "lpips": Tolerance(0.001, 0.005),
        "cdc": Tolerance(4.5e-4, 2.25e-3),
        "colorfulness": Tolerance(1.0, 5.0),
    }
    no_cdc = replace(whole, records=tuple(replace(record, scores=record.scores[:2]) for record in whole.records))
    assert default_tolerance(card("delta-cdc", "lower", 6), no_cdc) == Tolerance(4.7e-5, 2.35e-4)


def test_a_baseline_comes_back_from_its_file_and_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    baseline = make_baseline(run(only("ours", "psnr", math.inf)), {"colorfulness": Tolerance(math.inf, math.inf)})
    for name in ("a", "b"):
        write_baseline(baseline, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert read_baseline(tmp_path / "a") == baseline
    text = (tmp_path / "a").read_text()
    assert "secret" not in text
    assert max(len(line) for line in text.splitlines()) < 300


def test_a_clip_without_color_truth_is_not_gated_by_what_needs_one() -> None:
    whole = run()
    colorless = replace(whole, records=tuple(replace(r, truth=()) if r.clip == "clip3" else r for r in whole.records))
    baseline = make_baseline(colorless, {})
    assert "clip3" not in baseline.methods["ours"].scores["cdc"]
    assert "clip3" in baseline.methods["ours"].scores["psnr"]
    assert compare(colorless, baseline).verdict == "pass"
    assert found(gate(colorless), metric="cdc").reason == "clip3: no value of the truth"


def test_an_incomplete_run_is_no_baseline() -> None:
    whole = run()
    with pytest.raises(UndecidedError, match="0 units failed, 1 were not run, such as ours on clip0"):
        make_baseline(replace(whole, records=whole.records[1:], missing=(("ours", "clip0"),)), {})
    with pytest.raises(UndecidedError, match="no metric has a value"):
        make_baseline(run(lambda *_: None), {})


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"format": 2}',
        '{"format": 1, "signatures": {}, "tolerances": {}, "clips": {}, "methods": {}, "provenance": []}',
        "null",
        "NaN",
        "[" * 100_000,
        '{"format": ' + "9" * 5000 + "}",
        '{"format": 1, "signatures": [], "tolerances": {}, "clips": {}, "methods": {}, "provenance": []}',
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "baseline.json").write_text(text)
    with pytest.raises(UndecidedError, match="can't read the baseline") as caught:
        read_baseline(tmp_path / "baseline.json")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda loaded: loaded["tolerances"]["psnr"].update(mean=math.nan), "NaN is no JSON number"),
        (lambda loaded: loaded["tolerances"]["psnr"].update(mean="nan"), "tolerances.psnr.mean = 'nan'"),
        (lambda loaded: loaded["tolerances"]["psnr"].update(clip=-1), "psnr is no tolerance"),
        (lambda loaded: loaded["methods"]["ours"]["scores"]["psnr"].update(clip0=10**400), "methods.ours.scores.psnr.clip0"),
        (lambda loaded: loaded["methods"].update(ours=None), "methods.ours = None"),
        (lambda loaded: loaded.update(more=1), "unknown key"),
        (lambda loaded: loaded.pop("clips"), "no clips"),
    ],
)
def test_a_value_of_the_wrong_form_in_a_baseline_is_named(tmp_path: Path, change: Callable[[Any], object], named: str) -> None:
    path = tmp_path / "baseline.json"
    write_baseline(make_baseline(run(), {}), path)
    loaded = json.loads(path.read_text())
    change(loaded)
    path.write_text(json.dumps(loaded))
    with pytest.raises(UndecidedError, match="can't read the baseline") as caught:
        read_baseline(path)
    assert named in caught.value.wrong


@pytest.mark.parametrize(
    "put", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(path)]
)
def test_what_is_no_file_in_a_baselines_place_is_refused_at_once(tmp_path: Path, put: Callable[[Path], object]) -> None:
    put(tmp_path / "baseline.json")
    with pytest.raises(UndecidedError, match="can't read the baseline"):
        read_baseline(tmp_path / "baseline.json")
