"""The networks of the compact preset: their size, their training interface, their input."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bistnet.experts.compact_edges import CompactEdges
from bistnet.experts.compact_semantics import CLASSES, compact_semantics


def parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_compact_networks_have_at_most_two_million_parameters() -> None:
    assert parameters(CompactEdges()) == 571_603
    assert parameters(compact_semantics()) == 1_398_331
    assert len(CLASSES) == 11


def test_folding_batch_normalization_keeps_the_maps(gray: Callable[..., Tensor]) -> None:
    torch.manual_seed(2)
    network = CompactEdges().train()
    for seed in range(3):
        network(gray(2, 48, 64, seed=seed))
    network.eval()
    l_star = gray(1, 37, 53)
    with torch.no_grad():
        torch.testing.assert_close(network.folded()(l_star), network(l_star), rtol=1e-4, atol=1e-5)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.folded().modules())
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())


def test_edges_learn_a_step_in_a_few_steps(gray: Callable[..., Tensor]) -> None:
    torch.manual_seed(4)
    network = CompactEdges().train()
    frames = gray(2, 32, 48)
    truth = torch.zeros_like(frames)
    truth[..., 23:25] = 1
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for _ in range(12):
        logits = network.logits(frames)
        assert logits.shape == (2, 6, 32, 48)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth.expand_as(logits))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_semantics_can_be_trained(gray: Callable[..., Tensor]) -> None:
    network = compact_semantics().train()
    logits = network.logits(gray(2, 64, 96))
    assert logits.shape == (2, 11, 64, 96)
    logits.square().mean().backward()  # type: ignore[no-untyped-call]
    missing = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert not missing
