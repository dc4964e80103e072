"""What ColorMNet remembers of a colored picture: ResNet-18's third level of each plane of chroma, with the picture's features."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from baselines.colormnet_networks.blocks import Fuser, gated, residual_stage


class ValueEncoder(nn.Module):
    """Values, and the hidden state that they move through gates, which XMem calls its deep update.

    Args:
        width: 64 in the release.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(5, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = residual_stage("basic", width, width, 2)
        self.layer2 = residual_stage("basic", width, 2 * width, 2, stride=2)
        self.layer3 = residual_stage("basic", 2 * width, 4 * width, 2, stride=2)
        self.fuser = Fuser(16 * width + 4 * width, 8 * width)
        transform = nn.Conv2d(8 * width + width, 3 * width, 3, padding=1)
        self.hidden_reinforce = nn.Sequential(OrderedDict(transform=transform))

    def forward(self, picture: Tensor, level: Tensor, ab: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """A colored picture to the planes' values.

        Args:
            picture: (1, 3, H, W).
            level: (1, 16 width, H / 16, W / 16), the key encoder's coarsest.
            ab: (1, 2, H, W) a* and b* over 110.
            hidden: (2, width, H / 16, W / 16).

        Returns:
            Values (2, 8 width, H / 16, W / 16), of a* and of b*, and the next hidden state.
        """
        own = ab.transpose(0, 1)  # (2, 1, H, W)
        x = torch.cat((picture.expand(2, -1, -1, -1), own, own.flip(0)), dim=1)  # (2, 5, H, W): the other plane is last
        x = F.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, stride=2, padding=1)
        values = self.fuser(level, self.layer3(self.layer2(self.layer1(x))))
        return values, gated(self.hidden_reinforce(torch.cat((values, hidden), dim=1)), hidden)
