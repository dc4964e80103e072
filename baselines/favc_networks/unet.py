"""The U-Net of FAVC's networks, and how TensorFlow 1 resizes.

At width 32 the released variables fit it: 1475 channels in and 12 out make VCN's 8,671,020 parameters, 18 in and 3 out VCRN's
8,621,795.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

_LEVELS = 5
SLOPE = 0.2
"""Of the leaky ReLUs."""


class UNet(nn.Module):
    """Five levels of two convolutions, down by the maximum of 2x2 pixels, up by bilinear doubling.

    Doubling is followed by a convolution without activation, beside whose output the level's map is put. All other convolutions
    are followed by a leaky ReLU of slope 0.2, but the last; they are 3x3, but the first is 1x1. Modules are named as the
    released variables, without their prefix: ``g_conv1_1`` is ``conv1_1``, ``g_up_1/up_conv1`` is ``up_1``.

    Args:
        in_channels: of all parts of the input together.
        out_channels: of the output.
        width: channels at full size; 32 in the release. They double from level to level.
    """

    def __init__(self, in_channels: int, out_channels: int, *, width: int = 32) -> None:
        super().__init__()
        self.conv1_1 = nn.Conv2d(in_channels, width, 1)
        self.conv1_2 = conv3(width, width)
        for level in range(2, _LEVELS + 1):
            wide = width << level - 1
            self.add_module(f"conv{level}_1", conv3(wide // 2, wide))
            self.add_module(f"conv{level}_2", conv3(wide, wide))
        for step in range(1, _LEVELS):
            narrow = width << _LEVELS - 1 - step
            self.add_module(f"up_{step}", conv3(2 * narrow, narrow))
            self.add_module(f"conv{_LEVELS + step}_1", conv3(2 * narrow, narrow))
            self.add_module(f"conv{_LEVELS + step}_2", conv3(narrow, out_channels if step == _LEVELS - 1 else narrow))

    def forward(self, parts: Sequence[Tensor]) -> Tensor:
        """The network's output.

        Args:
            parts: (N, C, h, w) each, which make the input one behind the other once they are resized to the last one's size.
                They are never put together: the first convolution is 1x1, so each part goes through its share at its own size.
                The last one's sides are multiples of 16, and the others' sides go into them.

        Returns:
            (N, out_channels, H, W), of the last part's size.
        """
        maps = [self._pair(self._mixed(parts), 1)]
        for level in range(2, _LEVELS + 1):
            maps.append(self._pair(F.max_pool2d(maps[-1], 2), level))
        x = maps.pop()
        for step in range(1, _LEVELS):
            skip = maps.pop()
            up = self.get_submodule(f"up_{step}")(legacy_resize(x, skip.shape[-2:]))
            x = self._pair(torch.cat((up, skip), dim=1), _LEVELS + step)
        return x

    def _mixed(self, parts: Sequence[Tensor]) -> Tensor:
        """What conv1_1 makes of all parts, at the last one's size."""
        weights = torch.split(self.conv1_1.weight, [part.shape[1] for part in parts], dim=1)
        # From the smallest on, as in TensorFlow's rule to double twice is to enlarge by four.
        (part, weight), *larger = sorted(zip(parts, weights, strict=True), key=lambda pair: pair[0].shape[-2:].numel())
        mixed = F.conv2d(part, weight, self.conv1_1.bias)
        for part, weight in larger:
            mixed = legacy_resize(mixed, part.shape[-2:]) + F.conv2d(part, weight)
        return mixed

    def _pair(self, x: Tensor, level: int) -> Tensor:
        """Both convolutions of a level; the first one of level 1 has been done."""
        if level > 1:
            x = self.get_submodule(f"conv{level}_1")(x)
        x = self.get_submodule(f"conv{level}_2")(leaky(x))
        return leaky(x) if level < 2 * _LEVELS - 1 else x


def conv3(inside: int, outside: int) -> nn.Conv2d:
    """3x3 with a bias, the size kept."""
    return nn.Conv2d(inside, outside, 3, padding=1)


def leaky(x: Tensor) -> Tensor:
    """max(0.2 x, x), in place."""
    return F.leaky_relu(x, SLOPE, inplace=True)


def legacy_resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear as ``resize_bilinear`` of TensorFlow 1 has it by default: pixel i is sampled at i * old / new, no half pixels.

    So doubling keeps every old pixel, halving takes every second one and averages nothing, and the last pixel is repeated
    beyond its place. torch's rule for aligned corners, (old - 1) / (new - 1), is this one once both are longer by one.

    Args:
        x: (N, C, h, w).
        size: rows and columns wanted.

    >>> legacy_resize(torch.tensor([[[[0.0, 4.0]]]]), (1, 4)).tolist()
    [[[[0.0, 2.0, 4.0, 4.0]]]]
    """
    height, width = size
    if tuple(x.shape[-2:]) == (height, width):
        return x
    if (2 * x.shape[2], 2 * x.shape[3]) == (height, width):
        return _doubled(x)
    longer = F.pad(x, (0, 1, 0, 1), mode="replicate")
    return F.interpolate(longer, (height + 1, width + 1), mode="bilinear", align_corners=True)[..., :height, :width]


def _doubled(x: Tensor) -> Tensor:
    """Means between neighbors. The gradient of torch's interpolation takes three times as long, and autocast makes it float32."""
    x = x.movedim(1, -1)  # (N, h, w, C)
    for axis in (1, 2):
        after = torch.cat((x.narrow(axis, 1, x.shape[axis] - 1), x.narrow(axis, -1, 1)), dim=axis)
        x = torch.stack((x, (x + after) / 2.0), dim=axis + 1).flatten(axis, axis + 1)
    return x.movedim(-1, 1)
