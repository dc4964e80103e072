"""FAVC's networks: names, counts, and each part against a transcription in float64 that puts the hypercolumn together."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.favc_networks.loading import released_names
from baselines.favc_networks.networks import AveragedVgg19, ImageNetwork, VideoNetwork
from baselines.favc_networks.refinement import CHANNELS, SCOPE, refined
from baselines.favc_networks.unet import UNet, legacy_resize
from colorbench.nets.encoders import Vgg19

State = dict[str, Tensor]


def drawn(key: str, shape: torch.Size) -> Tensor:
    """A weight that its name decides, at a scale that keeps activations alive."""
    draw = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    values = torch.randn(shape, generator=draw, dtype=torch.float64)
    return values * (0.1 if len(shape) == 1 else math.sqrt(2.0 / math.prod(shape[1:])))


def alive(network: nn.Module) -> State:
    """Draws all weights and returns them."""
    state = {key: drawn(key, tensor.shape) for key, tensor in network.state_dict().items()}
    network.double().load_state_dict(state)
    return state


def ours(network: nn.Module) -> nn.Module:
    """The network without its features."""
    if hasattr(network, "features"):
        del network.features
    return network


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


LAYERS = {f"g_conv{i}_{j}" for i in range(1, 10) for j in (1, 2)} | {f"g_up_{i}/up_conv1" for i in range(1, 5)}
"""facts: VCN."""


@pytest.mark.parametrize(
    ("make", "scope", "layers", "parameters"),
    [
        (lambda: VideoNetwork(AveragedVgg19()), "individual/", LAYERS, 8_671_020),
        (
            lambda: ImageNetwork(AveragedVgg19()),
            "siamese_nework/",
            LAYERS | {"g_conv0_1", "g_conv0_2", "g_up_5/up_conv1", "g_conv10_1", "g_conv10_2"},
            8_734_435,
        ),
        (lambda: UNet(CHANNELS, 3), "", {f"VCRNr_{layer[2:]}" for layer in LAYERS}, 8_621_795),
    ],
)
def test_names_and_counts_are_the_released_ones(
    make: Callable[[], nn.Module], scope: str, layers: set[str], parameters: int
) -> None:
    with torch.device("meta"):
        network = ours(make())
    names = released_names(network, getattr(network, "scope", SCOPE))
    assert set(names) == {f"{scope}{layer}/{part}" for layer in layers for part in ("weights", "biases")}
    assert set(names.values()) == set(network.state_dict())
    assert count(network) == parameters


def test_shapes_are_the_released_ones() -> None:
    with torch.device("meta"):
        video, image = VideoNetwork(AveragedVgg19()).unet, ours(ImageNetwork(AveragedVgg19())).state_dict()
    shapes = {key: tuple(tensor.shape) for key, tensor in video.state_dict().items()}
    assert shapes["conv1_1.weight"] == (32, 1475, 1, 1)
    assert shapes["conv5_2.weight"] == (512, 512, 3, 3)
    assert shapes["up_1.weight"] == (256, 512, 3, 3)
    assert shapes["conv6_1.weight"] == (256, 512, 3, 3)
    assert shapes["conv9_1.weight"] == (32, 64, 3, 3)
    assert shapes["conv9_2.weight"] == (12, 32, 3, 3)
    assert tuple(image["unet.conv1_1.weight"].shape) == (32, 1507, 1, 1)
    assert tuple(image["unet.conv9_2.weight"].shape) == (64, 32, 3, 3)


def resized(x: Tensor, height: int, width: int) -> Tensor:
    """TensorFlow 1's resize_bilinear, align_corners off: pixel by pixel."""
    out = x.new_zeros(*x.shape[:2], height, width)
    for row in range(height):
        for column in range(width):
            y, z = row * x.shape[2] / height, column * x.shape[3] / width
            top, left = math.floor(y), math.floor(z)
            below, right = min(top + 1, x.shape[2] - 1), min(left + 1, x.shape[3] - 1)
            upper = x[:, :, top, left] + (x[:, :, top, right] - x[:, :, top, left]) * (z - left)
            lower = x[:, :, below, left] + (x[:, :, below, right] - x[:, :, below, left]) * (z - left)
            out[:, :, row, column] = upper + (lower - upper) * (y - top)
    return out


