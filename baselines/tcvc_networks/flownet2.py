"""FlowNet2: optical flow by four networks and a fifth that fuses (Ilg et al., FlowNet 2.0, CVPR 2017, arXiv 1612.01925).

In NVIDIA's PyTorch layout, which TCVC's checkpoint holds: 162,518,834 parameters at width 64 in 220 entries of the same names.
Its compiled operators are plain ones here: the correlation is a mean over the channels of shifted maps, the warp is bilinear with
repeated borders, the norm is that of each pixel's channels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from colorbench.errors import UsageError
from colorbench.training.losses.warping import warp

FLOW_SCALE = 20.0
"""Networks give flow over this."""

MULTIPLE = 64
"""Of frames' sides."""

_SLOPE = 0.1
_REACH, _STEP = 20, 2
"""Of the correlation, in positions at 1/8: displacements -20, -18, ... 20 along both axes."""
_COARSEST = 6
"""Of the pyramids' levels: 1/64 of the size."""


class FlowNet2(nn.Module):
    """From each pixel of a first frame to the like one in a second.

    Args:
        width: channels at half the size, even; 64 in the release.
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        self.flownetc = FlowNetC(width=width)
        self.flownets_1 = FlowNetS(width=width)
        self.flownets_2 = FlowNetS(width=width)
        self.flownets_d = FlowNetSD(width=width)
        self.flownetfusion = FlowNetFusion(width=width)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Flow, for small and for large motion, fused.

        Args:
            first: (N, 3, H, W) in [0, 1]; sides are multiples of 64.
            second: of the same shape.

        Returns:
            (N, 2, H, W) x and y, in pixels.

        Raises:
            UsageError: another size.
        """
        if first.shape[-2] % MULTIPLE or first.shape[-1] % MULTIPLE:
            raise UsageError(
                f"FlowNet2 was given frames of {first.shape[-1]}x{first.shape[-2]}",
                wanted=f"sides that are multiples of {MULTIPLE}",
                remedy="bring frames to such a size, or take another flow",
            )
        mean = torch.stack((first, second)).mean(dim=(0, 3, 4))[:, :, None, None]  # (N, 3, 1, 1), of both
        first, second = first - mean, second - mean
        pair = torch.cat((first, second), dim=1)
        flow = FLOW_SCALE * _enlarged(self.flownetc(first, second))
        flow = FLOW_SCALE * _enlarged(self.flownets_1(_seen_again(pair, flow)))
        large = FLOW_SCALE * _repeated(self.flownets_2(_seen_again(pair, flow)))
        small = _repeated(self.flownets_d(pair)) / FLOW_SCALE
        errors = [_norm(first - warp(second, flow)) for flow in (small, large)]
        fused: Tensor = self.flownetfusion(torch.cat((first, small, large, _norm(small), _norm(large), *errors), dim=1))
        return fused


class FlowNetC(nn.Module):
    """Both frames' features, correlated at 1/8."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.conv1 = _conv(3, width, 7, stride=2)
        self.conv2 = _conv(width, 2 * width, 5, stride=2)
        self.conv3 = _conv(2 * width, 4 * width, 5, stride=2)
        self.conv_redir = _conv(4 * width, width // 2, 1)
        self.conv3_1 = _conv(width // 2 + (2 * (_REACH // _STEP) + 1) ** 2, 4 * width)
        _add_bottom(self, width)
        _add_decoder(self, _pyramid(width), first_up=8 * width)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(N, 3, H, W) each -> (N, 2, H / 4, W / 4), flow over FLOW_SCALE."""
        two = self.conv2(self.conv1(first))
        three, other = self.conv3(two), self.conv3(self.conv2(self.conv1(second)))
        likeness = F.leaky_relu(correlation(three, other), _SLOPE)
        three = self.conv3_1(torch.cat((self.conv_redir(three), likeness), dim=1))
        return _decode(self, {2: two, 3: three, **_bottom(self, three)})


class FlowNetS(nn.Module):
    """Improves a flow."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.conv1 = _conv(12, width, 7, stride=2)
        self.conv2 = _conv(width, 2 * width, 5, stride=2)
        self.conv3 = _conv(2 * width, 4 * width, 5, stride=2)
        self.conv3_1 = _conv(4 * width, 4 * width)
        _add_bottom(self, width)
        _add_decoder(self, _pyramid(width), first_up=8 * width, flow_bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 12, H, W) -> (N, 2, H / 4, W / 4), flow over FLOW_SCALE."""
        two = self.conv2(self.conv1(x))
        three = self.conv3_1(self.conv3(two))
        return _decode(self, {2: two, 3: three, **_bottom(self, three)})


class FlowNetSD(nn.Module):
    """For small motion: 3x3 kernels from full size on, and one more convolution before each flow."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.conv0 = _conv(6, width)
        self.conv1 = _conv(width, width, stride=2)
        self.conv1_1 = _conv(width, 2 * width)
        self.conv2 = _conv(2 * width, 2 * width, stride=2)
        self.conv2_1 = _conv(2 * width, 2 * width)
        self.conv3 = _conv(2 * width, 4 * width, stride=2)
        self.conv3_1 = _conv(4 * width, 4 * width)
        _add_bottom(self, width)
        _add_decoder(self, _pyramid(width), first_up=8 * width, between=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 6, H, W) -> (N, 2, H / 4, W / 4), flow times FLOW_SCALE."""
        one = self.conv1_1(self.conv1(self.conv0(x)))
        two = self.conv2_1(self.conv2(one))
        three = self.conv3_1(self.conv3(two))
        return _decode(self, {2: two, 3: three, **_bottom(self, three)})


