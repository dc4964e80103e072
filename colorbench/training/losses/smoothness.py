r"""Smoothness weighted by luminance: a pixel's chroma should be what its neighbors of like luminance have.

    L_smooth = mean over pixels and channels of (x_i - sum_j w_ij x_j)^2
    w_ij = e_ij / sum_k e_ik,   e_ij = exp(-(L_i - L_j)^2 / ALPHA)

with j and k over the 3x3 pixels around i, i among them. The source is DeepExemplar (Zhang et al., CVPR 2019; its paper weights by
luminance and calls the weights WLS, its training code by L*, a* and b* of the true frame, with ALPHA 10 and squares; units are
CIE's). How ours differs: luminance alone, which is there when films are colored as well; and at the border the neighbors that
exist, where its zero padding counts as a color.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

ALPHA = 10.0
"""Squared units of L* at which a neighbor's weight has fallen to 1/e."""

_CUTOFF = -60.0
"""Exponents under this count as this: e^-60 is nothing beside the pixel's own 1, and denormal numbers are slow."""

_EDGES = ((0, 1), (1, -1), (1, 0), (1, 1))
"""(down, right) to one of each pair of opposite neighbors."""


def smoothness_loss(ab: Tensor, l_star: Tensor, *, alpha: float = ALPHA) -> Tensor:
    """The mean square by which chroma differs from the weighted mean of its neighborhood; no gradient for the luminance.

    Args:
        ab: (N, 2, H, W), CIE units.
        l_star: (N, 1, H, W) in [0, 100].
        alpha: smaller values stop at weaker edges.

    Returns:
        A scalar, 0 where chroma is constant.
    """
    with torch.no_grad():
        weights = [_difference(l_star, *edge).square_().div_(-alpha).clamp_(min=_CUTOFF).exp_() for edge in _EDGES]
        total = torch.ones_like(l_star)
        for weight, edge in zip(weights, _EDGES, strict=True):
            for end in _ends(total, *edge):
                end += weight
    residual: Tensor = _Laplacian.apply(ab, *weights)  # type: ignore[no-untyped-call]
    return (residual / total).square().mean()


class _Laplacian(torch.autograd.Function):
    """sum_j e_ij (x_i - x_j) for each i. Symmetric in i and j, so its gradient is itself, of the gradient of its result."""

    @staticmethod
    def forward(planes: Tensor, *weights: Tensor) -> Tensor:
        result = torch.zeros_like(planes)
        for weight, edge in zip(weights, _EDGES, strict=True):
            pull = _difference(planes, *edge).mul_(weight)
            first, second = _ends(result, *edge)
            first += pull
            second -= pull
        return result

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ARG004 - torch passes it
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        result: Tensor = _Laplacian.apply(gradient, *ctx.saved_tensors)  # type: ignore[no-untyped-call]
        return result, *(None for _ in _EDGES)


def _difference(planes: Tensor, down: int, right: int) -> Tensor:
    """u_i - u_j for all pixels i with a neighbor j there: (N, C, H, W) -> (N, C, H - down, W - |right|)."""
    first, second = _ends(planes, down, right)
    return first - second


def _ends(planes: Tensor, down: int, right: int) -> tuple[Tensor, Tensor]:
    """Views of all pixels with a neighbor there, and of these neighbors."""
    height, width = planes.shape[-2:]
    left, right = max(0, -right), max(0, right)
    return planes[..., : height - down, left : width - right], planes[..., down:, right : width - left]
