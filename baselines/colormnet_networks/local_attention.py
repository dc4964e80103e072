"""ColorMNet's short-term memory: each position of a frame looks around its own place in the last remembered frame.

After the local attention of Yang et al., Associating Objects with Transformers (NeurIPS 2021; gated propagation, 2022), as the
released names and shapes have it: one head and no projections. Their correlation operator, which needs a GPU, is a matrix product
a row here, in which windows are diagonals.
"""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

WINDOW = 15
"""Rows and columns that a position looks at, its own in the middle."""


class LocalAttention(nn.Module):
    """Softmax of query . key / sqrt(D) + b(query) over the window, b a learned score for each of its places.

    What the weights gather of the values goes through a depthwise convolution and a linear layer.

    Args:
        key: channels D of queries and keys.
        value: channels of values.
    """

    def __init__(self, key: int, value: int) -> None:
        super().__init__()
        self.relative_emb_k = nn.Conv2d(key, WINDOW**2, 1)
        conv = nn.Conv2d(value, value, 5, padding=2, groups=value, bias=False)
        self.dw_conv = nn.Sequential(OrderedDict(conv=conv))
        self.projection = nn.Linear(value, value)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """What each position finds.

        Args:
            query: (1, D, h, w).
            key: (1, D, h, w), of the frame that is looked at.
            value: (1, V, h, w), of that frame.

        Returns:
            (1, V, h, w). Places outside the frame have no weight. One row of queries is in memory at a time.
        """
        height, width = query.shape[-2:]
        margin = (WINDOW // 2,) * 4
        keys, values = F.pad(key, margin)[0], F.pad(value, margin)[0]  # (D, h + 14, w + 14), (V, h + 14, w + 14)
        outside = F.pad(key.new_zeros(height, width), margin, value=-math.inf)  # (h + 14, w + 14)
        biases = self.relative_emb_k(query)[0].reshape(WINDOW, WINDOW, height, width)
        scaled = query[0] / math.sqrt(query.shape[1])
        found = []
        for row in range(height):
            near = slice(row, row + WINDOW)
            products = torch.einsum("dx,dyk->xyk", scaled[:, row], keys[:, near]) + outside[near]  # (w, 15, w + 14)
            scores = _windows(products) + biases[:, :, row]  # (15, 15, w)
            spread = torch.zeros_like(products)
            _windows(spread).copy_(scores.flatten(0, 1).softmax(dim=0).reshape(scores.shape))
            found.append(torch.einsum("xyk,vyk->vx", spread, values[:, near]))
        mixed = self.dw_conv(torch.stack(found, dim=1)[None])
        out: Tensor = self.projection(mixed.movedim(1, -1)).movedim(-1, 1)
        return out


def _windows(row: Tensor) -> Tensor:
    """(w, 15, w + 14), places by positions of a row -> (15, 15, w), a view: the places of each position's own window."""
    return row.unfold(2, WINDOW, 1).diagonal(dim1=0, dim2=2)
