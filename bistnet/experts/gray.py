"""Luminance as the input of networks that were trained on photographs."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from colorbench.color import lab_to_rgb


def gray_level(l_star: Tensor) -> Tensor:
    """The sRGB level of a neutral gray: what a picture of that luminance would hold in each of its channels.

    Args:
        l_star: (N, 1, H, W) in [0, 100].

    Returns:
        (N, 1, H, W) in [0, 1]; at most 0.035 from L* / 100, which the authors' release takes instead.

    >>> import torch
    >>> round(gray_level(torch.full((1, 1, 1, 1), 50.0)).item(), 3)
    0.466
    """
    lab = F.pad(l_star[:, 0, :, :, None], (0, 2))  # (N, H, W, 3)
    return lab_to_rgb(lab)[..., 1].unsqueeze(1)
