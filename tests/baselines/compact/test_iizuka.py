"""Iizuka's loss against a transcription, its copy of the whole picture, and the size of its compact network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from baselines.iizuka_networks.compact import Shape, build_compact
from baselines.iizuka_networks.network import IizukaNet
from baselines.iizuka_networks.training import batch_terms
from colorbench.errors import UsageError

SMALL = Shape(width=4, side=32)


def test_the_loss_is_a_mean_square_at_half_the_size() -> None:
    torch.manual_seed(0)
    network = build_compact(SMALL).double().eval()
    l_star = torch.rand(2, 1, 32, 32, dtype=torch.float64) * 100
    ab = torch.randn(2, 2, 32, 32, dtype=torch.float64) * 30
    with torch.no_grad():
        # At the copy's own size the copy is the frame.
        found = IizukaNet.forward(network, (l_star - 50) / 100, (l_star - 50) / 100).numpy()
    truth = (ab.reshape(2, 2, 16, 2, 16, 2).mean(dim=(3, 5)).numpy() + 100) / 200
    expected = ((found - truth) ** 2).mean()
    assert float(batch_terms(network, l_star, ab)["regression"].detach()) == pytest.approx(expected, rel=1e-9)


def test_chroma_is_between_minus_100_and_100_at_the_size_of_the_frame() -> None:
    network = build_compact(SMALL).eval()
    with torch.no_grad():
        l_star = torch.rand(1, 1, 40, 72) * 100
        ab, halves = network.chroma(l_star), network.halves(l_star)
    assert ab.shape == (1, 2, 40, 72)
    assert halves.shape == (1, 2, 20, 36)
    # Bilinear doubling: the pixel next to a corner is 3/4 and 1/4 of two.
    expected = 200 * (0.75 * halves[0, :, 0, 0] + 0.25 * halves[0, :, 0, 1]) - 100
    np.testing.assert_allclose(ab[0, :, 0, 1], expected, atol=1e-4)
    assert ab.abs().max() <= 100


def test_a_far_part_of_the_picture_is_felt_through_the_copy_alone() -> None:
    """What no convolution reaches changes the color, and no longer does where the copy's vector is the same for all."""
    torch.manual_seed(1)
    network = build_compact(SMALL).double().eval()
    l_star = torch.rand(1, 1, 32, 480, dtype=torch.float64) * 100
    other = l_star.clone()
    other[..., 400:] = 90.0

    def difference() -> float:
        with torch.no_grad():
            return float((network.chroma(l_star) - network.chroma(other)).abs()[..., :40].max())

    assert difference() > 1e-11
    for parameter in network.whole.parameters():
        parameter.data.zero_()
    assert difference() == 0.0


@pytest.mark.parametrize("side", ["0", "100"])
def test_a_side_that_the_network_can_t_have_is_refused(open_task: Callable[..., Any], side: str) -> None:
    with pytest.raises(UsageError, match=rf"shape\.side = {side}"):
        open_task("iizuka", {"shape.side": side})


def test_the_compact_network_is_of_the_size_of_all() -> None:
    assert sum(p.numel() for p in build_compact(Shape()).parameters()) == 1_558_954
