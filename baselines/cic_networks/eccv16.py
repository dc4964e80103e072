"""CIC's network: for each position a distribution over 313 colors, and their mean.

After Zhang, Isola and Efros, Colorful Image Colorization (ECCV 2016, arXiv 1603.08511), and the released file's names and shapes:
at width 64 it has its 32,236,011 parameters in 82 entries under the same names, so they load strictly. How it differs from the
released code: in nothing that is computed. ReLU works in place, and the mean's temperature can be set.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from baselines.cic_networks.bins import bin_centers
from baselines.cic_networks.blocks import block, chain, doubling

CHROMA_SCALE = 110.0
"""What the network calls 1 in a* and b*."""


class Eccv16(nn.Module):
    """Eight levels to 1/8 and back to 1/4, without skips.

    Args:
        width: channels of the first level; 64 in the release.
        temperature: what logits are divided by before the softmax, 0.38 in the paper: between the mean (1), which is grayish, and
            the mode (0), which is vivid and blotchy. The released PyTorch code has none, which is 1; the Caffe version multiplies
            by 2.606, about 1 / 0.38. Whether the PyTorch file has that folded into ``model8.6`` can't be known without the file.
    """

    def __init__(self, *, width: int = 64, temperature: float = 1.0) -> None:
        super().__init__()
        a, b, c, d = width, 2 * width, 4 * width, 8 * width
        self.temperature = temperature
        self.model1 = block(1, a, 2, stride=2)
        self.model2 = block(a, b, 2, stride=2)
        self.model3 = block(b, c, 3, stride=2)
        self.model4 = block(c, d, 3)
        self.model5 = block(d, d, 3, dilation=2)
        self.model6 = block(d, d, 3, dilation=2)
        self.model7 = block(d, d, 3)
        centers = torch.from_numpy(bin_centers().copy()).float()
        self.model8 = nn.Sequential(doubling(d, c), nn.ReLU(inplace=True), *chain(c, c, 2), nn.Conv2d(c, len(centers), 1))
        self.model_out = nn.Conv2d(len(centers), 2, 1, bias=False)
        self.model_out.weight = nn.Parameter(centers.T[:, :, None, None] / CHROMA_SCALE, requires_grad=False)

    def logits(self, gray: Tensor) -> Tensor:
        """(N, 1, H, W) L* / 100 - 0.5 -> (N, 313, H / 4, W / 4), before temperature and softmax."""
        x = gray
        for level in (self.model1, self.model2, self.model3, self.model4, self.model5, self.model6, self.model7):
            x = level(x)  # (N, 8w, H / 8, W / 8) from the third on
        logits: Tensor = self.model8(x)
        return logits

    def forward(self, gray: Tensor) -> Tensor:
        """A picture's chroma.

        Args:
            gray: (N, 1, H, W) L* / 100 - 0.5; sides are multiples of 8.

        Returns:
            (N, 2, H, W) a* and b* over 110: means at 1/4, enlarged bilinearly.
        """
        chosen = torch.softmax(self.logits(gray) / self.temperature, dim=1)
        return F.interpolate(self.model_out(chosen), scale_factor=4.0, mode="bilinear", align_corners=False)
