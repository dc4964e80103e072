"""Hard example mining against its rule, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bistnet.training.mining import drawn, largest, mining_loss, mining_mask
from colorbench.errors import UsageError

SEEDS = torch.tensor([5, 6, 7])


def pair(size: tuple[int, int] = (7, 9), *, count: int = 3) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, count, 2, *size, generator=draw, dtype=torch.float64) * 20.0
    return first, second


def transcribed(ab: Tensor, truth: Tensor, seeds: Tensor, hard: float, random: float) -> float:
    """Ranks every pixel of every picture; the random pixels are taken as they were drawn."""
    count, channels, height, width = ab.shape
    total = 0.0
    for n in range(count):
        places = [(y, x) for y in range(height) for x in range(width)]
        errors = {(y, x): sum(abs(float(ab[n, c, y, x] - truth[n, c, y, x])) for c in range(channels)) for y, x in places}
        # sorted() keeps the order of equal errors.
        chosen = set(sorted(places, key=lambda place: -errors[place])[: round(hard * len(places))])
        lot = drawn(seeds[n : n + 1], round(random * len(places)), of=len(places))[0]
        chosen |= {place for place, taken in zip(places, lot.tolist(), strict=True) if taken}
        total += sum(errors[place] for place in chosen)
    return total / ab.numel()


@pytest.mark.parametrize(("hard", "random"), [(0.5, 0.1), (0.5, 0.0), (0.0, 0.3), (0.0, 0.0), (1.0, 0.0), (0.3, 1.0)])
def test_the_loss_is_its_formula(hard: float, random: float) -> None:
    ab, truth = pair()
    found = mining_loss(ab, truth, SEEDS, hard=hard, random=random)
    assert float(found) == pytest.approx(transcribed(ab, truth, SEEDS, hard, random), abs=1e-12)


def test_all_pixels_are_the_l1_distance() -> None:
    ab, truth = pair()
    found = mining_loss(ab, truth, SEEDS, hard=1.0)
    torch.testing.assert_close(found, (ab - truth).abs().mean(), rtol=0, atol=1e-12)


def test_by_hand() -> None:
    error = torch.tensor([[[0.0, 5.0], [3.0, 4.0]]])
    assert mining_mask(error, torch.tensor([1]), random=0.0).tolist() == [[[False, True], [False, True]]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.floats(0, 1))
def test_exactly_the_stated_share_is_chosen_and_of_ties_the_first(values: list[int], share: float) -> None:
    count = round(share * len(values))
    found = largest(torch.tensor([values, values[::-1]], dtype=torch.float32), count)
    for row, given_values in zip(found.tolist(), (values, values[::-1]), strict=True):
        order = sorted(range(len(given_values)), key=lambda index: -given_values[index])
        assert [index for index, taken in enumerate(row) if taken] == sorted(order[:count])


def test_a_picture_of_one_error_gives_its_first_pixels() -> None:
    mask = mining_mask(torch.full((1, 4, 5), 2.5), torch.tensor([0]), random=0.0)
    assert mask.flatten().tolist() == [True] * 10 + [False] * 10


def test_random_pixels_depend_on_the_sample_s_seed_alone() -> None:
    alone = [drawn(SEEDS[index : index + 1], 6, of=63)[0] for index in range(3)]
    assert torch.equal(torch.stack(alone), drawn(SEEDS, 6, of=63))
    assert torch.equal(drawn(SEEDS.flip(0), 6, of=63).flip(0), drawn(SEEDS, 6, of=63))
    assert not torch.equal(alone[0], alone[1])
    assert drawn(torch.tensor([-1, 2**63 - 1]), 6, of=63).sum(dim=1).tolist() == [6, 6]


def test_every_pixel_is_drawn_about_as_often() -> None:
    rate = drawn(torch.arange(4000), 10, of=100).double().mean(dim=0)
    assert float((rate - 0.1).abs().max()) < 5 * np.sqrt(0.09 / 4000)


def test_halves_of_a_batch_average_to_the_whole() -> None:
    ab, truth = pair(count=4)
    seeds = torch.arange(4)
    halves = [mining_loss(ab[part], truth[part], seeds[part]) for part in (slice(2), slice(2, 4))]
    torch.testing.assert_close(torch.stack(halves).mean(), mining_loss(ab, truth, seeds), rtol=0, atol=1e-12)


def test_the_gradient_is_the_sign_where_the_mask_is_set() -> None:
    ab, truth = pair()
    mask = mining_mask((ab - truth).abs().sum(dim=1), SEEDS)
    (found,) = torch.autograd.grad(mining_loss(ab.requires_grad_(), truth, SEEDS), ab)
    torch.testing.assert_close(found, torch.sign(ab - truth) * mask[:, None] / ab.numel(), rtol=0, atol=1e-15)
    assert torch.autograd.gradcheck(lambda x: mining_loss(x, truth, SEEDS), (ab,), eps=1e-7)


def test_equal_pictures_have_no_loss_and_no_gradient() -> None:
    ab = pair()[0].requires_grad_()
    loss = mining_loss(ab, ab.detach().clone(), SEEDS)
    assert loss == 0.0
    assert not torch.autograd.grad(loss, ab)[0].any()


def test_an_undefined_prediction_stays_seen() -> None:
    ab, truth = pair()
    ab[1, 0, 2, 2] = torch.nan
    assert mining_loss(ab, truth, SEEDS).isnan()


@pytest.mark.parametrize(("hard", "random", "name"), [(1.2, 0.1, "hard"), (0.5, -0.1, "random"), (float("nan"), 0.1, "hard")])
def test_a_share_outside_0_to_1_is_refused(hard: float, random: float, name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} = "):
        mining_loss(*pair(), SEEDS, hard=hard, random=random)


def test_another_number_of_seeds_is_refused() -> None:
    with pytest.raises(UsageError, match="for 3 samples"):
        mining_loss(*pair(), SEEDS[:2])
