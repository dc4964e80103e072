"""Checkpoints load strictly, and nothing in them runs."""

from __future__ import annotations

import argparse
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from colorbench.errors import WeightsError
from colorbench.nets.checkpoints import load_strict, read_state


class Malicious:
    """Unpickled without care it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def test_torch_files_wrapped_or_not_and_safetensors_give_the_same_state(tmp_path: Path) -> None:
    state = network().state_dict()
    torch.save(state, tmp_path / "plain.pth")
    torch.save({"meta": {"epoch": 3, "CLASSES": ["sky", "car"], "env": None}, "state_dict": state}, tmp_path / "mmseg.pth")
    torch.save({f"module.{key}": value for key, value in state.items()}, tmp_path / "parallel.pth")
    torch.save(state, tmp_path / "legacy.pth", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "safe.safetensors")
    for file in sorted(tmp_path.iterdir()):
        read = read_state(file)
        assert read.keys() == state.keys()
        assert all(torch.equal(read[key], state[key]) for key in state)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_checkpoint_does_not_run(tmp_path: Path, zipped: bool) -> None:
    path, target = tmp_path / "weights.pth", tmp_path / "harm"
    torch.save({"state_dict": network().state_dict(), "meta": Malicious(target)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match="holds more than tensors") as caught:
        read_state(path)
    assert not target.exists()
    assert "only if you trust" in caught.value.remedy
    if zipped:
        assert "mkdir" in caught.value.wrong


def test_classes_in_a_checkpoint_are_named_with_what_to_do(tmp_path: Path) -> None:
    torch.save({"state_dict": network().state_dict(), "meta": argparse.Namespace(lr=1)}, tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match=r"argparse\.Namespace") as caught:
        read_state(tmp_path / "weights.pth")
    assert "weights_only=False" in caught.value.remedy


@pytest.mark.parametrize("value", [{"a": [1, 2], "b": 0.5}, print, network, b"bytes"])
def test_a_pickle_of_another_kind_is_refused_without_torchs_advice(tmp_path: Path, value: object) -> None:
    (tmp_path / "weights.pth").write_bytes(pickle.dumps(value))
    with pytest.raises(WeightsError) as caught:
        read_state(tmp_path / "weights.pth")
    assert "weights_only` set to `False" not in str(caught.value)
    assert "arbitrary code" not in str(caught.value)
    assert "torch.save" in str(caught.value)


@pytest.mark.parametrize("name", ["weights.pth", "legacy.pth", "weights.safetensors"])
@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_truncated_files_are_said_to_be(tmp_path: Path, name: str, keep: float) -> None:
    path = tmp_path / name
    if path.suffix == ".safetensors":
        save_file(network().state_dict(), path)
    else:
        torch.save(network().state_dict(), path, _use_new_zipfile_serialization=name != "legacy.pth")
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if keep < 1 else int(keep)])
    with pytest.raises(WeightsError, match="can't be read as a checkpoint"):
        read_state(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [([1, 2], "list without tensors"), ({}, "dict without tensors"), ({"epoch": 3}, "'epoch' is int"), ({3: 4}, "3 is int")],
)
def test_files_without_tensors_are_refused(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match=message):
        read_state(tmp_path / "weights.pth")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no checkpoint .*nothing\.pth"):
        read_state(tmp_path / "nothing.pth")


def test_what_does_not_fit_is_listed_and_nothing_changed() -> None:
    target = network()
    before = {key: value.clone() for key, value in target.state_dict().items()}
    state = {**network().state_dict(), "extra": torch.zeros(1), "1.weight": torch.zeros(5)}
    del state["0.bias"], state["1.num_batches_tracked"]
    with pytest.raises(WeightsError) as caught:
        load_strict(target, state, source=Path("weights.pth"))
    assert caught.value.wrong == (
        "weights.pth does not fit Sequential: 1 missing: 0.bias; 1 unexpected: extra; "
        "1 of another shape: 1.weight (5,) instead of (2,)"
    )
    assert all(torch.equal(value, before[key]) for key, value in target.state_dict().items())


def test_long_lists_are_cut() -> None:
    with pytest.raises(WeightsError, match=r"6 missing: 0\.weight, 0\.bias, 1\.weight, 1\.bias, \.\.\."):
        load_strict(network(), {}, source=Path("weights.pth"))


def test_half_precision_and_files_without_batch_counters_load() -> None:
    target, source = network(), network()
    state = {key: value.half() for key, value in source.state_dict().items() if not key.endswith("num_batches_tracked")}
    load_strict(target, state, source=Path("weights.safetensors"))
    assert target[0].weight.dtype == torch.float32
    torch.testing.assert_close(target[0].weight, source[0].weight, rtol=1e-3, atol=1e-3)
