"""``colorbench train`` as a user gives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bistnet.checkpoint import read_card
from cli import main
from colorbench.training.state import TrainingFolder

ROOT = Path(__file__).resolve().parents[2]

SETTINGS = {
    "steps": "4", "batch": "2", "save_every": "2", "precision": "float32", "clips": '["clips"]', "photographs": '["stills"]',
    "validation": '["held-out"]', "height": "128", "triplets.size": "[64, 96]", "triplets.least_span": "6",
    "overrides": '["experts.semantic=none","experts.edges=none","features.width=4","refinement.width=4","refinement.depth=1"]',
}  # fmt: skip


def give(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["train", *arguments])


def flags(**changes: str) -> list[str]:
    return [part for key, value in {**SETTINGS, **changes}.items() for part in ("--set", f"{key}={value}")]


@pytest.fixture(autouse=True)
def _own_cache(training_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORBENCH_CACHE", str(training_root / "cache"))
    monkeypatch.delenv("COLORBENCH_DATA", raising=False)


def test_a_network_is_trained_and_the_same_command_finds_it_done(training_root: Path, tmp_path: Path) -> None:
    command = ["bistnet", "--data", str(training_root), "--out", str(tmp_path / "run"), "--workers", "0", *flags()]
    first = give(*command, "--json")
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert told["steps"] == 4
    assert told["scores"]["psnr"] > 10
    card = read_card(Path(told["weights"]))
    assert card.trained
    assert card.command[:5] == ("colorbench", "train", "bistnet", "--preset", "compact")
    assert "steps=4" in card.command
    assert str(training_root) not in " ".join(card.command)
    found = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert found == ["lock", "log.csv", "state.pt", "training.json", "validation", "validation.csv", "weights"]
    again = give(*command)
    assert again.exit_code == 0
    assert "4 of 4 steps are done already" in again.stderr
    assert "compact.safetensors: 4 steps" in again.stdout


def test_a_folder_of_another_training_is_refused(training_root: Path, tmp_path: Path) -> None:
    command = ["bistnet", "--data", str(training_root), "--out", str(tmp_path / "run"), "--workers", "0"]
    assert give(*command, *flags(steps="1")).exit_code == 0
    result = give(*command, *flags(steps="2"))
    assert result.exit_code == 1
    assert "recipe.steps (1, not 2) differ" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["bistnett", "--data", "."], 2, "did you mean 'bistnet'"),
        (["bistnet"], 2, "no training data named"),
        (["bistnet", "--data", ".", "--preset", "compakt"], 2, "did you mean 'compact'"),
        (["bistnet", "--data", ".", "--set", "steps"], 2, "--set KEY=VALUE"),
        (["bistnet", "--data", ".", "--set", "batch=0"], 2, "batch = 0"),
        (["edges", "--data", "."], 1, "BSDS"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = give(*arguments)
    assert result.exit_code == code, result.output
    assert message in result.stderr


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(training_root: Path, tmp_path: Path) -> None:
    """DDP over two CPU processes, at the same global batch: the means over the steps agree, so the updates do."""
    losses = []
    for devices in ("1", "2"):
        out = tmp_path / devices
        command = [sys.executable, "-m", "cli", "train", "bistnet", "--data", str(training_root), "--out", str(out), "--quiet"]
        command += ["--device", "cpu", "--devices", devices, "--workers", "0", *flags(steps="6", batch="4", ema="0.9")]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, cwd=ROOT, env=environment, timeout=300)
        losses.append([float(row["loss"]) for row in TrainingFolder(out).rows("log.csv")])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
