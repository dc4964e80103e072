"""Warping and the temporal loss against bilinear sampling written out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from colorbench.errors import UsageError
from colorbench.training.losses.warping import Before, temporal_loss, warp


def case(size: tuple[int, int] = (5, 6), *, count: int = 2) -> tuple[Tensor, Before]:
    draw = torch.Generator().manual_seed(0)
    ab, previous = 20.0 * torch.randn(2, count, 2, *size, generator=draw, dtype=torch.float64)
    flow = 2.0 * torch.randn(count, 2, *size, generator=draw, dtype=torch.float64)
    mask = torch.rand(count, 1, *size, generator=draw, dtype=torch.float64)
    return ab, Before(previous, flow, mask)


def sampled(planes: Tensor, flow: Tensor) -> Tensor:
    count, channels, height, width = planes.shape
    result = torch.empty_like(planes)
    for n in range(count):
        for y in range(height):
            for x in range(width):
                v = min(max(y + float(flow[n, 1, y, x]), 0.0), height - 1.0)
                u = min(max(x + float(flow[n, 0, y, x]), 0.0), width - 1.0)
                top, left = math.floor(v), math.floor(u)
                bottom, right, p, q = min(top + 1, height - 1), min(left + 1, width - 1), v - top, u - left
                for c in range(channels):
                    z = planes[n, c]
                    upper = (1 - q) * float(z[top, left]) + q * float(z[top, right])
                    lower = (1 - q) * float(z[bottom, left]) + q * float(z[bottom, right])
                    result[n, c, y, x] = (1 - p) * upper + p * lower
    return result


@pytest.mark.parametrize("size", [(5, 6), (1, 4), (3, 1)])
def test_a_warp_is_bilinear_and_repeats_the_border(size: tuple[int, int]) -> None:
    _, before = case(size)
    torch.testing.assert_close(warp(before.ab, before.flow), sampled(before.ab, before.flow), rtol=0, atol=1e-11)


def test_a_flow_of_whole_pixels_points_into_the_frame_before() -> None:
    planes = torch.arange(12.0).reshape(1, 1, 3, 4)
    flow = torch.zeros(1, 2, 3, 4)
    flow[:, 0] = 1.0
    wanted = torch.tensor([[1.0, 2, 3, 3], [5, 6, 7, 7], [9, 10, 11, 11]])
    torch.testing.assert_close(warp(planes, flow)[0, 0], wanted, rtol=0, atol=1e-5)


def test_the_loss_is_its_formula() -> None:
    ab, before = case()
    wanted = (before.mask * (ab - sampled(before.ab, before.flow)) ** 2).mean()
    torch.testing.assert_close(temporal_loss(ab, before), wanted, rtol=0, atol=1e-10)


def test_masks_of_truth_values_are_masks_of_ones() -> None:
    ab, before = case()
    mask = before.mask > 0.5
    first, second = Before(before.ab, before.flow, mask), Before(before.ab, before.flow, mask.double())
    assert torch.equal(temporal_loss(ab, first), temporal_loss(ab, second))


def test_nothing_trusted_costs_nothing() -> None:
    ab, before = case()
    assert float(temporal_loss(ab, Before(before.ab, before.flow, torch.zeros_like(before.mask)))) == 0.0


def test_gradients_reach_both_frames() -> None:
    ab, before = case((3, 3), count=1)

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return temporal_loss(x, Before(y, before.flow, before.mask))

    assert torch.autograd.gradcheck(loss, (ab.requires_grad_(), before.ab.requires_grad_()))


def test_halves_of_a_batch_average_to_the_whole() -> None:
    ab, before = case(count=4)
    halves = [
        temporal_loss(ab[part], Before(before.ab[part], before.flow[part], before.mask[part])) for part in (slice(2), slice(2, 4))
    ]
    torch.testing.assert_close(torch.stack(halves).mean(), temporal_loss(ab, before), rtol=0, atol=1e-10)


def test_a_mask_of_another_shape_is_refused() -> None:
    ab, before = case()
    with pytest.raises(UsageError, match="mask of the frame before"):
        temporal_loss(ab, Before(before.ab, before.flow, before.mask[:, 0]))
