"""The authors' names of RAFT's tensors fill torchvision's networks, each in its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from colorbench.flow.optical_flow import Raft, make_estimator
from colorbench.flow.raft_weights import torchvision_state
from colorbench.system.compat import ensure_torchvision


def encoder(place: str, *, convolutions: int, normalized: bool) -> Iterator[str]:
    """Names of modules with weights, as the authors' code registers them."""
    kinds = ("conv", "norm") if normalized else ("conv",)
    yield from (f"{place}.{kind}1" for kind in kinds)
    for layer in (1, 2, 3):
        for block in (0, 1):
            inside = f"{place}.layer{layer}.{block}"
            yield from (f"{inside}.{kind}{number}" for kind in kinds for number in range(1, convolutions + 1))
            if layer > 1 and block == 0:
                yield f"{inside}.downsample.0"
                if normalized:
                    yield from (f"{inside}.downsample.1", f"{inside}.norm3")
    yield f"{place}.conv2"


def names(*, small: bool) -> list[str]:
    modules = [*encoder("fnet", convolutions=3 if small else 2, normalized=False)]
    modules += encoder("cnet", convolutions=3 if small else 2, normalized=not small)
    seen = ("convc1", "convf1", "convf2", "conv") if small else ("convc1", "convc2", "convf1", "convf2", "conv")
    modules += [f"update_block.encoder.{name}" for name in seen]
    modules += [f"update_block.gru.conv{gate}{number}" for number in ([""] if small else ["1", "2"]) for gate in "zrq"]
    modules += ["update_block.flow_head.conv1", "update_block.flow_head.conv2"]
    modules += [] if small else ["update_block.mask.0", "update_block.mask.2"]
    kept = ("running_mean", "running_var", "num_batches_tracked")
    return [
        f"module.{module}.{part}"
        for module in modules
        for part in ("weight", "bias", *(kept if ".norm" in module or module.endswith("downsample.1") else ()))
    ]


@pytest.mark.parametrize(("small", "count"), [(False, 179), (True, 106)], ids=["large", "small"])
def test_the_authors_names_are_torchvisions(small: bool, count: int) -> None:
    """The counts are those of the published files."""
    ensure_torchvision()
    from torchvision.models import optical_flow

    authors = names(small=small)
    assert len(set(authors)) == count
    with torch.device("meta"):
        own = getattr(optical_flow, "raft_small" if small else "raft_large")(weights=None).state_dict()
    found = torchvision_state({name: torch.zeros(0) for name in authors})
    assert found.keys() == own.keys()
    assert torchvision_state(own).keys() == own.keys()


@pytest.mark.parametrize(
    ("authors", "torchvisions"),
    [
        ("module.fnet.conv1.weight", "feature_encoder.convnormrelu.0.weight"),
        ("module.fnet.layer2.1.conv2.bias", "feature_encoder.layer2.1.convnormrelu2.0.bias"),
        ("cnet.layer3.0.norm1.running_var", "context_encoder.layer3.0.convnormrelu1.1.running_var"),
        ("cnet.layer3.0.downsample.1.weight", "context_encoder.layer3.0.downsample.1.weight"),
        ("cnet.conv2.bias", "context_encoder.conv.bias"),
        ("update_block.encoder.convf2.weight", "update_block.motion_encoder.convflow2.0.weight"),
        ("update_block.gru.convr1.weight", "update_block.recurrent_block.convgru1.convr.weight"),
        ("update_block.mask.2.bias", "mask_predictor.conv.bias"),
        ("fnet.of_another.network", "feature_encoder.of_another.network"),
    ],
)
def test_each_name_is_the_part_that_does_the_same(authors: str, torchvisions: str) -> None:
    assert list(torchvision_state({authors: torch.zeros(1)})) == [torchvisions]


def test_the_authors_file_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_torchvision()
    from torchvision.models.optical_flow import raft_small

    from colorbench.weights import backbones

    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    own = raft_small(weights=None).state_dict()
    authors = {name: own[key] for name in names(small=True) for key in torchvision_state({name: torch.zeros(0)})}
    path = tmp_path / "weights" / "raft_small_C_T_V2-01064c6d.pth"
    path.parent.mkdir()
    torch.save(authors, path)
    monkeypatch.setattr(backbones, "_sha256", lambda *_: path.stem[-8:])
    estimator = make_estimator("raft")
    assert isinstance(estimator, Raft)
    assert all(torch.equal(value, own[name]) for name, value in estimator.network.state_dict().items())
