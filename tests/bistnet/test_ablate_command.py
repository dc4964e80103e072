"""``colorbench ablate`` as a user gives it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import bistnet.ablation.trial
from cli import main

SETTINGS = {
    "clips": '["clips"]', "photographs": '["stills"]', "validation": '["held-out"]', "height": "128", "triplets.size": "[64, 96]",
    "triplets.least_span": "6", "batch": "2", "precision": "float32", "features.width": "4", "refinement.width": "4",
    "refinement.depth": "1", "experts.semantic": "none", "experts.edges": "none",
}  # fmt: skip
FLAGS = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
GRID = """
[factors.fusion]
linear = {}
average = { "fusion.form" = "average" }
"""


def give(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["ablate", *arguments])


@pytest.fixture
def small(training_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A grid of one's own at a size that takes no time."""
    monkeypatch.setenv("COLORBENCH_CACHE", str(training_root / "cache"))
    protocol = tmp_path / "small.toml"
    protocol.write_text('width = 96\nheight = 64\nexemplars = "ends"\nskip_first = 6\nskip_last = 4\n')
    monkeypatch.setattr(bistnet.ablation.trial, "PROTOCOL", str(protocol))
    (tmp_path / "mine.toml").write_text(GRID)
    return [
        "--grid", str(tmp_path / "mine.toml"), "--budget", "2", "--data", str(training_root), "--out", str(tmp_path / "grid"),
        "--workers", "0", "--device", "cpu", *FLAGS,
    ]  # fmt: skip


def test_a_grid_is_trained_and_the_same_command_only_reads_it(small: list[str], tmp_path: Path) -> None:
    first = give(*small)
    assert first.exit_code == 0, first.output
    assert [word for word in ("variant", "PSNR ↑", "p (Holm)", "linear", "average") if word not in first.stdout] == []
    assert "[4/4]" in first.stderr
    assert "average@0: PSNR held-out " in first.stderr
    found = sorted(path.name for path in (tmp_path / "grid").iterdir())
    assert found == [
        "cdc-difference.csv", "cdc-difference.png", "cdc-difference.svg", "details.csv", "evaluation", "grid.json", "pictures",
        "psnr-cdc.csv", "psnr-cdc.png", "psnr-cdc.svg", "psnr-difference.csv", "psnr-difference.png", "psnr-difference.svg",
        "table.csv", "table.md", "table.tex", "trainings",
    ]  # fmt: skip
    again = give(*small, "--json")
    assert again.exit_code == 0
    assert "going on: 4 of 4 steps are done already" in again.stderr
    record = json.loads(again.stdout)
    assert [row["name"] for row in record["rows"]] == ["linear", "average"]
    assert record["rows"][1]["minus_full"]["psnr"]["pairs"] == 1


def test_a_failure_is_said_and_is_the_exit_code(small: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from colorbench.errors import ColorbenchError

    train = bistnet.ablation.trial.train_trial

    def fail(trial: bistnet.ablation.trial.Trial, *arguments: object, **options: object) -> object:
        if trial.cell == "average":
            raise ColorbenchError("loss is nan at step 1")
        return train(trial, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(bistnet.ablation.trial, "train_trial", fail)
    result = give(*small, "--quiet")
    assert result.exit_code == 1
    assert "colorbench: average@0 failed, the same command tries it again: loss is nan at step 1" in result.stderr
    assert "average: not trained yet with seed 0" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "20min"], "--budget '20min'"),
        (["--budget", "20m", "--grid", "tabel2"], "did you mean 'table2'"),
        (["--budget", "20m", "--cells", "full,no-mrsb"], "did you mean 'no-msrb'"),
        (["--budget", "20m", "--set", "fusion.from=average"], "did you mean 'fusion.form'"),
        (["--budget", "20m", "--set", "losses.edge=0"], "equal settings"),
        (["--budget", "20m", "--preset", "compakt"], "did you mean 'compact'"),
    ],
    ids=["budget", "grid", "cell", "key", "equal", "preset"],
)
def test_what_is_wrong_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = give("--data", ".", *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "wanted:" in result.stderr


def test_data_has_to_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLORBENCH_DATA", raising=False)
    result = give("--budget", "800")
    assert result.exit_code == 2
    assert "COLORBENCH_DATA=PATH" in result.stderr
