"""DeepRemaster's networks: names, counts, each against a transcription in float64, the whole against the authors' code."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor, nn

from baselines.deepremaster_networks.colornet import ColorNet, References, joined
from baselines.deepremaster_networks.layers import SourceReferenceAttention
from baselines.deepremaster_networks.restoration import RestorationNet
from colorbench.errors import UsageError

State = dict[str, Tensor]

AUTHORS = (
    (0.4090496, 0.1415392, 0.500814, 0.0387178, 0.4479611, 0.0502233, 0.5906902, 0.4920894, 0.4654503, 0.4857669),
    (0.4090496, 0.1415392, 0.5345163, 0.0365394, 0.4382367, 0.0484989, 0.5906902, 0.5145404, 0.4645479, 0.5368963),
)
"""What the authors' code (HEAD 60b418c, in float64) gave for ``drawn`` weights and ``photograph``'s frames, with two references
and without: mean and standard deviation of the restored gray, of a, of b, and four pixels; docs/design/tcvc-deepremaster.md."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(key: str, shape: torch.Size) -> Tensor:
    """A weight that its name decides, at a scale that keeps activations alive."""
    draw = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    kind = key.rpartition(".")[2]
    if kind == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    if kind == "gamma":
        return torch.full(shape, 0.5, dtype=torch.float64)
    if kind == "running_var":
        return 0.5 + torch.rand(shape, generator=draw, dtype=torch.float64)
    noise = torch.randn(shape, generator=draw, dtype=torch.float64)
    if len(shape) == 1:
        return 0.1 * noise + (1.0 if kind == "weight" else 0.0)
    gain = 0.1 if key in ("modelR.layers.13.weight", "modelC.up4.1.weight") else 1.0
    return noise * (gain * math.sqrt(2.0 / math.prod(shape[1:])))


def alive(network: nn.Module, prefix: str) -> State:
    """Draws all weights and returns them."""
    state = {key: drawn(f"{prefix}.{key}", tensor.shape) for key, tensor in network.state_dict().items()}
    network.load_state_dict(state)
    return state


def photograph(count: int, *, rows: int = 32, columns: int = 48) -> Tensor:
    """Frames of a crop that moves over a photograph: (1, 3, T, rows, columns) sRGB in float64."""
    picture = torch.from_numpy(data.coffee()).double() / 255.0
    crops = [picture[100 + 6 * i : 100 + 6 * i + rows, 200 + 4 * i : 200 + 4 * i + columns] for i in range(count)]
    return torch.stack(crops).permute(3, 0, 1, 2)[None]


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def conv_names(*names: str) -> set[str]:
    return {f"{name}.{part}" for name in names for part in ("weight", "bias")}


def temporal_names(*names: str) -> set[str]:
    norms = {f"{name}.bn.{part}" for name in names for part in ("running_mean", "running_var", "num_batches_tracked")}
    return norms | conv_names(*(f"{name}.{part}" for name in names for part in ("conv3d", "bn")))


def test_the_restoration_has_the_released_names_and_count() -> None:
    with torch.device("meta"):
        network = RestorationNet()
    state = network.state_dict()
    assert set(state) == temporal_names(*(f"layers.{i}" for i in range(1, 13))) | conv_names("layers.13")
    assert (len(state), count(network)) == (86, 9_878_113)
    shapes = {"layers.1.conv3d.weight": (64, 1, 3, 3, 3), "layers.12.conv3d.weight": (16, 64, 3, 3, 3)}
    assert {key: tuple(state[key].shape) for key in shapes} == shapes


def test_the_color_network_has_the_released_names_and_count() -> None:
    with torch.device("meta"):
        network = ColorNet()
    temporal = [f"down1.{i}" for i in range(1, 10)] + [f"reffeatnet1.{i}" for i in range(9)]
    temporal += [f"reffeatnet2.{i}" for i in range(3)] + ["flat.0", "flat.1", "down2.0", "down2.1", "conv1", "conv2"]
    temporal += ["up1.conv3d", "up2.0", "up2.1", "up3.0", "up3.1", "up4.0"]
    attentions = ("stattn1", "stattn2", "selfattn1", "selfattn2")
    names = temporal_names(*temporal) | conv_names("up4.1") | {f"{name}.gamma" for name in attentions}
    names |= conv_names(*(f"{name}.{part}_conv" for name in attentions for part in ("query", "key", "value")))
    state = network.state_dict()
    assert set(state) == names
    assert (len(state), count(network)) == (261, 54_282_654)
    shapes = {
        "down1.1.conv3d.weight": (64, 1, 1, 3, 3),
        "reffeatnet1.0.conv3d.weight": (64, 3, 1, 3, 3),
        "stattn1.query_conv.weight": (64, 512, 1, 1, 1),
        "up1.conv3d.conv3d.weight": (512, 1024, 3, 3, 3),
        "up3.1.conv3d.weight": (16, 32, 3, 3, 3),
        "up4.1.weight": (2, 8, 3, 3, 3),
    }
    assert {key: tuple(state[key].shape) for key in shapes} == shapes


