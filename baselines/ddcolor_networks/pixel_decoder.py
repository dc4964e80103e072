"""DDColor's pixel decoder: from the encoder's smallest map back to the picture's size, with its larger maps beside.

After Kang et al. (ICCV 2023), a U-Net that enlarges by sub-pixel convolution. Kernels have spectral normalization: W / (u W v),
with the file's u and v in evaluation. It is torch's older function, whose names ``weight_orig``, ``weight_u`` and ``weight_v``
the files have; its parametrization has others.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn
from torch.nn.utils import spectral_norm


class Enlarging(nn.Module):
    """1x1 convolution, ReLU, pixel shuffle, mean of each pixel with those above and to its left.

    Args:
        inside: channels.
        outside: channels.
        scale: of the sides.
        batch_norm: between convolution and ReLU, in the bias' place.
    """

    def __init__(self, inside: int, outside: int, *, scale: int, batch_norm: bool) -> None:
        super().__init__()
        channels = outside * scale**2
        conv = spectral_norm(nn.Conv2d(inside, channels, 1, bias=not batch_norm))
        self.conv = nn.Sequential(conv, nn.BatchNorm2d(channels)) if batch_norm else nn.Sequential(conv)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """(N, inside, H, W) -> (N, outside, scale * H, scale * W)."""
        x = F.pixel_shuffle(F.relu(self.conv(x)), self.scale)
        return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


class Joining(nn.Module):
    """A map doubled in size and the encoder's of that size, to one.

    Args:
        inside: channels of the smaller map.
        kept: channels of the encoder's.
        outside: channels of the result.
    """

    def __init__(self, inside: int, kept: int, outside: int) -> None:
        super().__init__()
        self.shuf = Enlarging(inside, outside, scale=2, batch_norm=True)
        self.bn = nn.BatchNorm2d(kept)
        conv = spectral_norm(nn.Conv2d(outside + kept, outside, 3, padding=1, bias=False))
        self.conv = nn.Sequential(conv, nn.ReLU(), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor, kept: Tensor) -> Tensor:
        """(N, inside, H, W) and (N, kept, 2 H, 2 W) -> (N, outside, 2 H, 2 W)."""
        joined: Tensor = self.conv(F.relu(torch.cat((self.shuf(x), self.bn(kept)), dim=1)))
        return joined
