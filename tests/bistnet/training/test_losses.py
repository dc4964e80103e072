"""Eq. 5: which terms there are, what each weighs, and what it is made of."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bistnet.training.edges import edge_loss
from bistnet.training.losses import Weights, bistnet_terms, halved
from bistnet.training.mining import mining_loss
from colorbench.color import rgb_to_lab
from colorbench.errors import UsageError
from colorbench.nets.encoders import Vgg19
from colorbench.training.losses.adversarial import generator_loss
from colorbench.training.losses.chroma import content_loss, perceptual_loss, rgb_of
from colorbench.training.losses.contextual import contextual_loss
from colorbench.training.losses.smoothness import smoothness_loss
from colorbench.training.losses.warping import Before, temporal_loss

PLAIN = Weights(perceptual=0, contextual=0, temporal=0)
SEEDS = torch.tensor([3, 9])


class Batch:
    """Pictures inside the gamut, outputs some units off, and what the other terms need."""

    def __init__(self, size: tuple[int, int] = (16, 24), *, count: int = 2, dtype: torch.dtype = torch.float64) -> None:
        draw = torch.Generator().manual_seed(0)
        h, w = size

        def noise(channels: int, height: int, width: int) -> Tensor:
            return torch.randn(count, channels, height, width, generator=draw, dtype=torch.float64).to(dtype)

        rgb = 0.3 + 0.4 * torch.rand(count, h, w, 3, generator=draw, dtype=torch.float64)
        lab = rgb_to_lab(rgb).movedim(-1, 1).to(dtype)
        self.l_star, self.truth = lab[:, :1], lab[:, 1:]
        half = halved(self.truth)
        self.scales = (halved(half) + 3 * noise(2, -(-h // 4), -(-w // 4)), half + 3 * noise(2, -(-h // 2), -(-w // 2)),
                       self.truth + 3 * noise(2, h, w))  # fmt: skip
        self.fused = self.truth + 5 * noise(2, h, w)
        self.before = Before(self.truth + noise(2, h, w), 2 * noise(2, h, w), noise(1, h, w) > 0)

    def terms(self, weights: Weights = PLAIN, **options: Any) -> dict[str, Tensor]:
        return bistnet_terms(self.scales, self.truth, self.l_star, weights=weights, **{"seeds": SEEDS, **options})

    def part(self, rows: slice) -> Batch:
        other = object.__new__(Batch)
        other.l_star, other.truth, other.fused = self.l_star[rows], self.truth[rows], self.fused[rows]
        quarter, half, full = (x[rows] for x in self.scales)
        other.scales = quarter, half, full
        other.before = Before(self.before.ab[rows], self.before.flow[rows], self.before.mask[rows])
        return other


@pytest.fixture(scope="module")
def vgg() -> Vgg19:
    """Random weights, scaled so that activations neither vanish nor explode."""
    network, draw = Vgg19(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            scale = (2.0 / parameter[0].numel()) ** 0.5 if parameter.dim() == 4 else 0.1
            parameter.copy_(scale * torch.randn(parameter.shape, generator=draw))
    return network.eval()


class Mean(nn.Module):
    """A critic that can be computed by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.01))

    def forward(self, lab: Tensor) -> Tensor:
        return self.weight * lab.square().mean(dim=(1, 2, 3))


