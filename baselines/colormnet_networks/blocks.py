"""What ColorMNet's encoders and its decoder are built of: stages of ResNets, XMem's fusion, XMem's gates.

XMem (Cheng and Schwing, ECCV 2022) follows objects; here a* and b* take their place. Features that a plane of chroma has for
itself lie along the batch, a* first; features of the picture serve both.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import torch
from torch import Tensor, nn

from colorbench.system.compat import ensure_torchvision


def residual_stage(
    kind: Literal["basic", "bottleneck"], inside: int, width: int, count: int, *, stride: int = 1
) -> nn.Sequential:
    """A stage of a ResNet, of torchvision's blocks and under its names.

    Args:
        kind: "basic" gives ``width`` channels (ResNet-18), "bottleneck" four times as many (ResNet-50).
        inside: channels that go in.
        width: of the blocks' 3x3 convolutions.
        count: of blocks.
        stride: of the first one.
    """
    ensure_torchvision()
    from torchvision.models.resnet import BasicBlock, Bottleneck

    block = BasicBlock if kind == "basic" else Bottleneck
    outside = width * block.expansion
    shortcut = None
    if stride > 1 or inside != outside:
        shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride=stride, bias=False), nn.BatchNorm2d(outside))
    return nn.Sequential(block(inside, width, stride, shortcut), *(block(outside, width) for _ in range(count - 1)))


class ResBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))); where channels change, x goes through a convolution of its own."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.downsample = nn.Identity() if inside == outside else nn.Conv2d(inside, outside, 3, padding=1)
        self.conv1 = nn.Conv2d(inside, outside, 3, padding=1)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(torch.relu(self.conv1(torch.relu(x))))
        out: Tensor = y + self.downsample(x)
        return out


class Fuser(nn.Module):
    """The picture's features and a plane's to the plane's: two residual blocks, attention added between them.

    Args:
        inside: channels of both together.
        outside: channels that come out.
    """

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.block1 = ResBlock(inside, outside)
        self.attention = ConvolutionalAttention(outside)
        self.block2 = ResBlock(outside, outside)

    def forward(self, picture: Tensor, planes: Tensor) -> Tensor:
        """(1, A, h, w) and (N, B, h, w) -> (N, outside, h, w)."""
        x = self.block1(torch.cat((picture.expand(len(planes), -1, -1, -1), planes), dim=1))
        out: Tensor = self.block2(x + self.attention(x))
        return out


class ConvolutionalAttention(nn.Module):
    """CBAM (Woo et al., ECCV 2018): a gate for each channel, then one for each position. Modules have the released names.

    Args:
        channels: at least 16.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = channels // 16
        mlp = nn.Sequential(nn.Flatten(), nn.Linear(channels, squeezed), nn.ReLU(), nn.Linear(squeezed, channels))
        self.ChannelGate = nn.Sequential(OrderedDict(mlp=mlp))
        spatial = nn.Sequential(OrderedDict(conv=nn.Conv2d(2, 1, 7, padding=3)))
        self.SpatialGate = nn.Sequential(OrderedDict(spatial=spatial))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, h, w) -> the same."""
        gates = self.ChannelGate(x.mean(dim=(2, 3))) + self.ChannelGate(x.amax(dim=(2, 3)))  # (N, channels)
        x = x * torch.sigmoid(gates)[:, :, None, None]
        pooled = torch.cat((x.amax(dim=1, keepdim=True), x.mean(dim=1, keepdim=True)), dim=1)  # (N, 2, h, w)
        return x * torch.sigmoid(self.SpatialGate(pooled))


def gated(values: Tensor, hidden: Tensor) -> Tensor:
    """The next hidden state: f h (1 - u) + u v.

    Args:
        values: (N, 3 C, h, w): f and u before their sigmoid, v before its tanh.
        hidden: (N, C, h, w), h.
    """
    forget, update, new = values.chunk(3, dim=1)
    update = torch.sigmoid(update)
    return torch.sigmoid(forget) * hidden * (1.0 - update) + update * torch.tanh(new)
