"""ColorVidNet's U-Net (DeepExemplar, Zhang et al., CVPR 2019), which BiSTNet's released fusion net takes for each of its levels.

Itself the skeleton of siggraph17 with instance normalization. At width 64 it is that network, parameter for parameter.
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

HEAD_SCALE = 1e-3
"""Factor on the last layer's initial weights: an untrained net starts near no output, and gradients still flow."""

RELEASED_NAMES = (
    ("stem", "conv1_1.0"),
    ("down.0.0", "conv1_1.2"),
    ("down.0.2", "conv1_2"),
    *((f"down.1.{2 * i}", f"conv2_{i + 1}") for i in range(2)),
    *((f"down.2.{2 * i}", f"conv3_{i + 1}") for i in range(3)),
    *((f"bottom.{j}.{2 * i}", f"conv{j + 4}_{i + 1}") for j in range(4) for i in range(3)),
    *((f"shrink.{i}", f"conv{name}norm_ss") for i, name in enumerate(("1_2", "2_2", "3_3"))),
    *((f"widen.{i}", f"conv{i + 8}_1.1") for i in range(3)),
    *((f"skip.{i}", f"conv{name}_short") for i, name in enumerate(("3_3", "2_2", "1_2"))),
    ("up.0.0", "conv8_2"),
    ("up.0.2", "conv8_3"),
    ("up.1.0", "conv9_2"),
    ("up.2", "conv10_2"),
    ("head", "conv10_ab"),
)
"""(our module, the released files'): DeepExemplar's colornet, and each level of BiSTNet's fusenet."""


class ColorVidUNet(nn.Module):
    """The U-Net of the authors' release: four widths, dilated convolutions at 1/8, instance normalization without parameters.

    At width 64 with 33 inputs it has 32,809,858 parameters, as the released ``size64`` has. Differences: none in the graph; ours
    returns what comes before tanh, and its modules are named by role (:data:`RELEASED_NAMES`).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output; 2 in the release.
        width: channels at the finest resolution, even; 64 in the release.
        normalized: False leaves the instance normalization out: it takes each channel's mean and scale off the picture, and with
            few channels nothing is left to tell how strong the colors are.
    """

    stride = 8

    def __init__(self, in_channels: int, out_channels: int, *, width: int, normalized: bool = True) -> None:
        super().__init__()
        self.normalized = normalized
        a, b, c, d = width, 2 * width, 4 * width, 8 * width
        self.stem = nn.Conv2d(in_channels, a // 2, 3, padding=1)
        self.down = nn.ModuleList((_chain(a // 2, a, 2), _chain(a, b, 2), _chain(b, c, 3)))
        self.shrink = nn.ModuleList(nn.Conv2d(w, w, 1, stride=2, groups=w, bias=False) for w in (a, b, c))
        self.bottom = nn.ModuleList((_chain(c, d, 3), _chain(d, d, 3, dilation=2), _chain(d, d, 3, dilation=2), _chain(d, d, 3)))
        self.widen = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in ((d, c), (c, b), (b, b)))
        self.skip = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in ((c, c), (b, b), (a, b)))
        self.up = nn.ModuleList((_chain(c, c, 2), _chain(b, b, 1), nn.Conv2d(b, b, 3, padding=1)))
        self.head = small_head(nn.Conv2d(b, out_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H, W)."""
        x = F.relu(self.stem(x))
        skips = []
        for convs, shrink in zip(self.down, self.shrink, strict=True):
            x = self._norm(convs(x))
            skips.append(x)
            x = shrink(x)  # halves H and W
        for convs in self.bottom:
            x = self._norm(convs(x))  # (N, 8w, H / 8, W / 8)
        for index, (widen, skip, convs) in enumerate(zip(self.widen, self.skip, self.up, strict=True)):
            x = F.relu(widen(F.interpolate(x, scale_factor=2.0)) + skip(skips[-1 - index]))
            x = self._norm(convs(x)) if index < 2 else F.leaky_relu(convs(x), 0.2)
        out: Tensor = self.head(x)
        return out

    def _norm(self, x: Tensor) -> Tensor:
        """Instance normalization; a map of one position has no variance and is passed as it is."""
        return F.instance_norm(x) if self.normalized and x.shape[-1] * x.shape[-2] > 1 else x


def _chain(in_channels: int, width: int, count: int, *, dilation: int = 1) -> nn.Sequential:
    """``count`` 3x3 convolutions, each followed by ReLU; convolutions at the even places."""
    layers: list[nn.Module] = []
    for index in range(count):
        channels = in_channels if index == 0 else width
        layers += [nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def small_head(head: nn.Conv2d) -> nn.Conv2d:
    """The last layer, its weights drawn at HEAD_SCALE, its bias 0."""
    nn.init.normal_(head.weight, std=HEAD_SCALE)
    if head.bias is not None:
        nn.init.zeros_(head.bias)
    return head