def means(x: Tensor) -> Tensor:
    """2x2 means, one by one."""
    n, c, h, w = x.shape
    result = torch.empty(n, c, -(-h // 2), -(-w // 2), dtype=x.dtype)
    for y in range(result.shape[2]):
        for z in range(result.shape[3]):
            result[:, :, y, z] = x[:, :, 2 * y : 2 * y + 2, 2 * z : 2 * z + 2].mean(dim=(2, 3))
    return result


def test_the_defaults_are_the_paper_s_and_deepexemplar_s() -> None:
    weights = Weights()
    assert (weights.edge, weights.hem, weights.c) == (2.0, 2.0, 1.0)
    inner = weights.content, weights.perceptual, weights.contextual, weights.smooth, weights.temporal
    assert inner == (2.0, 0.001, 0.2, 5.0, 0.02)
    assert weights.adversarial == weights.match == 0.0


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [(16, 24), (15, 22)])
def test_plain_terms_are_their_parts_times_their_weights(share: float, size: tuple[int, int]) -> None:
    batch = Batch(size)
    weights = Weights(
        edge=1.5, hem=0.7, c=0.5, content=3, smooth=4, match=0.3, perceptual=0, contextual=0, temporal=0, scales=share
    )
    found = batch.terms(weights, matched=batch.fused, edges="truth", hard=0.3, random=0.2)
    half = means(batch.truth)
    pairs = list(zip(batch.scales, (means(half), half, batch.truth), (share, share, 1.0), strict=True))
    total = 1 + 2 * share
    full = batch.scales[2]
    wanted = {
        "edge": 1.5 * edge_loss(full, batch.l_star, batch.truth, against="truth"),
        "hem": 0.7 * sum(s / total * mining_loss(x, y, SEEDS, hard=0.3, random=0.2) for x, y, s in pairs),
        "content": 0.5 * 3 * sum(s / total * (x - y).abs().mean() for x, y, s in pairs),
        "smooth": 0.5 * 4 * smoothness_loss(full, batch.l_star),
        "match": 0.5 * 0.3 * (batch.fused - batch.truth).abs().mean(),
    }
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert float(found[name]) == pytest.approx(float(value), abs=1e-12), name


def test_pictures_and_the_frame_before(vgg: Vgg19) -> None:
    batch = Batch((32, 48), dtype=torch.float32)
    weights = Weights(edge=0, hem=0, c=2, content=0, smooth=0)
    found = batch.terms(weights, vgg=vgg, temporal=batch.before)
    full = batch.scales[2]

    def levels(ab: Tensor) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = vgg(rgb_to_rgb(batch.l_star, ab))
        return found

    predicted, true = levels(full), levels(batch.truth)
    wanted = {
        "perceptual": 2 * 0.001 * ((predicted[3] - true[3]) ** 2).mean(),
        "contextual": 2 * 0.2 * contextual_loss(predicted, true),
        "temporal": 2 * 0.02 * temporal_loss(full, batch.before),
    }
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert float(found[name]) == pytest.approx(float(value), rel=1e-4), name
    reference = torch.cat((batch.l_star, batch.truth), dim=1).flip(3)[..., :32]
    other = batch.terms(weights, vgg=vgg, temporal=batch.before, reference=reference)["contextual"]
    asked = vgg(rgb_to_rgb(reference[:, :1], reference[:, 1:]))
    assert float(other) == pytest.approx(float(2 * 0.2 * contextual_loss(predicted, asked)), rel=1e-4)
    assert float(other) != pytest.approx(float(found["contextual"]), rel=1e-3)


def rgb_to_rgb(l_star: Tensor, ab: Tensor) -> Tensor:
    """Lab to sRGB by scikit-image, in float64."""
    from skimage.color import lab2rgb

    lab = torch.cat((l_star, ab), dim=1).double().movedim(1, -1).numpy()
    return torch.from_numpy(lab2rgb(lab)).movedim(-1, 1).to(ab.dtype)


def test_the_match_over_all_is_judged_by_its_own_colors() -> None:
    batch = Batch()
    weights = Weights(perceptual=0, contextual=0, temporal=0, coarse=3.0)
    terms = batch.terms(weights, coarse=batch.fused)
    torch.testing.assert_close(terms["coarse"], 3.0 * (batch.fused - batch.truth).abs().mean())
    assert set(terms) == {*batch.terms(), "coarse"}
    with pytest.raises(UsageError, match="the coarse term has weight 3 and no color map"):
        batch.terms(weights)


def test_the_critic_judges_the_full_size_and_gets_no_gradient() -> None:
    batch, critic = Batch(), Mean().double()
    ab = batch.scales[2].requires_grad_()
    term = batch.terms(Weights(edge=0, hem=0, content=0, smooth=0, perceptual=0, contextual=0, temporal=0, adversarial=0.2),
                       critic=critic)["adversarial"]  # fmt: skip
    real, fake = (critic(torch.cat((batch.l_star, x), dim=1)) for x in (batch.truth, ab))
    assert float(term.detach()) == pytest.approx(0.2 * float(generator_loss(real, fake).detach()), abs=1e-12)
    term.backward()  # type: ignore[no-untyped-call]
    assert ab.grad is not None
    assert ab.grad.abs().sum() > 0
    assert critic.weight.grad is None


def test_terms_of_weight_0_are_not_computed() -> None:
    class Refusing(Vgg19):
        def __init__(self) -> None:
            nn.Module.__init__(self)

        def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            raise RuntimeError("not wanted")

    batch = Batch()
    assert batch.terms(PLAIN, vgg=Refusing()).keys() == {"edge", "hem", "content", "smooth"}
    assert batch.terms(Weights(edge=0, hem=1, c=0)).keys() == {"hem"}
    assert batch.terms(Weights(edge=0, hem=0, c=0)) == {}


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        ({"perceptual": 1.0}, "perceptual term has weight 1 and no VGG19"),
        ({"contextual": 1.0}, "contextual term has weight 1 and no VGG19"),
        ({"temporal": 0.5}, "temporal term has weight 0.5 and no frame before"),
        ({"match": 1.0}, "match term has weight 1 and no matched color map"),
        ({"adversarial": 1.0}, "adversarial term has weight 1 and no critic"),
    ],
)
def test_a_term_without_what_it_needs_is_refused_with_the_remedy(weights: dict[str, float], named: str) -> None:
    without = {"perceptual": 0.0, "contextual": 0.0, "temporal": 0.0}
    with pytest.raises(UsageError, match=named) as caught:
        Batch().terms(Weights(**{**without, **weights}))
    assert f"set the weight {next(iter(weights))} to 0" in caught.value.remedy


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_weights_are_numbers_from_0(value: float) -> None:
    with pytest.raises(UsageError, match="weight hem"):
        Weights(hem=value)


