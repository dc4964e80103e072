"""What was found in memory to chroma: XMem's decoder, once for each plane, and the hidden state's update on the way."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from baselines.colormnet_networks.blocks import Fuser, ResBlock, gated


class Decoder(nn.Module):
    """From 1/16 to 1/4, where one convolution gives the plane; what is left of the way is bilinear.

    Args:
        width: 64 in the release.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.fuser = Fuser(16 * width + 8 * width + width, 8 * width)
        self.hidden_update = _HiddenUpdate(width)
        self.up_16_8 = _Up(8 * width, 8 * width, 4 * width)
        self.up_8_4 = _Up(4 * width, 4 * width, 4 * width)
        self.pred = nn.Conv2d(4 * width, 1, 3, padding=1)

    def forward(self, levels: tuple[Tensor, Tensor, Tensor], found: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """A picture's chroma.

        Args:
            levels: the key encoder's, coarse to fine.
            found: (2, 8 width, H / 16, W / 16), what memory gives for a* and for b*.
            hidden: (2, width, H / 16, W / 16).

        Returns:
            (1, 2, H, W) a* and b* over 110, within 1, and the next hidden state.
        """
        sixteenth, eighth, quarter = levels
        g16 = self.fuser(sixteenth, torch.cat((found, hidden), dim=1))  # (2, 8 width, H / 16, W / 16)
        g8 = self.up_16_8(eighth, g16)  # (2, 4 width, H / 8, W / 8)
        g4 = self.up_8_4(quarter, g8)  # (2, 4 width, H / 4, W / 4)
        planes = self.pred(torch.relu(g4))  # (2, 1, H / 4, W / 4)
        hidden = self.hidden_update(g16, g8, torch.cat((g4, planes), dim=1), hidden)
        ab = torch.tanh(F.interpolate(planes, scale_factor=4.0, mode="bilinear", align_corners=False))
        return ab.transpose(0, 1), hidden


class _Up(nn.Module):
    """A plane's features at twice the size, with the picture's of that size."""

    def __init__(self, skip: int, inside: int, outside: int) -> None:
        super().__init__()
        self.skip_conv = nn.Conv2d(skip, inside, 3, padding=1)
        self.out_conv = ResBlock(inside, outside)

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        """(1, skip, 2h, 2w) and (N, inside, h, w) -> (N, outside, 2h, 2w)."""
        enlarged = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        out: Tensor = self.out_conv(self.skip_conv(skip) + enlarged)
        return out


class _HiddenUpdate(nn.Module):
    """All three sizes of a plane's features, averaged down to the coarsest, move its hidden state."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.g16_conv = nn.Conv2d(8 * width, 4 * width, 1)
        self.g8_conv = nn.Conv2d(4 * width, 4 * width, 1)
        self.g4_conv = nn.Conv2d(4 * width + 1, 4 * width, 1)
        self.transform = nn.Conv2d(4 * width + width, 3 * width, 3, padding=1)

    def forward(self, g16: Tensor, g8: Tensor, g4: Tensor, hidden: Tensor) -> Tensor:
        x = self.g16_conv(g16) + self.g8_conv(F.avg_pool2d(g8, 2)) + self.g4_conv(F.avg_pool2d(g4, 4))
        return gated(self.transform(torch.cat((x, hidden), dim=1)), hidden)
