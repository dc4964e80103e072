"""cic, idc and iizuka as registered methods: their files, and a clip's way through."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from baselines.cic import parse_temperature
from baselines.cic_networks.eccv16 import Eccv16
from baselines.idc_networks.siggraph17 import Siggraph17
from baselines.iizuka_networks.network import IizukaNet
from baselines.iizuka_networks.release import Released
from colorbench.clips.footage import Footage
from colorbench.clips.protocol import load_protocol
from colorbench.errors import UsageError, WeightsError
from colorbench.method import Colorizer, Method
from colorbench.registry import METHODS
from colorbench.scoring.clip_scores import checked
from colorbench.types import Clip
from colorbench.weights.manifest import load_manifest

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = {"cic": "eccv16", "idc": "siggraph17", "iizuka": "iizuka-places"}
TORCH_FILES = {"cic": "baselines.cic_networks.eccv16.Eccv16", "idc": "baselines.idc_networks.siggraph17.Siggraph17"}

each = pytest.mark.parametrize("name", list(WEIGHTS))
each_torch_file = pytest.mark.parametrize("name", list(TORCH_FILES))


def settings(method: Method) -> dict[str, str]:
    return {setting.name: setting.default or "" for setting in method.card.settings}


def load(name: str) -> Colorizer:
    method = METHODS.get(name)
    return method.load(variant="official", device="cpu", settings=settings(method))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    return tmp_path / "weights"


@pytest.fixture
def narrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, nn.Module]:
    """Small networks in the authors' place, and files in theirs; what verifies these is left out."""
    torch.manual_seed(0)
    networks: dict[str, nn.Module] = {
        "cic": Eccv16(width=2),
        "idc": Siggraph17(width=2),
        "iizuka": IizukaNet(width=2, batch_norm=False),
    }
    for name, place in TORCH_FILES.items():
        torch.save(dict(networks[name].state_dict()), tmp_path / f"{WEIGHTS[name]}.pth")
        monkeypatch.setattr(place, partial(type(networks[name]), width=2))
    monkeypatch.setattr("colorbench.weights.official.require_weights", lambda name: tmp_path / f"{name}.pth")
    released = Released(networks["iizuka"], 0.45)  # type: ignore[arg-type]
    monkeypatch.setattr("baselines.iizuka_networks.release.load_released", lambda path: released)
    return networks


@each
def test_it_is_registered_and_automatic(name: str) -> None:
    card = METHODS.get(name).card
    assert card.kind == "automatic"
    assert [(variant.name, variant.exemplars) for variant in card.variants] == [("official", (0, 0)), ("compact", (0, 0))]
    assert card.licence == load_manifest()[WEIGHTS[name]].licence
    assert {other for other in METHODS.entries if other.startswith(name)} == {name}


def test_importing_the_methods_takes_no_torch() -> None:
    code = "import sys, baselines.cic, baselines.idc, baselines.iizuka; print(sorted({'torch', 'cv2', 'PIL'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


@each
def test_weights_that_are_missing_are_named_with_the_command_that_gets_them(name: str, cache: Path) -> None:
    method = METHODS.get(name)
    reason = method.unavailable("official")
    assert f"the weights {WEIGHTS[name]} are not on this machine" in reason
    assert reason.endswith(f"colorbench weights fetch {WEIGHTS[name]}")
    assert method.fingerprint(variant="official", settings=settings(method)) == "no weights"
    with pytest.raises(WeightsError, match=f"(.|\n)*colorbench weights fetch {WEIGHTS[name]}"):
        load(name)


@each
def test_a_file_that_is_not_the_published_one_is_refused(name: str, cache: Path) -> None:
    path = cache / load_manifest()[WEIGHTS[name]].place
    path.parent.mkdir(parents=True)
    path.write_bytes(b"other")
    assert "damaged" in METHODS.get(name).unavailable("official")
    with pytest.raises(WeightsError, match="damaged"):
        load(name)


@each_torch_file
def test_a_file_in_the_released_names_loads(name: str, narrow: dict[str, nn.Module]) -> None:
    network = load(name).network  # type: ignore[attr-defined]
    assert not network.training
    assert all(torch.equal(network.state_dict()[key], tensor) for key, tensor in narrow[name].state_dict().items())


@each_torch_file
def test_a_file_that_lacks_a_tensor_or_has_one_too_many_is_refused(
    name: str, narrow: dict[str, nn.Module], tmp_path: Path
) -> None:
    path = tmp_path / f"{WEIGHTS[name]}.pth"
    state = torch.load(path, weights_only=True)
    torch.save(state | {"more": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="1 unexpected: more"):
        load(name)
    torch.save({key: tensor for key, tensor in state.items() if key != "model4.2.bias"}, path)
    with pytest.raises(WeightsError, match=r"1 missing: model4\.2\.bias"):
        load(name)
    torch.save(state | {"model4.2.bias": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match=r"1 of another shape: model4\.2\.bias \(3,\) instead of \(16,\)"):
        load(name)


def test_one_network_s_file_in_the_other_s_place_is_refused(narrow: dict[str, nn.Module], tmp_path: Path) -> None:
    (tmp_path / "eccv16.pth").write_bytes((tmp_path / "siggraph17.pth").read_bytes())
    with pytest.raises(WeightsError, match=r"eccv16\.pth does not fit Eccv16"):
        load("cic")


@each
@pytest.mark.parametrize("size", [(37, 53), (64, 48)])
def test_frames_come_back_at_their_size_with_their_luminance_and_with_color(
    name: str,
    size: tuple[int, int],
    narrow: dict[str, nn.Module],
    make_clips: Callable[..., Path],
    executor: ThreadPoolExecutor,
) -> None:
    root = make_clips(clip=2, height=size[0], width=size[1])
    footage = Footage(Clip(name="clip", dataset="test", source=root / "clip"), load_protocol("full"), executor=executor)
    try:
        frames = [np.asarray(frame) for frame in checked(load(name).colorize(footage, ()), footage)]
    finally:
        footage.close()
    assert [frame.shape for frame in frames] == [(*size, 3)] * 2
    assert max(np.ptp(frame.astype(int), axis=2).max() for frame in frames) > 0


@each
def test_a_clip_is_read_frame_by_frame_and_each_is_colored_by_itself(
    name: str, narrow: dict[str, nn.Module], moving_clip: Callable[..., Any]
) -> None:
    clip = moving_clip(3, height=32, width=40)
    asked: set[int] = set()
    luminance_of = clip.luminance

    def noted(index: int) -> Any:
        asked.add(index)
        return luminance_of(index)

    clip.luminance = noted
    colorizer = load(name)
    some = list(islice(colorizer.colorize(clip, ()), 2))
    assert asked == {0, 1}
    assert not torch.is_inference_mode_enabled()
    whole = list(colorizer.colorize(clip, ()))
    clip.frames = clip.frames[1:]
    alone = next(colorizer.colorize(clip, ()))
    assert np.array_equal(some[1], whole[1])
    assert np.array_equal(some[1], alone)


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "cold", ""])
def test_a_temperature_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="temperature = ") as caught:
        METHODS.get("cic").fingerprint(variant="official", settings={"temperature": text})
    assert caught.value.wanted
    assert caught.value.remedy


def test_the_temperature_reaches_the_network(narrow: dict[str, nn.Module]) -> None:
    assert parse_temperature({"temperature": "0.38"}) == 0.38
    colorizer: Any = METHODS.get("cic").load(variant="official", device="cpu", settings={"temperature": "0.38"})
    assert colorizer.network.temperature == 0.38
    assert load("cic").network.temperature == 1.0  # type: ignore[attr-defined]
