r"""The temporal loss: what a pixel was colored in the frame before, it should be colored now.

    L_temporal = mean over pixels and channels of M (x_t - W(x_{t-1}, f))^2,   W(u, f)(p) = u(p + f(p))

f is the flow from frame t to frame t - 1 and M says where it can be trusted (:mod:`colorbench.flow.optical_flow`). The
source is DeepExemplar (Zhang et al., CVPR 2019): squares in CIE units, a mean over all pixels and not over the trusted ones; it
warps frame t to t - 1 and compares there, ours the other way round, which is the order of coloring.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from colorbench.errors import UsageError


@dataclass(frozen=True, slots=True)
class Before:
    """The frame before each sample, as the temporal loss sees it."""

    ab: Tensor
    """(N, 2, H, W) a* and b* predicted for it; gradients go there as well."""
    flow: Tensor
    """(N, 2, H, W) x and y, in pixels, from each pixel of the sample to the like one in the frame before."""
    mask: Tensor
    """(N, 1, H, W) in [0, 1] or bool: where the flow is trusted."""


def temporal_loss(ab: Tensor, before: Before) -> Tensor:
    """The masked mean square between chroma and the chroma of the frame before, carried along.

    Args:
        ab: (N, 2, H, W), CIE units.
        before: see :class:`Before`.

    Returns:
        A scalar; 0 where the mask is empty.

    Raises:
        UsageError: shapes that do not fit each other.
    """
    count, _, height, width = ab.shape
    shapes = {"ab": (count, 2, height, width), "flow": (count, 2, height, width), "mask": (count, 1, height, width)}
    for name, shape in shapes.items():
        found = tuple(getattr(before, name).shape)
        if found != shape:
            raise UsageError(f"{name} of the frame before of shape {found}", wanted=f"{shape}", remedy="compute it at that size")
    difference = ab - warp(before.ab, before.flow)
    return (before.mask.to(ab.dtype) * difference.square()).mean()


def warp(planes: Tensor, flow: Tensor) -> Tensor:
    """Bilinear samples at p + flow(p), of the nearest border pixel outside.

    Args:
        planes: (N, C, H, W).
        flow: (N, 2, H, W) x and y, in pixels.

    Returns:
        (N, C, H, W), differentiable in both; ``planes`` where the flow is 0, but for rounding.
    """
    height, width = planes.shape[-2:]
    y = torch.arange(height, dtype=planes.dtype, device=planes.device)[:, None]
    x = torch.arange(width, dtype=planes.dtype, device=planes.device)
    flow = flow.to(planes.dtype)
    # grid_sample counts from -1 to 1 between the centers of the outermost pixels.
    grid = torch.stack(
        ((flow[:, 0] + x) * (2.0 / max(1, width - 1)) - 1.0, (flow[:, 1] + y) * (2.0 / max(1, height - 1)) - 1.0), dim=-1
    )  # (N, H, W, 2)
    return F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=True)