class FlowNetFusion(nn.Module):
    """From the first frame, both flows, how large they are, and what each leaves unexplained, to one flow at full size."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.conv0 = _conv(11, width)
        self.conv1 = _conv(width, width, stride=2)
        self.conv1_1 = _conv(width, 2 * width)
        self.conv2 = _conv(2 * width, 2 * width, stride=2)
        self.conv2_1 = _conv(2 * width, 2 * width)
        _add_decoder(self, {0: width, 1: 2 * width, 2: 2 * width}, first_up=width // 2, between=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 11, H, W) -> (N, 2, H, W), flow in pixels."""
        zero = self.conv0(x)
        one = self.conv1_1(self.conv1(zero))
        return _decode(self, {0: zero, 1: one, 2: self.conv2_1(self.conv2(one))})


def correlation(first: Tensor, second: Tensor) -> Tensor:
    """Mean over channels of first(p) second(p + d), for 21 x 21 displacements d, rows of them first; 0 outside.

    Args:
        first: (N, C, H, W).
        second: of the same shape.

    Returns:
        (N, 441, H, W).
    """
    height, width = first.shape[-2:]
    padded = F.pad(second, (_REACH,) * 4)
    shifts = range(0, 2 * _REACH + 1, _STEP)
    planes = [(first * padded[:, :, y : y + height, x : x + width]).mean(dim=1) for y in shifts for x in shifts]
    return torch.stack(planes, dim=1)


def _pyramid(width: int) -> dict[int, int]:
    """Channels of the maps at 1/4 to 1/64."""
    return {2: 2 * width, 3: 4 * width, 4: 8 * width, 5: 8 * width, 6: 16 * width}


def _add_bottom(network: nn.Module, width: int) -> None:
    """The levels from 1/16 on, which three of the networks have alike."""
    channels = _pyramid(width)
    for level in range(4, _COARSEST + 1):
        network.add_module(f"conv{level}", _conv(channels[level - 1], channels[level], stride=2))
        network.add_module(f"conv{level}_1", _conv(channels[level], channels[level]))


def _bottom(network: nn.Module, x: Tensor) -> dict[int, Tensor]:
    maps = {}
    for level in range(4, _COARSEST + 1):
        x = network.get_submodule(f"conv{level}_1")(network.get_submodule(f"conv{level}")(x))
        maps[level] = x
    return maps


def _add_decoder(
    network: nn.Module, channels: Mapping[int, int], *, first_up: int, flow_bias: bool = True, between: bool = False
) -> None:
    """What ``_decode`` runs.

    Args:
        network: takes the modules.
        channels: of the maps, by level.
        first_up: channels that come up from the coarsest level; from each one after it half as many.
        flow_bias: of the layers that enlarge flow.
        between: a convolution before each flow but the coarsest.
    """
    coarsest, *finer = sorted(channels, reverse=True)
    inside, up = channels[coarsest], first_up
    network.add_module(f"predict_flow{coarsest}", nn.Conv2d(inside, 2, 3, padding=1))
    for level in finer:
        raised = nn.Sequential(nn.ConvTranspose2d(inside, up, 4, stride=2, padding=1), nn.LeakyReLU(_SLOPE, inplace=True))
        network.add_module(f"deconv{level}", raised)
        enlarged = nn.ConvTranspose2d(2, 2, 4, stride=2, padding=1, bias=flow_bias)
        network.add_module(f"upsampled_flow{level + 1}_to_{level}", enlarged)
        inside = channels[level] + up + 2
        if between:
            network.add_module(f"inter_conv{level}", nn.Sequential(nn.Conv2d(inside, up, 3, padding=1)))
        network.add_module(f"predict_flow{level}", nn.Conv2d(up if between else inside, 2, 3, padding=1))
        up //= 2


def _decode(network: nn.Module, maps: Mapping[int, Tensor]) -> Tensor:
    """Flow of the finest level, from the coarsest on: each level sees its map, what came up, and the flow so far."""
    parts = dict(network.named_children())
    coarsest, *finer = sorted(maps, reverse=True)
    x = maps[coarsest]
    flow: Tensor = parts[f"predict_flow{coarsest}"](x)
    for level in finer:
        x = torch.cat((maps[level], parts[f"deconv{level}"](x), parts[f"upsampled_flow{level + 1}_to_{level}"](flow)), dim=1)
        seen = parts[f"inter_conv{level}"](x) if f"inter_conv{level}" in parts else x
        flow = parts[f"predict_flow{level}"](seen)
    return flow


def _conv(inside: int, outside: int, size: int = 3, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, size, stride=stride, padding=size // 2), nn.LeakyReLU(_SLOPE, inplace=True))


def _seen_again(pair: Tensor, flow: Tensor) -> Tensor:
    """(N, 6, H, W) -> (N, 12, H, W): both frames, the second one warped, the flow so far, and what it leaves unexplained."""
    first, second = pair.chunk(2, dim=1)
    warped = warp(second, flow)
    return torch.cat((pair, warped, flow / FLOW_SCALE, _norm(first - warped)), dim=1)


def _norm(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, 1, H, W)."""
    return x.square().sum(dim=1, keepdim=True).sqrt()


def _enlarged(flow: Tensor) -> Tensor:
    return F.interpolate(flow, scale_factor=4.0, mode="bilinear", align_corners=False)


def _repeated(flow: Tensor) -> Tensor:
    return F.interpolate(flow, scale_factor=4.0, mode="nearest")
