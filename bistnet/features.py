"""What frames are matched by: an encoder's levels, and the embedding that is made of them.

Both encoders take sRGB (N, 3, H, W) in [0, 1] and return four levels, fine to coarse, at 1/2, 1/4, 1/8 and 1/16 of its size,
each side rounded down. :class:`Vgg19` is the paper's and is never trained here; :class:`CompactEncoder` is ours, of 0.8 M
parameters at width 16, trained with the network, and takes a twentieth of VGG19's time.

The paper matches VGG19's features as they are and says neither which layers nor how they are normalized. Ours follows
DeepExemplar (Zhang et al., CVPR 2019), which it builds on: relu2_2 to relu5_2, each of unit norm, projected by learned layers to
one map at 1/4 of the size, its mean over the positions subtracted, unit norm again. Where DeepExemplar has two convolutions a
level and three residual blocks (6.9 M parameters), ours has one linear projection a level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from colorbench.errors import UsageError

BGR_MEAN = (0.40760392, 0.45795686, 0.48501961)
"""Means of blue, green and red over ImageNet, of channels in [0, 1]."""

FLOOR = 1e-4
"""A position whose embedding differs from the mean by less than this is not enlarged to unit norm: it would be rounding noise."""

_SMALL = 1e-6
"""Of a level's norm, under which it is taken for zero."""


class Vgg19(nn.Module):
    """The convolutions of VGG19 (Simonyan and Zisserman, arXiv 1409.1556), frozen: 20,024,384 parameters in 32 entries.

    Names and preprocessing are those of ``vgg19_conv.pth`` (Gatys; DeepExemplar): ``conv1_1.weight`` to ``conv5_4.bias``; sRGB in
    [0, 1] becomes BGR, minus its mean, times 255. Random until weights are loaded, see :mod:`bistnet.vgg19_weights`. conv5_3 and
    conv5_4 are held, for the file to fit, and never run.
    """

    widths = (64, 128, 256, 512, 512)
    depths = (2, 2, 4, 4, 4)
    channels = (128, 256, 512, 512)
    """Of the levels that ``forward`` returns."""
    multiple = 16
    """Frames whose sides are multiples of this lose nothing to rounding."""

    def __init__(self) -> None:
        super().__init__()
        for block, (before, width, depth) in enumerate(zip((3, *self.widths), self.widths, self.depths, strict=False), start=1):
            for index, (a, b) in enumerate(pairwise((before, *[width] * depth)), start=1):
                self.add_module(f"conv{block}_{index}", nn.Conv2d(a, b, 3, padding=1))
        self.register_buffer("mean", 255.0 * torch.tensor(BGR_MEAN).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(N, 3, H, W) in [0, 1] -> relu2_2, relu3_2, relu4_2 and relu5_2, at 1/2, 1/4, 1/8 and 1/16."""
        _, *levels = self.taps(rgb)
        return levels[0], levels[1], levels[2], levels[3]

    def taps(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(N, 3, H, W) in [0, 1], sRGB -> relu1_2, relu2_2, relu3_2, relu4_2 and relu5_2.

        Gradients reach the input, none the weights.

        Raises:
            UsageError: another shape, or a side under 16.
        """
        _check_picture(rgb, self.multiple)
        x = 255.0 * rgb.flip(1) - self.get_buffer("mean")  # (N, 3, H, W), BGR
        found = []
        for block, depth in enumerate(self.depths, start=1):
            if block > 1:
                x = F.max_pool2d(x, 2)  # (N, C, H / 2^(block - 1), W / 2^(block - 1)), rounded down
            for index in range(1, depth + 1):
                x = F.relu(self.get_submodule(f"conv{block}_{index}")(x), inplace=True)
                if index == 2:
                    found.append(x)
                    if block == len(self.depths):
                        break
        return found[0], found[1], found[2], found[3], found[4]


class CompactEncoder(nn.Module):
    """A small residual encoder, without normalization: a frame's features depend on no statistics of the frame.

    Widths double from level to level. A residual branch ends in a convolution that starts at a tenth of its usual size, so that
    the sum keeps its scale at first.

    Args:
        width: channels at 1/2 of the frame's size; 16 takes about 12 ms for 384x224 on two cores.
    """

    multiple = 16

    def __init__(self, width: int) -> None:
        super().__init__()
        self.channels = (width, 2 * width, 4 * width, 8 * width)
        self.stem = nn.Conv2d(3, width, 4, stride=2, padding=1)
        self.shrink = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(self.channels))
        self.levels = nn.ModuleList(
            nn.Sequential(*(_Residual(channels) for _ in range(depth)))
            for channels, depth in zip(self.channels, (1, 2, 2, 2), strict=True)
        )

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(N, 3, H, W) in [0, 1] -> (N, w, H / 2, W / 2), (N, 2w, H / 4, W / 4), (N, 4w, H / 8, W / 8), (N, 8w, H / 16, W / 16).

        Raises:
            UsageError: another shape, or a side under 16.
        """
        _check_picture(rgb, self.multiple)
        x = self.stem(2.0 * rgb - 1.0)  # (N, w, H / 2, W / 2)
        found = [self.levels[0](x)]
        for shrink, blocks in zip(self.shrink, self.levels[1:], strict=True):
            found.append(blocks(shrink(found[-1])))  # (N, 2c, h / 2, w / 2)
        return found[0], found[1], found[2], found[3]


class Embedding(nn.Module):
    """Levels to one map of unit vectors at 1/4 of the frame's size; the cosine of two of them is what eq. 1 compares.

    The level at 1/2 is averaged down to 1/4 first. Each level is brought to unit norm over its channels and projected linearly;
    from the coarsest on, the sum is enlarged (bilinear) and the next level's projection added. Projections start orthogonal:
    untrained, they keep the cosines of the features as well as their width allows.

    Args:
        channels: of the levels, fine to coarse; the second is at 1/4.
        width: channels D of the embedding.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.projections = nn.ModuleList(nn.Conv2d(c, width, 1, bias=False) for c in channels)
        for projection in self.projections:
            nn.init.orthogonal_(projection.get_parameter("weight"))

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Embeds a frame.

        Args:
            levels: as an encoder returns them, the first at 1/2, the second at 1/4.

        Returns:
            (N, D, H / 4, W / 4): of zero mean over the positions before it is normalized, then of unit norm at each position.
            Where nothing differs from the mean it is about zero instead, never noise of unit norm.
        """
        half, *coarser = levels
        maps = [F.avg_pool2d(half, 2), *coarser]  # the first two at 1/4
        total = self._project(len(maps) - 1, maps[-1])
        for index in range(len(maps) - 2, -1, -1):
            size = maps[index].shape[-2:]
            if total.shape[-2:] != size:
                total = F.interpolate(total, size, mode="bilinear", align_corners=False)  # (N, D, 2h, 2w)
            total = total + self._project(index, maps[index])  # at last (N, D, H / 4, W / 4)
        return F.normalize(total - total.mean(dim=(2, 3), keepdim=True), dim=1, eps=FLOOR)

    def _project(self, index: int, level: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, D, h, w)."""
        result: Tensor = self.projections[index](F.normalize(level, dim=1, eps=_SMALL))
        return result


