"""DeepRemaster's second network: chroma of a few frames from what they look like in any number of color pictures.

After Iizuka and Simo-Serra, DeepRemaster: Temporal Source-Reference Attention Networks for Comprehensive Video Enhancement
(SIGGRAPH Asia 2019). At width 64 it has the released ``modelC``'s 54,282,654 parameters in 261 entries, under its names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from baselines.deepremaster_networks.layers import Joined, Memory, SourceReferenceAttention, TemporalConv
from baselines.deepremaster_networks.restoration import MEAN_GRAY
from colorbench.errors import UsageError

MEAN_COLOR = 0.48
"""Taken off the references' sRGB."""

MULTIPLE = 16
"""Of frames' sides."""


@dataclass(frozen=True, slots=True)
class References:
    """What is kept of the color pictures for a clip."""

    fine: Memory
    """At 1/8 of their size."""
    coarse: Memory
    """At 1/16."""


class ColorNet(nn.Module):
    """Convolutions in space down to 1/16, attention to references and itself at 1/16 and 1/8, convolutions in space and time up.

    Args:
        width: channels of the first layer, 8 at least; 64 in the release.
        least: fewest channels of the last layers, which have an eighth of the width otherwise.
    """

    def __init__(self, *, width: int = 64, least: int = 1) -> None:
        super().__init__()
        a, b, c, d = width, 2 * width, 4 * width, 8 * width
        half, quarter, eighth = (max(a // part, least) for part in (2, 4, 8))
        self.down1 = nn.Sequential(
            nn.ReplicationPad3d((1, 1, 1, 1, 0, 0)), TemporalConv(1, a, stride=2, padded=False), *_shrinking(a, b, c, d)
        )  # H / 8
        self.flat = nn.Sequential(TemporalConv(d, d), TemporalConv(d, d))
        self.down2 = nn.Sequential(TemporalConv(d, d, stride=2), TemporalConv(d, d))  # H / 16
        self.stattn1 = SourceReferenceAttention(d)
        self.stattn2 = SourceReferenceAttention(d)
        self.selfattn1 = SourceReferenceAttention(d)
        self.conv1 = TemporalConv(d, d)
        self.up1 = Joined(d, d, d)  # H / 8
        self.selfattn2 = SourceReferenceAttention(d)
        self.conv2 = TemporalConv(d, c, frames=3)
        self.up2 = _enlarging(c, b, a)  # H / 4
        self.up3 = _enlarging(a, half, quarter)  # H / 2
        self.up4 = nn.Sequential(TemporalConv(quarter, eighth, frames=3, doubled=True), nn.Conv3d(eighth, 2, 3, padding=1))  # H
        self.reffeatnet1 = nn.Sequential(TemporalConv(3, a, stride=2), *_shrinking(a, b, c, d))
        self.reffeatnet2 = nn.Sequential(TemporalConv(d, d, stride=2), TemporalConv(d, d), TemporalConv(d, d))

    def encode_references(self, pictures: Tensor) -> References:
        """What color pictures are remembered as; each by itself, so that many can be encoded one by one and :func:`joined`.

        Args:
            pictures: (N, 3, T, H, W) sRGB in [0, 1], T of them, of any size.
        """
        fine = self.reffeatnet1(pictures - MEAN_COLOR)  # (N, d, T, H / 8, W / 8), rounded up
        return References(self.stattn1.remember(fine), self.stattn2.remember(self.reffeatnet2(fine)))

    def forward(self, gray: Tensor, references: References | None = None) -> Tensor:
        """Chroma of frames that are next to each other.

        Args:
            gray: (N, 1, T, H, W) in [0, 1]; H and W are multiples of 16.
            references: of the same batch, or of one; None colors without.

        Returns:
            (N, 2, T, H, W) in (0, 1): (a* + 128) / 255 and (b* + 128) / 255.

        Raises:
            UsageError: another size.
        """
        if gray.shape[-2] % MULTIPLE or gray.shape[-1] % MULTIPLE:
            raise UsageError(
                f"DeepRemaster was given frames of {gray.shape[-1]}x{gray.shape[-2]}",
                wanted=f"sides that are multiples of {MULTIPLE}",
                remedy="bring frames to such a size",
            )
        x = self.down1(gray - MEAN_GRAY)  # (N, d, T, H / 8, W / 8)
        if references is not None:
            x = self.stattn1(x, references.fine)
        kept = self.flat(x)
        x = self.down2(x)  # (N, d, T, H / 16, W / 16)
        if references is not None:
            x = self.stattn2(x, references.coarse)
        x = self.conv1(x)
        x = self.selfattn1(x, self.selfattn1.remember(x))
        x = self.up1(x, kept)  # (N, d, T, H / 8, W / 8)
        x = self.selfattn2(x, self.selfattn2.remember(x))
        return torch.sigmoid(self.up4(self.up3(self.up2(self.conv2(x)))))


def joined(references: Sequence[References]) -> References:
    """Of several encodings one, as if all pictures had been encoded at once."""

    def cat(memories: Sequence[Memory]) -> Memory:
        return Memory(torch.cat([one.key for one in memories], dim=2), torch.cat([one.value for one in memories], dim=2))

    return References(cat([one.fine for one in references]), cat([one.coarse for one in references]))


def _shrinking(a: int, b: int, c: int, d: int) -> tuple[TemporalConv, ...]:
    """From 1/2 to 1/8 of the size."""
    return (
        *(TemporalConv(a, b), TemporalConv(b, b)),
        *(TemporalConv(b, c, stride=2), TemporalConv(c, c), TemporalConv(c, c)),
        *(TemporalConv(c, d, stride=2), TemporalConv(d, d), TemporalConv(d, d)),
    )


def _enlarging(inside: int, middle: int, outside: int) -> nn.Sequential:
    return nn.Sequential(TemporalConv(inside, middle, frames=3, doubled=True), TemporalConv(middle, outside, frames=3))
