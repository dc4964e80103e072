"""FAVC's second stage, VCRN: a frame's colors made to agree with those that the frame before had.

The frame before is carried along by optical flow. Where gray agrees within 0.05 after that and color, in its worst channel,
does not, the first stage is not believed: gray takes the color's place there, and a U-Net repairs it. The released test scripts
have no such stage. ``main_whole.py`` has, but from the second pair of frames on it warps what came out for the first pair,
every time, a slip that the paper and that script's own evaluation do not have. Here each frame sees what came out for the one
before.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.favc_networks.unet import UNet
from colorbench.training.losses.warping import warp

CHANNELS = 18
"""Six pictures of three channels."""

SCOPE = "VCRNr_"
"""What the released names of its variables begin with."""

TOLERANCE = 0.05
"""Of values in [0, 1]."""


def refined(network: UNet, rgb: Tensor, gray: Tensor, *, before: Tensor, gray_before: Tensor, flow: Tensor) -> Tensor:
    """A frame's colors behind the second stage.

    Args:
        network: VCRN, a U-Net of CHANNELS in and 3 out.
        rgb: (N, 3, H, W), about [0, 1], of the first stage. Sides are multiples of 16.
        gray: (N, 1, H, W) in [0, 1].
        before: (N, 3, H, W): what came out for the frame before.
        gray_before: (N, 1, H, W), of that frame.
        flow: (N, 2, H, W) x and y in pixels, from each pixel of the frame to the like one in the frame before.

    Returns:
        (N, 3, H, W) RGB, about [0, 1].
    """
    carried = warp(before, flow)
    same_color = _agrees(carried, rgb)
    same_gray = _agrees(warp(gray_before, flow), gray)
    doubtful = same_gray & ~same_color
    pictures = [torch.where(doubtful, gray, rgb), carried, rgb]
    pictures += [plane.to(rgb.dtype).expand_as(rgb) for plane in (doubtful, same_color, same_gray)]
    out: Tensor = network(pictures)
    return out


def _agrees(a: Tensor, b: Tensor) -> Tensor:
    """(N, C, H, W) twice -> (N, 1, H, W) bool: the largest difference over the channels is under the tolerance."""
    return (a - b).abs().amax(dim=1, keepdim=True) < TOLERANCE
