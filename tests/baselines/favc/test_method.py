"""The registered method: files, settings, fingerprint, and files in the released formats, written from random weights."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.io import savemat
from torch import nn

from baselines.favc import METHODS, VGG_FILE
from baselines.favc_networks import loading
from baselines.favc_networks.loading import checkpoint_prefix, load_refinement, released_names
from baselines.favc_networks.matconvnet import read_vgg19
from baselines.favc_networks.networks import AveragedVgg19, ImageNetwork, VideoNetwork
from baselines.favc_networks.refinement import CHANNELS, SCOPE
from baselines.favc_networks.unet import UNet
from colorbench.errors import UsageError, WeightsError
from colorbench.registry import METHODS as REGISTERED

from .conftest import NarrowVgg, write_bundle

ROOT = Path(__file__).resolve().parents[3]
METHOD = METHODS[0]
DEFAULTS = {setting.name: setting.default or "" for setting in METHOD.card.settings}
WIDTH = 2


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the authors' files would lie."""
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    return tmp_path / "weights"


@pytest.fixture
def narrow(narrow_vgg: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Video(VideoNetwork):
        def __init__(self, features: AveragedVgg19) -> None:
            super().__init__(features, width=WIDTH)

    class Image(ImageNetwork):
        def __init__(self, features: AveragedVgg19) -> None:
            super().__init__(features, width=WIDTH)

    monkeypatch.setattr("baselines.favc_networks.networks.VideoNetwork", Video)
    monkeypatch.setattr("baselines.favc_networks.networks.ImageNetwork", Image)
    monkeypatch.setattr(loading, "UNet", lambda inside, outside: UNet(inside, outside, width=WIDTH))


def write_vgg(path: Path, vgg: NarrowVgg, *, lacking: str = "") -> None:
    """As MatConvNet's: a cell array of structs, which do not all have the same fields."""
    layers: list[dict[str, Any]] = []
    for key, weight in vgg.state_dict().items():
        name, part = key.split(".")
        if part == "bias" or name == lacking:
            continue
        kernel = weight.flip(1) if name == "conv1_1" else weight
        bias = vgg.get_parameter(f"{name}.bias").detach().numpy()
        pair = np.empty((1, 2), object)
        pair[0, 0], pair[0, 1] = kernel.permute(2, 3, 1, 0).numpy(), bias[None]
        layers += [
            {"name": name, "type": "conv", "weights": pair, "pad": np.ones(4)},
            {"name": f"relu{name[4:]}", "type": "relu"},
        ]
    layers += [{"name": "fc6", "type": "conv", "weights": pair}, {"name": "prob", "type": "softmax"}]
    cells = np.empty((1, len(layers)), object)
    cells[0] = layers
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"layers": cells, "meta": {"about": "test"}})


def variables_of(network: nn.Module, scope: str) -> dict[str, NDArray[np.float32]]:
    state = network.state_dict()
    arrays = {}
    for name, key in released_names(network, scope).items():
        value = state[key].numpy()
        arrays[name] = np.ascontiguousarray(value.transpose(2, 3, 1, 0) if value.ndim == 4 else value)
    return arrays


