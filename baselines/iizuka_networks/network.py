"""Iizuka's network: features of each place and of the whole picture, fused, and color made of them.

After Iizuka, Simo-Serra and Ishikawa, Let there be Color! (ACM Transactions on Graphics 35(4), SIGGRAPH 2016), table 1: at width
64 without batch normalization it has that table's 42,169,826 parameters, the classifier left out, which colors nothing. The
authors published a trained file and no definition, so the released network takes its layers from the file: see release.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIDE = 224
"""Rows and columns of the copy that the whole picture's features are made of."""


class IizukaNet(nn.Module):
    """Low-level features of the frame and of a small square copy, by the same layers; mid-level features of the one; a vector of
    the other, repeated over all places; a convolution over both; color, doubling the size twice.

    Args:
        width: channels of the first layer; 64 in the paper.
        side: of the square copy, a multiple of 32; 224 in the paper.
        batch_norm: after each layer but the last, as the paper says, before ReLU.
    """

    def __init__(self, *, width: int = 64, side: int = SIDE, batch_norm: bool = True) -> None:
        super().__init__()
        a, b, c, d = width, 2 * width, 4 * width, 8 * width
        self.low = _layers(batch_norm, _conv(1, a, 2), _conv(a, b), _conv(b, b, 2), _conv(b, c), _conv(c, c, 2), _conv(c, d))
        self.mid = _layers(batch_norm, _conv(d, d), _conv(d, c))
        convolutions = (_conv(d, d, 2), _conv(d, d), _conv(d, d, 2), _conv(d, d))
        vector = (nn.Linear(d * (side // 32) ** 2, 16 * width), nn.Linear(16 * width, d), nn.Linear(d, c))
        self.whole = _layers(batch_norm, *convolutions, nn.Flatten(), *vector)
        self.color = nn.Sequential(
            *_layers(batch_norm, nn.Conv2d(2 * c, c, 1), _conv(c, b)),
            nn.Upsample(scale_factor=2.0),
            *_layers(batch_norm, _conv(b, a), _conv(a, a)),
            nn.Upsample(scale_factor=2.0),
            *_layers(batch_norm, _conv(a, a // 2)),
            _conv(a // 2, 2),
            nn.Sigmoid(),
        )
        self.low_of_copy: nn.Sequential | None = None
        """Only of a file whose two branches differ, in their statistics for instance."""
        self.vector_first = True
        """Which is above in the fused channels."""

    def forward(self, frame: Tensor, copy: Tensor) -> Tensor:
        """A picture's chroma.

        Args:
            frame: (N, 1, H, W) gray in [0, 1], minus the mean; sides are multiples of 8.
            copy: (N, 1, side, side), the frame scaled.

        Returns:
            (N, 2, H / 2, W / 2) in [0, 1]: a* and b* over 200, plus 0.5.
        """
        places = self.mid(self.low(frame))  # (N, 4w, H / 8, W / 8)
        low_of_copy = self.low if self.low_of_copy is None else self.low_of_copy
        vector = self.whole(low_of_copy(copy))  # (N, 4w)
        repeated = vector[:, :, None, None].expand(-1, -1, *places.shape[-2:])
        parts = (repeated, places) if self.vector_first else (places, repeated)
        chroma: Tensor = self.color(torch.cat(parts, dim=1))
        return chroma


def _conv(inside: int, outside: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, stride=stride, padding=1)


def _layers(batch_norm: bool, *modules: nn.Module) -> nn.Sequential:
    """Each module with weights, followed by normalization and ReLU."""
    layers: list[nn.Module] = []
    for module in modules:
        layers.append(module)
        if isinstance(module, nn.Flatten):
            continue
        if batch_norm and isinstance(module, nn.Conv2d):
            layers.append(nn.BatchNorm2d(module.out_channels))
        elif batch_norm and isinstance(module, nn.Linear):
            layers.append(nn.BatchNorm1d(module.out_features))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
