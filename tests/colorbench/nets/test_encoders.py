"""VGG19 and VGG16 against their table, its weights from three layouts, and what no encoder takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from colorbench.errors import UsageError, WeightsError
from colorbench.nets.encoders import BGR_MEAN, RGB_DEVIATION, RGB_MEAN, CompactEncoder, Vgg16, Vgg19
from colorbench.nets.vgg16_weights import load_vgg16
from colorbench.nets.vgg19_weights import load_vgg19, torchvision_names
from colorbench.system.compat import ensure_torchvision

WIDTHS = [64, 64, "pool", 128, 128, "pool", 256, 256, 256, 256, "pool", 512, 512, 512, 512, "pool", 512, 512, 512, 512]
TAPPED = (1, 3, 5, 9, 13)
"""Convolutions, counted from 0, behind whose ReLU relu1_2 to relu5_2 are."""


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Random weights in Gatys' layout, scaled so that activations neither vanish nor explode."""
    draw = torch.Generator().manual_seed(0)
    found = {}
    for key, tensor in Vgg19().state_dict().items():
        scale = (2.0 / tensor[0].numel()) ** 0.5 if tensor.dim() == 4 else 0.1
        found[key] = scale * torch.randn(tensor.shape, generator=draw)
    return found


@pytest.fixture(scope="module")
def picture() -> Tensor:
    return torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module", params=["compact", "vgg16", "vgg19"])
def encoder(request: pytest.FixtureRequest) -> Vgg16 | Vgg19 | CompactEncoder:
    makers: dict[str, Callable[[], Vgg16 | Vgg19 | CompactEncoder]] = {
        "compact": lambda: CompactEncoder(8),
        "vgg16": Vgg16,
        "vgg19": Vgg19,
    }
    return makers[request.param]()


