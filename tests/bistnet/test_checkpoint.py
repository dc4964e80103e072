"""Checkpoints: what is saved comes back, and everything else is refused with its reason."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from bistnet.backbone import load_encoder
from bistnet.checkpoint import Card, load_checkpoint, read_card, save_checkpoint
from bistnet.network.graph import BiSTNet
from bistnet.network.settings import Settings, load_settings, with_overrides
from colorbench.errors import ColorbenchError, StoreError, UsageError, WeightsError
from colorbench.nets.encoders import Vgg16
from colorbench.weights.trained_file import save_weights


def tiny_settings(overrides: dict[str, Any] | None = None) -> Settings:
    small = {"features.width": 4, "features.embedding": 8, "refinement.width": 4, "refinement.levels": 2}
    return with_overrides(load_settings("compact"), {**small, **(overrides or {})})


def tiny_network() -> BiSTNet:
    torch.manual_seed(0)
    return BiSTNet(tiny_settings())


@pytest.fixture(scope="module")
def network() -> BiSTNet:
    return tiny_network()


def card_of(network: BiSTNet) -> Card:
    return Card(
        settings=network.settings,
        trained=True,
        data=("bsds500:train", "davis"),
        command=("python", "-m", "bistnet.training.trainables", "--seed", "3"),
        seed=3,
        commit="0123abc",
        scores={"psnr": 31.25},
        experts={"compact-edges": "ab" * 32},
        notes="for a test",
    )


@pytest.fixture
def saved(tmp_path: Path, network: BiSTNet) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, network, card_of(network))
    return path


def rewrite(path: Path, change: Callable[[dict[str, torch.Tensor], dict[str, Any]], None]) -> None:
    """Writes the file anew with other tensors or another card."""
    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        card = json.loads(file.metadata()["card"])
    change(tensors, card)
    save_file(tensors, path, metadata={"card": json.dumps(card)})


def test_a_network_comes_back_as_float16_left_it(saved: Path, network: BiSTNet) -> None:
    loaded, card = load_checkpoint(saved)
    assert not loaded.training
    for key, tensor in network.state_dict().items():
        back = loaded.state_dict()[key]
        assert back.dtype == tensor.dtype
        assert torch.equal(back, tensor.half().to(tensor.dtype) if tensor.is_floating_point() else tensor)
    assert dataclasses.replace(card, versions={}) == card_of(network)
    assert card.versions["torch"] == torch.__version__


def test_saving_what_was_loaded_writes_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    loaded, card = load_checkpoint(saved)
    again = tmp_path / "again.safetensors"
    save_checkpoint(again, loaded, card)
    assert again.read_bytes() == saved.read_bytes()


def test_float32_is_exact(tmp_path: Path, network: BiSTNet) -> None:
    path = tmp_path / "full.safetensors"
    save_checkpoint(path, network, card_of(network), dtype="float32")
    loaded, _ = load_checkpoint(path)
    for key, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], tensor)


@pytest.mark.parametrize("extra", range(0, 256, 8))
def test_a_header_of_any_length_is_read(tmp_path: Path, network: BiSTNet, extra: int) -> None:
    path = tmp_path / "padded.safetensors"
    save_checkpoint(path, network, dataclasses.replace(card_of(network), notes="x" * extra))
    assert read_card(path).notes == "x" * extra


def test_the_card_is_read_without_the_weights(saved: Path, network: BiSTNet) -> None:
    assert read_card(saved) == load_checkpoint(saved)[1]
    assert read_card(saved).settings == network.settings


def test_another_preset_is_refused(saved: Path) -> None:
    with pytest.raises(WeightsError, match=r"is of preset 'compact\*'\n  wanted: preset 'paper'"):
        load_checkpoint(saved, expected="paper")
    load_checkpoint(saved, expected="compact*")


def test_other_settings_are_refused_key_by_key(saved: Path, network: BiSTNet) -> None:
    other = tiny_settings({"fusion.form": "average", "refinement.width": 5})
    with pytest.raises(WeightsError, match=r"fusion\.form = 'linear', not 'average', refinement\.width = 4, not 5"):
        load_checkpoint(saved, expected=other)
    load_checkpoint(saved, expected=network.settings)


@pytest.mark.parametrize("kept", [0, 5, 8, 100, 0.5, 0.999])
def test_a_file_cut_short_is_refused(saved: Path, kept: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(WeightsError, match="damaged, cut short or no safetensors file"):
        load_checkpoint(saved)


@pytest.mark.parametrize("content", [b"hello", b"\x00" * 64, struct.pack("<Q", 2**40) + b"{}", struct.pack("<Q", 2) + b"{}"])
def test_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"damaged, cut short|no card"):
        load_checkpoint(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        load_checkpoint(tmp_path / "none.safetensors")
    with pytest.raises(WeightsError, match="Is a directory"):
        load_checkpoint(tmp_path)


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("form", ["zip", "legacy", "protocol 0", "protocol 2", "protocol 5"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_pickle_that_runs_code_is_refused_and_not_run(tmp_path: Path, form: str, suffix: str) -> None:
    trace, path = tmp_path / "trace", tmp_path / f"model{suffix}"
    content = {"conv.weight": torch.zeros(2), "bomb": Malicious(trace)}
    if form.startswith("protocol"):
        path.write_bytes(pickle.dumps(content, protocol=int(form[-1])))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(WeightsError):
        load_checkpoint(path)
    assert not trace.exists()


def test_the_malicious_pickle_would_have_run(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Malicious(tmp_path / "trace")))
    assert (tmp_path / "trace").exists()


@pytest.mark.parametrize("prefix", ["module.", ""])
@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (("size64.conv1_1.0.weight", "upconv1.weight"), r"release: fusenet .*\n.*\n.*three U-Nets.*load_fusion_net"),
        (("theta.weight", "phi.weight", "layer2_1.1.weight"), r"release: nonlocal_net"),
        (("atb_forward.ATB_preconv.weight",), r"release: atb.*\n.*\n.*fits nothing"),
        (("conv1_1.0.weight", "conv1_2norm_ss.weight", "conv10_ab.weight"), r"release: colornet.*\n.*\n.*never calls"),
    ],
)
def test_the_authors_release_is_recognized_and_refused(tmp_path: Path, prefix: str, keys: tuple[str, ...], message: str) -> None:
    path = tmp_path / "model.pth"
    torch.save({prefix + key: torch.zeros(1) for key in keys}, path)
    with pytest.raises(WeightsError, match=message):
        load_checkpoint(path)


def test_another_state_dict_is_refused(tmp_path: Path, network: BiSTNet) -> None:
    path = tmp_path / "model.pth"
    torch.save(network.state_dict(), path)
    with pytest.raises(WeightsError, match=r"file of torch\.save with \d+ tensors\n  wanted: a \.safetensors file"):
        load_checkpoint(path)


def test_missing_and_unexpected_tensors_are_named(saved: Path) -> None:
    def change(tensors: dict[str, torch.Tensor], card: dict[str, Any]) -> None:
        tensors["extra.weight"] = tensors.pop("refinement.fine.stem.bias")

    rewrite(saved, change)
    with pytest.raises(WeightsError, match=r"1 missing: refinement\.fine\.stem\.bias; 1 unexpected: extra\.weight"):
        load_checkpoint(saved)


def test_a_tensor_of_another_shape_is_named(saved: Path) -> None:
    def change(tensors: dict[str, torch.Tensor], card: dict[str, Any]) -> None:
        tensors["refinement.fine.stem.bias"] = torch.zeros(7)

    rewrite(saved, change)
    with pytest.raises(WeightsError, match=r"refinement\.fine\.stem\.bias \(7,\) instead of \(4,\)"):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card["settings"]["match"].update(temprature=1), "did you mean 'temperature'"),
        (lambda card: card["settings"].pop("fusion"), "no fusion"),
        (lambda card: card.update(format=2), "has format 2\n  wanted: format 1"),
        (lambda card: card.update(surprise=1), "surprise"),
        (lambda card: card.pop("trained"), "trained"),
        (lambda card: card["settings"]["refinement"].update(width=1000), "describes a network of"),
    ],
)
def test_a_card_that_can_not_be_read_is_refused(saved: Path, change: Callable[[dict[str, Any]], None], message: str) -> None:
    rewrite(saved, lambda tensors, card: change(card))
    with pytest.raises(WeightsError, match=message):
        load_checkpoint(saved)


def test_a_file_without_a_card_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plain.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="holds tensors but no card"):
        load_checkpoint(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_weights_that_float16_can_not_hold_are_refused_and_the_old_file_stays(saved: Path, value: float) -> None:
    before = saved.read_bytes()
    broken = tiny_network()
    with torch.no_grad():
        next(broken.parameters()).flatten()[0] = value
    with pytest.raises(WeightsError, match="finite values within float16"):
        save_checkpoint(saved, broken, card_of(broken))
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_running_statistics_stay_float32(tmp_path: Path) -> None:
    """The variance of a batch may be larger than float16 holds; that is no divergence."""
    path, layer = tmp_path / "layer.safetensors", torch.nn.BatchNorm2d(2)
    layer.running_var = torch.tensor([343819.0, 1e-9])
    save_weights(path, layer.state_dict(), {})
    stored = load_file(path)
    assert stored["running_var"].tolist() == layer.running_var.tolist()
    assert stored["weight"].dtype == torch.float16


def test_a_folder_that_can_not_be_written_is_said(saved: Path, network: BiSTNet) -> None:
    with pytest.raises(StoreError, match="can't write"):
        save_checkpoint(saved / "below.safetensors", network, card_of(network))


@pytest.mark.parametrize(
    ("change", "name", "message"),
    [
        ({"settings": tiny_settings({"fusion.form": "average"})}, "a.safetensors", "other settings"),
        ({"scores": {"psnr": float("nan")}}, "a.safetensors", "score psnr = nan"),
        ({}, "a.pth", r"ends in \.safetensors"),
    ],
)
def test_a_wrong_call_of_save_is_refused(
    tmp_path: Path, network: BiSTNet, change: dict[str, Any], name: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        save_checkpoint(tmp_path / name, network, dataclasses.replace(card_of(network), **change))
    assert not list(tmp_path.iterdir())


def test_every_error_says_what_to_do(saved: Path) -> None:
    saved.write_bytes(b"")
    with pytest.raises(ColorbenchError) as caught:
        load_checkpoint(saved)
    assert caught.value.wanted
    assert caught.value.remedy


@pytest.fixture
def vgg16_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose cache has VGG16, with random weights, small enough for float16 to hold its activations."""
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "cache" / "weights" / "vgg16.safetensors"
    path.parent.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        save_file(Vgg16().state_dict(), path)
    return path


