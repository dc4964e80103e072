"""Trains any task on one CPU, one GPU or many processes, and goes on exactly where a killed run stopped.

Fabric places tensors, wraps for DDP and mixes precision. On a CPU a run that was killed and resumed has the weights of an
unbroken one to the last bit: samples depend on their number, draws of the losses on the step, and the state holds the rest.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from colorbench.errors import ColorbenchError, UsageError
from colorbench.runs import provenance
from colorbench.training.averaging import Average
from colorbench.training.recipe import Recipe
from colorbench.training.state import TrainingFolder
from colorbench.training.stream import batches, default_workers
from colorbench.training.task import Batch, Provenance, Task

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LOG_EVERY = 20
"""Steps whose means make a row of log.csv."""


class Watcher(Protocol):
    """What a training tells whoever watches; only the first process does."""

    def note(self, text: str) -> None: ...

    def started(self, total: int, done: int) -> None: ...

    def advance(self, count: int, text: str = "") -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a training runs."""

    device: str = "auto"
    """auto, cpu or cuda."""
    devices: int = 1
    """Processes, one a device."""
    workers: int = -1
    """Processes that make samples for each of them; -1: the cores that are left."""
    until: int | None = None
    """The step after which to stop for now; the same training goes on from there. None: the recipe's last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A finished training."""

    folder: Path
    weights: Path
    steps: int
    seconds: float
    scores: Mapping[str, float]


def train(
    name: str,
    task: Task,
    recipe: Recipe,
    out: Path,
    *,
    watcher: Watcher,
    place: Place | None = None,
    command: tuple[str, ...] = (),
    log_every: int = LOG_EVERY,
) -> Trained:
    """Trains a task, or goes on with it; a finished one is only read.

    Args:
        name: of the weights that are saved.
        task: see :class:`~colorbench.training.task.Task`.
        recipe: see :class:`~colorbench.training.recipe.Recipe`.
        out: the training's folder.
        watcher: told how it goes.
        place: devices and workers.
        command: for the card.
        log_every: steps a row of log.csv.

    Raises:
        UsageError: a batch that can't be shared among the processes, or a device that is not there.
        StoreError: the folder holds another training, another process trains in it, or it can't be written.
        ColorbenchError: the loss is no number any more.
    """
    place = place or Place()
    # Softmax tails and their gradients are full of numbers that some processors multiply a hundred times slower.
    torch.set_flush_denormal(True)
    try:
        return _train(name, task, recipe, out, watcher=watcher, place=place, command=command, log_every=log_every)
    finally:
        torch.set_flush_denormal(False)


def _train(
    name: str,
    task: Task,
    recipe: Recipe,
    out: Path,
    *,
    watcher: Watcher,
    place: Place,
    command: tuple[str, ...],
    log_every: int,
) -> Trained:
    fabric = _fabric(recipe, place)
    if recipe.batch % fabric.world_size:
        raise UsageError(
            f"a batch of {recipe.batch} for {fabric.world_size} processes",
            wanted="a multiple",
            remedy="change batch or --devices",
        )
    folder = TrainingFolder(out)
    with folder.alone() if fabric.is_global_zero else nullcontext():
        if fabric.is_global_zero:
            folder.declare(name, recipe, task.identity)
        fabric.barrier()
        training = _Training(name, task, recipe, folder, fabric, watcher, command, log_every)
        workers = default_workers(fabric.world_size) if place.workers < 0 else place.workers
        return training.run(workers, until=min(recipe.steps, place.until or recipe.steps))


class _Losses(nn.Module):
    """All of a step under one forward, which is what DDP wraps."""

    def __init__(self, network: nn.Module, losses: Any) -> None:
        super().__init__()
        self.network = network
        self._losses = losses

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return dict(self._losses(batch))


