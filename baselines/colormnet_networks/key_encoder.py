"""What ColorMNet sees in a gray picture: ResNet-50's levels, each under DINOv2's guidance, and the key of the coarsest one."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from baselines.colormnet_networks.blocks import residual_stage
from baselines.colormnet_networks.dinov2 import PATCH, TAPS, VisionTransformer

LEVEL = 16
"""Pixels of a picture along each side of a position of the coarsest level."""

HEADS = 8


class KeyEncoder(nn.Module):
    """The paper's pretrained visual-model-guided feature extraction.

    Args:
        width: 64 in the release; levels have 4, 8 and 16 times as many channels, DINOv2's tokens 6 times.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.res2 = residual_stage("bottleneck", width, width, 3)
        self.layer2 = residual_stage("bottleneck", 4 * width, 2 * width, 4, stride=2)
        self.layer3 = residual_stage("bottleneck", 8 * width, 4 * width, 6, stride=2)
        self.network2 = _Guide(6 * width)
        self.fuse1 = _Guided(6 * TAPS * width, 16 * width)
        self.fuse2 = _Guided(6 * TAPS * width, 8 * width)
        self.fuse3 = _Guided(6 * TAPS * width, 4 * width)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 3, H, W) -> (N, 16 width, H / 16, W / 16), (N, 8 width, H / 8, W / 8), (N, 4 width, H / 4, W / 4)."""
        quarter = self.res2(F.max_pool2d(torch.relu(self.bn1(self.conv1(picture))), 3, stride=2, padding=1))
        eighth = self.layer2(quarter)
        sixteenth = self.layer3(eighth)
        guide = self.network2(picture)
        return (
            self.fuse1(guide, sixteenth),
            self.fuse2(_enlarged(guide, 2), eighth),
            self.fuse3(_enlarged(guide, 4), quarter),
        )


class KeyProjection(nn.Module):
    """A position's key, its shrinkage (how sharply it is matched as memory) and its selection (which channels count as query).

    Args:
        inside: channels of the coarsest level.
        width: of a key.
    """

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.key_proj = nn.Conv2d(inside, width, 3, padding=1)
        self.d_proj = nn.Conv2d(inside, 1, 3, padding=1)
        self.e_proj = nn.Conv2d(inside, width, 3, padding=1)

    def forward(self, level: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, inside, h, w) -> (N, width, h, w), (N, 1, h, w) from 1 upwards, (N, width, h, w) in (0, 1)."""
        return self.key_proj(level), self.d_proj(level).square() + 1.0, torch.sigmoid(self.e_proj(level))


class _Guide(nn.Module):
    """DINOv2's last tokens, mixed; the released code never trained the mixing, so there it is a random projection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.backbone = VisionTransformer(width)
        self.conv3 = nn.Conv2d(TAPS * width, TAPS * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(TAPS * width)

    def forward(self, picture: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, TAPS width, H / 16, W / 16)."""
        mixed = torch.relu(self.bn3(self.conv3(self.backbone(picture))))
        size = [side * PATCH // LEVEL for side in mixed.shape[-2:]]
        return F.interpolate(mixed, size, mode="bilinear", align_corners=False)


class _Guided(nn.Module):
    """One level: channels of the guide ask, channels of the ResNet answer."""

    def __init__(self, guide: int, width: int) -> None:
        super().__init__()
        self.encode_enc = nn.Conv2d(guide, width, 3, padding=1)
        self.norm1 = _ChannelNorm(width)
        self.norm2 = _ChannelNorm(width)
        self.crossattn = _ChannelAttention(width)
        self.norm3 = _ChannelNorm(width)

    def forward(self, guide: Tensor, level: Tensor) -> Tensor:
        """(N, guide, h, w) and (N, width, h, w) -> (N, width, h, w)."""
        own = self.encode_enc(guide)
        return torch.relu(self.norm3(self.crossattn(self.norm1(own), self.norm2(level)) + own))


class _ChannelAttention(nn.Module):
    """Attention of channels to channels, each a vector over all positions, at twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(HEADS, 1, 1))
        self.to_q, self.to_q_dw = _projection(width)
        self.to_k, self.to_k_dw = _projection(width)
        self.to_v, self.to_v_dw = _projection(width)
        self.to_out = nn.Sequential(nn.Conv2d(2 * width, width, 1))

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:
        """Both (N, width, h, w), and so is what comes out."""
        query = _heads(self.to_q_dw(self.to_q(asking)))  # (N, heads, 2 width / heads, hw)
        key = _heads(self.to_k_dw(self.to_k(asked)))
        value = _heads(self.to_v_dw(self.to_v(asked)))
        scores = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(2, 3) * self.temperature
        out: Tensor = self.to_out((scores.softmax(dim=-1) @ value).reshape(len(asked), -1, *asked.shape[-2:]))
        return out


class _ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of a map."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def _projection(width: int) -> tuple[nn.Conv2d, nn.Conv2d]:
    return nn.Conv2d(width, 2 * width, 1), nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)


def _heads(x: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, heads, C / heads, hw)."""
    return x.reshape(len(x), HEADS, x.shape[1] // HEADS, -1)


def _enlarged(x: Tensor, factor: int) -> Tensor:
    return F.interpolate(x, scale_factor=float(factor), mode="bilinear", align_corners=False)
