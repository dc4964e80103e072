"""The authors' file to a network: read without running what is in it, loaded strictly."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from baselines.ddcolor_networks.network import DDColor, Size
from colorbench.errors import WeightsError
from colorbench.nets.checkpoints import load_strict

STATE = "params"
"""Under which BasicSR keeps a network's tensors."""


def load_released(path: Path, *, size: Size) -> DDColor:
    """The released network, in evaluation.

    Args:
        path: a torch file of one state dict, under STATE or at the top.
        size: of the network that the file is of.

    Raises:
        WeightsError: it can't be read, or doesn't hold exactly what the network has.
    """
    state = _state(path)
    network = DDColor(size)
    load_strict(network, state, source=path)
    return network.eval()


def _state(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    # Cut or foreign bytes make torch's reader fail in any way.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(
            f"{path} can't be read as a checkpoint of tensors: {reason}",
            wanted="one of DDColor's authors' files, whole",
            remedy="it may be cut short: get it again",
        ) from error
    state = content.get(STATE, content) if isinstance(content, dict) else content
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(
            f"{path} has no names of tensors, at the top or under {STATE!r}",
            wanted="one of DDColor's authors' files",
            remedy="check that the checkpoint is DDColor's",
        )
    return state