def doubled(x: Tensor) -> Tensor:
    """Twice the rows and columns: three quarters of the pixel, one of the neighbor on that side; borders are repeated."""
    for axis in (3, 4):
        first, last = x.narrow(axis, 0, 1), x.narrow(axis, x.shape[axis] - 1, 1)
        before = torch.cat((first, x.narrow(axis, 0, x.shape[axis] - 1)), dim=axis)
        after = torch.cat((x.narrow(axis, 1, x.shape[axis] - 1), last), dim=axis)
        x = torch.stack((0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after), dim=axis + 1).flatten(axis, axis + 1)
    return x


def temporal(state: State, name: str, x: Tensor, *, stride: int = 1, padded: bool = True) -> Tensor:
    weight = state[f"{name}.conv3d.weight"]
    padding = (weight.shape[2] // 2, 1, 1) if padded else (0, 0, 0)
    x = F.conv3d(x, weight, state[f"{name}.conv3d.bias"], stride=(1, stride, stride), padding=padding)

    def channel(part: str) -> Tensor:
        return state[f"{name}.bn.{part}"].reshape(1, -1, 1, 1, 1)

    x = (x - channel("running_mean")) / (channel("running_var") + 1e-5).sqrt() * channel("weight") + channel("bias")
    return torch.where(x > 0, x, x.exp() - 1)


def attended(state: State, name: str, source: Tensor, reference: Tensor) -> Tensor:
    """The matrix in full."""

    def projected(part: str, x: Tensor) -> Tensor:
        weight = state[f"{name}.{part}_conv.weight"][:, :, 0, 0, 0]
        return torch.einsum("oc,ncp->nop", weight, x.flatten(2)) + state[f"{name}.{part}_conv.bias"][:, None]

    scores = torch.einsum("ndp,ndq->npq", projected("query", source), projected("key", reference))
    weights = scores.exp() / scores.exp().sum(dim=2, keepdim=True)
    found = torch.einsum("npq,ncq->ncp", weights, projected("value", reference))
    return source + state[f"{name}.gamma"] * found.reshape(source.shape)


def transcribed_restoration(state: State, gray: Tensor) -> Tensor:
    x = F.pad(gray - 0.4462414, (1,) * 6, mode="replicate")
    x = temporal(state, "layers.1", x, stride=2, padded=False)
    x = temporal(state, "layers.3", temporal(state, "layers.2", x))
    x = temporal(state, "layers.4", x, stride=2)
    for index in range(5, 9):
        x = temporal(state, f"layers.{index}", x)
    x = temporal(state, "layers.9", doubled(x))
    x = temporal(state, "layers.11", temporal(state, "layers.10", x))
    x = temporal(state, "layers.12", doubled(x))
    x = F.conv3d(x, state["layers.13.weight"], state["layers.13.bias"], padding=1)
    return (gray + torch.tanh(x)).clamp(min=0, max=1)


def transcribed_chroma(state: State, gray: Tensor, references: Tensor | None) -> Tensor:
    def chain(x: Tensor, name: str, indices: range, shrinking: tuple[int, ...] = ()) -> Tensor:
        for index in indices:
            x = temporal(state, f"{name}.{index}", x, stride=2 if index in shrinking else 1)
        return x

    x = F.pad(gray - 0.4462414, (1, 1, 1, 1, 0, 0), mode="replicate")
    x = chain(temporal(state, "down1.1", x, stride=2, padded=False), "down1", range(2, 10), (4, 7))
    fine = coarse = None
    if references is not None:
        fine = chain(references - 0.48, "reffeatnet1", range(9), (0, 3, 6))
        coarse = chain(fine, "reffeatnet2", range(3), (0,))
        x = attended(state, "stattn1", x, fine)
    kept = chain(x, "flat", range(2))
    x = chain(x, "down2", range(2), (0,))
    if coarse is not None:
        x = attended(state, "stattn2", x, coarse)
    x = temporal(state, "conv1", x)
    x = attended(state, "selfattn1", x, x)
    x = temporal(state, "up1.conv3d", torch.cat((doubled(x), kept), dim=1))
    x = temporal(state, "conv2", attended(state, "selfattn2", x, x))
    for name in ("up2", "up3"):
        x = temporal(state, f"{name}.1", temporal(state, f"{name}.0", doubled(x)))
    x = temporal(state, "up4.0", doubled(x))
    x = F.conv3d(x, state["up4.1.weight"], state["up4.1.bias"], padding=1)
    return 1.0 / (1.0 + (-x).exp())


@pytest.mark.parametrize("frames", [5, 1])
def test_restored_frames_are_the_transcription(frames: int) -> None:
    network = RestorationNet(width=8).double().eval()
    state = alive(network, "modelR")
    gray = photograph(frames).mean(dim=1, keepdim=True)
    with torch.no_grad():
        found = network(gray)
    torch.testing.assert_close(found, transcribed_restoration(state, gray), rtol=0, atol=1e-11)
    assert (found - gray).abs().mean() > 0.01
    assert ((found > 0) & (found < 1)).double().mean() > 0.5


@pytest.fixture(scope="module")
def narrow() -> ColorNet:
    network = ColorNet(width=8).double().eval()
    alive(network, "modelC")
    return network


@pytest.mark.parametrize("frames", [5, 2])
@pytest.mark.parametrize("pictures", [0, 1, 3])
def test_chroma_is_the_transcription_with_any_number_of_references(narrow: ColorNet, frames: int, pictures: int) -> None:
    gray = photograph(frames).mean(dim=1, keepdim=True)
    colored = photograph(pictures, rows=40, columns=58) if pictures else None
    with torch.no_grad():
        found = narrow(gray, None if colored is None else narrow.encode_references(colored))
    wanted = transcribed_chroma(dict(narrow.state_dict()), gray, colored)
    assert found.shape == (1, 2, frames, 32, 48)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-11)
    assert found.std() > 0.01


