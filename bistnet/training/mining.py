"""Hard example mining: an L1 loss over the pixels that are worst, and over some others.

Of each picture a mask is made of the ``hard`` share of its pixels with the largest absolute error, summed over the channels,
united with a ``random`` share of all pixels; the loss is the L1 distance of the masked pictures, averaged over all pixels. So in
CDVD-TSP (Pan et al., Cascaded Deep Video Deblurring Using Temporal Sharpness Prior, CVPR 2020; csbhr/CDVD-TSP,
code/loss/hard_example_mining.py, with 0.5 and 0.1), which the paper cites beside Xu et al. (Deep Flow-Guided Video Inpainting,
CVPR 2019).

How ours differs: CDVD-TSP takes the pixels above a threshold, so that ties are left out, and none is taken in a picture of one
error; ours takes exactly the share, of equal errors the first in row-major order. Its random pixels come from a global generator;
ours from a seed of each sample, so that a batch gives the same loss however it is split over processes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from colorbench.errors import UsageError

HARD, RANDOM = 0.5, 0.1


def mining_loss(ab: Tensor, truth_ab: Tensor, seeds: Tensor, *, hard: float = HARD, random: float = RANDOM) -> Tensor:
    """The mean over all pixels, channels and samples of |ab - truth| where the mask is set.

    Args:
        ab: (N, C, H, W), CIE units.
        truth_ab: (N, C, H, W).
        seeds: (N,) int64, one of each sample.
        hard: share of the pixels with the largest error, in [0, 1].
        random: share of all pixels, drawn without regard to the error.

    Returns:
        A scalar. No gradient goes through the choice of pixels.

    Raises:
        UsageError: a share outside [0, 1], or another number of seeds.
    """
    error = (ab - truth_ab).abs()
    mask = mining_mask(error.detach().sum(dim=1), seeds, hard=hard, random=random)
    return (error * mask[:, None]).mean()


@torch.no_grad()
def mining_mask(error: Tensor, seeds: Tensor, *, hard: float = HARD, random: float = RANDOM) -> Tensor:
    """Which pixels are learned from.

    Args:
        error: (N, H, W), at least 0.
        seeds: (N,) int64.
        hard: share of the largest errors: exactly round(hard H W) pixels a picture.
        random: share of all pixels: exactly round(random H W), which may be among those.

    Returns:
        (N, H, W) bool.

    Raises:
        UsageError: a share outside [0, 1], or another number of seeds.
    """
    for name, share in (("hard", hard), ("random", random)):
        if not 0.0 <= share <= 1.0:
            raise UsageError(f"{name} = {share}", wanted="a share in [0, 1]", remedy=f"change {name}; 0.5 and 0.1 are usual")
    if seeds.shape != (len(error),):
        raise UsageError(
            f"seeds of shape {tuple(seeds.shape)} for {len(error)} samples", wanted="(N,) int64", remedy="pass one of each sample"
        )
    rows = error.flatten(1)  # (N, H W)
    pixels = rows.shape[1]
    mask = largest(rows, round(hard * pixels))
    mask |= drawn(seeds, round(random * pixels), of=pixels).to(mask.device)
    return mask.reshape(error.shape)


def largest(rows: Tensor, count: int) -> Tensor:
    """Where the ``count`` largest values of each row are; of equal ones the first.

    (N, P) -> (N, P) bool, with exactly ``count`` set in each row.

    >>> largest(torch.tensor([[1.0, 3.0, 1.0, 1.0]]), 2).tolist()
    [[True, True, False, False]]
    """
    if count == 0:
        return torch.zeros_like(rows, dtype=torch.bool)
    if rows.is_cuda:
        threshold = rows.topk(count, dim=1, sorted=False).values.amin(dim=1, keepdim=True)
    else:
        # NumPy's is vectorized: a tenth of the time of topk and kthvalue, a sixtieth of sort's.
        at = rows.shape[1] - count
        threshold = torch.from_numpy(np.partition(rows.numpy(), at, axis=1)[:, at : at + 1])
    above = rows > threshold
    tied = rows == threshold
    missing = count - above.sum(dim=1, keepdim=True)
    return above | (tied & (tied.cumsum(dim=1) <= missing))


def drawn(seeds: Tensor, count: int, *, of: int) -> Tensor:
    """``count`` places out of ``of`` for each seed, all sets equally likely: (N,) -> (N, of) bool on the CPU."""
    mask = np.zeros((len(seeds), of), dtype=np.bool_)
    for row, seed in zip(mask, seeds.tolist(), strict=True):
        # Seeds are taken modulo 2^64: NumPy refuses negative ones.
        row[np.random.default_rng(seed % 2**64).choice(of, count, replace=False, shuffle=False)] = True
    return torch.from_numpy(mask)
