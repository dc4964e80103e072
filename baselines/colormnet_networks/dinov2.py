"""DINOv2's vision transformer: the tokens of its last blocks as maps.

After Oquab et al., DINOv2: Learning Robust Visual Features without Supervision (TMLR 2024, arXiv 2304.07193), and the released
names and shapes: at width 384 it is ViT-S/14, 22,056,576 parameters in 175 entries.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

PATCH = 14
"""Pixels of a picture along each side of a token."""

TAPS = 4
"""Blocks, the last ones, whose tokens come out."""

HEADS = 6

_GRID = 37
"""Tokens along each side of the pictures of its training, 518x518."""

_OFFSET = 0.1
"""Added to the number of tokens before position embeddings are scaled, against rounding; it moves what they are sampled at."""

_EPSILON = 1e-6


class VisionTransformer(nn.Module):
    """Pre-norm blocks with a learned scale on each residual, and one layer normalization for what comes out of any of them.

    Args:
        width: of a token; 384 in ViT-S, a multiple of HEADS.
        depth: blocks; 12 in ViT-S.
    """

    def __init__(self, width: int = 384, *, depth: int = 12) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + _GRID**2, width))
        # Held for the file to fit and never run: it stands for what is hidden in training.
        self.mask_token = nn.Parameter(torch.zeros(1, width))
        self.patch_embed = nn.Sequential(OrderedDict(proj=nn.Conv2d(3, width, PATCH, stride=PATCH)))
        self.blocks = nn.ModuleList(_Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=_EPSILON)

    def forward(self, picture: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, TAPS width, H / 14, W / 14), the earliest block first; sides are multiples of 14."""
        patches = self.patch_embed(picture)  # (N, D, h, w)
        rows, columns = patches.shape[-2:]
        x = torch.cat((self.cls_token.expand(len(picture), -1, -1), patches.flatten(2).transpose(1, 2)), dim=1)
        x = x + self._positions(rows, columns)  # (N, 1 + hw, D)
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index >= len(self.blocks) - TAPS:
                maps.append(self.norm(x)[:, 1:].transpose(1, 2).reshape(patches.shape))
        return torch.cat(maps, dim=1)

    def _positions(self, rows: int, columns: int) -> Tensor:
        """(1, 1 + hw, D): bicubic, sampled by the scale that _OFFSET gives and not by that of the sizes."""
        own = self.pos_embed[:, 1:].transpose(1, 2).reshape(1, -1, _GRID, _GRID)
        scale = ((rows + _OFFSET) / _GRID, (columns + _OFFSET) / _GRID)
        scaled = F.interpolate(own, scale_factor=scale, mode="bicubic", align_corners=False)  # (1, D, h, w)
        return torch.cat((self.pos_embed[:, :1], scaled.flatten(2).transpose(1, 2)), dim=1)


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.attn = _Attention(width)
        self.ls1 = _Scale(width)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        layers = OrderedDict(fc1=nn.Linear(width, 4 * width), gelu=nn.GELU(), fc2=nn.Linear(4 * width, width))
        self.mlp = nn.Sequential(layers)
        self.ls2 = _Scale(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        out: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return out


class _Attention(nn.Module):
    """Of tokens to each other, in HEADS heads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).reshape(*x.shape[:2], 3, HEADS, -1).permute(2, 0, 3, 1, 4)  # (N, heads, T, d)
        found = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(found.transpose(1, 2).flatten(2))
        return out


class _Scale(nn.Module):
    """A factor for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma
