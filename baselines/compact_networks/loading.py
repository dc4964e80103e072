"""A file that ``colorbench train`` wrote, to the network that its card describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from colorbench.errors import WeightsError
from colorbench.nets.checkpoints import load_strict, read_state
from colorbench.weights.trained_file import read_card

Network = TypeVar("Network", bound=nn.Module)


def load_compact(path: Path, *, method: str, build: Callable[[Mapping[str, Any]], Network]) -> Network:
    """The network, in evaluation.

    Args:
        path: of the file.
        method: whose weights it must hold.
        build: the card's shape to the network with any weights.

    Raises:
        WeightsError: it is missing, damaged, of another method, or does not hold exactly what its card says.
    """
    card = read_card(path)
    if card.get("method") != method:
        raise WeightsError(
            f"{path} holds weights of {card.get('method')!r}", wanted=f"of {method!r}", remedy="take the file of this method"
        )
    network = build(card["shape"])
    load_strict(network, read_state(path), source=path)
    return network.eval()
