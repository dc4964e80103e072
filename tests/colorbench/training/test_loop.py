"""The loop: what is learned, what is kept, and that a killed run goes on as if nothing had happened."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from colorbench.errors import ColorbenchError, StoreError, UsageError
from colorbench.training.loop import Place, Trained, train
from colorbench.training.recipe import Recipe
from colorbench.training.state import TrainingFolder
from colorbench.training.task import Batch, Provenance, Sample
from colorbench.weights.trained_file import read_card, save_weights


class Line:
    """y = 3 x - 1 with noise from each sample's generator, and dropout from torch's."""

    def __init__(self, *, dies_at: int | None = None, adversary: bool = False, spoils_at: int | None = None) -> None:
        torch.manual_seed(5)
        self.network = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Dropout(0.1), nn.BatchNorm1d(8), nn.Linear(8, 1))
        self.critic: nn.Module | None = nn.Linear(1, 1) if adversary else None
        self.dies_at, self.spoils_at = dies_at, spoils_at
        self.seen: list[int] = []
        self.calls = 0

    @property
    def identity(self) -> Mapping[str, object]:
        return {"what": "line"}

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        self.seen.append(number)
        x = rng.uniform(-1, 1)
        y = 3 * x - 1 + rng.normal(scale=0.1)
        return {"x": torch.tensor([x], dtype=torch.float32), "y": torch.tensor([y], dtype=torch.float32)}

    def losses(self, batch: Batch) -> Mapping[str, Tensor]:
        if self.calls == self.dies_at:
            raise KeyboardInterrupt
        self.calls += 1
        square = (self.network(batch["x"]) - batch["y"]).square().mean()
        if self.calls == self.spoils_at:
            square = square * math.nan
        return {"square": square, "still": 0.0 * square}

    def critic_losses(self, batch: Batch) -> Mapping[str, Tensor]:
        assert self.critic is not None
        return {"guess": (self.critic(batch["x"]) - 2.0).square().mean()}

    def validate(self, network: nn.Module, folder: Path) -> Mapping[str, float]:
        assert not network.training
        (folder / "seen.txt").write_text("looked at", encoding="utf-8")
        x = torch.linspace(-1, 1, 21)[:, None]
        with torch.no_grad():
            return {"error": float((network(x) - (3 * x - 1)).abs().mean()), "undefined": math.nan}

    def save(self, path: Path, network: nn.Module, provenance: Provenance) -> None:
        save_weights(path, network.state_dict(), {"steps": provenance.steps, "scores": dict(provenance.scores)}, dtype="float32")


class Quiet:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps = 0

    def note(self, text: str) -> None:
        self.notes.append(text)

    def started(self, total: int, done: int) -> None:
        self.total, self.done = total, done

    def advance(self, count: int, text: str = "") -> None:
        self.steps += count


RECIPE: dict[str, Any] = {
    "steps": 30, "batch": 4, "learning_rate": 0.02, "schedule": "cosine", "warmup": 3, "clip_norm": 1.0, "ema": 0.9,
    "save_every": 10, "validate_every": 15,
}  # fmt: skip


def go(task: Line, out: Path, watcher: Quiet | None = None, **changes: Any) -> Trained:
    place = Place(device="cpu", workers=0)
    return train("line", task, Recipe(**{**RECIPE, **changes}), out, watcher=watcher or Quiet(), place=place, log_every=5)


def weights(folder: Path) -> dict[str, Tensor]:
    state = TrainingFolder(folder).load_state()
    assert state is not None
    return {**state["networks"][0], **{f"average {key}": value for key, value in state["average"].items()}}


def test_a_line_is_learned(tmp_path: Path) -> None:
    result = go(Line(), tmp_path / "run", steps=400, learning_rate=0.02)
    assert result.scores["error"] < 0.5  # 1.5 with a constant
    assert result.steps == 400


def test_small_numbers_are_numbers_again_afterwards(tmp_path: Path) -> None:
    go(Line(), tmp_path)
    assert float(torch.tensor([1e-39]) * 0.5) > 0.0


def test_a_killed_run_goes_on_as_the_unbroken_one_to_the_last_bit(tmp_path: Path) -> None:
    go(Line(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        go(Line(dies_at=17), tmp_path / "killed")
    watcher = Quiet()
    second = Line()
    go(second, tmp_path / "killed", watcher)
    assert watcher.done == 15  # validation saves a state too
    assert min(second.seen) == 15 * 4
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    files = ("log.csv", "validation.csv", "weights/line.safetensors")
    for file in files:
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "killed" / file).read_bytes()


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    go(Line(), tmp_path / "a")
    go(Line(), tmp_path / "b", seed=1)
    a, b = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert any(not torch.equal(a[key], b[key]) for key in a)


def test_a_finished_training_is_only_read(tmp_path: Path) -> None:
    first = go(Line(), tmp_path / "run")
    task = Line(dies_at=0)
    assert go(task, tmp_path / "run").scores == first.scores
    assert task.seen == []


def test_the_log_has_means_over_its_steps(tmp_path: Path) -> None:
    go(Line(), tmp_path / "often", steps=10, save_every=50, validate_every=50)
    folder = TrainingFolder(tmp_path / "often")
    rows = folder.rows("log.csv")
    assert [row["step"] for row in rows] == ["5", "10"]
    assert set(rows[0]) == {"step", "loss", "square", "still", "learning_rate"}
    assert float(rows[0]["loss"]) == pytest.approx(float(rows[0]["square"]), rel=1e-5)
    assert [row["step"] for row in folder.rows("validation.csv")] == ["10"]


def test_every_validation_leaves_pictures_and_weights_with_a_card(tmp_path: Path) -> None:
    result = go(Line(), tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run" / "validation").iterdir()) == ["0000015", "0000030"]
    card = read_card(result.weights)
    assert card["steps"] == 30
    assert set(card["scores"]) == {"error"}  # what is not finite is no score


def test_a_critic_takes_its_turn_with_its_own_rate(tmp_path: Path) -> None:
    task = Line(adversary=True)
    assert isinstance(task.critic, nn.Linear)
    before = task.critic.bias.item()
    go(task, tmp_path / "run", critic_learning_rate=0.1)
    assert abs(task.critic.bias.item() - 2.0) < abs(before - 2.0)
    assert "critic_guess" in TrainingFolder(tmp_path / "run").rows("log.csv")[0]


def test_a_loss_that_is_no_number_stops_before_anything_is_saved(tmp_path: Path) -> None:
    with pytest.raises(ColorbenchError, match="loss is nan at step 15"):
        go(Line(spoils_at=13), tmp_path / "run")
    state = TrainingFolder(tmp_path / "run").load_state()
    assert state is not None
    assert state["step"] == 10
    assert all(torch.isfinite(value).all() for value in state["networks"][0].values())


def test_a_folder_of_another_training_is_refused(tmp_path: Path) -> None:
    go(Line(), tmp_path / "run")
    with pytest.raises(StoreError, match=r"recipe.learning_rate \(0.02, not 0.5\)"):
        go(Line(), tmp_path / "run", learning_rate=0.5)
    go(Line(), tmp_path / "run", save_every=7)


def test_a_folder_in_which_another_process_trains_is_refused(tmp_path: Path) -> None:
    with TrainingFolder(tmp_path / "run").alone(), pytest.raises(StoreError, match="another process trains in"):
        go(Line(), tmp_path / "run")
    assert not (tmp_path / "run/training.json").exists()
    assert go(Line(), tmp_path / "run").steps == 30


def test_a_damaged_state_is_named_and_not_overwritten(tmp_path: Path) -> None:
    go(Line(), tmp_path / "run")
    file = tmp_path / "run" / "state.pt"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(StoreError, match="remove the file to begin anew"):
        go(Line(), tmp_path / "run")
    assert file.stat().st_size == 100


def test_a_batch_that_can_not_be_shared_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    import colorbench.training.loop as loop

    monkeypatch.setattr(loop, "_fabric", lambda *_: SimpleNamespace(world_size=3))
    with pytest.raises(UsageError, match="a batch of 4 for 3 processes"):
        go(Line(), tmp_path / "run")


def test_averages_without_decay_are_the_weights(tmp_path: Path) -> None:
    go(Line(), tmp_path / "run", ema=0.0)
    found = weights(tmp_path / "run")
    plain = [key for key in found if not key.startswith("average")]
    assert all(torch.equal(found[key], found[f"average {key}"]) for key in plain)


def test_a_training_in_pieces_is_the_whole_one(tmp_path: Path) -> None:
    go(Line(), tmp_path / "whole")
    for until in (7, 7, 22, None):
        place = Place(device="cpu", workers=0, until=until)
        result = train("line", Line(), Recipe(**RECIPE), tmp_path / "pieces", watcher=Quiet(), place=place, log_every=5)
    assert result.steps == 30
    whole, pieces = weights(tmp_path / "whole"), weights(tmp_path / "pieces")
    assert all(torch.equal(whole[key], pieces[key]) for key in whole)


class Resized(Line):
    """Samples that OpenCV makes, with threads where it has some."""

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        import cv2

        cv2.resize(np.zeros((400, 400, 3), np.uint8), (900, 900), interpolation=cv2.INTER_LANCZOS4)
        return super().sample(number, rng)


def test_workers_change_nothing_even_after_opencv_had_threads(tmp_path: Path) -> None:
    go(Resized(), tmp_path / "none", steps=6)
    place = Place(device="cpu", workers=2)
    train("line", Resized(), Recipe(**{**RECIPE, "steps": 6}), tmp_path / "two", watcher=Quiet(), place=place, log_every=5)
    none, two = weights(tmp_path / "none"), weights(tmp_path / "two")
    assert all(torch.equal(none[key], two[key]) for key in none)