def tiny_vgg16() -> BiSTNet:
    small = {"features.embedding": 4, "refinement.width": 4, "refinement.levels": 2}
    network = BiSTNet(with_overrides(load_settings("vgg16"), small))
    network.encoder = load_encoder(network.settings.features)
    return network


def test_a_fetched_encoder_is_not_in_the_file_and_comes_back(vgg16_machine: Path, tmp_path: Path) -> None:
    network = tiny_vgg16()
    saved = tmp_path / "vgg16.safetensors"
    card = save_checkpoint(saved, network, card_of(network))
    assert saved.stat().st_size < vgg16_machine.stat().st_size / 50
    assert not any(key.startswith("encoder.") for key in load_file(saved))
    assert len(card.encoder) == 64
    loaded, found = load_checkpoint(saved)
    assert found == card
    for key, value in network.encoder.state_dict().items():
        assert torch.equal(loaded.state_dict()[f"encoder.{key}"], value)


def test_without_the_encoder_or_with_another_one_it_is_refused(vgg16_machine: Path, tmp_path: Path) -> None:
    network = tiny_vgg16()
    saved = tmp_path / "vgg16.safetensors"
    save_checkpoint(saved, network, card_of(network))
    state = load_file(vgg16_machine)
    state["features.0.bias"] += 1e-3
    save_file(state, vgg16_machine)
    with pytest.raises(WeightsError, match="trained on another vgg16 than this machine's"):
        load_checkpoint(saved)
    vgg16_machine.unlink()
    with pytest.raises(WeightsError, match=r"no weights of the encoder 'vgg16'(.|\n)*weights fetch vgg16"):
        load_checkpoint(saved)
