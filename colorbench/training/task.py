"""What a network brings to be trained: samples, losses, a validation, and how it is saved. The loop brings everything else.

A sample is a function of its number and a generator seeded by it, and of nothing else: so a run that was killed goes on with the
very samples that it would have seen, processes of one training see parts of the same batch, and workers may prepare samples in
any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor, nn

Sample = Mapping[str, Tensor]
"""Named tensors of one sample, without a batch axis."""

Batch = Mapping[str, Tensor]
"""Samples, stacked: (N, ...)."""

Terms = Mapping[str, Tensor]
"""Scalars by name, weighted already. What is minimized is their sum; each is a mean over the samples of the batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How weights came about, for the card that is stored with them."""

    command: tuple[str, ...]
    seed: int
    steps: int
    seconds: float
    """Of training alone, summed over every resumed piece."""
    commit: str | None
    scores: Mapping[str, float]
    """Of the last validation."""
    hardware: str


class Task(Protocol):
    """One network and what it is trained on."""

    @property
    def network(self) -> nn.Module:
        """What is trained, averaged, validated and saved; parameters without a gradient are left alone."""
        ...

    @property
    def critic(self) -> nn.Module | None:
        """A second network, trained in turns against the first; None without an adversarial term."""
        ...

    @property
    def identity(self) -> Mapping[str, object]:
        """JSON of all that decides samples, losses and network beyond the recipe; a run folder holds fast to it."""
        ...

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """Sample ``number`` of the endless stream. Runs in worker processes: no state may be changed but caches."""
        ...

    def losses(self, batch: Batch) -> Terms:
        """Loss terms of a batch, with ``network`` in training mode; torch's generator is seeded by step and process before."""
        ...

    def critic_losses(self, batch: Batch) -> Terms:
        """The critic's terms, after ``losses`` of the same batch; asked only where there is a critic."""
        ...

    def validate(self, network: nn.Module, folder: Path) -> Mapping[str, float]:
        """Scores of averaged weights on data that is never trained on; pictures to look at go into ``folder``.

        ``network`` is a copy of the task's, in evaluation mode.
        """
        ...

    def save(self, path: Path, network: nn.Module, provenance: Provenance) -> None:
        """Writes weights to be shipped, with their card, whole or not at all."""
        ...
