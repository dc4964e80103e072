"""An exponential average of weights and buffers: what is validated and saved."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Average:
    """A copy of a network that follows it.

    Args:
        network: what is followed.
        decay: of the average; 0 makes the copy equal to the network. Step t uses min(decay, (1 + t) / (10 + t)), so that the
            initial weights are soon forgotten.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False)

    def to(self, device: torch.device) -> None:
        self.network.to(device)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """After a step: average = decay average + (1 - decay) network. Integers are copied."""
        decay = min(self.decay, (1 + step) / (10 + step))
        own, theirs = self.network.state_dict(), network.state_dict()
        floating = [key for key, value in own.items() if value.is_floating_point()]
        torch._foreach_lerp_([own[key] for key in floating], [theirs[key] for key in floating], 1.0 - decay)
        for key in own.keys() - set(floating):
            own[key].copy_(theirs[key])
