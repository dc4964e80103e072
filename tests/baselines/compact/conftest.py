"""Compact variants on tiny data: opening their tasks, and a folder of weights in the package's place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

from colorbench.training.network_task import NetworkTask
from colorbench.training.stream import Samples
from colorbench.training.task import Provenance
from colorbench.training.trainable import TRAINABLES

OpenTask = Callable[..., NetworkTask]
Batch = dict[str, torch.Tensor]

TINY = {
    "clips": '["clips"]',
    "photographs": '["stills"]',
    "validation": '["held-out"]',
    "height": "128",
    "triplets.size": "[48, 64]",
    "triplets.least_span": "9",
}


@pytest.fixture
def open_task(training_root: Path) -> OpenTask:
    """``open_task(name, changes)``: the task of a method's preset on tiny data."""

    def open_(name: str, changes: Mapping[str, str]) -> NetworkTask:
        _, task = TRAINABLES.get(name).open(preset="compact", overrides={**TINY, **changes}, data=training_root)
        assert isinstance(task, NetworkTask)
        return task

    return open_


@pytest.fixture
def batch_of() -> Callable[[NetworkTask, int], Batch]:
    """The first samples of a task, stacked."""

    def make(task: NetworkTask, count: int) -> Batch:
        samples = Samples(task, seed=0)
        items = [samples[number] for number in range(count)]
        return {key: torch.stack([item[key] for item in items]) for key in items[0]}

    return make


@pytest.fixture
def trained() -> Callable[..., tuple[float, float]]:
    """Loss before and after a few steps on one batch."""

    def train(task: NetworkTask, batch: Batch, *, steps: int = 6, rate: float = 3e-3) -> tuple[float, float]:
        task.network.train()
        optimizer = torch.optim.Adam([p for p in task.network.parameters() if p.requires_grad], lr=rate)
        values = []
        for _ in range(steps + 1):
            optimizer.zero_grad()
            total = torch.stack(list(task.losses(batch).values())).sum()
            total.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            values.append(float(total.detach()))
        return values[0], values[-1]

    return train


@pytest.fixture
def provenance() -> Provenance:
    return Provenance(
        command=("colorbench", "train"), seed=3, steps=7, seconds=1.5, commit="abc", scores={"psnr": 30.0}, hardware="a machine"
    )


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of the package's weights."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr("baselines.compact_networks.shipped.FOLDER", folder)
    return folder
