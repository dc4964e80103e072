"""DeepExemplar's WarpNet: an encoder's levels to one embedding, and the colors that a frame's positions find in the reference.

After Zhang et al., Deep Exemplar-based Video Colorization (CVPR 2019), and the released files' names and shapes: at width 64 on
VGG19's levels it has their 6,917,131 parameters in 43 entries under the same names, so they load strictly.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from colorbench.errors import UsageError
from colorbench.nets.correspondence import Match, correspond

PATCH = 4
"""Pixels of a frame along each side of one position that is matched."""

_EPSILON = sys.float_info.epsilon


class WarpNet(nn.Module):
    """Four branches of two convolutions, three residual blocks over their maps, and one projection for each side.

    Convolutions pad by reflection and are followed by instance normalization without parameters and a one-parameter PReLU.
    Levels are brought to unit norm over their channels first; embeddings lose their mean over the positions and then have unit
    norm again. The frame is projected by ``theta``, the reference by ``phi``.

    Args:
        channels: of the encoder's levels at 1/2, 1/4, 1/8 and 1/16; VGG19's in the release.
        width: channels of a branch; 64 in the release. The embedding has four times as many.
    """

    def __init__(self, channels: Sequence[int] = (128, 256, 512, 512), *, width: int = 64) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = channels
        self.layer2_1 = nn.Sequential(*_layer(half, 2 * width), *_layer(2 * width, width, stride=2))
        self.layer3_1 = nn.Sequential(*_layer(quarter, 2 * width), *_layer(2 * width, width))
        self.layer4_1 = nn.Sequential(*_layer(eighth, 4 * width), *_layer(4 * width, width), nn.Upsample(scale_factor=2))
        self.layer5_1 = nn.Sequential(
            *_layer(sixteenth, 4 * width), nn.Upsample(scale_factor=2), *_layer(4 * width, width), nn.Upsample(scale_factor=2)
        )
        self.layer = nn.Sequential(*(_Residual(4 * width) for _ in range(3)))
        self.theta = nn.Conv2d(4 * width, 4 * width, 1)
        self.phi = nn.Conv2d(4 * width, 4 * width, 1)

    def query(self, levels: Sequence[Tensor]) -> Tensor:
        """The frame's embedding.

        Args:
            levels: of its gray picture, fine to coarse. The frame's sides are multiples of 8 (rows) and 16 (columns).

        Returns:
            (N, 4 width, H / 4, W / 4), unit norm over the channels.

        Raises:
            UsageError: other sides, or fewer than 32 rows or columns.
        """
        return _centered_unit(self.theta(self._joined(levels)))

    def key(self, levels: Sequence[Tensor]) -> Tensor:
        """The reference's embedding, of the levels of its color picture; otherwise as ``query``."""
        return _centered_unit(self.phi(self._joined(levels)))

    def forward(self, query: Tensor, key: Tensor, values: Tensor, *, temperature: float) -> Match:
        """Carries a reference's values to the frame.

        Args:
            query: (N, D, h, w) of ``query``.
            key: (N or 1, D, h', w') of ``key``.
            values: (N or 1, C, h', w'), averaged down to the key's size.
            temperature: what cosines are divided by before the softmax; 0.01 in training, 1e-10 to color.

        Returns:
            Values (N, C, 4h, 4w) and largest cosines (N, 1, 4h, 4w), each repeated over the pixels of its position.
        """
        match = correspond(query, key, values, temperature=temperature)
        return Match(values=_repeated(match.values), similarity=_repeated(match.similarity))

    def _joined(self, levels: Sequence[Tensor]) -> Tensor:
        """(N, 4 width, H / 4, W / 4)."""
        half, quarter, eighth, sixteenth = (F.normalize(level, dim=1, eps=_EPSILON) for level in levels)
        if min(sixteenth.shape[-2:]) < 2:
            raise _size_error(half)
        coarsest = self.layer5_1(sixteenth)
        finest = self.layer2_1(half)
        if coarsest.shape[-2:] != finest.shape[-2:]:
            # 1/16 of an odd number of eighths was rounded down: a row is missing above and below.
            coarsest = F.pad(coarsest, (0, 0, 1, 1), mode="replicate")
        maps = (finest, self.layer3_1(quarter), self.layer4_1(eighth), coarsest)
        if any(x.shape[-2:] != finest.shape[-2:] for x in maps):
            raise _size_error(half)
        joined: Tensor = self.layer(torch.cat(maps, dim=1))
        return joined


class _Residual(nn.Module):
    """prelu(x + norm(conv(prelu(norm(conv(x))))))), one PReLU for both."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(width, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.prelu(F.instance_norm(self.conv1(_reflected(x))))
        out: Tensor = self.prelu(x + F.instance_norm(self.conv2(_reflected(y))))
        return out


def _layer(inside: int, outside: int, *, stride: int = 1) -> tuple[nn.Module, ...]:
    """Four modules: the second and the fourth hold parameters."""
    conv = nn.Conv2d(inside, outside, 3, stride=stride)
    return nn.ReflectionPad2d(1), conv, nn.InstanceNorm2d(outside), nn.PReLU()


def _reflected(x: Tensor) -> Tensor:
    return F.pad(x, (1, 1, 1, 1), mode="reflect")


def _centered_unit(x: Tensor) -> Tensor:
    return F.normalize(x - x.mean(dim=(2, 3), keepdim=True), dim=1, eps=_EPSILON)


def _repeated(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=float(PATCH), mode="nearest")


def _size_error(half: Tensor) -> UsageError:
    rows, columns = (2 * side for side in half.shape[-2:])
    return UsageError(
        f"WarpNet was given levels of a frame of about {columns}x{rows}",
        wanted="at least 32x32, rows a multiple of 8 and columns of 16",
        remedy="bring frames and reference to such a size",
    )
