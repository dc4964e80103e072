"""DeepRemaster's first network: a clip without its film's noise, blur and fading. The second one only ever saw its output."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.deepremaster_networks.layers import TemporalConv

MEAN_GRAY = 0.4462414
"""Taken off the gray input of both networks."""


class RestorationNet(nn.Module):
    """clamp(x + tanh(net(x - mean)), 0, 1), 3x3x3 convolutions down to a quarter of the size and back.

    At width 64 it has the released ``modelR``'s 9,878,113 parameters in 86 entries, under its names.

    Args:
        width: of the first layer, a multiple of 4; 64 in the release.
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        a, b, c = width, 2 * width, 4 * width
        self.layers = nn.Sequential(
            nn.ReplicationPad3d(1),
            TemporalConv(1, a, frames=3, stride=2, padded=False),  # H / 2
            TemporalConv(a, b, frames=3),
            TemporalConv(b, b, frames=3),
            TemporalConv(b, c, frames=3, stride=2),  # H / 4
            *(TemporalConv(c, c, frames=3) for _ in range(4)),
            TemporalConv(c, b, frames=3, doubled=True),  # H / 2
            TemporalConv(b, a, frames=3),
            TemporalConv(a, a, frames=3),
            TemporalConv(a, a // 4, frames=3, doubled=True),  # H
            nn.Conv3d(a // 4, 1, 3, padding=1),
        )

    def forward(self, gray: Tensor) -> Tensor:
        """(N, 1, T, H, W) in [0, 1] -> the same; H and W are multiples of 4."""
        return (gray + torch.tanh(self.layers(gray - MEAN_GRAY))).clamp(0.0, 1.0)
