"""DeepExemplar's networks: names, counts, each part against a transcription in float64, the whole against the authors' code."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor, nn

from baselines.deepexemplar_networks.colorvidnet import ColorVidNet, from_released, released_names
from baselines.deepexemplar_networks.recurrence import DeepExemplar, Reference, predictions
from baselines.deepexemplar_networks.warpnet import WarpNet
from colorbench.color import lab_to_rgb, rgb_to_lab
from colorbench.errors import UsageError
from colorbench.nets.encoders import CompactEncoder, Vgg19

State = dict[str, Tensor]

AUTHORS = (
    (-2.233156, -6.575841, 4.76177, 3.865745, 2.132602, -2.641717, -9.479894, -7.142553),
    (-2.05367, -6.808255, 4.224957, 4.235186, 0.400293, -4.063698, -16.272449, -4.171203),
    (-2.125158, -6.829491, 4.183539, 4.358943, 9.033101, -4.210957, -9.981948, -7.632637),
)
"""What the authors' code (HEAD 2c41bdf, in float64) gave for ``drawn`` weights and ``photograph``'s frames, the last one the
reference: mean and standard deviation of a* and b*, and four pixels; docs/design/deepexemplar.md."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(key: str, shape: torch.Size) -> Tensor:
    """A weight that its name decides, at a scale that keeps activations alive."""
    draw = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    if shape == (1,):
        return 0.1 + 0.3 * torch.rand(shape, generator=draw, dtype=torch.float64)
    if len(shape) == 1:
        return 0.1 * torch.randn(shape, generator=draw, dtype=torch.float64)
    gain = 0.03 if key == "color.conv10_ab.weight" else 2.0**0.5
    return torch.randn(shape, generator=draw, dtype=torch.float64) * (gain / math.sqrt(math.prod(shape[1:])))


def photograph(count: int) -> list[Tensor]:
    """Frames of a crop that moves over a photograph: (1, 3, 40, 64) Lab in float64."""
    picture = torch.from_numpy(data.coffee()).double() / 255.0
    crops = [picture[100 + 6 * i : 140 + 6 * i, 200 + 4 * i : 264 + 4 * i] for i in range(count)]
    return [rgb_to_lab(crop).permute(2, 0, 1)[None] for crop in crops]


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def places(*names: str) -> set[str]:
    return {f"{name}.{part}" for name in names for part in ("weight", "bias")}


def test_warpnet_has_the_released_names_and_count() -> None:
    with torch.device("meta"):
        network = WarpNet()
    branches = {"layer2_1": (1, 5, 3, 7), "layer3_1": (1, 5, 3, 7), "layer4_1": (1, 5, 3, 7), "layer5_1": (1, 6, 3, 8)}
    names = places("theta", "phi", *(f"layer.{i}.conv{j}" for i in range(3) for j in (1, 2)))
    names |= {f"layer.{i}.prelu.weight" for i in range(3)}
    for branch, (first, second, *prelus) in branches.items():
        names |= places(f"{branch}.{first}", f"{branch}.{second}") | {f"{branch}.{i}.weight" for i in prelus}
    state = network.state_dict()
    assert set(state) == names
    assert len(state) == 43
    assert count(network) == 6_917_131
    shapes = {"layer2_1.5.weight": (64, 128, 3, 3), "layer4_1.1.weight": (256, 512, 3, 3), "layer5_1.6.weight": (64, 256, 3, 3)}
    assert {key: tuple(state[key].shape) for key in shapes} == shapes
    assert tuple(state["layer3_1.3.weight"].shape) == (1,)


def test_colorvidnet_has_the_released_names_and_count() -> None:
    with torch.device("meta"):
        network = ColorVidNet()
    threes = [f"conv{block}_{i}" for block in (3, 4, 5, 6, 7) for i in (1, 2, 3)]
    names = places("conv1_1.0", "conv1_1.2", "conv1_2", "conv2_1", "conv2_2", *threes, "conv8_1.1", "conv8_2", "conv8_3")
    names |= places("conv9_1.1", "conv9_2", "conv10_1.1", "conv10_2", "conv10_ab")
    names |= places("conv1_2_short", "conv2_2_short", "conv3_3_short")
    names |= {f"conv{name}norm_ss.weight" for name in ("1_2", "2_2", "3_3")}
    assert set(released_names()) == names
    assert len(names) == 65
    assert set(released_names().values()) == set(network.state_dict())
    assert count(network) == 32_802_370
    shapes = {"conv1_1.0.weight": (32, 7, 3, 3), "conv3_3norm_ss.weight": (256, 1, 1, 1), "conv10_ab.weight": (2, 128, 1, 1)}
    state = network.state_dict()
    assert {key: tuple(state[released_names()[key]].shape) for key in shapes} == shapes


