"""ProtoSeg against the checkpoint's layout and a transcription of its head; HRNet against mmsegmentation's own pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bistnet.experts import build_expert
from bistnet.experts.hrnet import branch_features, hrnet_w48
from bistnet.experts.protoseg import MEAN, STD, ProtoSeg
from colorbench.errors import WeightsError
from colorbench.nets.checkpoints import load_strict


@pytest.fixture(scope="module")
def network() -> ProtoSeg:
    torch.manual_seed(0)
    return ProtoSeg(hrnet_w48()).eval()


def test_parameters_and_entries_are_those_of_the_published_network(network: ProtoSeg) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) == 71_169_398
    assert len(network.state_dict()) == 1850
    assert network.prototypes.numel() == 136_800


def convolution(key: str, out: int, into: int, side: int) -> dict[str, tuple[int, ...]]:
    return {f"{key}.weight": (out, into, side, side)}


def norm(key: str, width: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {f"{key}.{leaf}": (width,) for leaf in ("weight", "bias", "running_mean", "running_var")}
    return {**shapes, f"{key}.num_batches_tracked": ()}


def published_layout() -> dict[str, tuple[int, ...]]:
    """Every key of the authors' checkpoint with its shape, from the table in section 10 of the facts."""
    widths = (48, 96, 192, 384)
    shapes: dict[str, tuple[int, ...]] = {}

    def layer(key: str, norm_key: str, out: int, into: int, side: int) -> None:
        shapes.update(convolution(f"backbone.{key}", out, into, side) | norm(f"backbone.{norm_key}", out))

    layer("conv1", "bn1", 64, 3, 3)
    layer("conv2", "bn2", 64, 64, 3)
    for block in range(4):
        into = 64 if block == 0 else 256
        for number, (out, before, side) in enumerate(((64, into, 1), (64, 64, 3), (256, 64, 1)), start=1):
            layer(f"layer1.{block}.conv{number}", f"layer1.{block}.bn{number}", out, before, side)
    layer("layer1.0.downsample.0", "layer1.0.downsample.1", 256, 64, 1)
    layer("transition1.0.0", "transition1.0.1", 48, 256, 3)
    layer("transition1.1.0.0", "transition1.1.0.1", 96, 256, 3)
    layer("transition2.2.0.0", "transition2.2.0.1", 192, 96, 3)
    layer("transition3.3.0.0", "transition3.3.0.1", 384, 192, 3)
    for stage, modules in ((2, 1), (3, 4), (4, 3)):
        for module in range(modules):
            at = f"stage{stage}.{module}"
            for branch in range(stage):
                for block in range(4):
                    for number in (1, 2):
                        unit = f"{at}.branches.{branch}.{block}"
                        layer(f"{unit}.conv{number}", f"{unit}.bn{number}", widths[branch], widths[branch], 3)
            for i in range(stage):
                for j in range(stage):
                    fuse = f"{at}.fuse_layers.{i}.{j}"
                    if j > i:
                        layer(f"{fuse}.0", f"{fuse}.1", widths[i], widths[j], 1)
                    for step in range(i - j):
                        out = widths[i] if step == i - j - 1 else widths[j]
                        layer(f"{fuse}.{step}.0", f"{fuse}.{step}.1", out, widths[j], 3)
    shapes |= convolution("cls_head.0", 720, 720, 3) | {"cls_head.0.bias": (720,)} | norm("cls_head.1.0", 720)
    for name in ("proj", "mlp2"):
        for index in (0, 2):
            shapes |= convolution(f"proj_head.{name}.{index}", 720, 720, 1) | {f"proj_head.{name}.{index}.bias": (720,)}
    for name, width in (("feat_norm", 720), ("mask_norm", 19)):
        shapes |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    return shapes | {"prototypes": (19, 10, 720)}


def test_keys_and_shapes_are_those_of_the_published_network(network: ProtoSeg) -> None:
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == published_layout()


