"""DDColor's color decoder: learned queries that look at the picture at three sizes in turn, and become colors.

After Kang et al. (ICCV 2023), in the form of Mask2Former's decoder (Cheng et al., CVPR 2022) without masks. Each layer is
cross-attention, self-attention and a feed-forward part, each with its residual and then a layer normalization.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

LAYERS = 9
HEADS = 8


class ColorDecoder(nn.Module):
    """Modules have the released names; batches come first, where the release has them second.

    Args:
        maps: channels of the maps that are looked at, which take turns, the smallest first.
        channels: of the queries; a multiple of HEADS and of 4.
        queries: how many.
    """

    def __init__(self, maps: Sequence[int], *, channels: int, queries: int) -> None:
        super().__init__()
        self.query_feat = nn.Embedding(queries, channels)
        self.query_embed = nn.Embedding(queries, channels)
        self.level_embed = nn.Embedding(len(maps), channels)
        self.input_proj = nn.ModuleList(nn.Conv2d(inside, channels, 1) for inside in maps)
        self.transformer_cross_attention_layers = nn.ModuleList(CrossAttention(channels) for _ in range(LAYERS))
        self.transformer_self_attention_layers = nn.ModuleList(SelfAttention(channels) for _ in range(LAYERS))
        self.transformer_ffn_layers = nn.ModuleList(FeedForward(channels, 8 * channels) for _ in range(LAYERS))
        self.decoder_norm = nn.LayerNorm(channels)
        self.color_embed = Perceptron(channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """(N, maps[i], H_i, W_i) for each map -> (N, queries, channels), a vector for each color."""
        values, keys = [], []
        for project, level, x in zip(self.input_proj, self.level_embed.weight, maps, strict=True):
            values.append(project(x).flatten(2).transpose(1, 2) + level)  # (N, H W, C)
            keys.append(values[-1] + sine_positions(x.shape[2], x.shape[3], like=level))
        places = self.query_embed.weight
        queries = self.query_feat.weight.expand(len(maps[0]), -1, -1)  # (N, Q, C)
        layers = zip(
            self.transformer_cross_attention_layers,
            self.transformer_self_attention_layers,
            self.transformer_ffn_layers,
            strict=True,
        )
        for index, (cross_attention, self_attention, feed_forward) in enumerate(layers):
            turn = index % len(maps)
            queries = cross_attention(queries, places, keys[turn], values[turn])
            queries = feed_forward(self_attention(queries, places))
        colors: Tensor = self.color_embed(self.decoder_norm(queries))
        return colors


class CrossAttention(nn.Module):
    """From the queries to the pixels of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(channels, HEADS, batch_first=True)
        self.norm = nn.LayerNorm(channels)

    def forward(self, queries: Tensor, places: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(N, Q, C), (Q, C) and (N, P, C) twice -> (N, Q, C)."""
        found, _ = self.multihead_attn(queries + places, keys, values, need_weights=False)
        normalized: Tensor = self.norm(queries + found)
        return normalized


class SelfAttention(nn.Module):
    """Among the queries."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(channels, HEADS, batch_first=True)
        self.norm = nn.LayerNorm(channels)

    def forward(self, queries: Tensor, places: Tensor) -> Tensor:
        """(N, Q, C) and (Q, C) -> (N, Q, C)."""
        placed = queries + places
        found, _ = self.self_attn(placed, placed, queries, need_weights=False)
        normalized: Tensor = self.norm(queries + found)
        return normalized


class FeedForward(nn.Module):
    """Each query by itself."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(channels, hidden)
        self.linear2 = nn.Linear(hidden, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, queries: Tensor) -> Tensor:
        """(N, Q, C) -> the same shape."""
        normalized: Tensor = self.norm(queries + self.linear2(F.relu(self.linear1(queries))))
        return normalized


class Perceptron(nn.Module):
    """Three linear layers, ReLU between them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(channels, channels) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> the same shape."""
        first, second, third = self.layers
        out: Tensor = third(F.relu(second(F.relu(first(x)))))
        return out


def sine_positions(height: int, width: int, *, like: Tensor) -> Tensor:
    """Where each pixel lies: half of the channels for its row, then half for its column.

    Of n rows, row i, counted from 1, is the angle t = 2 pi i / (n + 1e-6). With h half of the channels, channel 2k is
    sin(t / 10000^(2k / h)) and channel 2k + 1 its cosine. Columns alike (Vaswani et al., 2017, in DETR's form).

    Args:
        height: rows.
        width: columns.
        like: (channels,), a multiple of 4; its type and device are the result's.

    Returns:
        (height * width, channels), row by row.

    >>> sine_positions(4, 1, like=torch.zeros(4)).round(decimals=3)[0].abs().tolist()
    [1.0, 0.0, 0.0, 1.0]
    """
    half = like.numel() // 2
    rates = 10000.0 ** (-torch.arange(0, half, 2, dtype=torch.float64) / half)

    def along(count: int) -> Tensor:
        angles = torch.arange(1, count + 1, dtype=torch.float64)[:, None] * (2.0 * math.pi / (count + 1e-6)) * rates
        return torch.stack((angles.sin(), angles.cos()), dim=2).flatten(1).to(like)  # (count, half)

    rows = along(height)[:, None].expand(-1, width, -1)
    columns = along(width)[None].expand(height, -1, -1)
    return torch.cat((rows, columns), dim=2).flatten(0, 1)
