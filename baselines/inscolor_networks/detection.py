"""Boxes from torchvision's Mask R-CNN with ResNet-50 and FPN, version 2, trained on COCO (box AP 47.4).

The authors take detectron2's with ResNeXt-101 (box AP 44.3), whose file is a pickle for detectron2's own code; boxes differ,
most of them little. As there, the network sees the frame's L*, scaled to 8 bits and repeated three times, and scores from 0.7
count.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from baselines.inscolor_networks.boxes import Box
from colorbench.errors import MethodError
from colorbench.nets.checkpoints import load_strict, read_state
from colorbench.system.compat import ensure_torchvision

if TYPE_CHECKING:
    from colorbench.method import GrayClip

LEAST_SCORE = 0.7


class Detector:
    """Satisfies Boxes.

    Args:
        network: a torchvision detector, (3, H, W) in [0, 1] each -> ``boxes`` and ``scores`` each; moved to the device.
        device: "cpu" or "cuda".
    """

    def __init__(self, network: nn.Module, *, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()

    def of(self, clip: GrayClip, index: int) -> Sequence[Box]:
        """See Boxes."""
        levels = (torch.from_numpy(clip.luminance(index)) * 2.55).round() / 255.0  # (H, W)
        with torch.inference_mode():
            found: dict[str, Tensor] = self.network([levels.to(self.device).expand(3, -1, -1)])[0]
        rows = torch.cat((found["boxes"], found["scores"][:, None]), dim=1)
        return [Box(*row) for row in rows.tolist() if row[-1] >= LEAST_SCORE]


def load_detector(path: Path, *, device: str = "cpu") -> Detector:
    """torchvision's ``maskrcnn_resnet50_fpn_v2`` with weights of a file. Its masks are not computed.

    Raises:
        WeightsError: the file can't be read, or is another network's.
        MethodError: this torchvision can't detect; see ``operators_missing``.
    """
    if reason := operators_missing():
        raise MethodError(reason, wanted="a torchvision built for this torch", remedy="install it, or give boxes=FILE")
    from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

    network: Any = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, box_score_thresh=LEAST_SCORE)
    load_strict(network, read_state(path), source=path)
    network.roi_heads.mask_roi_pool = None
    return Detector(network, device=device)


def operators_missing() -> str:
    """Why this torchvision can't detect: beside a torch that it was not built for, it has no compiled operators. Else empty."""
    ensure_torchvision()
    from torchvision import __version__
    from torchvision.ops import nms

    try:
        nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except (RuntimeError, NotImplementedError):
        return f"torchvision {__version__} has no compiled operators for torch {torch.__version__}"
    return ""