class _Training:
    """One process of a training."""

    def __init__(
        self,
        name: str,
        task: Task,
        recipe: Recipe,
        folder: TrainingFolder,
        fabric: Fabric,
        watcher: Watcher,
        command: tuple[str, ...],
        log_every: int,
    ) -> None:
        self.name, self.task, self.recipe, self.folder = name, task, recipe, folder
        self.fabric, self.watcher, self.command, self.log_every = fabric, watcher, command, log_every
        self.step = 0
        self.seconds = 0.0
        self.average = Average(task.network, decay=recipe.ema)
        # One optimizer a network: the critic's turn comes after the network's.
        self.turns: list[tuple[nn.Module, torch.optim.Optimizer, Any, float]] = []
        networks = [(task.network, task.losses, recipe.learning_rate)]
        if task.critic is not None:
            networks.append((task.critic, task.critic_losses, recipe.critic_learning_rate or recipe.learning_rate))
        self.parts = [(network, _optimizer(network, recipe, rate)) for network, _, rate in networks]
        self._restore()
        for (network, optimizer), (_, losses, rate) in zip(self.parts, networks, strict=True):
            wrapped, placed = fabric.setup(_Losses(network, losses), optimizer)
            self.turns.append((wrapped, placed, network, rate))
        self.average.to(fabric.device)
        self._sums: dict[str, Tensor] = {}
        # Of the code that runs, whatever is checked out later.
        self._facts = provenance.collect(seed=recipe.seed, device=fabric.device.type)

    def run(self, workers: int, *, until: int) -> Trained:
        first = self.fabric.is_global_zero
        if first:
            self.watcher.started(until, self.step)
        share = {"rank": self.fabric.global_rank, "world": self.fabric.world_size, "workers": workers}
        stream = batches(self.task, self.recipe, start=self.step, stop=until, **share)
        began = time.perf_counter()
        since, text = self.step, ""
        for batch in stream:
            self._advance(self.fabric.to_device(dict(batch)))
            self.step += 1
            last = self.step == until
            row = None
            if self.step % self.log_every == 0 or last:
                row = self._log(self.step - since)
                text = " ".join(f"{key} {value:.4g}" for key, value in row.items())
                since = self.step
            if first:
                self.watcher.advance(1, text)
            if last or self.step % self.recipe.save_every == 0 or self.step % self.recipe.validate_every == 0:
                self._check(row)
                self.seconds += time.perf_counter() - began
                if last or self.step % self.recipe.validate_every == 0:
                    self._validate()
                self._save_state()
                began = time.perf_counter()
        return self._finish()

    def _advance(self, batch: Batch) -> None:
        """One step of every turn."""
        torch.manual_seed((self.recipe.seed * 1_000_003 + self.step) * 1009 + self.fabric.global_rank)
        for index, (wrapped, optimizer, network, rate) in enumerate(self.turns):
            for group in optimizer.param_groups:
                group["lr"] = rate * self.recipe.rate_at(self.step)
            network.train()
            terms: dict[str, Tensor] = wrapped(batch)
            total = torch.stack(list(terms.values())).sum()
            optimizer.zero_grad(set_to_none=True)
            self.fabric.backward(total)
            if self.recipe.clip_norm:
                self.fabric.clip_gradients(wrapped, optimizer, max_norm=self.recipe.clip_norm, error_if_nonfinite=False)
            optimizer.step()
            prefix = "critic_" if index else ""
            for key, value in {"loss": total, **terms}.items():
                held = self._sums.get(prefix + key)
                self._sums[prefix + key] = value.detach() if held is None else held + value.detach()
        self.average.update(self.task.network, self.step)

    def _log(self, count: int) -> dict[str, float]:
        """A row of means over the last ``count`` steps and all processes."""
        row = {}
        for key, value in self._sums.items():
            row[key] = float(self.fabric.all_reduce(value / count, reduce_op="mean"))  # type: ignore[arg-type]
        self._sums.clear()
        self._check(row)
        if self.fabric.is_global_zero:
            rate = self.recipe.learning_rate * self.recipe.rate_at(self.step - 1)
            self.folder.append("log.csv", {"step": self.step, **row, "learning_rate": rate})
        return row

    def _check(self, row: Mapping[str, float] | None) -> None:
        """Nothing that diverged is saved."""
        sums = row if row is not None else {key: float(value) for key, value in self._sums.items()}
        for key, value in sums.items():
            if not math.isfinite(value):
                raise ColorbenchError(
                    f"{key} is {value} at step {self.step}",
                    wanted="a finite loss",
                    remedy="lower learning_rate or set clip_norm; the last saved state is of before",
                )

    def _validate(self) -> None:
        """Scores the averaged weights and saves them; the first process does it, the others wait."""
        if self.fabric.is_global_zero:
            self.watcher.note(f"validating after {self.step} steps")
            pictures = self.folder.path / "validation" / f"{self.step:07d}"
            pictures.mkdir(parents=True, exist_ok=True)
            network = self.average.network.eval()
            scores = dict(self.task.validate(network, pictures))
            self.folder.append("validation.csv", {"step": self.step, **scores})
            self.watcher.note(f"step {self.step}: " + ", ".join(f"{key} {value:.4f}" for key, value in scores.items()))
            self.task.save(self.folder.weights / f"{self.name}.safetensors", network, self._provenance(scores))
        self.fabric.barrier()

    def _provenance(self, scores: Mapping[str, float]) -> Provenance:
        facts = self._facts
        return Provenance(
            command=self.command,
            seed=self.recipe.seed,
            steps=self.step,
            seconds=round(self.seconds, 1),
            commit=None if facts["commit"] is None else facts["commit"] + ("+changes" if facts["dirty"] else ""),
            scores={key: value for key, value in scores.items() if math.isfinite(value)},
            hardware=f"{facts['processor']}, {self.fabric.world_size} x {facts['device']}",
        )

    def _save_state(self) -> None:
        if self.fabric.is_global_zero:
            self.folder.save_state(
                {
                    "step": self.step,
                    "seconds": self.seconds,
                    "networks": [network.state_dict() for network, _ in self.parts],
                    "optimizers": [optimizer.state_dict() for _, optimizer, _, _ in self.turns],
                    "average": self.average.network.state_dict(),
                }
            )
        self.fabric.barrier()

    def _restore(self) -> None:
        state = self.folder.load_state()
        if state is None:
            return
        self.step, self.seconds = state["step"], state["seconds"]
        for (network, optimizer), weights, moments in zip(self.parts, state["networks"], state["optimizers"], strict=True):
            network.load_state_dict(weights)
            optimizer.load_state_dict(moments)
        self.average.network.load_state_dict(state["average"])
        if self.fabric.is_global_zero:
            self.folder.rewind(self.step)

    def _finish(self) -> Trained:
        rows = self.folder.rows("validation.csv")
        last = {key: float(value) for key, value in rows[-1].items() if value and key != "step"} if rows else {}
        return Trained(
            folder=self.folder.path,
            weights=self.folder.weights / f"{self.name}.safetensors",
            steps=self.step,
            seconds=round(self.seconds, 1),
            scores={key: value for key, value in last.items() if math.isfinite(value)},
        )


def _fabric(recipe: Recipe, place: Place) -> Fabric:
    """Fabric for a place; with more than one device it starts the other processes, or joins those of torchrun."""
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    if place.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda, but torch sees no GPU", wanted="a CUDA device", remedy="use --device auto")
    many = place.devices > 1 or torch.distributed.is_torchelastic_launched()
    fabric = Fabric(
        accelerator={"auto": "auto", "cpu": "cpu", "cuda": "cuda"}[place.device],
        devices=place.devices,
        # Hard matching sends no gradient to the embedding, and single references use no backward one.
        strategy=DDPStrategy(find_unused_parameters=True) if many else "auto",
        precision="bf16-mixed" if recipe.precision == "bfloat16" else "32-true",
    )
    fabric.launch()
    return fabric


def _optimizer(network: nn.Module, recipe: Recipe, rate: float) -> torch.optim.Optimizer:
    """Weights of two or more axes decay, biases and norms do not."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if parameter.dim() > 1], "weight_decay": recipe.weight_decay},
        {"params": [parameter for parameter in trained if parameter.dim() <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=recipe.betas[0])
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=rate, betas=recipe.betas)