def unit(x: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    result: NDArray[np.float64] = x / np.maximum(np.sqrt((x**2).sum(axis, keepdims=True)), 1e-12)
    return result


def layer_norm(x: NDArray[np.float64], gain: NDArray[np.float64], offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the last axis."""
    centered = x - x.mean(-1, keepdims=True)
    result: NDArray[np.float64] = centered / np.sqrt((centered**2).mean(-1, keepdims=True) + 1e-5) * gain + offset
    return result


def transcribed_head(state: dict[str, NDArray[np.float64]], features: NDArray[np.float64]) -> NDArray[np.float64]:
    """The head of section 10, statement by statement, pixel by pixel where order matters."""
    count, width, rows, columns = features.shape
    padded = np.pad(features, ((0, 0), (0, 0), (1, 1), (1, 1)))
    x = np.zeros_like(features)
    for dy in range(3):
        for dx in range(3):
            window = padded[:, :, dy : dy + rows, dx : dx + columns]
            x += np.einsum("oc,nchw->nohw", state["cls_head.0.weight"][:, :, dy, dx], window)
    x += state["cls_head.0.bias"][:, None, None]
    mean, variance = (state[f"cls_head.1.0.running_{name}"][:, None, None] for name in ("mean", "var"))
    gain, offset = (state[f"cls_head.1.0.{name}"][:, None, None] for name in ("weight", "bias"))
    x = np.maximum((x - mean) / np.sqrt(variance + 1e-5) * gain + offset, 0)
    for index in (0, 2):
        weight = state[f"proj_head.proj.{index}.weight"][:, :, 0, 0]
        x = np.einsum("oc,nchw->nohw", weight, x) + state[f"proj_head.proj.{index}.bias"][:, None, None]
        x = np.maximum(x, 0) if index == 0 else x
    x = unit(x, axis=3)
    scores = np.zeros((count, len(state["mask_norm.weight"]), rows, columns))
    prototypes = unit(state["prototypes"], axis=2)
    for n in range(count):
        for row in range(rows):
            for column in range(columns):
                pixel = unit(layer_norm(x[n, :, row, column], state["feat_norm.weight"], state["feat_norm.bias"]), axis=0)
                nearest = np.array([max(float(one @ pixel) for one in of_class) for of_class in prototypes])
                scores[n, :, row, column] = layer_norm(nearest, state["mask_norm.weight"], state["mask_norm.bias"])
    assert width == 720
    return scores


def test_the_head_equals_its_transcription() -> None:
    generator = torch.Generator().manual_seed(3)
    head = ProtoSeg(nn.Identity()).double().eval()
    state = {key: value for key, value in head.state_dict().items() if value.is_floating_point()}
    for key, value in state.items():
        value.normal_(generator=generator).mul_(0.05 if value.ndim > 2 else 0.3)
        if key.endswith("running_var"):
            value.abs_().add_(0.5)
    features = torch.randn((2, 720, 3, 5), generator=generator, dtype=torch.float64)
    with torch.no_grad():
        scores = head.head(features)
    expected = transcribed_head({key: value.numpy() for key, value in state.items()}, features.numpy())
    np.testing.assert_allclose(scores.numpy(), expected, rtol=1e-9, atol=1e-11)
    assert scores.std() > 0.05


def test_branches_equal_mmsegmentations_own_pass_with_its_own_enlargement(network: ProtoSeg) -> None:
    pictures = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        own = branch_features(network.backbone, pictures, align_corners=False)
        theirs = network.backbone(pictures)
        aligned = branch_features(network.backbone, pictures)
    assert [branch.shape[1:] for branch in own] == [(48, 16, 24), (96, 8, 12), (192, 4, 6), (384, 2, 3)]
    for a, b in zip(own, theirs, strict=True):
        torch.testing.assert_close(a, b)
    assert not torch.allclose(own[0], aligned[0])


def test_the_release_form_gives_raw_scores_of_a_differently_normalized_input(
    network: ProtoSeg, gray: Callable[..., Tensor]
) -> None:
    release = ProtoSeg(network.backbone, form="release").eval()
    load_strict(release, network.state_dict(), source=Path("network"))
    seen: list[Tensor] = []
    hook = network.backbone.conv1.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))  # type: ignore[union-attr]
    # No gray level of this frame differs between the two, so only the normalization does.
    l_star = torch.full((1, 1, 32, 64), 100.0)
    l_star[..., 32:] = 0
    with torch.no_grad():
        probabilities, scores = network(l_star), release(l_star)
    hook.remove()
    for channel in range(3):
        for index, (mean, std) in enumerate(((MEAN[channel], STD[channel]), (0.485, 0.229))):
            torch.testing.assert_close(seen[index][0, channel, 0, 0], torch.tensor((1 - mean) / std), rtol=1e-3, atol=1e-3)
            torch.testing.assert_close(seen[index][0, channel, 0, -1], torch.tensor(-mean / std), rtol=1e-3, atol=1e-3)
    assert scores.min() < 0
    torch.testing.assert_close(probabilities.sum(1), torch.ones(1, 32, 64))


def test_a_checkpoint_in_the_authors_layout_loads(network: ProtoSeg, tmp_path: Path) -> None:
    path = tmp_path / "hrnet_w48_proto.pth"
    state = {f"module.{key}": value for key, value in network.state_dict().items()}
    torch.save({"state_dict": state, "config_dict": {"dataset": "cityscapes"}}, path)
    expert = build_expert("protoseg-19", checkpoint=path)
    path.unlink()
    assert expert.trained
    loaded: Any = expert.network
    assert torch.equal(loaded.prototypes, network.prototypes)
    last = "backbone.stage4.2.fuse_layers.3.2.0.1.running_var"
    assert torch.equal(expert.network.state_dict()[last], network.state_dict()[last])


def test_another_number_of_classes_is_refused(network: ProtoSeg) -> None:
    ade20k = ProtoSeg(network.backbone, classes=150)
    with pytest.raises(WeightsError, match=r"3 of another shape: prototypes \(19, 10, 720\) instead of \(150, 10, 720\)"):
        load_strict(ade20k, network.state_dict(), source=Path("cityscapes.pth"))