@pytest.mark.parametrize("old", [(3, 5), (8, 8), (1, 1)])
@pytest.mark.parametrize("new", [(6, 10), (3, 5), (4, 4), (7, 2), (16, 9)])
def test_resizing_is_tensorflow_s(old: tuple[int, int], new: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *old, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(legacy_resize(x, new), resized(x, *new), rtol=0, atol=1e-12)


def test_doubling_keeps_every_pixel_and_halving_drops_every_second() -> None:
    x = torch.rand(1, 2, 6, 4)
    assert torch.equal(legacy_resize(x, (12, 8))[:, :, ::2, ::2], x)
    assert torch.equal(legacy_resize(x, (3, 2)), x[:, :, ::2, ::2])
    assert not torch.allclose(F.interpolate(x, scale_factor=2.0, mode="bilinear"), legacy_resize(x, (12, 8)), atol=0.05)


def transcribed_vgg(state: State, gray: Tensor) -> list[Tensor]:
    """facts: gray x 3 x 255 minus RGB means, ReLU, average pooling; the weights as the file has them, for RGB."""
    x = 255.0 * gray.expand(-1, 3, -1, -1) - torch.tensor([123.68, 116.779, 103.939], dtype=torch.float64)[:, None, None]
    found = []
    for block, depth in enumerate((2, 2, 4, 4, 2), start=1):
        if block > 1:
            x = (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4.0
        for index in range(1, depth + 1):
            name = f"vgg.conv{block}_{index}"
            weight = state[f"{name}.weight"].flip(1) if (block, index) == (1, 1) else state[f"{name}.weight"]
            x = F.conv2d(x, weight, state[f"{name}.bias"], padding=1).clamp(min=0)
            if index == 2:
                found.append(x)
    return found


def test_features_are_averaged_vgg19_s_deepest_first(narrow_vgg: None) -> None:
    network = AveragedVgg19()
    assert Vgg19.widths[::-1] == (512, 512, 256, 128, 64)
    state = alive(network)
    gray = torch.rand(2, 1, 32, 48, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = network(gray)
    expected = transcribed_vgg(state, gray)[::-1]
    assert [x.shape[1] for x in found] == list(network.channels) == [2, 3, 2, 3, 2]
    for ours_, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours_, theirs / 255.0, rtol=0, atol=1e-7)  # means of eight decimals
        assert theirs.std() > 0.1


def transcribed_unet(state: State, x: Tensor, prefix: str = "") -> Tensor:
    """facts: VCN, on an input that has been put together."""

    def conv(x: Tensor, name: str) -> Tensor:
        weight = state[f"{prefix}{name}.weight"]
        return F.conv2d(x, weight, state[f"{prefix}{name}.bias"], padding=weight.shape[-1] // 2)

    def leaky(x: Tensor) -> Tensor:
        return torch.maximum(0.2 * x, x)

    skips = []
    for level in range(1, 6):
        if level > 1:
            x = torch.stack([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]).amax(dim=0)
        x = leaky(conv(leaky(conv(x, f"conv{level}_1")), f"conv{level}_2"))
        skips.append(x)
    for step in range(1, 5):
        skip = skips[4 - step]
        x = torch.cat((conv(resized(x, *skip.shape[2:]), f"up_{step}"), skip), dim=1)
        x = conv(leaky(conv(x, f"conv{5 + step}_1")), f"conv{5 + step}_2")
        x = leaky(x) if step < 4 else x
    return x


def hypercolumn(state: State, gray: Tensor) -> Tensor:
    """facts: conv5_2, conv4_2, conv3_2, conv2_2, conv1_2, gray x 3."""
    inner = {key.removeprefix("features."): tensor for key, tensor in state.items()}
    maps = [resized(x, *gray.shape[2:]) / 255.0 for x in transcribed_vgg(inner, gray)[::-1]]
    return torch.cat((*maps, gray.expand(-1, 3, -1, -1)), dim=1)


def test_the_video_network_is_the_transcription(narrow_vgg: None) -> None:
    network = VideoNetwork(AveragedVgg19(), width=4)
    state = alive(network)
    gray = torch.rand(2, 1, 16, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        found = network(gray)
    assert found.shape == (2, 4, 3, 16, 32)
    expected = transcribed_unet(state, hypercolumn(state, gray), "unet.")
    for hypothesis in range(4):
        rgb = expected[:, 3 * hypothesis : 3 * hypothesis + 3]
        torch.testing.assert_close(found[:, hypothesis], rgb, rtol=0, atol=1e-7)
        assert rgb.std() > 0.1


def test_the_image_network_is_the_transcription(narrow_vgg: None) -> None:
    network = ImageNetwork(AveragedVgg19(), width=4)
    state = alive(network)
    gray = torch.rand(1, 1, 32, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def conv(x: Tensor, name: str) -> Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)

    fine = torch.maximum(conv(gray, "conv0_1"), 0.2 * conv(gray, "conv0_1"))
    fine = torch.maximum(conv(fine, "conv0_2"), 0.2 * conv(fine, "conv0_2"))
    pooled = torch.stack([fine[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]).amax(dim=0)
    x = torch.cat((pooled, hypercolumn(state, resized(gray, 16, 32))), dim=1)
    x = resized(transcribed_unet(state, x, "unet."), 32, 64)
    x = conv(torch.cat((conv(x, "up_5"), fine), dim=1), "conv10_1")
    expected = conv(torch.maximum(x, 0.2 * x), "conv10_2")
    with torch.no_grad():
        found = network(gray)
    assert found.shape == (1, 1, 3, 32, 64)
    torch.testing.assert_close(found[:, 0], expected, rtol=0, atol=1e-7)
    assert expected.std() > 0.1


def test_gradients_reach_every_weight() -> None:
    torch.manual_seed(0)
    network = UNet(5, 3, width=2)
    parts = (torch.rand(1, 2, 4, 4), torch.rand(1, 3, 16, 16))
    (network(parts) * torch.randn(1, 3, 16, 16)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


class Recorded(nn.Module):
    """Stands for VCRN: keeps its input."""

    def forward(self, parts: list[Tensor]) -> Tensor:
        self.seen = torch.cat(parts, dim=1)
        return parts[0] + 0.25


def test_the_second_stage_sees_what_agrees_and_what_does_not() -> None:
    """A frame that moved by two pixels, over its pixels one by one."""
    draw = torch.Generator().manual_seed(0)
    gray_before, before = torch.rand(1, 1, 16, 32, generator=draw), torch.rand(1, 3, 16, 32, generator=draw)
    flow = torch.zeros(1, 2, 16, 32)
    flow[:, 0] = 2.0  # the like pixel of the frame before lies two columns to the right
    columns = (torch.arange(32) + 2).clamp(max=31)
    carried, gray_carried = before[..., columns], gray_before[..., columns]
    rgb = carried + torch.where(torch.rand(1, 3, 16, 32, generator=draw) < 0.2, 0.06, 0.04)
    gray = gray_carried + torch.where(torch.rand(1, 1, 16, 32, generator=draw) < 0.3, -0.06, -0.04)
    network = Recorded()
    out = refined(network, rgb, gray, before=before, gray_before=gray_before, flow=flow)  # type: ignore[arg-type]
    seen = network.seen
    assert seen.shape == (1, CHANNELS, 16, 32)
    kinds = set()
    for row in range(16):
        for column in range(32):
            color = bool(((carried - rgb)[0, :, row, column].abs() < 0.05).all())
            light = bool((gray_carried - gray)[0, 0, row, column].abs() < 0.05)
            low = light and not color
            mixed = gray[0, :, row, column].expand(3) if low else rgb[0, :, row, column]
            masks = torch.tensor([float(low)] * 3 + [float(color)] * 3 + [float(light)] * 3)
            expected = torch.cat((mixed, carried[0, :, row, column], rgb[0, :, row, column], masks))
            torch.testing.assert_close(seen[0, :, row, column], expected, rtol=0, atol=1e-5)
            kinds.add((color, light))
    assert len(kinds) == 4
    torch.testing.assert_close(out, seen[:, :3] + 0.25)
