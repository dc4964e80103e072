"""DeepExemplar's ColorVidNet: chroma from the frame, the warped colors, how sure they are, and the frame before.

The U-Net is :class:`colorbench.nets.colorvid.ColorVidUNet`, which BiSTNet's fusion takes as well; here it has seven channels and
one output. At width 64 it has the released file's 32,802,370 parameters in 65 entries; modules are named by role, and
:func:`from_released` has the released names.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from colorbench.nets.colorvid import RELEASED_NAMES, ColorVidUNet

BOUND = 128.0
"""Chroma lies within this, in CIE ab."""


class ColorVidNet(nn.Module):
    """128 tanh(U-Net).

    Args:
        in_channels: 7 in the release: L* - 50, warped a*, warped b*, similarity, and L* - 50, a*, b* of the frame before.
        width: channels at full size; 64 in the release.
        normalized: see ColorVidUNet; True in the release.
    """

    stride = ColorVidUNet.stride

    def __init__(self, in_channels: int = 7, *, width: int = 64, normalized: bool = True) -> None:
        super().__init__()
        self.body = ColorVidUNet(in_channels, 2, width=width, normalized=normalized)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, 2, H, W) a* and b*; sides are multiples of 8."""
        return BOUND * torch.tanh(self.body(x))


def released_names() -> dict[str, str]:
    """The released file's 65 names to ours.

    >>> released_names()["conv10_ab.bias"]
    'body.head.bias'
    """
    names = {}
    for ours, theirs in RELEASED_NAMES:
        for part in ("weight", "bias"):
            if not (part == "bias" and theirs.endswith("_ss")):
                names[f"{theirs}.{part}"] = f"body.{ours}.{part}"
    return names


def from_released(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released file's tensors under our names. What it has no name for stays, for the strict load to report."""
    names = released_names()
    return {names.get(key, key): tensor for key, tensor in state.items()}
