"""HRNet-W48 from mmsegmentation, run as ProtoSeg's authors run it.

Wang et al., "Deep High-Resolution Representation Learning for Visual Recognition", DOI 10.1109/TPAMI.2020.2983686.
mmsegmentation's network has the very keys of the authors' checkpoint. Its own forward pass enlarges lower branches with
``align_corners=False``; the checkpoint was trained with True, so the pass is walked through here.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from bistnet.experts.mmseg_expert import mmseg_stack

BRANCHES = (48, 96, 192, 384)
"""Channels at 1/4, 1/8, 1/16 and 1/32 of the frame's size."""


def hrnet_w48() -> nn.Module:
    """The backbone with random weights: 65,325,120 parameters, 1830 entries. Takes about 1 s after mmsegmentation's import."""
    first = {"num_modules": 1, "num_branches": 1, "block": "BOTTLENECK", "num_blocks": (4,), "num_channels": (64,)}
    stages: dict[str, Any] = {"stage1": first}
    for branches, modules in ((2, 1), (3, 4), (4, 3)):
        stages[f"stage{branches}"] = {
            "num_modules": modules,
            "num_branches": branches,
            "block": "BASIC",
            "num_blocks": (4,) * branches,
            "num_channels": BRANCHES[:branches],
        }
    with mmseg_stack():
        from mmseg.models.backbones import HRNet

        backbone: nn.Module = HRNet(stages, norm_cfg={"type": "BN"})
    return backbone


def branch_features(backbone: nn.Module, x: Tensor, *, align_corners: bool = True) -> list[Tensor]:
    """The four branches of an HRNet.

    Args:
        backbone: as ``hrnet_w48`` makes it.
        x: (N, 3, H, W), normalized.
        align_corners: how lower branches are enlarged before they are added; False is mmsegmentation's own pass.

    Returns:
        (N, 48, H/4, W/4), (N, 96, H/8, W/8), (N, 192, H/16, W/16), (N, 384, H/32, W/32), each halving rounded up.
    """
    parts: Any = backbone
    x = F.relu(parts.norm1(parts.conv1(x)))  # (N, 64, H/2, W/2)
    x = F.relu(parts.norm2(parts.conv2(x)))  # (N, 64, H/4, W/4)
    branches: list[Tensor] = [parts.layer1(x)]  # (N, 256, H/4, W/4)
    for transition, stage in (("transition1", "stage2"), ("transition2", "stage3"), ("transition3", "stage4")):
        layers = getattr(parts, transition)
        lowest = branches[-1]
        branches = [branches[i] if layer is None else layer(lowest) for i, layer in enumerate(layers)]
        for module in getattr(parts, stage):
            branches = _exchange(module, branches, align_corners=align_corners)
    return branches


def _exchange(module: Any, branches: list[Tensor], *, align_corners: bool) -> list[Tensor]:
    """One module of a stage: blocks in each branch, then every branch takes the sum of all, brought to its size."""
    branches = [blocks(x) for blocks, x in zip(module.branches, branches, strict=True)]
    results = []
    for i, layers in enumerate(module.fuse_layers):
        terms: list[Tensor] = []
        for j, (layer, x) in enumerate(zip(layers, branches, strict=True)):
            if j > i:
                x = layer[1](layer[0](x))
                terms.append(F.interpolate(x, branches[i].shape[-2:], mode="bilinear", align_corners=align_corners))
            else:
                terms.append(x if j == i else layer(x))
        results.append(F.relu(functools.reduce(torch.add, terms)))
    return results
