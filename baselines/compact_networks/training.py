"""Image networks as tasks of the trainer: every frame of a sample is a picture by itself; references and order are not used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar, cast

import torch
from torch import Tensor, nn

from colorbench.method import Colorizer
from colorbench.training.corpus import Corpus, CorpusSettings
from colorbench.training.network_task import NetworkTask
from colorbench.training.task import Terms
from colorbench.types import MethodCard

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Network = TypeVar("Network", bound=nn.Module)


def frame_task(
    card: MethodCard,
    settings: CorpusSettings,
    corpus: Corpus,
    *,
    seed: int,
    shape: DataclassInstance,
    build: Callable[[], Network],
    losses: Callable[[Network, Tensor, Tensor], Terms],
    colorizer: Callable[[Network], Colorizer],
) -> NetworkTask:
    """The task of an image network.

    Args:
        card: of the method.
        settings: of the corpus, and all else that decides losses.
        corpus: see Corpus.
        seed: of the first weights.
        shape: what ``build`` makes the network of; stands in the card of the weights.
        build: the network with its first weights.
        losses: of the network in training, of L* (N, 1, h, w) in [0, 100] and true ab (N, 2, h, w) in CIE units.
        colorizer: around a copy of the network.
    """
    return NetworkTask(
        card,
        settings,
        corpus,
        build=build,
        seed=seed,
        losses=lambda network, batch: losses(
            cast(Network, network),
            batch["l_star"].flatten(0, 1).contiguous(memory_format=torch.channels_last),  # (N F, 1, h, w)
            batch["ab"].flatten(0, 1),  # (N F, 2, h, w)
        ),
        colorizer=lambda network: colorizer(cast(Network, network)),
        shape=asdict(shape),
        exemplars=0,
    )
