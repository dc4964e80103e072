r"""The edge loss, eq. 4 of the paper: chroma should have its edges where the luminance has them.

    L_edge = || S(x_t) - S(z_t) ||_2                                                          (4)

As printed, x_t is the gray input and z_t the colored frame, whose luminance is the input's: on luminance the term is zero. Ours
compares what the loss it is taken from (Kim et al., Deep Edge-Aware Interactive Colorization against Color-Bleeding Effects, ICCV
2021) is meant to compare, gray edges with color edges:

    e(u) = sqrt(sum over channels of (S_x u)^2 + (S_y u)^2),   edge(u) = e(u) / max e(u),   L = rms(edge(x) - edge(ab))

S are the Sobel filters over 8, so that a ramp of one unit a pixel has magnitude 1. The magnitude of a* and b* together does not
change when hues are turned. The root mean square over a picture is eq. 4's norm over the root of its pixels: a size of its own
would make the weight depend on the crop.

**Gradients.** The root is sqrt(s + ROUND^2) - ROUND: smooth, and exactly 0 where nothing changes. The maximum is a constant for
the gradient. Were it not, the whole picture's pull on the scale would land on the few pixels about the one that holds the
maximum: measured on 14 DAVIS frames at 384x224, that is 99.9 % of the gradient's norm. Pictures whose largest edge is under FLOOR
are divided by FLOOR: noise in a gray frame is not enlarged to full range.
"""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor
from torch.autograd.function import once_differentiable

from colorbench.errors import UnknownNameError

Against = Literal["luminance", "truth"]

ROUND = 2.0**-6
"""Units a pixel, below which a magnitude is rounded to a parabola. A power of two: the root of its square is exact."""

FLOOR = 1.0
"""The least that magnitudes are divided by, in units a pixel."""


def edge_loss(ab: Tensor, l_star: Tensor, truth_ab: Tensor, *, against: Against = "luminance") -> Tensor:
    """Eq. 4, see above; each picture's root mean square, averaged over the batch.

    Args:
        ab: (N, 2, H, W) predicted a* and b*.
        l_star: (N, 1, H, W) in [0, 100].
        truth_ab: (N, 2, H, W).
        against: "luminance" takes the edges of the input, which is eq. 4; "truth" those of the true chroma, which has none where
            colors change little: ours, and 0 for a perfect picture, which eq. 4 is not.

    Returns:
        A scalar in [0, 1] (up to FLOOR).

    Raises:
        UnknownNameError: another name.
    """
    if against not in get_args(Against):
        raise UnknownNameError("edges to compare with", against, get_args(Against))
    with torch.no_grad():
        wanted = unit_edges(l_star if against == "luminance" else truth_ab)  # (N, 1, H, W)
    difference = (unit_edges(ab) - wanted).flatten(1)
    # The norm's gradient is 0 where it is 0.
    norms: Tensor = torch.linalg.vector_norm(difference, dim=1)  # (N,)
    return norms.mean() / math.sqrt(difference.shape[1])


def unit_edges(planes: Tensor) -> Tensor:
    """Sobel magnitudes over their largest: (N, C, H, W) -> (N, 1, H, W) in [0, 1]. The largest is a constant for the gradient."""
    magnitude = sobel_magnitude(planes)
    return magnitude / magnitude.detach().amax(dim=(1, 2, 3), keepdim=True).clamp_min(FLOOR)


def sobel_magnitude(planes: Tensor) -> Tensor:
    """Magnitude of the Sobel gradient of all channels together, in units a pixel; borders are repeated.

    (N, C, H, W) -> (N, 1, H, W), at least 0.

    >>> ramp = torch.arange(5.0).mul(16.0).expand(1, 1, 5, 5)
    >>> round(float(sobel_magnitude(ramp)[0, 0, 2, 2]), 2)
    15.98
    """
    magnitude: Tensor = _Magnitude.apply(planes)  # type: ignore[no-untyped-call]
    return magnitude


class _Magnitude(torch.autograd.Function):
    """With d and e the differences along the two diagonals of the sums of 2x2 pixels, S_x = d + e and S_y = d - e.

    So the squares of both add up to 2 (d^2 + e^2): two differences in place of two filters. The gradient is written by hand, in
    half the time of autograd's, and can't be differentiated again.
    """

    @staticmethod
    def forward(ctx: Any, planes: Tensor) -> Tensor:
        padded = F.pad(planes, (1, 1, 1, 1), mode="replicate")  # (N, C, H + 2, W + 2)
        rows = padded[..., 1:, :] + padded[..., :-1, :]
        sums = rows[..., 1:] + rows[..., :-1]  # (N, C, H + 1, W + 1)
        d = sums[..., 1:, 1:] - sums[..., :-1, :-1]  # (N, C, H, W)
        e = sums[..., :-1, 1:] - sums[..., 1:, :-1]
        squares = (d * d).addcmul_(e, e).sum(dim=1, keepdim=True)  # (N, 1, H, W)
        root = squares.div_(32.0).add_(ROUND * ROUND).sqrt_()
        ctx.save_for_backward(d, e, root)
        return root - ROUND

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        d, e, root = ctx.saved_tensors
        pull = gradient / (32.0 * root)  # (N, 1, H, W)
        by_d, by_e = pull * d, pull * e  # (N, C, H, W)
        n, c, height, width = d.shape
        sums = d.new_zeros(n, c, height + 1, width + 1)
        sums[..., 1:, 1:] += by_d
        sums[..., :-1, :-1] -= by_d
        sums[..., :-1, 1:] += by_e
        sums[..., 1:, :-1] -= by_e
        # What a repeated border pixel gets, its original gets too.
        rows = sums[..., 1:] + sums[..., :-1]  # (N, C, H + 1, W)
        rows[..., 0] += sums[..., 0]
        rows[..., -1] += sums[..., -1]
        result: Tensor = rows[..., 1:, :] + rows[..., :-1, :]  # (N, C, H, W)
        result[..., 0, :] += rows[..., 0, :]
        result[..., -1, :] += rows[..., -1, :]
        return result
