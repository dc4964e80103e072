"""Finding weights: where, verified, and what is said where there are none."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from colorbench.metrics.lpips import METRICS
from colorbench.metrics.perceptual import BACKBONES
from colorbench.weights.backbones import Missing, find_backbone

CONTENT = b"weights"
WEIGHTS_NAMES = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet"}
NAME = f"tiny-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """colorbench's folder and torch hub's, both empty."""
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    ours, hub = tmp_path / "cache" / "weights", tmp_path / "torch" / "hub" / "checkpoints"
    ours.mkdir(parents=True)
    hub.mkdir(parents=True)
    return ours, hub


def test_the_cache_comes_before_torch_hub(folders: tuple[Path, Path]) -> None:
    ours, hub = folders
    (hub / NAME).write_bytes(CONTENT)
    assert find_backbone(NAME) == hub / NAME
    (ours / NAME).write_bytes(CONTENT)
    assert find_backbone(NAME) == ours / NAME


def test_torch_hub_is_where_torch_says_it_is(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from colorbench.weights.backbones import weight_folders

    assert weight_folders()[1] == Path(torch.hub.get_dir()) / "checkpoints"
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folders[0]))
    assert weight_folders()[1] == Path(torch.hub.get_dir()) / "checkpoints"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert weight_folders()[1] == Path(torch.hub.get_dir()) / "checkpoints"


def test_a_file_that_is_not_what_its_name_says_is_refused(folders: tuple[Path, Path]) -> None:
    path = folders[0] / NAME
    path.write_bytes(b"something else")
    found = find_backbone(NAME)
    assert isinstance(found, Missing)
    assert str(path) in found.reason
    assert hashlib.sha256(b"something else").hexdigest()[:8] in found.reason
    path.write_bytes(CONTENT)
    assert find_backbone(NAME) == path


def test_a_converted_file_comes_first_and_one_that_is_changed_is_no_backbone(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    from colorbench.weights import backbones
    from colorbench.weights.manifest import load_manifest
    from colorbench.weights.tensors import tensors_digest

    state = {"features.0.weight": np.ones((2, 3), np.float32)}
    entry = load_manifest()["alexnet"]
    member = replace(entry.packages[0], tensors=tensors_digest(state))
    known = {"alexnet": replace(entry, place=NAME, packages=(member,))}
    monkeypatch.setattr(backbones, "load_manifest", lambda: known)
    converted = folders[0] / "alexnet.safetensors"
    save_file({"features.0.weight": np.zeros((2, 3), np.float32)}, converted)
    found = find_backbone(NAME)
    assert isinstance(found, Missing)
    assert str(converted) in found.reason
    (folders[1] / NAME).write_bytes(CONTENT)
    assert find_backbone(NAME) == folders[1] / NAME
    save_file(state, converted)
    assert find_backbone(NAME) == converted


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.card.name)
def test_lpips_without_weights_names_file_folder_and_command(metric: object, folders: tuple[Path, Path]) -> None:
    from colorbench.errors import MetricError
    from colorbench.metrics.lpips import Lpips

    assert isinstance(metric, Lpips)
    name = BACKBONES[metric.net].file_name
    reason = metric.unavailable()
    command = f"colorbench weights fetch {WEIGHTS_NAMES[metric.net]}"
    for part in (name, str(folders[0]), command):
        assert part in reason
    with pytest.raises(MetricError) as caught:
        metric.open(device="cpu")
    assert command in caught.value.remedy


def test_only_alexnet_is_a_default() -> None:
    assert {metric.card.name: metric.card.default for metric in METRICS} == {
        "lpips": True,
        "lpips-vgg": False,
        "lpips-squeeze": False,
    }