class PositionCode(nn.Module):
    """Where a position is, as a unit vector to be matched beside its features: things stay near where they were.

    Ours, not the paper's. The inner product of two codes is

        sum_k a_k (cos(w_k dx) + cos(w_k dy)) / 2,   w_k = pi 2^k / 2

    with dx and dy in units of the picture's sides and learned a_k that add up to 1: largest at no displacement. ``join`` gives
    the code a learned share of the cosine, 0.3 at first.

    Args:
        frequencies: a side; 4 go down to an eighth of the picture.
    """

    def __init__(self, frequencies: int) -> None:
        super().__init__()
        self.frequencies = frequencies
        self.weights = nn.Parameter(torch.zeros(frequencies))
        self.share = nn.Parameter(torch.tensor(_logit(0.3)))

    def forward(self, maps: Tensor) -> Tensor:
        """(1, 4 frequencies, h, w) for maps (N, C, h, w), unit norm over the channels."""
        height, width = maps.shape[-2:]
        amplitude = (self.weights.softmax(dim=0) / 2.0).sqrt()  # (K,)
        rates = (math.pi / 2.0) * 2.0 ** torch.arange(self.frequencies, device=maps.device)  # (K,)
        codes = []
        for axis, side in ((1, height), (0, width)):
            place = (torch.arange(side, device=maps.device) + 0.5) / side
            angles = rates[:, None] * place  # (K, side)
            both = amplitude[:, None] * torch.stack((angles.sin(), angles.cos()))  # (2, K, side)
            codes.append(both.flatten(0, 1).unsqueeze(1 + axis).expand(-1, height, width))
        return torch.cat(codes)[None]

    def join(self, embedding: Tensor) -> Tensor:
        """(N, D, h, w) -> (N, D + 4 frequencies, h, w), both unit norm: cosines become (1 - share) features + share code."""
        share = self.share.sigmoid()
        code = self(embedding).expand(len(embedding), -1, -1, -1)
        return torch.cat(((1.0 - share).sqrt() * embedding, share.sqrt() * code.to(embedding.dtype)), dim=1)


class _Residual(nn.Module):
    """x + conv(relu(conv(relu(x)))), 3x3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(F.relu(self.first(F.relu(x)), inplace=True))
        return x + y


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))


def _check_picture(rgb: Tensor, smallest: int) -> None:
    if rgb.dim() != 4 or rgb.shape[1] != 3 or min(rgb.shape[-2:]) < smallest:
        raise UsageError(
            f"a picture of shape {tuple(rgb.shape)}",
            wanted=f"(N, 3, H, W), both sides at least {smallest}",
            remedy="repeat gray three times; enlarge or pad what is smaller",
        )
