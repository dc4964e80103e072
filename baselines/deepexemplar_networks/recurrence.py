"""DeepExemplar as a whole: a frame's chroma from the reference and from what was predicted for the frame before.

The networks see L* - 50 and CIE ab, unscaled; VGG19 sees L* / 100 repeated three times for a frame, and sRGB for the reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from baselines.deepexemplar_networks.colorvidnet import ColorVidNet
from baselines.deepexemplar_networks.warpnet import PATCH, WarpNet
from colorbench.color import lab_to_rgb
from colorbench.nets.correspondence import Match
from colorbench.nets.encoders import CompactEncoder, Vgg19

TEMPERATURE = 1e-10
"""When it colors: the position of the largest cosine, several only where they are equal. Training takes 0.01."""

MIDDLE = 50.0
"""Taken off L*."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What is kept of the reference for a clip."""

    key: Tensor
    """(1, D, h, w), unit norm."""
    ab: Tensor
    """(1, 2, h, w), averaged over the pixels of each position."""


class DeepExemplar(nn.Module):
    """Encoder, WarpNet and ColorVidNet.

    Args:
        encoder: with levels at 1/2 to 1/16; VGG19 in the release.
        width: of WarpNet, 64 in the release.
        color_width: of ColorVidNet, 64 in the release.
        normalized: of ColorVidNet, True in the release.
    """

    def __init__(
        self, encoder: Vgg19 | CompactEncoder, *, width: int = 64, color_width: int = 64, normalized: bool = True
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.warp = WarpNet(encoder.channels, width=width)
        self.color = ColorVidNet(width=color_width, normalized=normalized)

    def encode_reference(self, lab: Tensor) -> Reference:
        """(N, 3, H, W) L*, a*, b* of a color picture -> Reference. H is a multiple of 8, W of 16."""
        rgb = lab_to_rgb(lab.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # (N, 3, H, W) in [0, 1]
        return Reference(self.warp.key(self.encoder(rgb)), F.avg_pool2d(lab[:, 1:], PATCH))

    def match(self, l_star: Tensor, reference: Reference, *, temperature: float = TEMPERATURE) -> Match:
        """The reference's colors carried to a frame, which needs no frame before.

        Args:
            l_star: (N, 1, H, W) in [0, 100]. H is a multiple of 8, W of 16.
            reference: of the same batch, or of one.
            temperature: see WarpNet.

        Returns:
            ab (N, 2, H, W) and similarities (N, 1, H, W).
        """
        gray = (l_star / 100.0).expand(-1, 3, -1, -1)
        return self.warp(self.warp.query(self.encoder(gray)), reference.key, reference.ab, temperature=temperature)  # type: ignore[no-any-return]

    def forward(self, l_star: Tensor, match: Match, before: Tensor) -> Tensor:
        """A frame's chroma.

        Args:
            l_star: (N, 1, H, W) in [0, 100].
            match: of ``match``, for this frame.
            before: (N, 3, H, W): L* - 50, a*, b* of the frame before as predicted; zeros where there is none.

        Returns:
            (N, 2, H, W) a* and b*, within 128.
        """
        ab: Tensor = self.color(torch.cat((l_star - MIDDLE, match.values, match.similarity, before), dim=1))
        return ab


def predictions(
    network: DeepExemplar,
    frames: Iterable[Tensor],
    reference: Reference,
    *,
    before: Tensor | None = None,
    temperature: float = TEMPERATURE,
) -> Iterator[Tensor]:
    """Colors frames one after the other, each told what came out for the one before.

    Args:
        network: in evaluation.
        frames: (1, 1, H, W) L* in [0, 100] each, taken one by one.
        reference: of ``encode_reference``.
        before: (1, 3, H, W) L* - 50, a*, b* that stand for the frame before the first; None for zeros.
        temperature: see WarpNet.

    Yields:
        (1, 2, H, W) a* and b* a frame.
    """
    for l_star in frames:
        if before is None:
            before = l_star.new_zeros(1, 3, *l_star.shape[-2:])
        ab = network(l_star, network.match(l_star, reference, temperature=temperature), before)
        before = torch.cat((l_star - MIDDLE, ab), dim=1)
        yield ab
