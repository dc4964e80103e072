"""Two runs compared, from run folders made by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main
from colorbench.clips.protocol import PRESETS
from colorbench.errors import StoreError, UnknownNameError, UsageError
from colorbench.results.compare import Contrast, compare, find_pairs
from colorbench.results.statistics import holm, paired_difference
from colorbench.runs.store import Store, UnitRecord, unit_key
from colorbench.types import MetricCard, Protocol, Score

CLIPS = [f"clip{index}" for index in range(8)]
BASE = [30.0, 28.5, 33.1, 29.9, 31.2, 27.4, 35.6, 30.1]
PSNR = MetricCard(
    name="psnr",
    summary="",
    unit="dB",
    direction="higher",
    needs_truth=True,
    per_frame=True,
    signature=(("range", "255"),),
    version=1,
    reference="",
    decimals=2,
)

WriteRun = Callable[..., str]


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """Writes a run folder: label to a score a clip (None for a clip that was not run), each of so many frames."""

    def write(
        name: str,
        methods: Mapping[str, Sequence[float | None]],
        *,
        protocol: Protocol = PRESETS["bistnet"],
        metric: MetricCard = PSNR,
        digests: Mapping[str, str] | None = None,
        frames: Sequence[int] = (2,) * 8,
    ) -> str:
        store = Store(tmp_path / name)
        facts = {"method": "m", "variant": "default", "kind": "exemplar", "summary": "", "licence": "", "paper": ""}
        facts |= {"luminance": "kept", "weights": "", "device": "cpu", "identity": "0"}
        lists: dict[str, object] = {"exemplars": [0, 0], "trained_on": [], "settings": []}
        store.declare(
            {"protocol": asdict(protocol), "dataset": "demo", "seed": 0},
            {
                "methods": {label: {**facts, **lists} for label in methods},
                "metrics": {"psnr": {"card": asdict(metric), "identity": "0"}},
                "clips": {clip: {"digest": (digests or {}).get(clip, clip), "source": "", "references": []} for clip in CLIPS},
            },
        )
        for label, values in methods.items():
            for clip, value, count in zip(CLIPS, values, frames, strict=True):
                if value is None:
                    continue
                digest = (digests or {}).get(clip, clip)
                store.save(
                    UnitRecord(
                        key=unit_key(label=label, method="0", clip=digest, protocol=protocol, seed=0),
                        label=label,
                        method="m",
                        variant="default",
                        clip=clip,
                        status="done",
                        scores=(Score(metric="psnr", value=value, frames=(value,) * count),),
                        metrics=(("psnr", "0"),),
                    )
                )
        return str(tmp_path / name)

    return write


def plus(amounts: Sequence[float]) -> list[float]:
    return [value + amount for value, amount in zip(BASE, amounts, strict=True)]


def contrasts(first: str, second: str) -> dict[str, Contrast]:
    return {contrast.second.rpartition("@")[2]: contrast for contrast in compare(find_pairs(first, second))}


def test_two_runs_are_compared_label_by_label_with_holms_correction(write_run: WriteRun) -> None:
    down, noise = [-0.5 - index / 10 for index in range(8)], [0.1, -0.1, 0.2, -0.2, 0.05, -0.15, 0.1, 0.0]
    before = write_run("before", {"a": BASE, "b": BASE, "gone": BASE})
    found = contrasts(before, write_run("after", {"a": plus(down), "b": plus(noise), "new": BASE}))
    assert set(found) == {"a", "b"}
    of_a, of_b = (paired_difference(plus(amounts), BASE) for amounts in (down, noise))
    assert found["a"].difference == of_a
    assert found["b"].difference == of_b
    assert of_a.p is not None
    assert of_b.p is not None
    assert (found["a"].corrected_p, found["b"].corrected_p) == holm([of_a.p, of_b.p])
    assert (found["a"].verdict, found["b"].verdict) == ("worse", "no difference found")
    assert found["a"].mean_first == pytest.approx(sum(BASE) / 8)


def test_two_methods_of_one_run_are_compared(write_run: WriteRun) -> None:
    run = write_run("run", {"a": BASE, "flow:single": plus([0.7] * 8)})
    (contrast,) = compare(find_pairs(f"{run}@a", f"{run}@flow:single"))
    assert contrast.verdict == "better"
    assert contrast.difference is not None
    assert contrast.difference.mean == pytest.approx(0.7)


@pytest.mark.parametrize(("direction", "verdict"), [("lower", "worse"), ("none", "different")])
def test_the_verdict_follows_the_metrics_direction(write_run: WriteRun, direction: str, verdict: str) -> None:
    card = replace(PSNR, direction=direction)  # type: ignore[arg-type]
    run = write_run("run", {"a": BASE, "b": plus([0.7] * 8)}, metric=card)
    assert contrasts(f"{run}@a", f"{run}@b")["b"].verdict == verdict


def test_clips_that_one_side_lacks_or_whose_frames_differ_are_left_out(write_run: WriteRun) -> None:
    one = write_run("one", {"a": BASE})
    other = write_run("other", {"a": [None, *plus([0.5] * 8)[1:]]}, digests={"clip3": "other bytes"})
    contrast = contrasts(one, other)["a"]
    assert contrast.left_out == ("clip0", "clip3")
    assert contrast.difference is not None
    assert contrast.difference.clips == 6
    assert contrast.mean_first == pytest.approx((sum(BASE) - BASE[0] - BASE[3]) / 6)


def test_frames_weigh_where_the_protocol_pools_over_them(write_run: WriteRun) -> None:
    protocol, frames, up = replace(PRESETS["bistnet"], pooling="frame"), [1, 2, 3, 4, 5, 6, 7, 8], [float(i) for i in range(8)]
    run = write_run("run", {"a": BASE, "b": plus(up)}, protocol=protocol, frames=frames)
    contrast = contrasts(f"{run}@a", f"{run}@b")["b"]
    assert contrast.difference is not None
    assert contrast.difference.mean == pytest.approx(sum(i * n for i, n in zip(up, frames, strict=True)) / sum(frames))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"protocol": replace(PRESETS["bistnet"], exemplars="first")}, "exemplars ends against first"),
        ({"metric": replace(PSNR, version=2)}, "version 1 against 2"),
        ({"metric": replace(PSNR, signature=(("range", "1"),))}, "range 255 against 1"),
    ],
)
def test_other_signatures_are_incomparable(write_run: WriteRun, options: dict[str, Protocol], reason: str) -> None:
    contrast = contrasts(write_run("one", {"a": BASE}), write_run("other", {"a": BASE}, **options))["a"]
    assert (contrast.verdict, contrast.reason) == ("incomparable", reason)
    assert contrast.difference is None
    assert contrast.corrected_p is None


def test_the_protocols_name_does_not_decide(write_run: WriteRun) -> None:
    other = write_run("other", {"a": BASE}, protocol=replace(PRESETS["bistnet"], name="mine"))
    assert contrasts(write_run("one", {"a": BASE}), other)["a"].verdict == "no difference found"


def test_an_infinite_score_has_no_difference(write_run: WriteRun) -> None:
    run = write_run("run", {"a": BASE, "perfect": [math.inf, *BASE[1:]]})
    contrast = contrasts(f"{run}@a", f"{run}@perfect")["perfect"]
    assert contrast.verdict == "no value"
    assert "infinite" in contrast.reason


def test_a_metric_that_one_side_lacks_has_its_reason(write_run: WriteRun) -> None:
    run = write_run("run", {"a": BASE, "b": [None] * 8})
    contrast = contrasts(f"{run}@a", f"{run}@b")["b"]
    assert (contrast.verdict, contrast.reason, contrast.mean_first) == ("no value", "not run", None)
    assert contrast.left_out == tuple(CLIPS)


def test_what_cannot_be_compared_is_refused(write_run: WriteRun, tmp_path: Path) -> None:
    one, other = write_run("one", {"a": BASE}), write_run("other", {"b": BASE})
    strange = write_run("strange", {"a": BASE}, digests={clip: f"other {clip}" for clip in CLIPS})
    with pytest.raises(UsageError, match="no method in common"):
        find_pairs(one, other)
    with pytest.raises(UsageError, match="compared with itself"):
        find_pairs(one, one)
    with pytest.raises(UnknownNameError, match="method in"):
        find_pairs(f"{one}@c", other)
    with pytest.raises(StoreError, match="can't read"):
        find_pairs(str(tmp_path / "nowhere"), other)
    with pytest.raises(UsageError, match="no clip in common"):
        compare(find_pairs(one, strange))


def test_the_command_prints_a_table_or_json(write_run: WriteRun) -> None:
    run = write_run("run", {"a": BASE, "b": plus([0.7] * 8)})
    text = CliRunner().invoke(main, ["compare", f"{run}@a", f"{run}@b"])
    assert text.exit_code == 0, text.output
    for part in ("psnr", "+0.70", "[+0.70, +0.70]", "better"):
        assert part in text.stdout
    (record,) = json.loads(CliRunner().invoke(main, ["compare", f"{run}@a", f"{run}@b", "--json"]).stdout)
    assert (record["metric"], record["verdict"]) == ("psnr", "better")
    assert record["difference"]["mean"] == pytest.approx(0.7)
    refused = CliRunner().invoke(main, ["compare", run, run])
    assert refused.exit_code == 2
    assert "remedy" in refused.stderr