def test_outputs_of_another_size_are_refused() -> None:
    batch = Batch()
    quarter, half, full = batch.scales
    batch.scales = half, quarter, full
    with pytest.raises(UsageError, match="outputs and truth of shapes"):
        batch.terms()


def test_perfect_outputs_cost_what_eq_4_alone_asks() -> None:
    batch = Batch()
    half = halved(batch.truth)
    batch.scales = halved(half), half, batch.truth.clone().requires_grad_()
    weights = Weights(perceptual=0, contextual=0, temporal=0, smooth=0, match=1)
    found = batch.terms(weights, matched=batch.truth)
    assert found["edge"] > 0
    assert all(found[name] == 0.0 for name in ("hem", "content", "match"))
    assert batch.terms(weights, matched=batch.truth, edges="truth")["edge"] == 0.0
    (gradient,) = torch.autograd.grad(torch.stack(list(found.values())).sum(), batch.scales[2])
    assert gradient.isfinite().all()


def test_halves_of_a_batch_average_to_the_whole(vgg: Vgg19) -> None:
    batch, weights = Batch((32, 32), dtype=torch.float32), Weights(match=1.0)

    def terms(part: Batch, seeds: Tensor) -> dict[str, Tensor]:
        return part.terms(weights, vgg=vgg, temporal=part.before, matched=part.fused, seeds=seeds)

    whole = terms(batch, SEEDS)
    halves = [terms(batch.part(slice(i, i + 1)), SEEDS[i : i + 1]) for i in (0, 1)]
    assert len(whole) == 8
    for name, value in whole.items():
        assert float(halves[0][name] + halves[1][name]) / 2 == pytest.approx(float(value), rel=1e-5), name


