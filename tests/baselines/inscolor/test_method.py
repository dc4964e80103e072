"""The registered method: files in the released names, where boxes are from, fingerprint. Nothing here computes a frame."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import colorbench.weights.official
from baselines.inscolor import FILES, METHODS
from baselines.inscolor_networks import detection, loading
from baselines.inscolor_networks.boxes_file import BoxesFile
from baselines.inscolor_networks.coloring import ReleasedColorizer
from baselines.inscolor_networks.colornet import ColorNet
from baselines.inscolor_networks.detection import Detector
from baselines.inscolor_networks.fusion import FusionNet
from colorbench.errors import UsageError, WeightsError
from colorbench.registry import METHODS as REGISTERED

ROOT = Path(__file__).resolve().parents[3]
METHOD = METHODS[0]
NONE = {"boxes": ""}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the authors' files would lie."""
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    return tmp_path / "weights" / "instcolorization"


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "ColorNet", lambda: ColorNet(width=2, classes=3))
    monkeypatch.setattr(loading, "FusionNet", lambda: FusionNet(width=2, classes=3))


def written(folder: Path) -> tuple[ColorNet, FusionNet, ColorNet]:
    """Files as the authors' are, of narrow networks: the fusion's names begin with ``module.``."""
    torch.manual_seed(0)
    networks = ColorNet(width=2, classes=3), FusionNet(width=2, classes=3), ColorNet(width=2, classes=3)
    for network, name in zip(networks, FILES, strict=True):
        path = folder / "checkpoints" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = "module." if name.endswith("_GF.pth") else ""
        torch.save({f"{prefix}{key}": tensor for key, tensor in network.state_dict().items()}, path)
    return networks


def loaded(variant: str, settings: dict[str, str]) -> ReleasedColorizer:
    colorizer = METHOD.load(variant=variant, device="cpu", settings=settings)
    assert isinstance(colorizer, ReleasedColorizer)
    return colorizer


def test_it_is_registered_and_its_networks_are_no_method() -> None:
    assert REGISTERED.get("inscolor").card is METHOD.card
    assert {name for name in REGISTERED.entries if "inscolor" in name} == {"inscolor"}


def test_importing_the_method_takes_no_torch() -> None:
    code = "import sys, baselines.inscolor; print(sorted({'torch', 'cv2', 'torchvision', 'PIL'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


def test_what_is_missing_is_named_with_the_command_that_gets_it(folder: Path) -> None:
    assert METHOD.unavailable("undetected").endswith("colorbench weights fetch instcolorization")
    reason = METHOD.unavailable("official")
    assert "colorbench weights fetch instcolorization; " in reason
    assert reason.endswith("colorbench weights fetch maskrcnn")
    assert METHOD.fingerprint(variant="undetected", settings=NONE) == "no weights"
    with pytest.raises(WeightsError, match="colorbench weights fetch instcolorization"):
        METHOD.load(variant="undetected", device="cpu", settings=NONE)


def test_files_in_the_released_names_load(folder: Path, narrow: None) -> None:
    expected = written(folder)
    assert METHOD.unavailable("undetected") == ""
    networks = loaded("undetected", NONE).networks
    for network, own in zip((networks.instances, networks.fusion, networks.alone), expected, strict=True):
        state = network.state_dict()
        assert not network.training
        assert all(torch.equal(state[key], tensor) for key, tensor in own.state_dict().items())


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_file_that_lacks_a_tensor_or_has_one_too_many_is_refused(folder: Path, narrow: None, place: int) -> None:
    written(folder)
    path = folder / "checkpoints" / FILES[place]
    state = torch.load(path, weights_only=True)
    prefix = "module." if place == 1 else ""
    torch.save(state | {f"{prefix}more": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="1 unexpected: more"):
        METHOD.load(variant="undetected", device="cpu", settings=NONE)
    torch.save({key: tensor for key, tensor in state.items() if not key.endswith("model8up.0.bias")}, path)
    with pytest.raises(WeightsError, match=r"1 missing: model8up\.0\.bias"):
        METHOD.load(variant="undetected", device="cpu", settings=NONE)


def test_the_instances_file_is_not_taken_for_the_fusion_s(folder: Path, narrow: None) -> None:
    """With the authors' strict=False it would be, and leave random weightings."""
    written(folder)
    (folder / "checkpoints" / FILES[1]).write_bytes((folder / "checkpoints" / FILES[0]).read_bytes())
    with pytest.raises(WeightsError, match=r"latest_net_GF\.pth does not fit FusionNet: 168 missing"):
        METHOD.load(variant="undetected", device="cpu", settings=NONE)


def test_the_fingerprint_changes_with_each_file_and_with_the_boxes(folder: Path, narrow: None, tmp_path: Path) -> None:
    written(folder)
    boxes = tmp_path / "boxes.json"
    boxes.write_text("{}")
    seen = {
        METHOD.fingerprint(variant="undetected", settings=NONE),
        METHOD.fingerprint(variant="undetected", settings={"boxes": str(boxes)}),
    }
    boxes.write_text('{"clips": {}}')
    seen.add(METHOD.fingerprint(variant="undetected", settings={"boxes": str(boxes)}))
    for count, name in enumerate(FILES, start=4):
        (folder / "checkpoints" / name).write_bytes(b"another")
        seen.add(METHOD.fingerprint(variant="undetected", settings=NONE))
        assert len(seen) == count


def test_boxes_are_a_file_s_or_none_or_the_detector_s(
    folder: Path, narrow: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written(folder)
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({"clips": {"c": {"width": 4, "height": 3, "frames": {"0": []}}}}))
    assert loaded("undetected", NONE).boxes is None
    for variant in ("official", "undetected"):
        assert isinstance(loaded(variant, {"boxes": str(path)}).boxes, BoxesFile)
    with pytest.raises(UsageError, match=r"boxes = .*nowhere\.json"):
        METHOD.load(variant="undetected", device="cpu", settings={"boxes": str(tmp_path / "nowhere.json")})
    with pytest.raises(WeightsError, match="colorbench weights fetch maskrcnn"):
        METHOD.load(variant="official", device="cpu", settings=NONE)
    detector = Detector(torch.nn.Identity())
    monkeypatch.setattr(colorbench.weights.official, "require_weights", with_detector(path))
    monkeypatch.setattr(detection, "load_detector", lambda found, *, device: detector if found == path else None)
    assert loaded("official", NONE).boxes is detector


def with_detector(path: Path) -> Callable[..., Path]:
    """``require_weights`` that finds the detector's file there."""
    require = colorbench.weights.official.require_weights
    return lambda name, *member: path if name == "maskrcnn" else require(name, *member)


def test_the_detector_is_part_of_the_fingerprint(
    folder: Path, narrow: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written(folder)
    weights = tmp_path / "maskrcnn.pth"
    weights.write_bytes(b"one")
    assert METHOD.fingerprint(variant="official", settings=NONE) == "no weights"
    missing = colorbench.weights.official.weights_missing
    monkeypatch.setattr(colorbench.weights.official, "weights_missing", lambda name: "" if name == "maskrcnn" else missing(name))
    monkeypatch.setattr(colorbench.weights.official, "require_weights", with_detector(weights))
    first = METHOD.fingerprint(variant="official", settings=NONE)
    weights.write_bytes(b"another")
    assert " torchvision " in first
    assert (
        len(
            {
                first,
                METHOD.fingerprint(variant="official", settings=NONE),
                METHOD.fingerprint(variant="undetected", settings=NONE),
            }
        )
        == 3
    )
