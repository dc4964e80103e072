"""InsColor's networks: names, counts, and each part against a transcription in float64."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor, nn

from baselines.inscolor_networks.boxes import Window, on_map
from baselines.inscolor_networks.colornet import TAPS, ColorNet
from baselines.inscolor_networks.fusion import FusionNet, Weighting, instance_maps

from .conftest import State, alive, drawn

AUTHORS = (12.94551, -8.844651, 3.60856, 6.085142, 15.715817, -11.663467, 12.189459, -28.547939)
"""What the authors' code (HEAD 1ce3d25, in float64) gave for ``drawn`` weights on a photograph with two crops: mean and standard
deviation of a* and b*, and four pixels; docs/design/favc-inscolor.md."""


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


BLOCKS = {"model1": (0, 2, 4), "model2": (0, 2, 4), **{f"model{i}": (0, 2, 4, 6) for i in range(3, 8)}}
UPWARDS = ("model8up.0", "model8.1", "model8.3", "model9up.0", "model9.1", "model10up.0", "model10.1")
ASIDE = ("model3short8.0", "model2short9.0", "model1short10.0", "model_class.0", "model_out.0")
NUMBERS = ("", "2", "3", "4", "5", "6", "7", "8_1", "8_2", "9_1", "9_2", "10_1", "10_2", "out")
WEIGHTINGS = [f"weight_layer{number}" for number in NUMBERS]
"""facts: the last one of a block, and model8.5 and model9.3, are batch normalizations."""


def released_names() -> set[str]:
    norms = [f"{block}.{places[-1]}" for block, places in BLOCKS.items()] + ["model8.5", "model9.3"]
    convolutions = [f"{block}.{place}" for block, places in BLOCKS.items() for place in places[:-1]]
    layers = [*convolutions, *UPWARDS, *ASIDE, *norms]
    names = {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")}
    return names | {f"{norm}.{part}" for norm in norms for part in ("running_mean", "running_var", "num_batches_tracked")}


def weighting_names() -> set[str]:
    sides = [f"{layer}.simple_{side}_conv.{i}" for layer in WEIGHTINGS for side in ("instance", "bg") for i in (0, 2, 4)]
    return {f"{side}.{part}" for side in sides for part in ("weight", "bias")}


def test_names_and_counts_are_the_released_ones() -> None:
    with torch.device("meta"):
        plain, fusion = ColorNet(), FusionNet()
    assert set(plain.state_dict()) == released_names()
    assert len(plain.state_dict()) == 107
    assert count(plain) == 34_187_027
    assert set(fusion.state_dict()) == released_names() | weighting_names()
    assert len(fusion.state_dict()) == 275
    assert count(fusion) == 35_270_831
    assert count(fusion) - count(plain) == 1_083_804


def test_shapes_are_the_released_ones() -> None:
    with torch.device("meta"):
        state = FusionNet().state_dict()
    shapes = {
        "model1.0.weight": (64, 4, 3, 3),
        "model4.0.weight": (512, 256, 3, 3),
        "model8up.0.weight": (512, 256, 4, 4),
        "model10up.0.weight": (128, 128, 4, 4),
        "model1short10.0.weight": (128, 64, 3, 3),
        "model_class.0.weight": (529, 256, 1, 1),
        "model_out.0.weight": (2, 128, 1, 1),
        "weight_layer.simple_bg_conv.0.weight": (16, 64, 3, 3),
        "weight_layer7.simple_instance_conv.2.weight": (16, 16, 3, 3),
        "weight_layer10_2.simple_bg_conv.4.weight": (1, 16, 3, 3),
        "weight_layerout.simple_bg_conv.0.weight": (16, 2, 3, 3),
    }
    assert {key: tuple(state[key].shape) for key in shapes} == shapes
    channels = [state[f"{layer}.simple_bg_conv.0.weight"].shape[1] for layer in WEIGHTINGS]
    assert channels == [64, 128, 256, 512, 512, 512, 512, 256, 256, 128, 128, 128, 128, 2]


class Transcribed:
    """The network of facts, functional; a map may be replaced where it has a name."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.maps: dict[str, Tensor] = {}

    def conv(self, x: Tensor, name: str, dilation: int = 1) -> Tensor:
        weight = self.state[f"{name}.weight"]
        padding = dilation * (weight.shape[-1] // 2)
        return F.conv2d(x, weight, self.state[f"{name}.bias"], padding=padding, dilation=dilation)

    def norm(self, x: Tensor, name: str) -> Tensor:
        mean, variance, gain, bias = (
            self.state[f"{name}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-5).sqrt() * gain + bias

    def block(self, x: Tensor, name: str, places: Sequence[int], norm: int, dilation: int = 1) -> Tensor:
        for place in places:
            x = self.conv(x, f"{name}.{place}", dilation).clamp(min=0)
        return self.norm(x, f"{name}.{norm}")

    def up(self, x: Tensor, name: str, skip: Tensor, short: str) -> Tensor:
        doubled = F.conv_transpose2d(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], stride=2, padding=1)
        return doubled + self.conv(skip, short)

    def kept(self, name: str, x: Tensor) -> Tensor:
        self.maps[name] = x
        return x

    def __call__(self, gray: Tensor) -> Tensor:
        empty = torch.zeros_like(gray)
        x = torch.cat((gray, empty, empty, empty - 0.5), dim=1)
        one = self.kept("conv1_2", self.block(x, "model1", (0, 2), 4))
        two = self.kept("conv2_2", self.block(one[:, :, ::2, ::2], "model2", (0, 2), 4))
        three = self.kept("conv3_3", self.block(two[:, :, ::2, ::2], "model3", (0, 2, 4), 6))
        x = three[:, :, ::2, ::2]
        for index, dilation in ((4, 1), (5, 2), (6, 2), (7, 1)):
            x = self.kept(f"conv{index}_3", self.block(x, f"model{index}", (0, 2, 4), 6, dilation))
        x = self.kept("conv8_up", self.up(x, "model8up.0", three, "model3short8.0"))
        x = self.kept("conv8_3", self.block(x.clamp(min=0), "model8", (1, 3), 5))
        x = self.kept("conv9_up", self.up(x, "model9up.0", two, "model2short9.0"))
        x = self.kept("conv9_3", self.block(x.clamp(min=0), "model9", (1,), 3))
        x = self.kept("conv10_up", self.up(x, "model10up.0", one, "model1short10.0"))
        x = self.conv(x.clamp(min=0), "model10.1")
        x = self.kept("conv10_2", torch.where(x > 0, x, 0.2 * x))
        return torch.tanh(self.conv(x, "model_out.0"))


def gray_pictures(number: int, size: tuple[int, int], seed: int = 0) -> Tensor:
    return torch.rand(number, 1, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 0.5


def test_the_network_is_the_transcription() -> None:
    network = ColorNet(width=4, classes=3)
    state = alive(network)
    gray = gray_pictures(2, (32, 24))
    with torch.no_grad():
        found = network(gray)
    expected = Transcribed(state)(gray)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    assert 0.03 < float(expected.std()) < 0.9


def test_instances_maps_are_rectified_where_the_released_code_overwrites_them() -> None:
    network = ColorNet(width=4, classes=3)
    expected = Transcribed(alive(network))
    gray = gray_pictures(2, (16, 24))
    with torch.no_grad():
        maps = instance_maps(network, gray)
    expected(gray)
    assert [place.name for place in TAPS] == list(expected.maps)
    for place, found in zip(TAPS, maps, strict=True):
        wanted = expected.maps[place.name]
        assert found.shape == (2, place.times * 4, 16 // place.shrunk, 24 // place.shrunk)
        if place.name in {"conv8_up", "conv9_up", "conv10_up"}:
            assert float(wanted.min()) < -0.1
            wanted = wanted.clamp(min=0)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)


def transcribed_blend(
    state: State, prefix: str, instances: Sequence[Tensor], background: Tensor, windows: Sequence[Window]
) -> Tensor:
    """facts: everything resized, padded with zeros to the whole map, stacked; softmax; weighted sum."""

    def scores(x: Tensor, side: str) -> Tensor:
        for place in (0, 2, 4):
            name = f"{prefix}simple_{side}_conv.{place}"
            x = F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1).clamp(min=0)
        return x

    height, width = background.shape[2:]

    def padded(x: Tensor, window: Window) -> Tensor:
        right, bottom = width - window.left - window.width, height - window.top - window.height
        return F.pad(x, (window.left, right, window.top, bottom))

    def placed(x: Tensor, window: Window) -> Tensor:
        return padded(F.interpolate(x, size=(window.height, window.width), mode="bilinear"), window)

    covered = torch.zeros_like(background[:, :1])
    stack, maps = [], []
    for instance, window in zip(instances, windows, strict=True):
        stack.append(placed(scores(instance, "instance"), window))
        maps.append(placed(instance, window))
        covered = covered + padded(instance.new_ones(1, 1, window.height, window.width), window)
    stack.append(scores(background, "bg") + 100_000.0 * (1.0 - covered.clamp(max=1.0)))
    weights = torch.cat(stack, dim=1).softmax(dim=1)
    parts = torch.stack([*maps, background]) * weights.transpose(0, 1)[:, None]
    return parts.sum(dim=0)


WINDOWS = (Window(0, 0, 5, 9), Window(3, 2, 9, 4), Window(11, 9, 1, 1), Window(0, 0, 12, 10))


@pytest.mark.parametrize("number", [1, 3, 4])
def test_blending_is_the_transcription(number: int) -> None:
    network = Weighting(3)
    state = alive(network)
    draw = torch.Generator().manual_seed(0)
    instances = [torch.randn(1, 3, 6, 8, generator=draw, dtype=torch.float64) for _ in range(number)]
    background = torch.randn(1, 3, 10, 12, generator=draw, dtype=torch.float64)
    with torch.no_grad():
        found = network(torch.cat(instances), background, [WINDOWS[:number]])
    expected = transcribed_blend(state, "", instances, background, WINDOWS[:number])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    if number < 4:
        assert torch.equal(found[..., 9:, :11], background[..., 9:, :11])
    assert not torch.allclose(found[..., :9, :5], background[..., :9, :5], atol=0.1)


def test_each_picture_of_a_batch_takes_its_own_crops() -> None:
    network = Weighting(3)
    alive(network)
    draw = torch.Generator().manual_seed(1)
    instances = torch.randn(5, 3, 6, 8, generator=draw, dtype=torch.float64)
    background = torch.randn(4, 3, 10, 12, generator=draw, dtype=torch.float64)
    windows = [WINDOWS[:2], [], WINDOWS[2:3], WINDOWS[:2]]
    with torch.no_grad():
        found = network(instances, background, windows)
        for picture, (first, last) in enumerate(((0, 2), (2, 2), (2, 3), (3, 5))):
            own = background[picture : picture + 1]
            expected = network(instances[first:last], own, [windows[picture]]) if last > first else own
            torch.testing.assert_close(found[picture : picture + 1], expected, rtol=0, atol=1e-12)


def test_a_box_elsewhere_makes_a_covered_pixel_fainter() -> None:
    network = Weighting(1).double()
    for parameter in network.parameters():
        parameter.data.zero_()  # all scores are 0
    map_ = torch.full((1, 1, 4, 4), 6.0, dtype=torch.float64)
    background = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    here, elsewhere = Window(0, 0, 4, 4), Window(5, 5, 3, 3)
    with torch.no_grad():
        alone = network(map_, background, [[here]])
        both = network(torch.cat((map_, map_)), background, [[here, elsewhere]])
    assert float(alone[0, 0, 1, 1]) == pytest.approx(3.0)
    assert float(both[0, 0, 1, 1]) == pytest.approx(2.0)


def test_fusion_is_the_transcription() -> None:
    instance, fusion = ColorNet(width=2, classes=3), FusionNet(width=2, classes=3)
    their_instance, state = Transcribed(alive(instance, tag="G.")), alive(fusion, tag="GF.")
    crops, whole = gray_pictures(2, (32, 32), seed=1), gray_pictures(1, (32, 32), seed=2)
    windows = {
        side: [Window(side // 4, 0, side // 2, side), Window(0, side // 2, side - 1, side // 4)] for side in (32, 16, 8, 4)
    }
    places = [[windows[32 // place.shrunk]] for place in TAPS]
    with torch.no_grad():
        found = fusion.fused(whole, instance_maps(instance, crops), places)
    their_instance(crops)
    layers = dict(zip(their_instance.maps, WEIGHTINGS, strict=False))

    class Fused(Transcribed):
        def kept(self, name: str, x: Tensor) -> Tensor:
            of_crops = their_instance.maps[name]
            if name.endswith("_up"):
                of_crops = of_crops.clamp(min=0)
            return transcribed_blend(state, f"{layers[name]}.", torch.split(of_crops, 1), x, windows[x.shape[-1]])

    expected = Fused(state)(whole)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    assert (expected - Transcribed(state)(whole)).abs().max() > 0.05


def test_gradients_reach_every_weight_that_runs() -> None:
    torch.manual_seed(0)
    fusion = FusionNet(width=2, classes=3)
    for parameter in fusion.parameters():
        if parameter.dim() == 1:
            parameter.data.fill_(0.1)
    windows = [[[Window(0, 0, 2, 2)]]] * len(TAPS)
    maps = [torch.rand(1, place.times * 2, 4, 4) for place in TAPS]
    torch.autograd.backward(fusion.fused(torch.rand(1, 1, 32, 32), maps, windows).sum())
    dead = {key.split(".")[0] for key, parameter in fusion.named_parameters() if parameter.grad is None}
    assert dead == {"model_class", "weight_layerout"}


def test_the_authors_code_gives_these_numbers_on_these_weights() -> None:
    """Both networks at the released widths, in float64."""
    with torch.device("meta"):
        networks = ColorNet().eval(), FusionNet().eval()
    for tag, network in zip(("G.", "GF."), networks, strict=True):
        # Through float32, in which the authors' networks held them.
        state = {key: drawn(tag + key, tensor).float().double() for key, tensor in network.state_dict().items()}
        network.load_state_dict(state, assign=True)
    instance, fusion = networks
    picture = torch.from_numpy(data.coffee()[..., 1]).double()[None, None] / 255.0 - 0.5
    whole = picture[..., 100:148, 200:248]
    crops = torch.cat((picture[..., 110:158, 210:258], picture[..., 90:138, 150:198]))
    windows = (Window(4, 3, 26, 37), Window(20, 10, 28, 37))
    places = [[[on_map(window, 48, 48, 48 // place.shrunk) for window in windows]] for place in TAPS]
    with torch.no_grad():
        ab = 110.0 * fusion.fused(whole, instance_maps(instance, crops), places)[0]
    pixels = (ab[0, 0, 0], ab[1, 20, 31], ab[0, 47, 47], ab[1, 7, 40])
    numbers = (ab[0].mean(), ab[1].mean(), ab[0].std(), ab[1].std(), *pixels)
    assert [float(x) for x in numbers] == pytest.approx(AUTHORS, abs=1e-5)
