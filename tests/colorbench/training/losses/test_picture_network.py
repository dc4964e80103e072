"""VGG19 from a file, VGG16 from the cache, for the perceptual and the contextual term."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from colorbench.errors import WeightsError
from colorbench.nets.encoders import Vgg16, Vgg19
from colorbench.training.losses import picture_network
from colorbench.training.losses.chroma import ChromaWeights, chroma_terms
from colorbench.training.losses.picture_network import load_picture_network


def test_nothing_is_nothing() -> None:
    assert load_picture_network("") is None


def test_without_vgg16_the_command_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="colorbench weights fetch vgg16"):
        load_picture_network("vgg16")


def test_a_path_is_vgg19_and_the_name_is_the_fetched_vgg16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(Vgg19().state_dict(), tmp_path / "vgg19.pth")
    assert isinstance(load_picture_network(str(tmp_path / "vgg19.pth")), Vgg19)
    torch.save(Vgg16().state_dict(), tmp_path / "vgg16.pth")
    monkeypatch.setattr(picture_network, "find_backbone", lambda name: tmp_path / "vgg16.pth")
    assert isinstance(load_picture_network("vgg16"), Vgg16)


def test_both_terms_look_with_vgg16() -> None:
    torch.manual_seed(0)
    l_star, truth = 20.0 + 60.0 * torch.rand(1, 1, 32, 32), 40.0 * torch.rand(1, 2, 32, 32) - 20.0
    ab = (truth + 5.0 * torch.randn_like(truth)).requires_grad_()
    weights = ChromaWeights(content=0.0, perceptual=1.0, contextual=1.0, smooth=0.0, temporal=0.0)
    terms = chroma_terms(ab, truth, l_star, weights=weights, vgg=Vgg16())
    assert set(terms) == {"perceptual", "contextual"}
    for term in terms.values():
        (gradient,) = torch.autograd.grad(term, ab, retain_graph=True)
        assert gradient.abs().max() > 0
    same = chroma_terms(truth, truth, l_star, weights=weights, vgg=Vgg16())
    assert same["perceptual"] == 0
