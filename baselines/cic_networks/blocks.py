"""What eccv16 and siggraph17 are made of: convolutions that end in a batch normalization, and layers that double the size."""

from __future__ import annotations

from torch import nn


def chain(inside: int, outside: int, count: int, *, stride: int = 1, dilation: int = 1) -> tuple[nn.Module, ...]:
    """3x3 convolutions, each followed by ReLU.

    Args:
        inside: channels that come in.
        outside: channels of each convolution.
        count: of convolutions.
        stride: of the last one.
        dilation: of each.
    """
    layers: list[nn.Module] = []
    for index in range(count):
        step = stride if index == count - 1 else 1
        before = outside if index else inside
        layers += [nn.Conv2d(before, outside, 3, stride=step, padding=dilation, dilation=dilation), nn.ReLU(inplace=True)]
    return tuple(layers)


def block(inside: int, outside: int, count: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A chain and one batch normalization; arguments as for ``chain``."""
    return nn.Sequential(*chain(inside, outside, count, stride=stride, dilation=dilation), nn.BatchNorm2d(outside))


def doubling(inside: int, outside: int) -> nn.ConvTranspose2d:
    """Twice the rows and columns: a transposed convolution of 4x4."""
    return nn.ConvTranspose2d(inside, outside, 4, stride=2, padding=1)
