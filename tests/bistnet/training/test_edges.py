"""The edge loss against Sobel filters written out in float64."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bistnet.training.edges import FLOOR, ROUND, Against, edge_loss, sobel_magnitude, unit_edges
from colorbench.errors import UnknownNameError


def planes(seed: int, channels: int, *, size: tuple[int, int] = (5, 6), count: int = 3, scale: float = 20.0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return scale * torch.randn(count, channels, *size, generator=draw, dtype=torch.float64)


def magnitude(picture: Tensor) -> list[list[float]]:
    """(C, H, W) -> H x W, the eight neighbors one by one."""
    channels, height, width = picture.shape

    def at(c: int, y: int, x: int) -> float:
        return float(picture[c, min(max(y, 0), height - 1), min(max(x, 0), width - 1)])

    result = [[0.0] * width for _ in range(height)]
    for y in range(height):
        for x in range(width):
            total = 0.0
            for c in range(channels):
                across = sum(w * (at(c, y + d, x + 1) - at(c, y + d, x - 1)) for d, w in ((-1, 1), (0, 2), (1, 1))) / 8
                down = sum(w * (at(c, y + 1, x + d) - at(c, y - 1, x + d)) for d, w in ((-1, 1), (0, 2), (1, 1))) / 8
                total += across**2 + down**2
            result[y][x] = math.sqrt(total + ROUND**2) - ROUND
    return result


def transcribed(ab: Tensor, wanted: Tensor) -> float:
    """Eq. 4, picture by picture."""
    losses = []
    for z, x in zip(ab, wanted, strict=True):
        first, second = magnitude(z), magnitude(x)
        of_first, of_second = (max(FLOOR, max(map(max, rows))) for rows in (first, second))
        pairs = [(a / of_first, b / of_second) for p, q in zip(first, second, strict=True) for a, b in zip(p, q, strict=True)]
        losses.append(math.sqrt(sum((a - b) ** 2 for a, b in pairs) / len(pairs)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("size", [(5, 6), (1, 4), (2, 1)])
def test_magnitudes_are_sobel_s(channels: int, size: tuple[int, int]) -> None:
    found = sobel_magnitude(planes(0, channels, size=size))
    wanted = torch.tensor([[magnitude(picture)] for picture in planes(0, channels, size=size)], dtype=torch.float64)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("against", ["luminance", "truth"])
def test_the_loss_is_its_formula(against: Against) -> None:
    ab, l_star, truth = planes(0, 2), 50 + planes(1, 1), planes(2, 2)
    found = edge_loss(ab, l_star, truth, against=against)
    assert float(found) == pytest.approx(transcribed(ab, l_star if against == "luminance" else truth), abs=1e-12)


def test_weak_edges_are_not_enlarged() -> None:
    ab, l_star = planes(0, 2, scale=0.2), planes(1, 1)
    assert sobel_magnitude(ab).amax() < FLOOR
    assert float(edge_loss(ab, l_star, ab)) == pytest.approx(transcribed(ab, l_star), abs=1e-12)


@pytest.mark.parametrize("size", [(5, 6), (1, 1), (1, 3), (2, 2)])
def test_the_gradient_of_the_magnitude_written_by_hand_is_right(size: tuple[int, int]) -> None:
    assert torch.autograd.gradcheck(sobel_magnitude, (planes(0, 2, size=size, count=2, scale=1.0).requires_grad_(),))


def test_the_largest_edge_is_a_constant_for_the_gradient() -> None:
    ab, l_star = planes(0, 2).requires_grad_(), planes(1, 1)
    (found,) = torch.autograd.grad(edge_loss(ab, l_star, ab), ab)
    largest, wanted = sobel_magnitude(ab).amax(dim=(1, 2, 3), keepdim=True).detach(), unit_edges(l_star)

    def fixed(x: Tensor) -> Tensor:
        return (sobel_magnitude(x) / largest - wanted).square().mean(dim=(1, 2, 3)).sqrt().mean()

    torch.testing.assert_close(found, torch.autograd.grad(fixed(ab), ab)[0], rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(fixed, (ab,))


def test_a_perfect_picture_costs_nothing_against_the_truth_and_something_against_the_luminance() -> None:
    ab, l_star = planes(0, 2).requires_grad_(), planes(1, 1)
    loss = edge_loss(ab, l_star, ab.detach(), against="truth")
    (gradient,) = torch.autograd.grad(loss, ab)
    assert loss == 0.0
    assert not gradient.any()
    assert edge_loss(ab, l_star, ab) > 0.1


def test_constant_pictures_have_no_edges_and_no_undefined_gradient() -> None:
    flat = torch.full((2, 2, 4, 4), 37.3, requires_grad=True)
    assert not sobel_magnitude(flat).any()
    for l_star in (torch.full((2, 1, 4, 4), 20.1), torch.rand(2, 1, 4, 4) * 100):
        loss = edge_loss(flat, l_star, flat)
        (gradient,) = torch.autograd.grad(loss, flat)
        assert torch.equal(gradient, torch.zeros_like(flat))
    assert edge_loss(flat, torch.full((2, 1, 4, 4), 20.1), flat) == 0.0


def test_turning_all_hues_and_scaling_all_chroma_change_nothing() -> None:
    ab, l_star = planes(0, 2), planes(1, 1)
    turn = torch.tensor([[math.cos(0.7), -math.sin(0.7)], [math.sin(0.7), math.cos(0.7)]], dtype=torch.float64)
    turned = torch.einsum("ij,njhw->nihw", turn, ab)
    torch.testing.assert_close(edge_loss(turned, l_star, ab), edge_loss(ab, l_star, ab), rtol=0, atol=1e-12)
    # Up to what ROUND takes from each magnitude.
    torch.testing.assert_close(edge_loss(3.0 * ab, l_star, ab), edge_loss(ab, l_star, ab), rtol=0, atol=2e-3)


def test_halves_of_a_batch_average_to_the_whole() -> None:
    ab, l_star = planes(0, 2, count=4), planes(1, 1, count=4)
    halves = [edge_loss(ab[part], l_star[part], ab[part]) for part in (slice(2), slice(2, 4))]
    torch.testing.assert_close(torch.stack(halves).mean(), edge_loss(ab, l_star, ab), rtol=0, atol=1e-12)


def test_an_unknown_form_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'luminance'"):
        edge_loss(planes(0, 2), planes(1, 1), planes(2, 2), against="luminanse")  # type: ignore[arg-type]
