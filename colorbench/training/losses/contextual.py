r"""The contextual loss: every position of a picture should look like one position of another, wherever that is.

For one picture's features x_i at one level and another's y_j, both minus the mean of the y and brought to unit norm,

    d_ij = 1 - cosine(x_i, y_j),   s_ij = (1 - d_ij / (min_k d_ik + FLOOR)) / BANDWIDTH,   A_ij = softmax over j of s_ij
    L = -log( mean over i of max_j A_ij )

The source is Mechrez et al. (The Contextual Loss for Image Transformation with Non-Aligned Data, ECCV 2018) in the form of
DeepExemplar (Zhang et al., CVPR 2019), which takes the best j of each i where Mechrez takes the best i of each j, and adds the
levels relu2_2 to relu5_2 of VGG19 up. Its code weighs relu3_2, relu4_2 and relu5_2 by 2, 4 and 8, and averages relu3_2 over 2x2.

How ours differs: relu2_2, which the paper has and the code leaves out, goes on with 1, averaged over 4x4, so that all levels have
at most as many positions as relu4_2. FLOOR is 1e-3: their 1e-5 times BANDWIDTH is no more than float32's rounding of a cosine,
and where pictures agree the gradient is that rounding, enlarged a million times. The matrix is made a few rows at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor
from torch.utils.checkpoint import checkpoint

BANDWIDTH = 0.1
FLOOR = 1e-3
"""Added to the smallest distance of a row."""

LEVELS = ((1.0, 4), (2.0, 2), (4.0, 1), (8.0, 1))
"""Weight, and pixels averaged each way before, of relu2_2, relu3_2, relu4_2 and relu5_2."""

MAX_PAIRS = 2**22
"""Pairs of positions held at once: 16 MiB."""

_SMALL = 1e-6
"""Norms under this are not enlarged to 1."""


def contextual_loss(levels: Sequence[Tensor], wanted: Sequence[Tensor], *, max_pairs: int = MAX_PAIRS) -> Tensor:
    """The weighted sum over VGG19's levels, averaged over the batch.

    Args:
        levels: relu2_2 to relu5_2 of the predicted pictures, (N, C, h, w) each, as VGG19 gives them.
        wanted: the same of the pictures whose colors are wanted; their size may differ.
        max_pairs: pairs of positions held at once; more take more memory and give the same.

    Returns:
        A scalar, at least 0.
    """
    terms = []
    for (weight, shrink), x, y in zip(LEVELS, levels, wanted, strict=True):
        x, y = (F.avg_pool2d(z, min(shrink, *z.shape[-2:])) if shrink > 1 else z for z in (x, y))
        terms.append(weight * contextual_distance(x, y, max_pairs=max_pairs).mean())
    return torch.stack(terms).sum()


def contextual_distance(x: Tensor, y: Tensor, *, max_pairs: int = MAX_PAIRS) -> Tensor:
    """-log of the mean over i of max_j A_ij, for each sample; in float32, or float64 where x is, autocast or not.

    Args:
        x: (N, C, h, w), what is judged.
        y: (N, C, h', w'), what it is judged by; no gradient goes there.
        max_pairs: see :func:`contextual_loss`.

    Returns:
        (N,), at least 0. Exactly 0 where each position has one match that leaves no share to the others; positions that look the
        same, as in a flat region, share, so that equal pictures need not have 0.
    """
    with torch.autocast(x.device.type, enabled=False):
        dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
        x, y = x.to(dtype).flatten(2), y.detach().to(dtype).flatten(2)  # (N, C, n), (N, C, m)
        mean = y.mean(dim=2, keepdim=True)
        x, y = (F.normalize(z - mean, dim=1, eps=_SMALL) for z in (x, y))
        rows = max(1, max_pairs // y.shape[2])
        return torch.stack([_of_sample(a.T, b, rows) for a, b in zip(x, y, strict=True)])


def _of_sample(x: Tensor, y: Tensor, rows: int) -> Tensor:
    """(n, C) and (C, m) -> a scalar."""
    parts = x.split(rows)  # type: ignore[no-untyped-call]
    if len(parts) == 1 or not (torch.is_grad_enabled() and x.requires_grad):
        best = [_best(part, y) for part in parts]
    else:
        # Each chunk of the matrix is made again on the way back.
        best = [checkpoint(_best, part, y, use_reentrant=False, preserve_rng_state=False) for part in parts]
    return -torch.cat(best).mean().log()


def _best(x: Tensor, y: Tensor) -> Tensor:
    """max_j A_ij of some rows: (r, C) and (C, m) -> (r,)."""
    distance = (1.0 - x @ y).clamp_min(0.0)  # (r, m)
    scores = (1.0 - distance / (distance.amin(dim=1, keepdim=True) + FLOOR)) / BANDWIDTH
    return torch.softmax(scores, dim=1).amax(dim=1)