def stack(state: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    """VGG19's configuration E from its table: the taps of an input that is preprocessed already."""
    tensors, found, convolution = list(state.values()), [], 0
    for width in WIDTHS:
        if width == "pool":
            x = F.max_pool2d(x, 2, 2)
            continue
        weight, bias = tensors[2 * convolution : 2 * convolution + 2]
        assert len(weight) == width
        x = torch.relu(F.conv2d(x, weight, bias, padding=1))
        if convolution in TAPPED:
            found.append(x)
        convolution += 1
    return found


def loaded(state: dict[str, Tensor], path: Path) -> Vgg19:
    torch.save(state, path)
    return load_vgg19(path)


def test_vgg19_has_the_published_names_and_count() -> None:
    network = Vgg19()
    places = [f"conv{block}_{index}" for block, depth in enumerate((2, 2, 4, 4, 4), 1) for index in range(1, depth + 1)]
    names = [f"{place}.{part}" for place in places for part in ("weight", "bias")]
    assert list(network.state_dict()) == names
    assert len(names) == 32
    assert sum(parameter.numel() for parameter in network.parameters()) == 20_024_384
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_vgg19_has_torchvision_s_convolutions() -> None:
    ensure_torchvision()
    from torchvision.models import vgg19

    with torch.device("meta"):
        theirs = {key: value.shape for key, value in vgg19(weights=None).state_dict().items() if key.startswith("features.")}
    ours = Vgg19().state_dict()
    assert {key: ours[name].shape for key, name in torchvision_names().items()} == theirs


@pytest.fixture(scope="module")
def network(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Vgg19:
    return loaded(state, tmp_path_factory.mktemp("gatys") / "vgg19_conv.pth")


def test_taps_are_those_of_the_table(state: dict[str, Tensor], picture: Tensor, network: Vgg19) -> None:
    expected = stack(state, (picture[:, [2, 1, 0]] - torch.tensor(BGR_MEAN)[:, None, None]) * 255.0)
    taps = network.taps(picture)
    assert [tap.shape[1] for tap in taps] == [64, 128, 256, 512, 512]
    for tap, other in zip(taps, expected, strict=True):
        torch.testing.assert_close(tap, other, rtol=1e-4, atol=1e-4 * float(other.max()))
    assert all(torch.equal(level, tap) for level, tap in zip(network(picture), taps[1:], strict=True))


def test_gradients_pass_through_vgg19_to_the_picture(picture: Tensor, network: Vgg19) -> None:
    leaf = picture.clone().requires_grad_()
    torch.stack([level.square().mean() for level in network(leaf)]).sum().backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()
    assert leaf.grad.abs().sum() > 0


def test_torchvision_s_weights_see_what_torchvision_shows_them(state: dict[str, Tensor], picture: Tensor, tmp_path: Path) -> None:
    ours_to_theirs = {ours: theirs for theirs, ours in torchvision_names().items()}
    theirs = {ours_to_theirs[key]: tensor for key, tensor in state.items()}
    network = loaded({**theirs, "classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "vgg19-dcbb9e9d.pth")
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    for tap, other, ring in zip(network.taps(picture), stack(state, (picture - mean) / std), (2, 3, 5, 6, 6), strict=True):
        scale = float(other.abs().max())
        # The padding's color differs by half a level: only as far from the border as convolutions have carried it.
        inside = (..., slice(ring, -ring), slice(ring, -ring)) if min(tap.shape[2:]) > 2 * ring else (..., slice(0, 0))
        torch.testing.assert_close(tap[inside], other[inside], rtol=0, atol=2e-5 * scale)
        torch.testing.assert_close(tap, other, rtol=0, atol=5e-3 * scale)


@pytest.mark.parametrize(
    ("name", "ending"),
    [("block{}_conv{}/{}", ".npz"), ("block{}_conv{}/block{}_conv{}/{}:0", ".npz"), ("block{}_conv{}_{}", ".safetensors")],
)
def test_keras_weights_are_turned_round(state: dict[str, Tensor], name: str, ending: str, tmp_path: Path) -> None:
    theirs = {"fc1/kernel": torch.zeros(2, 2)}
    for key, tensor in state.items():
        place, part = key.removeprefix("conv").split(".")
        kernel = part == "weight"
        digits = place.split("_") * ((name.count("{}") - 1) // 2)
        theirs[name.format(*digits, "kernel" if kernel else "bias")] = (
            tensor.permute(2, 3, 1, 0).contiguous() if kernel else tensor
        )
    path = tmp_path / f"vgg19{ending}"
    if ending == ".npz":
        np.savez(path, **{key: tensor.numpy() for key, tensor in theirs.items()})  # type: ignore[arg-type]
    else:
        save_file(theirs, path)
    network = load_vgg19(path).state_dict()
    assert all(torch.equal(network[key], tensor) for key, tensor in state.items())


def test_files_that_do_not_fit_say_what_is_wrong(state: dict[str, Tensor], tmp_path: Path) -> None:
    state = {key: tensor.half() for key, tensor in state.items()}
    path = tmp_path / "w.pth"
    with pytest.raises(WeightsError, match=r"1 missing: conv5_4\.bias") as caught:
        loaded({key: tensor for key, tensor in state.items() if key != "conv5_4.bias"}, path)
    assert caught.value.wanted
    assert caught.value.remedy
    with pytest.raises(WeightsError, match=r"1 unexpected: conv6_1\.weight"):
        loaded({**state, "conv6_1.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"conv1_1\.weight \(64, 1, 3, 3\) instead of \(64, 3, 3, 3\)"):
        loaded({**state, "conv1_1.weight": state["conv1_1.weight"][:, :1]}, path)
    with pytest.raises(WeightsError, match=r"features\.1\.running_mean"):
        loaded({**{a: state[b] for a, b in torchvision_names().items()}, "features.1.running_mean": torch.zeros(64)}, path)
    with pytest.raises(WeightsError, match="no checkpoint"):
        load_vgg19(tmp_path / "none.pth")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    np.savez(path, block1_conv1=np.array([{}], dtype=object))
    with pytest.raises(WeightsError, match="can't be read as arrays"):
        load_vgg19(path)
    path.write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(WeightsError, match="can't be read as arrays"):
        load_vgg19(path)


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (3, 32, 32), (1, 3, 15, 32)])
def test_pictures_of_another_shape_are_refused(encoder: nn.Module, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="a picture of shape"):
        encoder(torch.rand(shape))


def test_vgg16_has_torchvision_s_names_and_levels(tmp_path: Path, picture: Tensor) -> None:
    ensure_torchvision()
    from torchvision.models import vgg16

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        theirs = vgg16(weights=None).features
    save_file({f"features.{key}": value for key, value in theirs.state_dict().items()}, tmp_path / "vgg16.safetensors")
    network = load_vgg16(tmp_path / "vgg16.safetensors")
    assert sum(parameter.numel() for parameter in network.parameters()) == 14_714_688
    assert not any(parameter.requires_grad for parameter in network.parameters())
    with torch.no_grad():
        x = (picture - torch.tensor(RGB_MEAN).view(1, 3, 1, 1)) / torch.tensor(RGB_DEVIATION).view(1, 3, 1, 1)
        for level, (start, stop) in zip(network(picture), ((0, 9), (9, 16), (16, 23), (23, 30)), strict=True):
            x = theirs[start:stop](x)
            torch.testing.assert_close(level, x, rtol=0.0, atol=1e-6)


def test_a_file_without_one_of_vgg16_s_convolutions_is_refused(tmp_path: Path) -> None:
    state = Vgg16().state_dict()
    del state["features.28.bias"]
    save_file(state, tmp_path / "vgg16.safetensors")
    with pytest.raises(WeightsError, match=r"1 missing: features\.28\.bias"):
        load_vgg16(tmp_path / "vgg16.safetensors")
