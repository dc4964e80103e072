"""The registered method: files, settings, fingerprint. Nothing here computes a frame."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from baselines.deepexemplar import FILES, METHODS, parse_working
from baselines.deepexemplar_networks import loading
from baselines.deepexemplar_networks.coloring import ReleasedColorizer
from baselines.deepexemplar_networks.colorvidnet import ColorVidNet, released_names
from baselines.deepexemplar_networks.recurrence import DeepExemplar
from baselines.deepexemplar_networks.warpnet import WarpNet
from colorbench.errors import UsageError, WeightsError
from colorbench.nets.encoders import CompactEncoder
from colorbench.registry import METHODS as REGISTERED

ROOT = Path(__file__).resolve().parents[2]
METHOD = METHODS[0]
DEFAULTS = {setting.name: setting.default or "" for setting in METHOD.card.settings}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the authors' files would lie."""
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    path = tmp_path / "weights" / "deepexemplar"
    path.mkdir(parents=True)
    return path


def test_it_is_registered_and_its_networks_are_no_method() -> None:
    assert REGISTERED.get("deepexemplar").card is METHOD.card
    assert {name for name in REGISTERED.entries if "deepexemplar" in name} == {"deepexemplar"}


def test_importing_the_method_takes_no_torch() -> None:
    code = "import sys, baselines.deepexemplar; print(sorted({'torch', 'cv2', 'skimage', 'scipy'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


def test_what_is_missing_is_named_with_the_command_that_gets_it(folder: Path) -> None:
    for name in FILES[:2]:
        (folder / name).touch()
    reason = METHOD.unavailable("official")
    assert reason.startswith("no vgg19_conv.pth: ")
    assert reason.endswith("colorbench weights fetch deepexemplar")
    with pytest.raises(WeightsError, match=r"vgg19_conv\.pth(.|\n)*colorbench weights fetch deepexemplar"):
        METHOD.load(variant="official", device="cpu", settings=DEFAULTS)
    (folder / FILES[2]).touch()
    assert METHOD.unavailable("official") == ""


def test_a_machine_without_the_folder_says_all_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    assert METHOD.unavailable("official").startswith(f"no {', '.join(FILES)}: ")


def test_settings_are_read() -> None:
    working = parse_working(DEFAULTS)
    assert (working.size, working.fit, working.propagate) == ((432, 768), "crop", False)
    working = parse_working({"size": "432x576", "fit": "stretch", "propagate": "yes"})
    assert (working.size, working.fit, working.propagate) == ((432, 576), "stretch", True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("size", text) for text in ("", "432", "768x432x1", "440x768", "432x776", "48x64", "-432x768", "432 x 768")),
        ("fit", "pad"),
        ("propagate", "maybe"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"{name} = ") as caught:
        METHOD.fingerprint(variant="official", settings=DEFAULTS | {name: value})
    assert caught.value.wanted
    assert caught.value.remedy


def test_the_fingerprint_changes_with_each_file_and_with_the_filter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {METHOD.fingerprint(variant="official", settings=DEFAULTS)}
    for name in FILES:
        (folder / name).write_bytes(name.encode())
    seen.add(METHOD.fingerprint(variant="official", settings=DEFAULTS))
    for count, name in enumerate(FILES, start=3):
        (folder / name).write_bytes(b"another")
        seen.add(METHOD.fingerprint(variant="official", settings=DEFAULTS))
        assert len(seen) == count
    monkeypatch.setattr("baselines.deepexemplar_networks.smoothing._opencv", lambda: object())
    seen.add(METHOD.fingerprint(variant="official", settings=DEFAULTS))
    assert len(seen) == 6


def narrow() -> DeepExemplar:
    return DeepExemplar(CompactEncoder(2), width=2, color_width=2)


def written(folder: Path) -> DeepExemplar:
    """Files as the authors' are, of a narrow network."""
    network = narrow()
    names = {ours: theirs for theirs, ours in released_names().items()}
    torch.save(dict(network.warp.state_dict()), folder / FILES[0])
    torch.save({names[key]: tensor for key, tensor in network.color.state_dict().items()}, folder / FILES[1])
    torch.save(dict(network.encoder.state_dict()), folder / FILES[2])
    return network


@pytest.fixture
def narrow_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "Vgg19", lambda: CompactEncoder(2))
    monkeypatch.setattr(loading, "DeepExemplar", lambda encoder: DeepExemplar(encoder, width=2, color_width=2))


def test_files_in_the_released_names_load(folder: Path, narrow_networks: None) -> None:
    network = written(folder)
    colorizer = METHOD.load(variant="official", device="cpu", settings=DEFAULTS)
    assert isinstance(colorizer, ReleasedColorizer)
    loaded = colorizer.network
    assert not loaded.training
    state = loaded.state_dict()
    assert all(torch.equal(state[key], tensor) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize(("place", "key"), [(0, "theta.bias"), (1, "conv10_ab.bias"), (2, "stem.bias")])
def test_a_file_that_lacks_a_tensor_or_has_one_too_many_is_refused(
    folder: Path, narrow_networks: None, place: int, key: str
) -> None:
    written(folder)
    path = folder / FILES[place]
    state = torch.load(path, weights_only=True)
    torch.save(state | {"more": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="1 unexpected: more"):
        METHOD.load(variant="official", device="cpu", settings=DEFAULTS)
    torch.save({name: tensor for name, tensor in state.items() if name != key}, path)
    with pytest.raises(WeightsError, match="1 missing"):
        METHOD.load(variant="official", device="cpu", settings=DEFAULTS)


def test_a_file_in_another_s_place_is_refused(folder: Path, narrow_networks: None) -> None:
    written(folder)
    (folder / FILES[0]).write_bytes((folder / FILES[1]).read_bytes())
    with pytest.raises(WeightsError, match=r"nonlocal_net_iter_76000\.pth does not fit WarpNet"):
        METHOD.load(variant="official", device="cpu", settings=DEFAULTS)


@pytest.mark.parametrize(("network", "tensors"), [(WarpNet((2, 4, 8, 16), width=2), 43), (ColorVidNet(width=2), 65)])
def test_widths_change_shapes_and_no_names(network: nn.Module, tensors: int) -> None:
    assert len(network.state_dict()) == tensors