def test_all_gradients_are_defined_on_constant_pictures(vgg: Vgg19) -> None:
    for level in (0.0, 50.0, 100.0):
        batch = Batch((32, 32), dtype=torch.float32)
        batch.l_star, batch.truth = torch.full((2, 1, 32, 32), level), torch.zeros(2, 2, 32, 32)
        outputs = [torch.zeros(2, 2, side, side, requires_grad=True) for side in (8, 16, 32)]
        batch.scales = outputs[0], outputs[1], outputs[2]
        before = Before(torch.zeros(2, 2, 32, 32), torch.zeros(2, 2, 32, 32), torch.ones(2, 1, 32, 32))
        found = batch.terms(Weights(), vgg=vgg, temporal=before)
        gradients = torch.autograd.grad(torch.stack(list(found.values())).sum(), outputs)
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert all(found[name] == 0.0 for name in ("edge", "hem", "content", "perceptual", "smooth", "temporal"))


def test_autocast_changes_nothing(vgg: Vgg19) -> None:
    batch = Batch((32, 32), dtype=torch.float32)
    critic = Mean()

    def terms() -> dict[str, Tensor]:
        return batch.terms(Weights(match=1, adversarial=1), vgg=vgg, temporal=batch.before, matched=batch.fused, critic=critic)

    wanted = terms()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = terms()
    assert len(found) == 9
    for name, value in wanted.items():
        assert found[name].dtype == torch.float32
        assert torch.equal(found[name], value), name


def test_outputs_in_half_precision_are_judged_in_float32() -> None:
    batch = Batch(dtype=torch.bfloat16)
    assert all(value.dtype == torch.float32 for value in batch.terms().values())


def test_pictures_can_be_differentiated_inside_the_gamut() -> None:
    batch = Batch((2, 3), count=1)
    ab = batch.truth.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: rgb_of(batch.l_star, x), (ab,))


def test_a_clipped_channel_gets_no_gradient_and_none_is_undefined() -> None:
    l_star = torch.tensor([0.0, 2.0, 50.0, 99.0, 100.0]).reshape(1, 1, 1, 5).expand(1, 1, 3, 5)
    ab = torch.tensor([-128.0, 0.0, 128.0]).reshape(1, 1, 3, 1).expand(1, 2, 3, 5).clone().requires_grad_()
    rgb = rgb_of(l_star, ab)
    for channel in range(3):
        (gradient,) = torch.autograd.grad(rgb[:, channel].sum(), ab, retain_graph=True)
        assert gradient.isfinite().all()
        clipped = (rgb[:, channel] <= 0.0) | (rgb[:, channel] >= 1.0)
        beyond = clipped[0, (0, 2)]
        assert not gradient[0][:, (0, 2)][:, beyond].any()


def test_the_gradient_of_the_perceptual_term_reaches_ab(vgg: Vgg19) -> None:
    batch = Batch((16, 16), count=1)
    network = Vgg19().double()
    network.load_state_dict(vgg.state_dict())
    with torch.no_grad():
        wanted = network(rgb_of(batch.l_star, batch.truth))[-1]
    ab = batch.scales[2].requires_grad_()

    def loss(x: Tensor) -> Tensor:
        return perceptual_loss(network(rgb_of(batch.l_star, x))[-1], wanted)

    (gradient,) = torch.autograd.grad(loss(ab), ab)
    direction = torch.randn(ab.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    step = 1e-6
    with torch.no_grad():
        slope = (loss(ab + step * direction) - loss(ab - step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(float(slope), rel=1e-4)


def test_content_is_the_mean_absolute_difference() -> None:
    first, second = torch.tensor([1.0, -2.0, 3.0, 0.0]).reshape(1, 2, 1, 2), torch.zeros(1, 2, 1, 2)
    assert float(content_loss(first, second)) == 1.5
