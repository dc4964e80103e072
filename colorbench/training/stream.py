"""The endless stream of samples as batches: which process sees which, from which step on, made by workers ahead of time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from colorbench.training.recipe import Recipe
from colorbench.training.task import Batch, Sample, Task


class Samples(Dataset[Sample]):
    """Samples by number; each generator is seeded by the recipe's seed and the number alone."""

    def __init__(self, task: Task, *, seed: int) -> None:
        self.task, self.seed = task, seed

    def __getitem__(self, number: int) -> Sample:
        return self.task.sample(number, np.random.default_rng([self.seed, number]))


class Numbers:
    """The numbers that one process sees, batch by batch: of each global batch its own share.

    >>> list(Numbers(steps=range(1, 3), batch=4, rank=1, world=2))
    [[6, 7], [10, 11]]
    """

    def __init__(self, *, steps: range, batch: int, rank: int, world: int) -> None:
        self.steps, self.batch, self.rank, self.share = steps, batch, rank, batch // world

    def __iter__(self) -> Iterator[list[int]]:
        for step in self.steps:
            first = step * self.batch + self.rank * self.share
            yield list(range(first, first + self.share))

    def __len__(self) -> int:
        return len(self.steps)


def batches(task: Task, recipe: Recipe, *, start: int, stop: int, rank: int, world: int, workers: int) -> Iterator[Batch]:
    """The batches of some steps.

    Args:
        task: what is trained.
        recipe: its batch and seed.
        start: the first step.
        stop: one past the last.
        rank: this process, of ``world``.
        world: processes of this training.
        workers: processes that make samples; 0 makes them here.
    """
    loader: DataLoader[Sample] = DataLoader(
        Samples(task, seed=recipe.seed),
        batch_sampler=Numbers(steps=range(start, stop), batch=recipe.batch, rank=rank, world=world),
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        prefetch_factor=4 if workers else None,
    )
    with _one_thread():
        ahead = iter(loader)
    return islice(ahead, max(0, stop - start))


def default_workers(world: int) -> int:
    """Cores that are left when each process of the training has one, at most 8 a process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(0, min(8, cores // world - 1))


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV without threads of its own, for workers forked inside: they inherit its pool, but none of the pool's threads, and
    would wait for them forever, even to be told to take fewer."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
