"""ProtoSeg: each class is a set of prototypes, and a pixel's score for it the cosine to the nearest of them.

Zhou et al., "Rethinking Semantic Segmentation: A Prototype View", CVPR 2022, DOI 10.1109/CVPR52688.2022.00261. The head is
written from the paper and from the layout of the authors' checkpoint (docs/design/experts.md), whose names it keeps; prototypes
are learned by clustering in training, which is not repeated here. BiSTNet's paper takes its probabilities, BiSTNet's release its
scores before the softmax, from a luminance normalized in one channel's way: ``form`` chooses.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from bistnet.experts.gray import gray_level
from bistnet.experts.hrnet import BRANCHES, branch_features

PROTOTYPES = 10
"""Of each class."""

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's, of red, green and blue in [0, 1]."""


class ProtoSeg(nn.Module):
    """HRNet and a prototype head on gray frames.

    Args:
        backbone: ``hrnet_w48()``; 71,169,398 parameters with it for 19 classes, 1850 entries.
        classes: 19 (Cityscapes) or 150 (ADE20K).
        form: "paper" gives the network the gray sRGB picture, and probabilities come out. "release" gives it
            (L* / 100 - 0.485) / 0.229 in all three channels, and raw scores come out, which are not in [0, 1].
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: nn.Module, *, classes: int = 19, form: Literal["paper", "release"] = "paper") -> None:
        super().__init__()
        self.form = form
        width = sum(BRANCHES)
        self.backbone = backbone
        self.cls_head = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=True)),
            nn.Dropout2d(0.1),
        )
        self.proj_head = _Projection(width)
        self.feat_norm = nn.LayerNorm(width)
        self.mask_norm = nn.LayerNorm(classes)
        self.prototypes = nn.Parameter(torch.empty(classes, PROTOTYPES, width), requires_grad=False)
        nn.init.trunc_normal_(self.prototypes, std=0.02)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def head(self, features: Tensor) -> Tensor:
        """Scores of the joined features.

        The projection is normalized along the picture's width, not over channels: a slip of the released code that its weights
        grew up with, so frames must not be tiled. The cosine is scale-free after it but for what this changes between columns.

        Args:
            features: (N, 720, h, w).

        Returns:
            (N, classes, h, w), of mean 0 and deviation 1 over the classes before ``mask_norm``'s gain and offset.
        """
        x = self.proj_head(self.cls_head(features))
        x = F.normalize(x, dim=-1)  # (N, 720, h, w), over w
        x = F.normalize(self.feat_norm(x.movedim(1, -1)), dim=-1)  # (N, h, w, 720), over channels
        cosine = x @ F.normalize(self.prototypes, dim=-1).flatten(0, 1).T  # (N, h, w, classes * 10)
        nearest = cosine.view(*cosine.shape[:-1], -1, PROTOTYPES).amax(-1)  # (N, h, w, classes)
        scores: Tensor = self.mask_norm(nearest)
        return scores.movedim(-1, 1)

    def scores(self, l_star: Tensor) -> Tensor:
        """(N, 1, H, W) L* in [0, 100] -> (N, classes, H, W) before the softmax."""
        if self.form == "paper":
            x = (gray_level(l_star) - self.mean) / self.std  # (N, 3, H, W)
        else:
            x = ((l_star / 100.0 - MEAN[0]) / STD[0]).expand(-1, 3, -1, -1)
        branches = branch_features(self.backbone, x)
        joined = torch.cat([_enlarged(branch, branches[0]) for branch in branches], dim=1)  # (N, 720, H/4, W/4)
        return _enlarged(self.head(joined), l_star)

    def forward(self, l_star: Tensor) -> Tensor:
        """(N, 1, H, W) L* in [0, 100] -> (N, classes, H, W) probabilities, or scores in the release's form."""
        scores = self.scores(l_star)
        return scores if self.form == "release" else scores.softmax(dim=1)


class _Projection(nn.Module):
    """Two 1x1 convolutions, registered under two names as in the checkpoint."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(nn.Conv2d(width, width, 1), nn.ReLU(inplace=True), nn.Conv2d(width, width, 1))
        self.mlp2 = self.proj

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.proj(x)
        return projected


def _enlarged(x: Tensor, to: Tensor) -> Tensor:
    return F.interpolate(x, to.shape[-2:], mode="bilinear", align_corners=True)
