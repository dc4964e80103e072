"""The contextual loss against its formula, pair by pair."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from colorbench.training.losses.contextual import BANDWIDTH, FLOOR, LEVELS, contextual_distance, contextual_loss


def features(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def transcribed(x: Tensor, y: Tensor) -> float:
    """(C, n) and (C, m)."""
    mean = y.mean(dim=1)

    def unit(column: Tensor) -> list[float]:
        values = [float(value) for value in column - mean]
        norm = math.sqrt(sum(value * value for value in values))
        return [value / norm for value in values]

    ours, theirs = [unit(x[:, i]) for i in range(x.shape[1])], [unit(y[:, j]) for j in range(y.shape[1])]
    best = []
    for a in ours:
        distances = [1.0 - sum(p * q for p, q in zip(a, b, strict=True)) for b in theirs]
        smallest = min(distances)
        shares = [math.exp((1.0 - d / (smallest + FLOOR)) / BANDWIDTH) for d in distances]
        best.append(max(shares) / sum(shares))
    return -math.log(sum(best) / len(best))


def test_the_distance_is_its_formula_whatever_the_sizes() -> None:
    x, y = features(0, 2, 3, 4, 5), features(1, 2, 3, 3, 2)
    wanted = [transcribed(a.flatten(1), b.flatten(1)) for a, b in zip(x, y, strict=True)]
    torch.testing.assert_close(contextual_distance(x, y), torch.tensor(wanted, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("max_pairs", [1, 30, 100])
def test_chunks_change_neither_value_nor_gradient(max_pairs: int) -> None:
    x, y = features(0, 2, 3, 4, 5).requires_grad_(), features(1, 2, 3, 3, 4)
    whole, parts = contextual_distance(x, y), contextual_distance(x, y, max_pairs=max_pairs)
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-12)
    found, wanted = (torch.autograd.grad(value.sum(), x)[0] for value in (parts, whole))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(contextual_distance(x, y, max_pairs=max_pairs), whole, rtol=0, atol=1e-12)


def test_gradients_are_right() -> None:
    y = features(1, 1, 3, 2, 3)
    assert torch.autograd.gradcheck(lambda x: contextual_distance(x, y), (features(0, 1, 3, 2, 2).requires_grad_(),))


def test_where_things_lie_does_not_matter() -> None:
    x, y = features(0, 1, 4, 3, 4), features(1, 1, 4, 3, 4)
    moved = y.flatten(2)[..., torch.randperm(12, generator=torch.Generator().manual_seed(2))].reshape(y.shape)
    torch.testing.assert_close(contextual_distance(x, moved), contextual_distance(x, y), rtol=0, atol=1e-12)


def test_a_picture_made_of_the_other_s_positions_costs_nothing() -> None:
    y = features(0, 2, 16, 4, 4).float()
    x = y.flip(3).requires_grad_()
    distance = contextual_distance(x, y)
    assert distance.tolist() == [0.0, 0.0]
    assert torch.autograd.grad(distance.sum(), x)[0].isfinite().all()


@pytest.mark.parametrize("x", [torch.zeros(1, 4, 3, 3), torch.ones(1, 4, 3, 3)])
def test_constant_features_have_a_defined_gradient(x: Tensor) -> None:
    y = torch.ones(1, 4, 3, 3)
    distance = contextual_distance(x.requires_grad_(), y)
    assert distance.isfinite().all()
    assert torch.autograd.grad(distance.sum(), x)[0].isfinite().all()


def test_levels_are_averaged_and_weighted() -> None:
    sizes = ((8, 12), (4, 6), (2, 3), (1, 2))
    x, y = ([features(seed + k, 2, 3, *size) for k, size in enumerate(sizes)] for seed in (0, 10))
    wanted = torch.zeros((), dtype=torch.float64)
    for (weight, shrink), a, b in zip(LEVELS, x, y, strict=True):
        wanted += weight * contextual_distance(F.avg_pool2d(a, shrink), F.avg_pool2d(b, shrink)).mean()
    torch.testing.assert_close(contextual_loss(x, y), wanted, rtol=0, atol=1e-12)
    halves = [contextual_loss([a[i : i + 1] for a in x], [b[i : i + 1] for b in y]) for i in (0, 1)]
    torch.testing.assert_close(torch.stack(halves).mean(), wanted, rtol=0, atol=1e-12)


def test_autocast_changes_nothing() -> None:
    x, y = features(0, 1, 8, 4, 4).float(), features(1, 1, 8, 4, 4).float()
    wanted = contextual_distance(x, y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(contextual_distance(x, y), wanted)
