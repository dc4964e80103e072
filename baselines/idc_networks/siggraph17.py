"""IDC's network, without hints: a U-Net that colors by regression.

After Zhang et al., Real-Time User-Guided Image Colorization with Learned Deep Priors (SIGGRAPH 2017, arXiv 1705.02999), and the
released file's names and shapes: at width 64 it has its 34,187,027 parameters in 107 entries under the same names, so they load
strictly. How it differs from the released code: hints can't be given, and the last two levels run once instead of twice with the
same result.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.cic_networks.blocks import block, doubling


class Siggraph17(nn.Module):
    """Levels at 1, 1/2, 1/4 and 1/8, which keep every second pixel where they shrink, and skips that are added on the way back.

    Args:
        width: channels at full size; 64 in the release.
        classes: of the second head, 529 in the release: the GUI's suggestions. Held for the file to fit and never run. 0 leaves
            it out.
        no_hint: what stands in the fourth channel where no color is given: 0 for the file that the authors converted from Caffe,
            -0.5 for networks that were trained with the mask centered (their PyTorch training code, InstColorization).
    """

    def __init__(self, *, width: int = 64, classes: int = 529, no_hint: float = 0.0) -> None:
        super().__init__()
        a, b, c, d = width, 2 * width, 4 * width, 8 * width
        self.no_hint = no_hint
        self.model1 = block(4, a, 2)
        self.model2 = block(a, b, 2)
        self.model3 = block(b, c, 3)
        self.model4 = block(c, d, 3)
        self.model5 = block(d, d, 3, dilation=2)
        self.model6 = block(d, d, 3, dilation=2)
        self.model7 = block(d, d, 3)
        self.model8up = nn.Sequential(doubling(d, c))
        self.model3short8 = nn.Sequential(nn.Conv2d(c, c, 3, padding=1))
        self.model8 = nn.Sequential(nn.ReLU(), *block(c, c, 2))
        self.model9up = nn.Sequential(doubling(c, b))
        self.model2short9 = nn.Sequential(nn.Conv2d(b, b, 3, padding=1))
        self.model9 = nn.Sequential(nn.ReLU(), *block(b, b, 1))
        self.model10up = nn.Sequential(doubling(b, b))
        self.model1short10 = nn.Sequential(nn.Conv2d(a, b, 3, padding=1))
        self.model10 = nn.Sequential(nn.ReLU(), nn.Conv2d(b, b, 3, padding=1), nn.LeakyReLU(0.2))
        if classes:
            self.model_class = nn.Sequential(nn.Conv2d(c, classes, 1))
        self.model_out = nn.Sequential(nn.Conv2d(b, 2, 1), nn.Tanh())

    def features(self, gray: Tensor) -> Tensor:
        """(N, 1, H, W) L* / 100 - 0.5 -> (N, 2w, H, W), what ``model_out`` makes chroma of; sides are multiples of 8."""
        no_color = gray.new_zeros(1, 1, 1, 1).expand(len(gray), 2, *gray.shape[2:])
        one = self.model1(torch.cat((gray, no_color, torch.full_like(gray, self.no_hint)), dim=1))  # (N, w, H, W)
        two = self.model2(_every_second(one))  # (N, 2w, H / 2, W / 2)
        three = self.model3(_every_second(two))  # (N, 4w, H / 4, W / 4)
        x = self.model4(_every_second(three))  # (N, 8w, H / 8, W / 8)
        x = self.model7(self.model6(self.model5(x)))
        x = self.model8(self.model8up(x) + self.model3short8(three))
        x = self.model9(self.model9up(x) + self.model2short9(two))
        features: Tensor = self.model10(self.model10up(x) + self.model1short10(one))
        return features

    def forward(self, gray: Tensor) -> Tensor:
        """(N, 1, H, W) L* / 100 - 0.5 -> (N, 2, H, W) a* and b* over 110, within 1."""
        ab: Tensor = self.model_out(self.features(gray))
        return ab


def _every_second(x: Tensor) -> Tensor:
    return x[:, :, ::2, ::2]
