"""What DeepRemaster's networks are made of: convolutions over time and space, and attention from a source to references.

Maps are (N, C, T, H, W). Modules have the released files' names, so these load strictly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from colorbench.nets.correspondence import correspond


class TemporalConv(nn.Module):
    """elu(norm(conv(x))), batch normalization, 3x3 in space.

    Args:
        inside: channels.
        outside: channels.
        frames: of the kernel, 1 or 3.
        stride: in space.
        padded: with zeros, so that the size is kept; False where the input was padded before.
        doubled: H and W of the input are doubled first (bilinear).
    """

    def __init__(
        self, inside: int, outside: int, *, frames: int = 1, stride: int = 1, padded: bool = True, doubled: bool = False
    ) -> None:
        super().__init__()
        padding = (frames // 2, 1, 1) if padded else 0
        self.conv3d = nn.Conv3d(inside, outside, (frames, 3, 3), stride=(1, stride, stride), padding=padding)
        self.bn = nn.BatchNorm3d(outside)
        self.doubled = doubled

    def forward(self, x: Tensor) -> Tensor:
        """(N, inside, T, H, W) -> (N, outside, T, H', W')."""
        return F.elu(self.bn(self.conv3d(enlarged(x) if self.doubled else x)))


class Joined(nn.Module):
    """A map of half the size and one that was kept, to one."""

    def __init__(self, inside: int, kept: int, outside: int) -> None:
        super().__init__()
        self.conv3d = TemporalConv(inside + kept, outside, frames=3)

    def forward(self, x: Tensor, kept: Tensor) -> Tensor:
        """(N, inside, T, H / 2, W / 2) and (N, kept, T, H, W) -> (N, outside, T, H, W)."""
        joined: Tensor = self.conv3d(torch.cat((enlarged(x), kept), dim=1))
        return joined


@dataclass(frozen=True, slots=True)
class Memory:
    """What is attended to: any number of positions, in no order."""

    key: Tensor
    """(N, D, positions)."""
    value: Tensor
    """(N, C, positions)."""


class SourceReferenceAttention(nn.Module):
    """source + gamma A value, A = softmax over the reference's positions of query . key, which are not scaled.

    The (source's positions) x (reference's positions) matrix is never stored: see docs/design/correspondence.md.

    Args:
        channels: of source and reference; query and key have an eighth.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query_conv = nn.Conv3d(channels, channels // 8, 1)
        self.key_conv = nn.Conv3d(channels, channels // 8, 1)
        self.value_conv = nn.Conv3d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def remember(self, reference: Tensor) -> Memory:
        """(N, channels, T', H', W') of any size -> Memory."""
        return Memory(self.key_conv(reference).flatten(2), self.value_conv(reference).flatten(2))

    def forward(self, source: Tensor, memory: Memory) -> Tensor:
        """(N, channels, T, H, W) -> the same shape; the memory's batch is N or 1."""
        query = self.query_conv(source).flatten(2)  # (N, D, T H W)
        found = correspond(query[:, :, None], memory.key[:, :, None], memory.value[:, :, None], temperature=1.0)
        return source + self.gamma * found.values.reshape(source.shape)


def enlarged(x: Tensor) -> Tensor:
    """(N, C, T, H, W) -> (N, C, T, 2 H, 2 W)."""
    return F.interpolate(x, scale_factor=(1.0, 2.0, 2.0), mode="trilinear", align_corners=False)
