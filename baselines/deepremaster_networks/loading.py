"""The authors' file to both networks: read without running what is in it, loaded strictly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from baselines.deepremaster_networks.colornet import ColorNet
from baselines.deepremaster_networks.restoration import RestorationNet
from colorbench.errors import WeightsError
from colorbench.nets.checkpoints import load_strict

PARTS = ("modelR", "modelC")
"""The file's entries: the states of the restoration and of the color network."""


@dataclass(frozen=True, slots=True)
class DeepRemaster:
    """Both networks; the second one colors what the first one made of the frames."""

    restoration: RestorationNet
    color: ColorNet


def load_released(path: Path) -> DeepRemaster:
    """The released networks, in evaluation.

    Args:
        path: ``remasternet.pth.tar``, a torch file of two state dicts (86 and 261 entries) under the names of PARTS.

    Raises:
        WeightsError: it can't be read, or doesn't hold exactly what the networks have.
    """
    networks = DeepRemaster(RestorationNet(), ColorNet())
    for network, state in zip((networks.restoration, networks.color), _states(path), strict=True):
        load_strict(network, state, source=path)
        network.eval()
    return networks


def _states(path: Path) -> tuple[dict[str, Tensor], ...]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    # Cut or foreign bytes make torch's reader fail in any way.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(
            f"{path} can't be read as a checkpoint of tensors: {reason}",
            wanted="the authors' remasternet.pth.tar, whole",
            remedy="it may be cut short: get it again",
        ) from error
    parts = [content.get(name) for name in PARTS] if isinstance(content, dict) else []
    states = tuple(part for part in parts if isinstance(part, dict) and all(isinstance(x, Tensor) for x in part.values()))
    if len(states) != len(PARTS):
        raise WeightsError(
            f"{path} has no {' and '.join(PARTS)} with tensors",
            wanted="the authors' remasternet.pth.tar",
            remedy="check that the checkpoint is DeepRemaster's",
        )
    return states
