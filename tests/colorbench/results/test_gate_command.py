"""The gate on folders and files: real frames made worse on purpose, from the run to the verdict."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import colorbench
from colorbench.color import lab_to_rgb, rgb_to_lab, to_u8
from colorbench.errors import StoreError, UsageError
from colorbench.frames.opening import read_image, write_png
from colorbench.results.gate import GateReport
from colorbench.results.gate_baseline import UndecidedError
from colorbench.results.gate_command import check, describe_written, undecided, update_baseline
from colorbench.types import RgbFrame

CLIPS = {f"clip{index}": 9 for index in range(6)}


def colored(frame: RgbFrame, *, chroma: float = 1.0, error: float = 6.0, seed: int = 0) -> RgbFrame:
    """A method's frame: the truth's chroma at 97%, off by a smooth pattern of so many Lab units, and scaled."""
    rng = np.random.default_rng(seed)
    height, width = frame.shape[:2]
    pattern = np.kron(rng.standard_normal((height // 8, width // 8, 2)), np.ones((8, 8, 1))) * error
    lab = rgb_to_lab(torch.from_numpy(frame))
    lab[..., 1:] = (0.97 * lab[..., 1:] + torch.from_numpy(pattern).float()) * chroma
    made: RgbFrame = to_u8(lab_to_rgb(lab)).numpy()
    return made


class Bench:
    """Clips, a method's frames of them, and a baseline of its scores."""

    def __init__(self, root: Path, clips: Path) -> None:
        self.root, self.clips, self.baseline = root, clips, root / "baseline.json"
        update_baseline(self.scored("then", colored), self.baseline)

    def scored(
        self, name: str, make: Callable[[RgbFrame], RgbFrame], *, clips: tuple[str, ...] = (), protocol: str = "full"
    ) -> Path:
        """The run folder of the frames that ``make`` makes of the truth's."""
        for path in self.clips.rglob("*.png"):
            target = self.root / name / path.relative_to(self.clips)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_png(target, make(read_image(path)))
        colorbench.score(
            {"ours": self.root / name},
            dataset="folder",
            data_root=self.clips,
            protocol=protocol,
            metrics=["psnr", "ssim", "cdc", "colorfulness"],
            clips=clips,
            out=self.root / f"run-{name}",
        )
        return self.root / f"run-{name}"

    def gate(self, name: str, make: Callable[[RgbFrame], RgbFrame], **options: object) -> GateReport:
        return check(self.scored(name, make, **options), self.baseline)  # type: ignore[arg-type]


@pytest.fixture
def bench(tmp_path: Path, make_clips: Callable[..., Path]) -> Bench:
    return Bench(tmp_path, make_clips(height=64, width=96, **CLIPS))


def test_the_same_frames_scored_again_pass_with_no_change_at_all(bench: Bench) -> None:
    report = bench.gate("again", colored)
    assert report.verdict == "pass"
    assert all(change.change == 0 for comparison in report.comparisons for change in comparison.clips)
    assert len(report.comparisons) == 4


def test_noise_of_a_gray_level_in_a_thousandth_of_the_pixels_passes(bench: Bench) -> None:
    def other_machine(frame: RgbFrame) -> RgbFrame:
        made = colored(frame)
        rng = np.random.default_rng(7)
        step = rng.choice([-1, 1], made.shape) * (rng.random(made.shape) < 0.001)
        noisy: RgbFrame = np.clip(made + step, 0, 255).astype(np.uint8)
        return noisy

    report = bench.gate("noise", other_machine)
    assert report.verdict == "pass", [c for c in report.comparisons if c.verdict != "pass"]
    assert any(change.change != 0 for comparison in report.comparisons for change in comparison.clips)


def test_chroma_scaled_by_nine_tenths_is_worse(bench: Bench) -> None:
    report = bench.gate("dull", lambda frame: colored(frame, chroma=0.9))
    assert (report.verdict, report.exit_code) == ("worse", 1)
    assert "colorfulness" in {comparison.metric for comparison in report.comparisons if comparison.verdict == "worse"}


def test_perturbed_weights_are_worse(bench: Bench) -> None:
    """Another and larger error of the same kind."""
    report = bench.gate("perturbed", lambda frame: colored(frame, error=9.0, seed=1))
    assert report.exit_code == 1
    assert {comparison.metric for comparison in report.comparisons if comparison.verdict == "worse"} >= {"psnr", "ssim"}


def test_a_missing_clip_is_missing(bench: Bench) -> None:
    report = bench.gate("short", colored, clips=tuple(CLIPS)[1:])
    assert (report.verdict, report.exit_code) == ("missing", 3)
    assert {comparison.reason for comparison in report.comparisons} == {"clip0 is not in the run"}


def test_another_protocol_is_incomparable(bench: Bench) -> None:
    report = bench.gate("protocol", colored, protocol="deepexemplar")
    assert (report.verdict, report.exit_code) == ("incomparable", 4)
    assert "exemplars is first, was ends" in report.comparisons[0].reason


def test_a_first_run_has_a_verdict_of_its_own_and_the_command_that_ends_it(bench: Bench) -> None:
    folder = bench.root / "run-then"
    report = check(folder, bench.root / "none.json")
    assert (report.verdict, report.exit_code, report.comparisons) == ("no baseline", 3, ())
    assert f"colorbench gate {folder} --update {bench.root}/none.json" in report.notes[0]


def test_updating_keeps_the_tolerances_that_were_set(bench: Bench) -> None:
    folder = bench.root / "run-then"
    first = update_baseline(folder, bench.baseline, tolerance={"psnr": "0.25"})
    assert describe_written(first, bench.baseline).endswith("1 method, 4 metrics, 6 clips")
    again = update_baseline(folder, bench.baseline, clip_tolerance={"ssim": "0.5"})
    assert again.tolerances["psnr"] == first.tolerances["psnr"]
    assert (again.tolerances["psnr"].mean, again.tolerances["ssim"].clip) == (0.25, 0.5)
    with pytest.raises(UsageError, match="unknown metric in --tolerance"):
        check(folder, bench.baseline, tolerance={"lpips": "1"})


def test_what_cannot_be_read_is_not_decided(bench: Bench) -> None:
    with pytest.raises(UndecidedError, match=r"can't read .*run\.json") as caught:
        check(bench.root, bench.baseline)
    assert caught.value.exit_code == 3
    shutil.copy(bench.root / "run-then/run.json", bench.baseline)
    with pytest.raises(UndecidedError, match="can't read the baseline"):
        check(bench.root / "run-then", bench.baseline)


def test_a_failure_of_the_gate_itself_never_has_the_exit_code_of_a_worse_run() -> None:
    with pytest.raises(UndecidedError, match="disk full") as caught, undecided():
        raise StoreError("disk full", wanted="room", remedy="free space")
    assert (caught.value.exit_code, caught.value.remedy) == (3, "free space")
    with pytest.raises(UsageError) as usage, undecided():
        raise UsageError("no such flag")
    assert usage.value.exit_code == 2
