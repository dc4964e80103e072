"""The embedding over both encoders, and the code of positions."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bistnet.network.features import Embedding, PositionCode, joined, luminance_patches
from colorbench.nets.encoders import CompactEncoder, Vgg19


@pytest.fixture(scope="module", params=["compact", "vgg19"])
def encoder(request: pytest.FixtureRequest) -> Vgg19 | CompactEncoder:
    return CompactEncoder(8) if request.param == "compact" else Vgg19()


@pytest.mark.parametrize("size", [(16, 16), (32, 48), (37, 51)])
def test_levels_halve_and_the_embedding_is_at_a_quarter(encoder: Vgg19 | CompactEncoder, size: tuple[int, int]) -> None:
    height, width = size
    levels = encoder(torch.rand(2, 3, height, width))
    shapes = [(2, c, height >> i, width >> i) for i, c in enumerate(encoder.channels, start=1)]
    assert [tuple(level.shape) for level in levels] == shapes
    assert Embedding(encoder.channels, 24)(levels).shape == (2, 24, height // 4, width // 4)


def transcribed_embedding(embedding: Embedding, levels: list[Tensor]) -> Tensor:
    """The docstring's steps, in float64."""
    weights = [p.detach().double()[:, :, 0, 0] for p in embedding.parameters()]
    units = []
    for index, level in enumerate(levels):
        x = level.double()
        if index == 0:
            x = x.unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(4, 5))
        units.append(x / x.norm(dim=1, keepdim=True))
    total = torch.einsum("dc,nchw->ndhw", weights[-1], units[-1])
    for weight, unit in reversed(list(zip(weights[:-1], units[:-1], strict=True))):
        total = F.interpolate(total, unit.shape[2:], mode="bilinear", align_corners=False)
        total = total + torch.einsum("dc,nchw->ndhw", weight, unit)
    centered = total - total.mean(dim=(2, 3), keepdim=True)
    result: Tensor = centered / centered.norm(dim=1, keepdim=True)
    return result


def test_the_embedding_is_its_formula_and_of_unit_norm() -> None:
    torch.manual_seed(0)
    encoder, embedding = CompactEncoder(8), Embedding((8, 16, 32, 64), 24)
    with torch.no_grad():
        levels = encoder(torch.rand(2, 3, 48, 64))
        found = embedding(levels)
    torch.testing.assert_close(found.double(), transcribed_embedding(embedding, list(levels)), rtol=0, atol=2e-5)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2, 12, 16))


