r"""MSRB, the multi-scale recurrent block: three U-Nets from coarse to fine, section 3.3 of the paper.

With I the concatenated input (luminance, fused color map, expert maps), down halving by 2x2 means and up doubling,

    z_{1/4} = N_3(I_{1/4}),    z_{1/2} = N_2([I_{1/2}, up(z_{1/4})]),    z = N([I, up(z_{1/2})])

How ours differs from the text, which leaves it open:

- **Bound.** ab = 128 tanh(.), as the release has it: covers sRGB's chroma (at most 108) and keeps a gradient everywhere.
- **Residual form** (a setting; off is the paper's text). A level corrects a color map m, the fused one at the coarsest level and
  the upsampled result of the level below at the others: ab = 128 tanh(u + artanh(m / 128)). Bounded, and equal to m where u = 0.
- **Detail** (a setting). A level below has lost what the color map has at this size: m - up(down m) is added to up(z).
- **Means.** A 2x2 mean is what bilinear interpolation by 1/2 without antialias computes, which the release's pyramid uses.
- **Up** is bilinear; the release's 2 -> 2 transposed convolution is a setting. A level sees ab / 128 of the level below
  (the release: ab unscaled, ``chroma_scale=1``).
"""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from bistnet.network.settings import RefinementSettings
from bistnet.network.unet import UNet
from colorbench.nets.colorvid import ColorVidUNet

BOUND = 128.0
"""Largest |a*| and |b*| that the network can say."""

_INSIDE = 0.999
"""Color maps are clamped to this share of the bound before artanh."""

Scales = tuple[Tensor, Tensor, Tensor]
"""ab at 1/4, 1/2 and full size, (N, 2, ., .) in [-128, 128]."""


class MultiScaleRefinement(nn.Module):
    """Three U-Nets, coarse to fine.

    Args:
        in_channels: channels C of the concatenated input.
        settings: see :class:`~bistnet.network.settings.RefinementSettings`.
        chroma_scale: what the ab of the level below is divided by before it is concatenated.
    """

    def __init__(self, in_channels: int, settings: RefinementSettings, *, chroma_scale: float = BOUND) -> None:
        super().__init__()
        self.residual = settings.residual
        self.detail = settings.residual and settings.detail
        self.reuse_second = settings.reuse_second
        self.chroma_scale = chroma_scale
        self.coarse = make_unet(in_channels, settings)
        self.middle = make_unet(in_channels + 2, settings)
        self.fine = make_unet(in_channels + 2, settings)
        self.up_middle, self.up_fine = _make_up(settings), _make_up(settings)
        self.multiple = 4 * self.coarse.stride
        """H and W must be multiples of this."""

    def forward(self, inputs: Tensor, color_map: Tensor) -> Scales:
        """Refines a color map.

        Args:
            inputs: (N, C, H, W), every channel scaled to about [-1, 1]; holds the color map too.
            color_map: (N, 2, H, W) fused ab p_t, CIE units; what the residual form corrects, ignored by the other.

        Returns:
            ab at 1/4, 1/2 and full size, (N, 2, ., .).
        """
        half = halve(inputs)  # (N, C, H / 2, W / 2)
        quarter = halve(half)  # (N, C, H / 4, W / 4)
        half_map = halve(color_map)
        quarter_map = halve(half_map)
        ab_quarter = bounded(self.coarse(quarter), quarter_map if self.residual else None)
        below = self.up_middle(ab_quarter)  # (N, 2, H / 2, W / 2)
        if self.detail:
            below = below + half_map - self.up_middle(quarter_map)
        ab_half = self._level(self.middle, half, below)
        below = self.up_fine(ab_half)  # (N, 2, H, W)
        if self.detail:
            below = below + color_map - self.up_fine(half_map)
        ab = self._level(self.middle if self.reuse_second else self.fine, inputs, below)
        return ab_quarter, ab_half, ab

    def _level(self, net: nn.Module, inputs: Tensor, below: Tensor) -> Tensor:
        raw = net(torch.cat((inputs, below / self.chroma_scale), dim=1))  # (N, C + 2, h, w) -> (N, 2, h, w)
        return bounded(raw, below if self.residual else None)


class SingleScaleRefinement(nn.Module):
    """Without MSRB: one U-Net at full size, as wide as gives it the parameters of the three.

    Same call as :class:`MultiScaleRefinement`. The coarser outputs are means of the full one, so losses over scales stay defined.
    """

    def __init__(self, in_channels: int, settings: RefinementSettings) -> None:
        super().__init__()
        self.residual = settings.residual
        self.net = make_unet(in_channels, settings, width=equal_width(in_channels, settings))
        self.multiple = max(4, self.net.stride)

    def forward(self, inputs: Tensor, color_map: Tensor) -> Scales:
        """As :meth:`MultiScaleRefinement.forward`."""
        ab = bounded(self.net(inputs), color_map if self.residual else None)
        half = halve(ab)
        return halve(half), half, ab


def make_refinement(in_channels: int, settings: RefinementSettings) -> MultiScaleRefinement | SingleScaleRefinement:
    """The form that ``settings.scales`` names."""
    return (MultiScaleRefinement if settings.scales == 3 else SingleScaleRefinement)(in_channels, settings)


def make_unet(in_channels: int, settings: RefinementSettings, *, width: int | None = None) -> ColorVidUNet | UNet:
    """One level's U-Net, (N, in_channels, h, w) -> (N, 2, h, w) before the bound."""
    width = width or settings.width
    if settings.body == "colorvidnet":
        return ColorVidUNet(in_channels, 2, width=width)
    return UNet(
        in_channels, 2, width=width, depth=settings.depth, levels=settings.levels, block=settings.body, patch=settings.patch
    )


def equal_width(in_channels: int, settings: RefinementSettings) -> int:
    """The width at which one U-Net has as nearly as possible the parameters of the three of ``settings``.

    >>> equal_width(25, RefinementSettings(body="colorvidnet", width=64))
    110
    """
    step = 2 if settings.body == "colorvidnet" else 1
    with torch.device("meta"):
        wanted = _parameters(MultiScaleRefinement(in_channels, dataclasses.replace(settings, scales=3)))

        def excess(width: int) -> int:
            return _parameters(make_unet(in_channels, settings, width=width)) - wanted

        low, high = settings.width // step, 2 * settings.width // step + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if excess(middle * step) <= 0 else (low, middle)
        return step * min(low, high, key=lambda half: abs(excess(half * step)))


def halve(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, H / 2, W / 2): means of 2x2 pixels. H and W must be even."""
    return F.avg_pool2d(x, 2)


def bounded(raw: Tensor, color_map: Tensor | None) -> Tensor:
    """128 tanh(raw), or 128 tanh(raw + artanh(color_map / 128)): (N, 2, h, w) in [-128, 128]."""
    if color_map is not None:
        raw = raw + torch.atanh((color_map / BOUND).clamp(-_INSIDE, _INSIDE))
    return BOUND * torch.tanh(raw)


def _make_up(settings: RefinementSettings) -> nn.Module:
    """(N, 2, h, w) -> (N, 2, 2h, 2w)."""
    if settings.upsampling == "transposed":
        return nn.ConvTranspose2d(2, 2, 3, stride=2, padding=1, output_padding=1)
    return nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=False)


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