def reflected(x: Tensor) -> Tensor:
    """One pixel on each side, the border's neighbor."""
    x = torch.cat((x[:, :, 1:2], x, x[:, :, -2:-1]), dim=2)
    return torch.cat((x[..., 1:2], x, x[..., -2:-1]), dim=3)


def standardized(x: Tensor) -> Tensor:
    mean = x.mean(dim=(2, 3), keepdim=True)
    return (x - mean) / ((x - mean).square().mean(dim=(2, 3), keepdim=True) + 1e-5).sqrt()


def doubled(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def prelu(x: Tensor, slope: Tensor) -> Tensor:
    return x.clamp(min=0) + slope * x.clamp(max=0)


def transcribed_embedding(state: State, levels: list[Tensor], projection: str) -> Tensor:
    """WarpNet's side of facts: units, four branches, three residual blocks, a projection, centered units."""

    def layer(x: Tensor, conv: str, slope: str, stride: int = 1) -> Tensor:
        y = F.conv2d(reflected(x), state[f"{conv}.weight"], state[f"{conv}.bias"], stride=stride)
        return prelu(standardized(y), state[f"{slope}.weight"])

    two, three, four, five = (level / level.norm(dim=1, keepdim=True) for level in levels)
    two = layer(layer(two, "layer2_1.1", "layer2_1.3"), "layer2_1.5", "layer2_1.7", stride=2)
    three = layer(layer(three, "layer3_1.1", "layer3_1.3"), "layer3_1.5", "layer3_1.7")
    four = doubled(layer(layer(four, "layer4_1.1", "layer4_1.3"), "layer4_1.5", "layer4_1.7"))
    five = doubled(layer(doubled(layer(five, "layer5_1.1", "layer5_1.3")), "layer5_1.6", "layer5_1.8"))
    if five.shape != two.shape:
        five = torch.cat((five[:, :, :1], five, five[:, :, -1:]), dim=2)
    x = torch.cat((two, three, four, five), dim=1)
    for i in range(3):
        slope = state[f"layer.{i}.prelu.weight"]
        y = F.conv2d(reflected(x), state[f"layer.{i}.conv1.weight"], state[f"layer.{i}.conv1.bias"])
        y = F.conv2d(reflected(prelu(standardized(y), slope)), state[f"layer.{i}.conv2.weight"], state[f"layer.{i}.conv2.bias"])
        x = prelu(standardized(y) + x, slope)
    x = F.conv2d(x, state[f"{projection}.weight"], state[f"{projection}.bias"])
    x = x - x.mean(dim=(2, 3), keepdim=True)
    unit: Tensor = x / x.norm(dim=1, keepdim=True)
    return unit


def transcribed_chroma(state: State, x: Tensor) -> Tensor:
    """ColorVidNet in the released names."""

    def conv(x: Tensor, name: str, dilation: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        return F.conv2d(x, weight, state[f"{name}.bias"], padding=dilation * (weight.shape[-1] // 2), dilation=dilation)

    def block(x: Tensor, *names: str, dilation: int = 1) -> Tensor:
        for name in names:
            x = conv(x, name, dilation).clamp(min=0)
        return standardized(x)

    def halved(x: Tensor, name: str) -> Tensor:
        return x[:, :, ::2, ::2] * state[f"{name}.weight"].reshape(1, -1, 1, 1)

    one = block(x, "conv1_1.0", "conv1_1.2", "conv1_2")
    two = block(halved(one, "conv1_2norm_ss"), "conv2_1", "conv2_2")
    three = block(halved(two, "conv2_2norm_ss"), "conv3_1", "conv3_2", "conv3_3")
    x = halved(three, "conv3_3norm_ss")
    for index, dilation in ((4, 1), (5, 2), (6, 2), (7, 1)):
        x = block(x, *(f"conv{index}_{i}" for i in (1, 2, 3)), dilation=dilation)
    x = block((conv(doubled(x), "conv8_1.1") + conv(three, "conv3_3_short")).clamp(min=0), "conv8_2", "conv8_3")
    x = block((conv(doubled(x), "conv9_1.1") + conv(two, "conv2_2_short")).clamp(min=0), "conv9_2")
    x = conv((conv(doubled(x), "conv10_1.1") + conv(one, "conv1_2_short")).clamp(min=0), "conv10_2")
    return 128.0 * torch.tanh(conv(torch.where(x > 0, x, 0.2 * x), "conv10_ab"))


def alive(network: nn.Module) -> State:
    """Draws all weights and returns them."""
    state = {key: drawn(key, tensor.shape) for key, tensor in network.state_dict().items()}
    network.load_state_dict(state)
    return state


@pytest.mark.parametrize("size", [(32, 48), (40, 32)])
def test_an_embedding_is_the_transcription_and_an_odd_number_of_eighths_is_padded(size: tuple[int, int]) -> None:
    network = WarpNet((6, 8, 10, 12), width=4).double()
    state = alive(network)
    draw = torch.Generator().manual_seed(0)
    levels = [
        torch.rand(2, c, size[0] >> i, size[1] >> i, generator=draw, dtype=torch.float64)
        for i, c in enumerate((6, 8, 10, 12), start=1)
    ]
    with torch.no_grad():
        query, key = network.query(levels), network.key(levels)
    assert query.shape == (2, 16, size[0] // 4, size[1] // 4)
    torch.testing.assert_close(query, transcribed_embedding(state, levels, "theta"), rtol=0, atol=1e-10)
    torch.testing.assert_close(key, transcribed_embedding(state, levels, "phi"), rtol=0, atol=1e-10)
    assert (query - key).abs().max() > 0.1


@pytest.mark.parametrize("size", [(28, 48), (32, 40), (16, 32)])
def test_sizes_that_do_not_fit_warpnet_are_refused(size: tuple[int, int]) -> None:
    encoder = CompactEncoder(2)
    with pytest.raises(UsageError, match="rows a multiple of 8 and columns of 16"):
        WarpNet(encoder.channels, width=4).query(encoder(torch.rand(1, 3, *size)))


def test_the_best_match_is_carried_and_repeated_over_its_pixels() -> None:
    cosines = torch.tensor([[0.9, 0.1, 0.9 - 1e-5], [-0.2, 0.3, 0.1]], dtype=torch.float64)
    query = torch.eye(2, dtype=torch.float64).reshape(1, 2, 1, 2)
    match = WarpNet((1, 1, 1, 1), width=1)(
        query, cosines[:, None, :][None], torch.tensor([[[[5.0, 6.0, 7.0]]]], dtype=torch.float64), temperature=1e-10
    )
    assert match.values.shape == match.similarity.shape == (1, 1, 4, 8)
    assert torch.equal(match.values[0, 0, 2], torch.tensor([5.0] * 4 + [6.0] * 4, dtype=torch.float64))
    torch.testing.assert_close(match.similarity[0, 0, 3], torch.tensor([0.9] * 4 + [0.3] * 4, dtype=torch.float64))


def test_chroma_is_the_transcription() -> None:
    network = ColorVidNet(width=8).double()
    names = released_names()
    shapes = {theirs: network.state_dict()[ours].shape for theirs, ours in names.items()}
    state = {key: drawn(key, shape) for key, shape in shapes.items()}
    network.load_state_dict(from_released(state))
    x = 20.0 * torch.randn(2, 7, 24, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        found = network(x)
    torch.testing.assert_close(found, transcribed_chroma(state, x), rtol=0, atol=1e-9)
    assert found.std() > 1


def test_what_a_released_file_has_too_much_is_not_dropped() -> None:
    assert list(from_released({"conv1_2.bias": torch.zeros(1), "conv11.bias": torch.zeros(1)})) == [
        "body.down.0.2.bias",
        "conv11.bias",
    ]


class Recorded(nn.Module):
    """Stands for ColorVidNet: keeps its input, answers with the number of the frame."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        return torch.full((1, 2, *x.shape[-2:]), float(len(self.seen)))


@pytest.fixture(scope="module")
def small() -> DeepExemplar:
    torch.manual_seed(0)
    return DeepExemplar(CompactEncoder(2), width=4, color_width=4).eval()


@pytest.mark.parametrize("given", [False, True])
def test_each_frame_is_told_what_came_out_for_the_one_before(
    small: DeepExemplar, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    recorded = Recorded()
    monkeypatch.setitem(small._modules, "color", recorded)
    frames = [torch.rand(1, 1, 32, 32) * 100 for _ in range(3)]
    lab = torch.cat((frames[2], 40 * torch.randn(1, 2, 32, 32)), dim=1)
    before = torch.randn(1, 3, 32, 32) if given else None
    with torch.no_grad():
        reference = small.encode_reference(lab)
        outputs = list(predictions(small, iter(frames), reference, before=before))
        query = small.warp.query(small.encoder((frames[1] / 100).expand(-1, 3, -1, -1)))
        match = small.warp(query, reference.key, reference.ab, temperature=1e-10)
    assert [float(ab.mean()) for ab in outputs] == [1.0, 2.0, 3.0]
    torch.testing.assert_close(recorded.seen[0][:, 4:], torch.zeros(1, 3, 32, 32) if before is None else before)
    wanted = (frames[1] - 50, match.values, match.similarity, frames[0] - 50, torch.full((1, 2, 32, 32), 1.0))
    torch.testing.assert_close(recorded.seen[1], torch.cat(wanted, dim=1))
    assert float(recorded.seen[2][:, 5:].mean()) == 2.0


def test_a_reference_is_embedded_in_color_and_its_chroma_averaged(small: DeepExemplar) -> None:
    lab = photograph(1)[0].float()[..., :32, :32]
    with torch.no_grad():
        reference = small.encode_reference(lab)
        rgb = lab_to_rgb(lab.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        gray = small.warp.key(small.encoder((lab[:, :1] / 100).expand(-1, 3, -1, -1)))
        torch.testing.assert_close(reference.key, small.warp.key(small.encoder(rgb)))
    assert (reference.key - gray).abs().max() > 0.05
    assert float(reference.ab[0, 1, 3, 5]) == pytest.approx(float(lab[0, 2, 12:16, 20:24].mean()), abs=1e-5)


def test_gradients_reach_every_weight_at_the_training_temperature() -> None:
    torch.manual_seed(0)
    network = DeepExemplar(CompactEncoder(2), width=4, color_width=4)
    frames = torch.rand(2, 1, 32, 32) * 100
    reference = network.encode_reference(torch.cat((frames, 30 * torch.randn(2, 2, 32, 32)), dim=1))
    match = network.match(frames.flip(0), reference, temperature=0.01)
    ab = network(frames.flip(0), match, torch.zeros(2, 3, 32, 32))
    (ab * torch.randn_like(ab)).sum().backward()
    dead = {key for key, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()}
    # An instance norm takes off what a bias adds, and a bias alone moves no centered embedding.
    assert all(key.endswith(".bias") for key in dead)
    assert not any(key.startswith("color.body.head") for key in dead)


def test_the_authors_code_gives_these_numbers_on_these_weights() -> None:
    """The whole recurrence at the released widths, in float64: drawn weights, three frames, the last one the reference."""
    network = DeepExemplar(Vgg19()).eval()
    with torch.no_grad():
        theirs = {"vgg": network.encoder.state_dict(), "warp": network.warp.state_dict()}
        for name, state in theirs.items():
            for key, tensor in state.items():
                tensor.copy_(drawn(f"{name}.{key}", tensor.shape))
        colors = network.color.state_dict()
        for key, ours in released_names().items():
            colors[ours].copy_(drawn(f"color.{key}", colors[ours].shape))
        network.double()  # of the weights in float32, as the authors' networks hold them
        labs = photograph(3)
        reference: Reference = network.encode_reference(labs[2])
        found = [ab[0] for ab in predictions(network, (lab[:, :1] for lab in labs), reference)]
    for ab, wanted in zip(found, AUTHORS, strict=True):
        pixels = (ab[0, 0, 0], ab[1, 20, 31], ab[0, 39, 63], ab[1, 7, 50])
        numbers = (ab[0].mean(), ab[1].mean(), ab[0].std(), ab[1].std(), *pixels)
        assert [float(x) for x in numbers] == pytest.approx(wanted, abs=1e-4)
