"""Weighted smoothness against its formula, one neighbor at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from colorbench.training.losses.smoothness import ALPHA, smoothness_loss


def pictures(size: tuple[int, int] = (5, 6), *, count: int = 2, contrast: float = 3.0) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    ab = 20.0 * torch.randn(count, 2, *size, generator=draw, dtype=torch.float64)
    return ab, 50.0 + contrast * torch.randn(count, 1, *size, generator=draw, dtype=torch.float64)


def transcribed(ab: Tensor, l_star: Tensor, alpha: float) -> float:
    count, channels, height, width = ab.shape
    total = 0.0
    for n in range(count):
        for y in range(height):
            for x in range(width):
                window = [(v, u) for v in (y - 1, y, y + 1) for u in (x - 1, x, x + 1) if 0 <= v < height and 0 <= u < width]
                raw = [math.exp(-((float(l_star[n, 0, v, u] - l_star[n, 0, y, x])) ** 2) / alpha) for v, u in window]
                for c in range(channels):
                    mean = sum(w * float(ab[n, c, v, u]) for w, (v, u) in zip(raw, window, strict=True)) / sum(raw)
                    total += (float(ab[n, c, y, x]) - mean) ** 2
    return total / ab.numel()


@pytest.mark.parametrize("size", [(5, 6), (1, 5), (4, 1), (1, 1), (2, 2)])
@pytest.mark.parametrize("alpha", [ALPHA, 1.0])
def test_the_loss_is_its_formula(size: tuple[int, int], alpha: float) -> None:
    ab, l_star = pictures(size)
    assert float(smoothness_loss(ab, l_star, alpha=alpha)) == pytest.approx(transcribed(ab, l_star, alpha), abs=1e-10)


def test_across_strong_edges_nothing_is_smoothed() -> None:
    ab = torch.zeros(1, 2, 4, 4)
    ab[..., 2:] = 60.0
    edge, flat = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    edge[..., 2:] = 90.0
    assert smoothness_loss(ab, edge) < 1e-12
    assert smoothness_loss(ab, flat) > 100.0


def test_constant_chroma_costs_nothing() -> None:
    ab = torch.full((2, 2, 4, 5), 33.3, requires_grad=True)
    loss = smoothness_loss(ab, pictures((4, 5))[1].float())
    assert loss == 0.0
    assert not torch.autograd.grad(loss, ab)[0].any()


def test_gradients_are_right_and_those_of_the_gradient_too() -> None:
    ab, l_star = pictures((3, 4))
    ab.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: smoothness_loss(x, l_star), (ab,))
    assert torch.autograd.gradgradcheck(lambda x: smoothness_loss(x, l_star), (ab,))


def test_the_luminance_gets_no_gradient() -> None:
    ab, l_star = pictures()
    smoothness_loss(ab.requires_grad_(), l_star.requires_grad_()).backward()  # type: ignore[no-untyped-call]
    assert l_star.grad is None


def test_halves_of_a_batch_average_to_the_whole() -> None:
    ab, l_star = pictures(count=4)
    halves = [smoothness_loss(ab[part], l_star[part]) for part in (slice(2), slice(2, 4))]
    torch.testing.assert_close(torch.stack(halves).mean(), smoothness_loss(ab, l_star), rtol=0, atol=1e-12)
