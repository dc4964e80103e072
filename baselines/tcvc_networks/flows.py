"""Other flows in FlowNet2's place: those of colorbench.flow.optical_flow, on the frames as 8-bit gray pictures."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from colorbench.flow.optical_flow import Estimator


class EstimatedFlow(nn.Module):
    """An estimator as a flow of TCVC: see Tcvc. Never differentiated; holds no weights of the checkpoint.

    Args:
        estimate: from each pixel of a gray picture to the like one in another.
    """

    def __init__(self, estimate: Estimator) -> None:
        super().__init__()
        self.estimate = estimate

    @torch.no_grad()
    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(N, 3, H, W) each, gray in [0, 1] -> (N, 2, H, W), x and y in pixels."""
        levels = [(x[:, 0] * 255.0).round().clamp(0.0, 255.0).to(torch.uint8).cpu().numpy() for x in (first, second)]
        flows = [self.estimate(gray, other) for gray, other in zip(*levels, strict=True)]  # (H, W, 2) each
        return torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2).to(first)
