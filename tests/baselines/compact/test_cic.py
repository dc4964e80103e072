"""CIC's losses against transcriptions in float64, and the size of its compact network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from baselines.cic_networks.bins import bin_centers
from baselines.cic_networks.compact import Shape, build_compact
from baselines.cic_networks.rebalancing import class_weights, classification_loss, soft_encoded
from baselines.cic_networks.training import batch_terms, counted_prior
from colorbench.errors import UsageError

Vector = NDArray[np.float64]
CENTERS = bin_centers().astype(float)


def encoded(color: Vector) -> Vector:
    """(2,) -> (313,): the paper's soft encoding of one color."""
    distance = np.sqrt(((CENTERS - color) ** 2).sum(axis=1))
    nearest = np.argsort(distance)[:5]
    z: Vector = np.zeros(313)
    z[nearest] = np.exp(-(distance[nearest] ** 2) / (2 * 5.0**2))
    z /= z.sum()
    return z


def rebalanced(prior: Vector, uniform: float) -> Vector:
    smooth = np.zeros(313)
    for q in range(313):
        spread = np.exp(-((CENTERS - CENTERS[q]) ** 2).sum(axis=1) / (2 * 5.0**2))
        smooth += prior[q] * spread / spread.sum()
    weights: Vector = 1 / ((1 - uniform) * smooth + uniform / 313)
    weights /= smooth @ weights
    return weights


def some_prior() -> Vector:
    prior: Vector = np.random.default_rng(1).random(313) ** 8
    prior /= prior.sum()
    return prior


def test_colors_are_shared_among_the_five_nearest_bins() -> None:
    rng = np.random.default_rng(0)
    ab = rng.uniform(-110, 110, (2, 2, 3, 4))  # some outside of all bins
    found = soft_encoded(torch.from_numpy(ab))
    dense = torch.zeros(2, 313, 3, 4, dtype=torch.float64).scatter_(1, found.bins, found.shares).numpy()
    for n, y, x in np.ndindex(2, 3, 4):
        np.testing.assert_allclose(dense[n, :, y, x], encoded(ab[n, :, y, x]), atol=1e-12)


@pytest.mark.parametrize("uniform", [0.5, 1.0, 0.1])
def test_rare_colors_weigh_more_as_the_formula_says(uniform: float) -> None:
    prior = some_prior()
    found = class_weights(torch.from_numpy(prior), uniform=uniform).numpy()
    np.testing.assert_allclose(found, rebalanced(prior, uniform), rtol=1e-9)
    assert np.ptp(found) > 0.1 if uniform < 1 else np.allclose(found, 1)


def test_the_loss_is_the_formula_position_by_position() -> None:
    rng = np.random.default_rng(2)
    ab, logits = rng.uniform(-80, 80, (2, 2, 3, 4)), rng.normal(0, 2, (2, 313, 3, 4))
    weights = rebalanced(some_prior(), 0.5)
    expected = []
    for n, y, x in np.ndindex(2, 3, 4):
        z, own = encoded(ab[n, :, y, x]), logits[n, :, y, x]
        log_p = own - np.log(np.exp(own).sum())
        expected.append(-weights[z.argmax()] * (z @ log_p))
    found = classification_loss(torch.from_numpy(logits), soft_encoded(torch.from_numpy(ab)), torch.from_numpy(weights))
    assert float(found) == pytest.approx(np.mean(expected), rel=1e-10)


def test_what_is_classified_are_means_of_4x4_pixels() -> None:
    torch.manual_seed(0)
    network = build_compact(Shape(width=4)).double().eval()
    l_star, ab = torch.rand(2, 1, 16, 24).double() * 100, torch.randn(2, 2, 16, 24).double() * 30
    weights = torch.rand(313, dtype=torch.float64)
    found = batch_terms(network, l_star, ab, weights=weights)["classification"]
    means = ab.reshape(2, 2, 4, 4, 6, 4).mean(dim=(3, 5))
    expected = classification_loss(network.logits((l_star - 50) / 100), soft_encoded(means), weights)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)


def test_the_prior_counts_the_nearest_bins_of_samples(open_task: Callable[..., Any]) -> None:
    task = open_task("cic", {"shape.width": "4", "prior_samples": "1"})
    prior = counted_prior(task.corpus, 3)
    counts = np.zeros(313)
    for number in range(3):
        ab = F.avg_pool2d(task.corpus.sample(number, np.random.default_rng((313, number)))["ab"], 4).double()
        for color in ab.movedim(1, -1).reshape(-1, 2).numpy():
            counts[((CENTERS - color) ** 2).sum(axis=1).argmin()] += 1
    np.testing.assert_allclose(prior.numpy(), counts / counts.sum(), atol=1e-6)
    assert counts.sum() == 3 * 12 * 16


@pytest.mark.parametrize("change", [{"uniform": "0"}, {"uniform": "1.5"}, {"prior_samples": "0"}])
def test_settings_that_mean_nothing_are_refused(open_task: Callable[..., Any], change: dict[str, str]) -> None:
    (name,) = change
    with pytest.raises(UsageError, match=f"{name} = "):
        open_task("cic", change)


def test_the_compact_network_is_of_the_size_of_all_and_anneals() -> None:
    network = build_compact(Shape())
    assert sum(p.numel() for p in network.parameters()) == 1_559_461
    assert network.temperature == 0.38