def write_checkpoint(folder: Path, arrays: dict[str, NDArray[np.float32]]) -> None:
    """With what a training leaves beside the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    one = {name: np.array(0.9, np.float32) for name in ("beta1_power", "beta2_power_1")}
    slots = {f"{name}/{slot}": array for name, array in arrays.items() for slot in ("Adam", "Adam_3") if array.size < 50}
    write_bundle(folder / "model.ckpt", {**arrays, **slots, **one})
    (folder / "checkpoint").write_text(
        'model_checkpoint_path: "/disk/someone/color/model.ckpt"\nall_model_checkpoint_paths: "/disk/someone/color/model.ckpt"\n'
    )


def written(folder: Path) -> tuple[VideoNetwork, ImageNetwork, UNet]:
    """All files, of narrow networks that share their VGG19; the narrow fixture must be on."""
    torch.manual_seed(0)
    features = AveragedVgg19()
    video, image = VideoNetwork(features, width=WIDTH), ImageNetwork(features, width=WIDTH)
    second = UNet(CHANNELS, 3, width=WIDTH)
    assert isinstance(features.vgg, NarrowVgg)
    write_vgg(folder / "favc-vgg" / "VGG_Model" / VGG_FILE, features.vgg)
    models = folder / "favc" / "pretrained_models"
    write_checkpoint(models / "model_div_woflow", variables_of(video, video.scope))
    write_checkpoint(models / "model_imagecolor", variables_of(image, image.scope))
    write_checkpoint(folder / "favc-2020-full", variables_of(video, video.scope) | variables_of(second, SCOPE))
    return video, image, second


def test_it_is_registered_and_its_networks_are_no_method() -> None:
    assert REGISTERED.get("favc").card is METHOD.card
    assert {name for name in REGISTERED.entries if "favc" in name} == {"favc"}


def test_importing_the_method_takes_no_torch() -> None:
    code = "import sys, baselines.favc; print(sorted({'torch', 'cv2', 'numba', 'scipy'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


def test_what_is_missing_is_named_with_the_command_that_gets_it(folder: Path) -> None:
    reason = METHOD.unavailable("official")
    assert "colorbench weights fetch favc-vgg; " in reason
    assert reason.endswith("colorbench weights fetch favc")
    assert METHOD.fingerprint(variant="official", settings=DEFAULTS) == "no weights"
    with pytest.raises(WeightsError, match="colorbench weights fetch favc-vgg"):
        METHOD.load(variant="official", device="cpu", settings=DEFAULTS)


def test_the_older_links_files_will_do(folder: Path, narrow: None) -> None:
    video, _, _ = written(folder)
    (folder / "favc-vgg").rename(folder / "favc-vgg-2020")
    shutil.move(folder / "favc" / "pretrained_models" / "model_div_woflow", folder / "favc-2020-woflow")
    shutil.rmtree(folder / "favc")
    assert METHOD.unavailable("official") == ""
    loaded: Any = METHOD.load(variant="official", device="cpu", settings=DEFAULTS)
    assert torch.equal(loaded.network.unet.conv1_1.weight, video.unet.conv1_1.weight)


@pytest.mark.parametrize(
    ("name", "value"), [("model", "vcn"), ("hypothesis", "4"), ("hypothesis", "-1"), ("hypothesis", ""), ("fit", "stretch")]
)
def test_a_setting_that_means_nothing_is_refused(folder: Path, name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"{name} = ") as caught:
        METHOD.fingerprint(variant="official", settings=DEFAULTS | {name: value})
    assert caught.value.wanted
    assert caught.value.remedy


def test_the_image_model_has_one_hypothesis(folder: Path) -> None:
    with pytest.raises(UsageError, match="hypothesis = 2 with model = image"):
        METHOD.load(variant="official", device="cpu", settings=DEFAULTS | {"model": "image", "hypothesis": "2"})


@pytest.mark.parametrize("model", ["video", "image", "refined"])
def test_files_in_the_released_formats_load(folder: Path, narrow: None, model: str) -> None:
    video, image, second = written(folder)
    settings = DEFAULTS | {"model": model}
    colorizer: Any = METHOD.load(variant="official", device="cpu", settings=settings)
    expected = image if model == "image" else video
    state = colorizer.network.state_dict()
    assert set(state) == set(expected.state_dict())
    assert all(torch.equal(state[key], tensor) for key, tensor in expected.state_dict().items())
    assert not colorizer.network.training
    assert (colorizer.refinement is None) == (model != "refined")
    if colorizer.refinement is not None:
        refinement = colorizer.refinement.state_dict()
        assert all(torch.equal(refinement[key], tensor) for key, tensor in second.state_dict().items())


def test_a_refined_clip_needs_the_full_checkpoint(folder: Path, narrow: None) -> None:
    written(folder)
    shutil.rmtree(folder / "favc-2020-full")
    with pytest.raises(WeightsError, match="colorbench weights fetch favc-2020-full"):
        METHOD.load(variant="official", device="cpu", settings=DEFAULTS | {"model": "refined"})


def test_the_fingerprint_changes_with_each_file(folder: Path, narrow: None) -> None:
    written(folder)
    model = folder / "favc" / "pretrained_models" / "model_div_woflow"
    seen = {METHOD.fingerprint(variant="official", settings=DEFAULTS)}
    for path in (model / "model.ckpt.index", model / "model.ckpt.data-00000-of-00001", folder / "favc-vgg/VGG_Model" / VGG_FILE):
        path.write_bytes(path.read_bytes() + b"more")
        seen.add(METHOD.fingerprint(variant="official", settings=DEFAULTS))
    seen.add(METHOD.fingerprint(variant="official", settings=DEFAULTS | {"model": "image"}))
    refined = METHOD.fingerprint(variant="official", settings=DEFAULTS | {"model": "refined"})
    assert len(seen | {refined}) == 6
    assert " flow opencv " in refined


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda arrays: arrays.pop("individual/g_conv5_1/biases"), r"1 missing: unet\.conv5_1\.bias"),
        (
            lambda arrays: arrays.update({"individual/g_conv11_1/biases": np.zeros(2, np.float32)}),
            "1 unexpected: individual/g_conv11_1",
        ),
        (
            lambda arrays: arrays.update({"individual/g_up_1/up_conv1/weights": np.zeros((3, 3, 16, 32), np.float32)}),
            r"unet\.up_1\.weight \(32, 16, 3, 3\) instead of \(16, 32, 3, 3\)",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(folder: Path, narrow: None, change: Any, said: str) -> None:
    video, _, _ = written(folder)
    arrays = variables_of(video, video.scope)
    change(arrays)
    write_checkpoint(folder / "favc" / "pretrained_models" / "model_div_woflow", arrays)
    with pytest.raises(WeightsError, match=said):
        METHOD.load(variant="official", device="cpu", settings=DEFAULTS)


def test_variables_of_other_scopes_are_left_alone(folder: Path, narrow: None) -> None:
    video, image, _ = written(folder)
    arrays = variables_of(video, video.scope) | variables_of(image, image.scope)
    write_checkpoint(folder / "favc" / "pretrained_models" / "model_div_woflow", arrays)
    METHOD.load(variant="official", device="cpu", settings=DEFAULTS)
    with pytest.raises(WeightsError, match="does not fit UNet: 44 missing"):
        load_refinement(folder / "favc" / "pretrained_models" / "model_div_woflow" / "model.ckpt")


def test_a_vgg19_that_lacks_a_layer_or_is_cut_is_refused(folder: Path, narrow: None) -> None:
    video, _, _ = written(folder)
    path = folder / "favc-vgg" / "VGG_Model" / VGG_FILE
    data = path.read_bytes()
    assert isinstance(video.features, AveragedVgg19)
    assert isinstance(video.features.vgg, NarrowVgg)
    write_vgg(path, video.features.vgg, lacking="conv4_4")
    with pytest.raises(WeightsError, match=r"2 missing: conv4_4\.weight"):
        METHOD.load(variant="official", device="cpu", settings=DEFAULTS)
    for content in (b"", b"no file of MATLAB's" * 20, data[:300], data[: len(data) // 2]):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match="can't be read as VGG19"):
            read_vgg19(path)


def test_the_checkpoint_is_the_one_that_tensorflow_would_take(tmp_path: Path) -> None:
    record = tmp_path / "checkpoint"
    record.write_text('model_checkpoint_path: "model.ckpt-20"\nall_model_checkpoint_paths: "model.ckpt-10"\n')
    assert checkpoint_prefix(record) == tmp_path / "model.ckpt-20"
    record.write_text('all_model_checkpoint_paths: "a"\nmodel_checkpoint_path: "..\\\\results\\\\model.ckpt"')
    assert checkpoint_prefix(record) == tmp_path / "model.ckpt"
    record.write_text("nothing")
    with pytest.raises(WeightsError, match="names no checkpoint"):
        checkpoint_prefix(record)
