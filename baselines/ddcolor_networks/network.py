"""DDColor: the pixel decoder's map of the whole picture, weighted by the colors of learned queries, to a* and b*.

After Kang et al., DDColor: Towards Photo-Realistic Image Colorization via Dual Decoders (ICCV 2023, arXiv 2212.11613), and the
released files' names and shapes, so that these load strictly. How it differs from the released code: maps go from part to part as
arguments, where that has hooks, and no picture is run through the encoder to find out its channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from baselines.ddcolor_networks.color_decoder import ColorDecoder
from baselines.ddcolor_networks.convnext import ConvNeXt
from baselines.ddcolor_networks.pixel_decoder import Enlarging, Joining

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """All that decides the graph."""

    depths: tuple[int, int, int, int]
    """Blocks of the encoder's stages."""
    channels: tuple[int, int, int, int]
    """Of the encoder's stages."""
    width: int = 512
    """Channels of the pixel decoder's first two maps; its last and the queries have half."""
    queries: int = 100


LARGE = Size(depths=(3, 3, 27, 3), channels=(192, 384, 768, 1536))
"""DDColor-L, on ConvNeXt-L: 227,869,328 parameters in 602 entries."""

TINY = Size(depths=(3, 3, 9, 3), channels=(96, 192, 384, 768))
"""DDColor-T, on ConvNeXt-T: 55,006,640 parameters in 440 entries."""


class DDColor(nn.Module):
    """The whole network, for evaluation: nothing here trains it.

    Args:
        size: of the network.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, size: Size = LARGE) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"arch": ConvNeXt(size.depths, size.channels)})
        self.decoder = DualDecoder(size)
        self.refine_net = nn.Sequential(nn.Sequential(spectral_norm(nn.Conv2d(size.queries + 3, 2, 1))))
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).reshape(1, 3, 1, 1))

    def forward(self, gray_rgb: Tensor) -> Tensor:
        """Colors gray pictures.

        Args:
            gray_rgb: (N, 3, H, W) sRGB in [0, 1]; sides are multiples of 32.

        Returns:
            (N, 2, H, W) a* and b* in CIE units, unbounded.
        """
        x = (gray_rgb - self.mean) / self.std
        scores = self.decoder(self.encoder["arch"](x))
        ab: Tensor = self.refine_net(torch.cat((scores, x), dim=1))
        return ab


def build_tiny() -> DDColor:
    """DDColor-T with random weights."""
    return DDColor(TINY)


class DualDecoder(nn.Module):
    """The paper's two decoders and their fusion: each query's inner product with each pixel."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        one, two, three, four = size.channels
        whole, half = size.width, size.width // 2
        self.layers = nn.ModuleList((Joining(four, three, whole), Joining(whole, two, whole), Joining(whole, one, half)))
        self.last_shuf = Enlarging(half, half, scale=4, batch_norm=False)
        self.color_decoder = ColorDecoder((whole, whole, half), channels=half, queries=size.queries)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """The encoder's four maps, at 1/4 to 1/32 of the picture's H and W -> (N, queries, H, W)."""
        *kept, x = maps
        decoded = []
        for layer, skip in zip(self.layers, reversed(kept), strict=True):
            x = layer(x, skip)
            decoded.append(x)
        return torch.einsum("nqc,nchw->nqhw", self.color_decoder(decoded), self.last_shuf(x))
