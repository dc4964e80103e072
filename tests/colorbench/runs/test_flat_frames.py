"""Black leader, white flashes and flat frames: every number is right, and no method fails for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

import colorbench
from colorbench.api import Result
from colorbench.frames.opening import read_image, write_png
from colorbench.results import compare, gate
from colorbench.results.gate_baseline import Baseline, default_tolerance, make_baseline

FLAT = {0: 0, 4: 0, 5: 0, 8: 255, 10: 90}
"""Frame to its level."""
COUNT = 12


@pytest.fixture
def root(make_clips: Callable[..., Path]) -> Path:
    clips = make_clips(a=COUNT, b=COUNT, c=COUNT)
    for path in clips.glob("*/*.png"):
        if int(path.stem) in FLAT:
            write_png(path, np.full_like(read_image(path), FLAT[int(path.stem)]))
    return clips


@pytest.fixture
def score(root: Path, tmp_path: Path) -> Callable[..., Result]:
    def go(name: str, *, sigma: float) -> Result:
        """Noise on all but the flat frames, which come out as they are."""
        rng = np.random.default_rng(1)
        for path in sorted(root.glob("*/*.png")):
            frame = read_image(path)
            noise = rng.normal(0, 0 if int(path.stem) in FLAT else sigma, frame.shape)
            write_png(tmp_path / name / path.parent.name / path.name, np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8))
        return colorbench.score(
            {"m": tmp_path / name},
            dataset="folder",
            data_root=root,
            protocol="full",
            overrides={"exemplars": "none"},
            metrics=["psnr", "ssim", "cdc"],
            out=tmp_path / f"run-{name}",
        )

    return go


def baseline(result: Result) -> Baseline:
    return make_baseline(result.results, {card.name: default_tolerance(card, result.results) for card in result.results.metrics})


def test_the_mean_counts_equal_frames_at_the_ceiling(score: Callable[..., Result], root: Path, tmp_path: Path) -> None:
    result = score("good", sigma=6.0)
    expected = [
        60.0
        if int(path.stem) in FLAT
        else peak_signal_noise_ratio(read_image(path), read_image(tmp_path / "good" / path.relative_to(root)))
        for path in root.glob("*/*.png")
    ]
    assert result.table.psnr["m"] == pytest.approx(np.mean(expected), abs=1e-9)
    pooled = next(row for row in result.summary.rows if row.label == "m").scores["psnr"]
    assert (pooled.at_ceiling, pooled.frames) == (3 * len(FLAT), 3 * COUNT)
    assert pooled.interval.low is not None
    assert pooled.interval.high is not None
    assert pooled.interval.low <= result.table.psnr["m"] <= pooled.interval.high
    assert result.frames.query("metric == 'psnr'").value.max() == 60.0


def test_a_worse_run_does_not_pass_the_gate(score: Callable[..., Result]) -> None:
    good, bad = score("good", sigma=4.0), score("bad", sigma=45.0)
    report = gate.compare(bad.results, baseline(good))
    psnr = next(found for found in report.comparisons if found.metric == "psnr")
    assert (report.verdict, psnr.verdict) == ("worse", "worse")
    assert psnr.difference is not None
    assert psnr.difference.mean is not None
    assert psnr.difference.mean < -10
    assert gate.compare(good.results, baseline(good)).verdict == "pass"


def test_two_runs_compare_by_a_finite_difference(score: Callable[..., Result]) -> None:
    good, bad = score("good", sigma=4.0), score("bad", sigma=45.0)
    pairs = compare.find_pairs(str(good.results.folder), str(bad.results.folder))
    psnr = next(found for found in compare.compare(pairs) if found.metric.name == "psnr")
    assert psnr.difference is not None
    assert psnr.difference.mean is not None
    assert -40 < psnr.difference.mean < -10


def test_shipped_methods_do_not_fail_on_white_and_black_frames(root: Path, tmp_path: Path) -> None:
    result = colorbench.run(
        ["exemplar-hold", "flow", "gray"],
        dataset="folder",
        data_root=root,
        protocol="full",
        metrics=["psnr"],
        out=tmp_path / "run",
    )
    assert [record.error for record in result.outcome.failures] == []
    assert result.complete
