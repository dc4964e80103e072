"""IDC's loss against a transcription, and the size of its compact network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.idc_networks.compact import Shape, build_compact, chroma
from baselines.idc_networks.training import batch_terms


def test_the_loss_is_huber_s_in_cie_units() -> None:
    torch.manual_seed(0)
    network = build_compact(Shape(width=4)).double().eval()
    l_star = torch.rand(2, 1, 16, 24, dtype=torch.float64) * 100
    with torch.no_grad():
        ab = 110 * network((l_star - 50) / 100)
    truth = ab + torch.from_numpy(np.random.default_rng(0).normal(0, 2, ab.shape))
    error = (ab - truth).abs().numpy()
    expected = np.where(error < 1, error**2 / 2, error - 0.5).mean()
    assert (error < 1).mean() == pytest.approx(0.38, abs=0.1)
    assert float(batch_terms(network, l_star, truth)["regression"].detach()) == pytest.approx(expected, rel=1e-9)


def test_the_compact_network_is_of_the_size_of_all_and_sees_no_hints() -> None:
    network = build_compact(Shape())
    assert sum(p.numel() for p in network.parameters()) == 1_632_374
    assert not any(key.startswith("model_class") for key in network.state_dict())
    assert network.no_hint == 0.0
    assert chroma(network.eval(), torch.full((1, 1, 16, 24), 40.0)).abs().max() <= 110.0
