"""Matching in windows against a transcription that walks over positions and shifts one by one."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bistnet.network.local import match_locally, positions_of


def unit(*shape: int, seed: int) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=1)


def fetched(maps: Tensor, x: float, y: float) -> Tensor:
    """Bilinear, -1 and 1 the borders of the first and last position, repeated outside: (C,)."""
    _, height, width = maps.shape
    column = min(max((x + 1) / 2 * width - 0.5, 0.0), width - 1.0)
    row = min(max((y + 1) / 2 * height - 0.5, 0.0), height - 1.0)
    top, left = math.floor(row), math.floor(column)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    v, u = row - top, column - left
    upper = (1 - u) * maps[:, top, left] + u * maps[:, top, right]
    lower = (1 - u) * maps[:, bottom, left] + u * maps[:, bottom, right]
    return (1 - v) * upper + v * lower


def transcribed(
    query: Tensor, key: Tensor, values: Tensor, where: Tensor, radius: int, temperature: float
) -> tuple[Tensor, Tensor]:
    count, _, height, width = query.shape
    found = torch.zeros(count, values.shape[1], height, width, dtype=torch.float64)
    top = torch.zeros(count, 1, height, width, dtype=torch.float64)
    for n in range(count):
        k, v, q, w = (x[n % len(x)].double() for x in (key, values, query, where))
        for y in range(height):
            for x in range(width):
                cosines, colors = [], []
                for dy in range(-radius, radius + 1):
                    for dx in range(-radius, radius + 1):
                        yy, xx = min(max(y + dy, 0), height - 1), min(max(x + dx, 0), width - 1)
                        place = float(w[0, yy, xx]), float(w[1, yy, xx])
                        cosines.append(float(q[:, y, x] @ fetched(k, *place)))
                        colors.append(fetched(v, *place))
                top[n, 0, y, x] = max(cosines)
                weights = [math.exp((c - max(cosines)) / temperature) for c in cosines]
                mixed = torch.stack([a * c for a, c in zip(weights, colors, strict=True)]).sum(dim=0) / sum(weights)
                found[n, :, y, x] = mixed
    return found, top


@pytest.mark.parametrize("references", [1, 2])
@pytest.mark.parametrize("radius", [1, 2])
def test_it_is_its_transcription(radius: int, references: int) -> None:
    query, key = unit(2, 5, 4, 6, seed=0), unit(references, 5, 3, 7, seed=1)
    generator = torch.Generator().manual_seed(2)
    values = torch.rand(references, 2, 3, 7, generator=generator) * 100 - 50
    where = torch.rand(2, 2, 4, 6, generator=generator) * 2.4 - 1.2  # some outside
    match = match_locally(query, key, values, where, radius=radius, temperature=0.1)
    found, top = transcribed(query, key, values, where, radius, 0.1)
    torch.testing.assert_close(match.values.double(), found, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(match.similarity.double(), top, rtol=1e-5, atol=1e-5)


def test_a_moved_picture_is_found_within_the_radius() -> None:
    """The reference is the frame moved by two columns, and all that is known is "where it was"."""
    key = unit(1, 16, 8, 12, seed=3)
    query = torch.roll(key, 2, dims=3)
    values = torch.arange(96.0).reshape(1, 1, 8, 12)
    where = positions_of(key)
    match = match_locally(query, key, values, where, radius=2, temperature=0.001)
    torch.testing.assert_close(match.values[..., 2:], values[..., :-2], rtol=0, atol=1e-3)
    torch.testing.assert_close(match.similarity[..., 2:], torch.ones(1, 1, 8, 10))
    near = match_locally(query, key, values, where, radius=1, temperature=0.001)
    assert (near.values[..., 2:] - values[..., :-2]).abs().mean() > 1


def test_own_positions_fetch_the_maps_themselves() -> None:
    maps = torch.rand(1, 3, 5, 9)
    where = positions_of(maps)
    fetched_maps = F.grid_sample(maps, where.permute(0, 2, 3, 1), align_corners=False)
    torch.testing.assert_close(fetched_maps, maps)


def test_gradients_reach_query_key_values_and_where() -> None:
    tensors = [
        unit(1, 4, 4, 4, seed=4),
        unit(1, 4, 4, 4, seed=5),
        torch.rand(1, 2, 4, 4),
        0.9 * positions_of(torch.empty(1, 1, 4, 4)),
    ]
    inputs = [tensor.clone().requires_grad_() for tensor in tensors]
    query, key, values, where = inputs
    match_locally(query, key, values, where, radius=1, temperature=0.1).values.square().sum().backward()  # type: ignore[no-untyped-call]
    assert all(x.grad is not None and torch.isfinite(x.grad).all() and x.grad.any() for x in inputs)


@pytest.mark.parametrize(("count", "height", "width", "radius"), [(1, 8, 8, 2), (3, 13, 21, 2), (2, 5, 30, 1), (1, 9, 9, 3)])
def test_without_a_gradient_it_is_the_same_within_rounding(count: int, height: int, width: int, radius: int) -> None:
    generator = torch.Generator().manual_seed(0)
    query, key = (F.normalize(torch.randn(count, 20, height, width, generator=generator), dim=1) for _ in range(2))
    values = 30.0 * torch.randn(count, 2, height, width, generator=generator)
    where = positions_of(query) + 0.1 * torch.randn(count, 2, height, width, generator=generator)
    wanted = match_locally(query.requires_grad_(), key, values, where, radius=radius, temperature=0.1)
    with torch.no_grad():
        found = match_locally(query, key, values, where, radius=radius, temperature=0.1)
    torch.testing.assert_close(found.values, wanted.values.detach(), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(found.similarity, wanted.similarity.detach(), rtol=1e-5, atol=1e-6)