def test_references_that_are_encoded_one_by_one_are_as_those_at_once_and_their_order_is_nothing(narrow: ColorNet) -> None:
    gray, colored = photograph(3).mean(dim=1, keepdim=True), photograph(3, rows=40, columns=58)
    with torch.no_grad():
        together = narrow.encode_references(colored)
        apart: References = joined([narrow.encode_references(colored[:, :, i : i + 1]) for i in (2, 0, 1)])
        torch.testing.assert_close(narrow(gray, apart), narrow(gray, together), rtol=0, atol=1e-11)
        alone = narrow(gray, narrow.encode_references(colored[:, :, :1]))
    assert (alone - narrow(gray, together)).abs().max() > 1e-4


def test_references_of_one_clip_serve_a_batch(narrow: ColorNet) -> None:
    gray, colored = photograph(4).mean(dim=1, keepdim=True), photograph(1, rows=40, columns=58)
    batch = torch.cat((gray[:, :, :2], gray[:, :, 2:]))
    with torch.no_grad():
        references = narrow.encode_references(colored)
        found = narrow(batch, references)
        torch.testing.assert_close(found[1:], narrow(batch[1:], references), rtol=0, atol=1e-11)


def test_attention_at_gamma_zero_is_the_source() -> None:
    attention = SourceReferenceAttention(16)
    source = torch.randn(2, 16, 2, 3, 4)
    assert torch.equal(attention(source, attention.remember(torch.randn(1, 16, 1, 2, 2))), source)


def test_sides_that_are_no_multiples_of_16_are_refused(narrow: ColorNet) -> None:
    with pytest.raises(UsageError, match="40x32"):
        narrow(torch.rand(1, 1, 1, 32, 40, dtype=torch.float64))


def test_gradients_reach_every_weight() -> None:
    network = ColorNet(width=8)
    alive(network, "modelC")
    gray = photograph(2).mean(dim=1, keepdim=True).float().repeat(2, 1, 1, 1, 1)
    ab = network(gray, network.encode_references(photograph(2, rows=32, columns=32).float()))
    (ab * torch.randn_like(ab)).sum().backward()
    dead = {key for key, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()}
    assert dead == set()


def test_the_authors_code_gives_these_numbers_on_these_weights() -> None:
    """Both networks at the released widths, in float64: drawn weights, five frames, with two references and without."""
    restoration, color = RestorationNet().eval(), ColorNet().eval()
    alive(restoration, "modelR")
    alive(color, "modelC")
    restoration.double()  # of the weights in float32, as the authors' networks hold them
    color.double()
    gray = photograph(5).mean(dim=1, keepdim=True)
    with torch.no_grad():
        restored = restoration(gray)
        references = color.encode_references(photograph(2, rows=40, columns=58))
        for given, wanted in zip((references, None), AUTHORS, strict=True):
            ab = color(restored, given)[0]
            pixels = (restored[0, 0, 2, 20, 31], ab[0, 0, 0, 0], ab[1, 2, 31, 47], ab[0, 4, 7, 40])
            numbers = (restored.mean(), restored.std(), ab[0].mean(), ab[0].std(), ab[1].mean(), ab[1].std(), *pixels)
            assert [float(x) for x in numbers] == pytest.approx(wanted, abs=2e-7)