def test_an_untrained_embedding_that_is_wide_enough_keeps_the_cosines() -> None:
    torch.manual_seed(0)
    level = torch.rand(1, 16, 8, 8)
    found = Embedding((16, 16), 64)([torch.zeros(1, 16, 16, 16), level])[0].flatten(1)
    unit = F.normalize(level, dim=1)
    expected = F.normalize(unit - unit.mean(dim=(2, 3), keepdim=True), dim=1)[0].flatten(1)
    torch.testing.assert_close(found.T @ found, expected.T @ expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_constant_levels_embed_as_about_nothing_rather_than_noise(value: float) -> None:
    levels = [torch.full((1, c, 16 >> i, 16 >> i), value).requires_grad_() for i, c in enumerate((8, 16, 32, 64))]
    found = Embedding((8, 16, 32, 64), 24)(levels)
    assert found.abs().max() < 0.02
    found.sum().backward()
    assert all(level.grad is not None and level.grad.isfinite().all() for level in levels)


def test_a_picture_of_one_value_embeds_to_finite_numbers(encoder: Vgg19 | CompactEncoder) -> None:
    for value in (0.0, 1.0):
        assert Embedding(encoder.channels, 24)(encoder(torch.full((1, 3, 32, 32), value))).isfinite().all()


def test_gradients_reach_every_weight_of_the_compact_encoder() -> None:
    torch.manual_seed(0)
    encoder, embedding = CompactEncoder(8), Embedding((8, 16, 32, 64), 24)
    found = embedding(encoder(torch.rand(2, 3, 32, 48)))
    (found * torch.randn_like(found)).sum().backward()
    for parameter in (*encoder.parameters(), *embedding.parameters()):
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().sum() > 0


def test_frames_of_a_batch_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    encoder, embedding = CompactEncoder(8).eval(), Embedding((8, 16, 32, 64), 24)
    frames = torch.rand(3, 3, 32, 48)
    with torch.no_grad():
        together, alone = embedding(encoder(frames)), embedding(encoder(frames[1:2]))
    torch.testing.assert_close(together[1:2], alone, rtol=0, atol=1e-5)


def test_a_position_code_is_its_formula() -> None:
    code = PositionCode(3)
    with torch.no_grad():
        code.weights.copy_(torch.tensor([0.5, -0.2, 1.0]))
    maps = torch.empty(1, 1, 4, 6)
    found = code(maps)[0].detach().double()  # (12, 4, 6)
    shares = torch.tensor([0.5, -0.2, 1.0]).softmax(dim=0).tolist()
    for (y, x), (v, u) in (((0, 0), (3, 5)), ((1, 2), (1, 2)), ((2, 4), (0, 1))):
        dx, dy = (x - u) / 6, (y - v) / 4
        wanted = sum(
            a * (math.cos(math.pi / 2 * 2**k * dx) + math.cos(math.pi / 2 * 2**k * dy)) / 2 for k, a in enumerate(shares)
        )
        assert float(found[:, y, x] @ found[:, v, u]) == pytest.approx(wanted, abs=1e-6)


def test_joined_embeddings_have_unit_norm_and_the_stated_cosine() -> None:
    code = PositionCode(4)
    first, second = (F.normalize(torch.randn(2, 8, 3, 5), dim=1) for _ in range(2))
    joined = code.join(first), code.join(second)
    torch.testing.assert_close(joined[0].norm(dim=1), torch.ones(2, 3, 5))
    place = code(first)
    wanted = 0.7 * torch.einsum("nchw,nc->nhw", first, second[..., 0, 0]) + 0.3 * torch.einsum(
        "chw,c->hw", place[0], place[0, :, 0, 0]
    )
    torch.testing.assert_close(torch.einsum("nchw,nc->nhw", joined[0], joined[1][..., 0, 0]), wanted)


def test_patches_are_the_cells_about_a_cell_without_their_mean() -> None:
    torch.manual_seed(0)
    l_star = 100 * torch.rand(1, 1, 24, 40, dtype=torch.float64)
    found = luminance_patches(l_star, cell=4)
    assert found.shape == (1, 25, 6, 10)
    torch.testing.assert_close(found.mean(dim=1), torch.zeros(1, 6, 10, dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(1, 6, 10, dtype=torch.float64))
    cells = l_star[0, 0].reshape(6, 4, 10, 4).mean(dim=(1, 3))
    patch = cells[1:6, 3:8].flatten()
    patch = patch - patch.mean()
    torch.testing.assert_close(found[0, :, 3, 5], patch / patch.norm())


def test_flat_patches_are_not_enlarged_to_unit_norm_and_brighter_ones_are_the_same() -> None:
    l_star = 50 + 0.01 * torch.rand(1, 1, 16, 16)
    assert luminance_patches(l_star, cell=4).norm(dim=1).max() < 0.05
    torch.manual_seed(1)
    strong = 60 * torch.rand(1, 1, 16, 16)
    torch.testing.assert_close(luminance_patches(strong, cell=4), luminance_patches(strong + 30, cell=4), atol=1e-5, rtol=1e-4)


def test_joined_vectors_have_both_cosines_by_their_shares() -> None:
    torch.manual_seed(0)
    one, two = (F.normalize(torch.randn(2, channels, 3, 4, dtype=torch.float64), dim=1) for channels in (8, 5))
    both = joined(one, two, 0.3)
    torch.testing.assert_close(both.norm(dim=1), torch.ones(2, 3, 4, dtype=torch.float64))
    cosine = (both[0] * both[1]).sum(dim=0)
    torch.testing.assert_close(cosine, 0.7 * (one[0] * one[1]).sum(dim=0) + 0.3 * (two[0] * two[1]).sum(dim=0))
