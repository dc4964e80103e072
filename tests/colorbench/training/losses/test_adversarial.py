"""The critic, and relativistic least squares against their formula."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from colorbench.errors import UsageError
from colorbench.training.losses.adversarial import Critic, critic_loss, frozen, generator_loss


def scores(seed: int) -> Tensor:
    return torch.randn(5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def transcribed(real: Tensor, fake: Tensor, sign: float) -> float:
    r, f = real.tolist(), fake.tolist()
    mean_r, mean_f = sum(r) / len(r), sum(f) / len(f)
    first: float = sum((x - mean_f - sign) ** 2 for x in r) / len(r)
    second: float = sum((x - mean_r + sign) ** 2 for x in f) / len(f)
    return (first + second) / 2


def test_the_losses_are_their_formulas() -> None:
    real, fake = scores(0), scores(1)
    assert float(critic_loss(real, fake)) == pytest.approx(transcribed(real, fake, 1.0), abs=1e-12)
    assert float(generator_loss(real, fake)) == pytest.approx(transcribed(real, fake, -1.0), abs=1e-12)


def test_what_one_side_wants_is_what_the_other_does_not() -> None:
    high, low = torch.full((3,), 0.5), torch.full((3,), -0.5)
    assert float(critic_loss(high, low)) == 0.0
    assert float(generator_loss(low, high)) == 0.0
    assert float(critic_loss(low, high)) == float(generator_loss(high, low)) == 4.0


@pytest.mark.parametrize("loss", [critic_loss, generator_loss])
def test_gradients_are_right(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    assert torch.autograd.gradcheck(loss, (scores(0).requires_grad_(), scores(1).requires_grad_()))


@pytest.fixture(scope="module")
def critic() -> Critic:
    torch.manual_seed(0)
    return Critic(width=4)


def pictures(count: int = 2) -> Tensor:
    draw = torch.rand(count, 3, 128, 192, generator=torch.Generator().manual_seed(0))
    return draw * torch.tensor([100.0, 100.0, 100.0]).view(1, 3, 1, 1) - torch.tensor([0.0, 50.0, 50.0]).view(1, 3, 1, 1)


def test_each_picture_gets_a_score_of_its_own(critic: Critic) -> None:
    critic.eval()
    lab = pictures(3)
    found = critic(lab)
    assert found.shape == (3,)
    torch.testing.assert_close(torch.cat([critic(one[None]) for one in lab]), found, rtol=0, atol=1e-5)
    critic.train()


def test_every_layer_has_unit_spectral_norm() -> None:
    torch.manual_seed(1)
    critic = Critic(width=4)
    for _ in range(60):
        critic(pictures(1))
    critic.eval()
    layers = [module for module in critic.modules() if isinstance(module, nn.Conv2d)]
    assert len(layers) == 6 + 3 + 1
    for layer in layers:
        norm = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), ord=2)
        assert float(norm) == pytest.approx(1.0, abs=0.02)


def test_a_frozen_critic_passes_gradients_and_takes_none(critic: Critic) -> None:
    lab = pictures().requires_grad_()
    with frozen(critic):
        score = critic(lab).sum()
    score.backward()
    assert lab.grad is not None
    assert lab.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in critic.parameters())
    assert all(parameter.requires_grad for parameter in critic.parameters())


def test_a_trained_critic_gets_gradients(critic: Critic) -> None:
    lab = pictures()
    critic_loss(critic(lab), critic(lab.flip(1))).backward()  # type: ignore[no-untyped-call]
    # The attention's other parameters get some once gamma has left 0.
    assert all(p.grad is not None and p.grad.isfinite().all() for p in critic.parameters())
    critic.zero_grad()


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (1, 3, 60, 400), (1, 6, 128, 128), (3, 128, 128)])
def test_pictures_that_do_not_fit_are_refused(critic: Critic, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="the critic was given"):
        critic(torch.zeros(shape))
