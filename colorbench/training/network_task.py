"""A network, its corpus and its losses as a task of the trainer: all that a baseline brings are these and a way to color.

BiSTNet has a task of its own, as its card holds more. See docs/design/training.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from colorbench.method import Colorizer
from colorbench.training.corpus import Corpus, CorpusSettings
from colorbench.training.task import Batch, Provenance, Sample, Terms
from colorbench.types import MethodCard
from colorbench.weights.trained_file import package_versions, save_weights

FORMAT = 1
"""Of the card; raised when a file of this form could not be read by the code before it."""


class NetworkTask:
    """See :class:`colorbench.training.task.Task`.

    Args:
        card: of the method that is trained.
        settings: of the corpus, and whatever else decides network and losses; all of it is held fast by the run folder.
        corpus: see Corpus.
        build: the network with its first weights, drawn from torch's generator.
        seed: of the first weights.
        losses: the terms of a batch, of the network in training mode.
        colorizer: a Colorizer around a copy of the network.
        shape: what ``build`` needs to make the network again, JSON; stands in the card of the weights.
        exemplars: the most that the method takes; 0 for an automatic one, None for any number.
    """

    critic: nn.Module | None = None

    def __init__(
        self,
        card: MethodCard,
        settings: CorpusSettings,
        corpus: Corpus,
        *,
        build: Callable[[], nn.Module],
        seed: int,
        losses: Callable[[nn.Module, Batch], Terms],
        colorizer: Callable[[nn.Module], Colorizer],
        shape: Mapping[str, Any],
        exemplars: int | None,
    ) -> None:
        self.card, self.settings, self.corpus = card, settings, corpus
        self._losses, self._colorizer, self._shape, self._exemplars = losses, colorizer, dict(shape), exemplars
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = build()
        # torch refuses to lay out 3D convolutions so.
        if all(parameter.dim() < 5 for parameter in self._network.parameters()):
            self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def network(self) -> nn.Module:
        """See Task."""
        return self._network

    @property
    def identity(self) -> Mapping[str, object]:
        """See Task."""
        return {"settings": asdict(self.settings), "shape": self._shape, "material": self.corpus.identity}

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """See Task."""
        return self.corpus.sample(number, rng)

    def losses(self, batch: Batch) -> Terms:
        """See Task."""
        return self._losses(self._network, batch)

    def critic_losses(self, batch: Batch) -> Terms:  # noqa: ARG002 - there is no critic
        """See Task."""
        return {}

    def validate(self, network: nn.Module, folder: Path) -> Mapping[str, float]:
        """See Task: the held-out clips under the protocol ``bistnet``."""
        return self.corpus.score(self._colorizer(network), self.card, folder, exemplars=self._exemplars)

    def save(self, path: Path, network: nn.Module, provenance: Provenance) -> None:
        """See Task."""
        card = {
            "format": FORMAT,
            "method": self.card.name,
            "shape": self._shape,
            "data": list(self.corpus.names),
            "notes": f"never trained on: {', '.join(self.settings.validation)}",
            "versions": package_versions(),
            **asdict(provenance),
        }
        save_weights(path, network.state_dict(), card)
