"""The blend as a task: from clips to samples, a few steps that lower the loss, and the method that comes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bistnet import shipped
from bistnet.shipped import find_network
from bistnet.tracked.method import METHODS
from bistnet.training.blend_task import BlendTask, charbonnier
from colorbench.errors import DatasetError, UsageError
from colorbench.flow.carrying import carry
from colorbench.flow.filling import smoothed
from colorbench.training.stream import Samples
from colorbench.training.task import Provenance
from colorbench.training.trainable import TRAINABLES
from colorbench.types import Exemplar

from ..test_method import Clip, scenes

PROVENANCE = Provenance(
    command=("colorbench", "train"), seed=3, steps=7, seconds=1.5, commit="abc", scores={"psnr": 30.0}, hardware="a machine"
)


@pytest.fixture(scope="module")
def task(training_root: Path, tmp_path_factory: pytest.TempPathFactory) -> BlendTask:
    """On one clip of 17 frames, every fifth taken."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLORBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        return open_task(training_root)


def open_task(root: Path, **changes: str) -> BlendTask:
    small = {"clips": "clips", "validation": '["held-out"]', "every": "5", "width": "8"}
    _, task = TRAINABLES.get("blend").open(preset="compact", overrides={**small, **changes}, data=root)
    assert isinstance(task, BlendTask)
    return task


def batch_of(task: BlendTask, numbers: range) -> dict[str, torch.Tensor]:
    samples = Samples(task, seed=0)
    items = [samples[number] for number in numbers]
    return {key: torch.stack([item[key] for item in items]) for key in items[0]}


def test_validation_clips_are_not_trained_on(task: BlendTask) -> None:
    assert task.identity["material"] == ["pan 3x14x224x384"]
    assert [clip.name for clip in task.held_out] == ["held-out"]


def test_samples_are_windows_with_their_truth(task: BlendTask) -> None:
    batch = batch_of(task, range(6))
    assert batch["seen"].shape == (6, 12, 128, 160)
    assert batch["ab"].shape == (6, 2, 128, 160)
    assert (50 * batch["seen"][:, 1:3] - batch["ab"]).abs().median() < 3
    again = batch_of(task, range(6))
    assert all(torch.equal(again[key], value) for key, value in batch.items())


def test_steps_lower_the_loss(task: BlendTask) -> None:
    torch.manual_seed(0)
    batch = batch_of(task, range(4))
    optimizer = torch.optim.Adam(task.network.parameters(), 2e-3)
    losses = []
    for _ in range(12):
        loss = task.losses(batch)["color"]
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_charbonnier_is_its_formula() -> None:
    found, truth = torch.rand(2, 2, 3, 4, dtype=torch.float64), torch.rand(2, 2, 3, 4, dtype=torch.float64)
    error = ((found - truth) ** 2).sum(1).numpy()
    assert charbonnier(found, truth).item() == pytest.approx(float(np.mean(np.sqrt(error + 1) - 1)), rel=1e-12)


def test_the_method_runs_with_weights_that_were_saved(task: BlendTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = find_network("compact")
    assert network is not None
    package = tmp_path / "package"
    package.mkdir()
    (package / "compact.safetensors").write_bytes(network.read_bytes())
    (package / "experts").symlink_to(network.parent / "experts")
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shipped, "_package_folder", lambda: package)
    (method,) = METHODS
    assert "no compact-blend.safetensors" in method.unavailable("compact")
    task.save(package / "compact-blend.safetensors", task.network, PROVENANCE)
    assert method.unavailable("compact") == ""
    settings = {setting.name: setting.default or "" for setting in method.card.settings}
    before = method.fingerprint(variant="compact", settings=settings)
    clip, frames = Clip(scenes(4)), scenes(4)
    exemplars = [Exemplar(rgb=frames[index], index=index, name=str(index)) for index in (0, 3)]
    colored = list(method.load(variant="compact", device="cpu", settings=settings).colorize(clip, exemplars))
    assert len(colored) == 4
    exact = next(carry(clip, exemplars)).exact
    assert exact is not None
    np.testing.assert_array_equal(colored[0], clip.merge(0, exact))
    for hints, frame in zip(carry(clip, exemplars), colored, strict=True):
        if hints.exact is None:
            flow = clip.merge(hints.index, smoothed(*hints.blended(), clip.luminance(hints.index)))
            assert 0 < np.abs(flow.astype(int) - frame).mean() < 20
    (package / "compact-blend.safetensors").write_bytes(b"")
    assert method.fingerprint(variant="compact", settings=settings) != before


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"validation": '["pam"]'}, DatasetError, "no clip 'pam'"),
        ({"validation": '["pan", "held-out"]'}, DatasetError, "nothing to train on"),
        ({"clips": "nowhere"}, DatasetError, "no clip 'held-out'"),
        ({"every": "0"}, UsageError, "every = 0"),
    ],
)
def test_what_can_not_be_is_refused(training_root: Path, changes: dict[str, str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_task(training_root, **changes)
