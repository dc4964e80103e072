"""CIC's and IDC's networks: names, counts, transcriptions in float64, the authors' numbers; the 313 colors; the square."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from skimage import data
from skimage.color import rgb2lab
from torch import Tensor, nn

from baselines.cic_networks.bins import bin_centers
from baselines.cic_networks.coloring import SquareColorizer, squeezed
from baselines.cic_networks.eccv16 import Eccv16
from baselines.idc_networks.siggraph17 import Siggraph17
from colorbench.color import rgb_to_lab
from colorbench.weights.manifest import load_manifest

State = dict[str, Tensor]

AUTHORS: dict[type[nn.Module], tuple[float, ...]] = {
    Eccv16: (-6.194998, -1.792603, 2.993782, 2.736413, -8.681142, -5.433888, -5.157252, 1.874919),
    Siggraph17: (2.192728, 10.178929, 8.555736, 6.393814, 4.656322, 12.484232, 1.520678, 11.464899),
}
"""What the authors' code gave in float64 for ``drawn`` weights and a part of a photograph: mean and standard deviation of a* and
b*, and two pixels; docs/design/automatic-baselines.md."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(key: str, shape: torch.Size) -> Tensor:
    """A weight that its name decides, at a scale that keeps activations alive and the choice among colors uneven."""
    draw = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    if not shape:
        return torch.zeros(shape, dtype=torch.long)
    if key.endswith("running_var"):
        return 0.5 + torch.rand(shape, generator=draw, dtype=torch.float64)
    if len(shape) == 1:
        noise = 0.1 * torch.randn(shape, generator=draw, dtype=torch.float64)
        return 1.0 + noise if key.endswith("weight") else noise
    gain = {"model8.6.weight": 8.0, "model_out.weight": 8.0, "model_out.0.weight": 0.5}.get(key, 2.0**0.5)
    scale: float = gain / math.sqrt(math.prod(shape[1:]))
    return scale * torch.randn(shape, generator=draw, dtype=torch.float64)


def alive(network: nn.Module) -> State:
    """Draws all weights and returns them."""
    state = {key: drawn(key, tensor.shape) for key, tensor in network.state_dict().items()}
    network.double().eval().load_state_dict(state)
    return state


def places(norms: dict[str, int], *convs: str) -> set[str]:
    """Names of convolutions with biases, and of batch normalizations."""
    names = {f"{name}.{part}" for name in convs for part in ("weight", "bias")}
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return names | {f"{name}.{place}.{part}" for name, place in norms.items() for part in parts}


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_eccv16_has_the_released_names_and_count() -> None:
    with torch.device("meta"):
        network = Eccv16()
    norms = {"model1": 4, "model2": 4} | {f"model{i}": 6 for i in range(3, 8)}
    convs = [f"model{i}.{j}" for i in (1, 2) for j in (0, 2)]
    convs += [f"model{i}.{j}" for i in range(3, 8) for j in (0, 2, 4)] + [f"model8.{j}" for j in (0, 2, 4, 6)]
    state = network.state_dict()
    assert set(state) == places(norms, *convs) | {"model_out.weight"}
    assert len(state) == 82
    assert count(network) == 32_236_011
    shapes = {"model8.0.weight": (512, 256, 4, 4), "model8.6.weight": (313, 256, 1, 1), "model_out.weight": (2, 313, 1, 1)}
    assert {key: tuple(state[key].shape) for key in shapes} == shapes


def test_siggraph17_has_the_released_names_and_count() -> None:
    with torch.device("meta"):
        network = Siggraph17()
    norms = {"model1": 4, "model2": 4} | {f"model{i}": 6 for i in range(3, 8)} | {"model8": 5, "model9": 3}
    convs = [f"model{i}.{j}" for i in (1, 2) for j in (0, 2)] + [f"model{i}.{j}" for i in range(3, 8) for j in (0, 2, 4)]
    convs += ["model8up.0", "model3short8.0", "model8.1", "model8.3", "model9up.0", "model2short9.0", "model9.1"]
    convs += ["model10up.0", "model1short10.0", "model10.1", "model_class.0", "model_out.0"]
    state = network.state_dict()
    assert set(state) == places(norms, *convs)
    assert len(state) == 107
    assert count(network) == 34_187_027
    assert count(network) - count(network.model_class) == 34_051_074
    shapes = {"model1.0.weight": (64, 4, 3, 3), "model10up.0.weight": (128, 128, 4, 4), "model_class.0.weight": (529, 256, 1, 1)}
    assert {key: tuple(state[key].shape) for key in shapes} == shapes


@pytest.mark.parametrize(("network", "entries"), [(Eccv16(width=2), 82), (Siggraph17(width=2), 107)])
def test_widths_change_shapes_and_no_names(network: nn.Module, entries: int) -> None:
    assert len(network.state_dict()) == entries


class Transcription:
    """Layers by the released names, with no module of torch's."""

    def __init__(self, state: State) -> None:
        self.state = state

    def conv(self, x: Tensor, name: str, *, stride: int = 1, dilation: int = 1) -> Tensor:
        weight, bias = self.state[f"{name}.weight"], self.state.get(f"{name}.bias")
        return F.conv2d(x, weight, bias, stride=stride, padding=dilation * (weight.shape[-1] // 2), dilation=dilation)

    def norm(self, x: Tensor, name: str) -> Tensor:
        mean, var, weight, bias = (
            self.state[f"{name}.{part}"].reshape(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def doubled(self, x: Tensor, name: str) -> Tensor:
        """A transposed convolution as a convolution of the picture with zeros between its pixels."""
        spread = x.new_zeros(*x.shape[:2], 2 * x.shape[2] - 1, 2 * x.shape[3] - 1)
        spread[:, :, ::2, ::2] = x
        kernel = self.state[f"{name}.weight"].transpose(0, 1).flip(2, 3)
        return F.conv2d(F.pad(spread, (2, 2, 2, 2)), kernel, self.state[f"{name}.bias"])

    def level(self, x: Tensor, name: str, convs: int, *, stride: int = 1, dilation: int = 1) -> Tensor:
        for i in range(convs):
            x = self.conv(x, f"{name}.{2 * i}", stride=stride if i == convs - 1 else 1, dilation=dilation).clamp(min=0)
        return self.norm(x, f"{name}.{2 * convs}")


def transcribed_eccv16(state: State, gray: Tensor, temperature: float) -> Tensor:
    net = Transcription(state)
    x = net.level(gray, "model1", 2, stride=2)
    x = net.level(x, "model2", 2, stride=2)
    x = net.level(x, "model3", 3, stride=2)
    for name, dilation in (("model4", 1), ("model5", 2), ("model6", 2), ("model7", 1)):
        x = net.level(x, name, 3, dilation=dilation)
    x = net.doubled(x, "model8.0").clamp(min=0)
    x = net.conv(net.conv(x, "model8.2").clamp(min=0), "model8.4").clamp(min=0)
    logits = net.conv(x, "model8.6") / temperature
    raised = (logits - logits.amax(dim=1, keepdim=True)).exp()
    chosen = raised / raised.sum(dim=1, keepdim=True)
    ab = torch.einsum("ck,nkhw->nchw", state["model_out.weight"][:, :, 0, 0], chosen)
    return F.interpolate(ab, (gray.shape[2], gray.shape[3]), mode="bilinear")


def transcribed_siggraph17(state: State, gray: Tensor, no_hint: float) -> Tensor:
    net = Transcription(state)
    zeros = torch.zeros_like(gray)
    one = net.level(torch.cat((gray, zeros, zeros, zeros + no_hint), dim=1), "model1", 2)
    two = net.level(one[:, :, ::2, ::2], "model2", 2)
    three = net.level(two[:, :, ::2, ::2], "model3", 3)
    x = three[:, :, ::2, ::2]
    for name, dilation in (("model4", 1), ("model5", 2), ("model6", 2), ("model7", 1)):
        x = net.level(x, name, 3, dilation=dilation)
    x = (net.doubled(x, "model8up.0") + net.conv(three, "model3short8.0")).clamp(min=0)
    x = net.norm(net.conv(net.conv(x, "model8.1").clamp(min=0), "model8.3").clamp(min=0), "model8.5")
    x = (net.doubled(x, "model9up.0") + net.conv(two, "model2short9.0")).clamp(min=0)
    x = net.norm(net.conv(x, "model9.1").clamp(min=0), "model9.3")
    x = (net.doubled(x, "model10up.0") + net.conv(one, "model1short10.0")).clamp(min=0)
    x = net.conv(x, "model10.1")
    return torch.tanh(net.conv(torch.where(x > 0, x, 0.2 * x), "model_out.0"))


@pytest.fixture
def gray() -> Tensor:
    return torch.rand(2, 1, 24, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 0.5


@pytest.mark.parametrize("temperature", [1.0, 0.38])
def test_eccv16_is_the_transcription(gray: Tensor, temperature: float) -> None:
    network = Eccv16(width=4, temperature=temperature)
    state = alive(network)
    with torch.no_grad():
        found = network(gray)
        other = transcribed_eccv16(state, gray, 1.5 * temperature)
    torch.testing.assert_close(found, transcribed_eccv16(state, gray, temperature), rtol=0, atol=1e-12)
    assert (found - other).abs().max() > 1e-3
    assert found.std() > 0.01


@pytest.mark.parametrize("no_hint", [0.0, -0.5])
def test_siggraph17_is_the_transcription(gray: Tensor, no_hint: float) -> None:
    network = Siggraph17(width=4, no_hint=no_hint)
    state = alive(network)
    with torch.no_grad():
        found = network(gray)
    torch.testing.assert_close(found, transcribed_siggraph17(state, gray, no_hint), rtol=0, atol=1e-12)
    assert (found - transcribed_siggraph17(state, gray, no_hint + 0.1)).abs().max() > 1e-3
    assert found.std() > 0.01


@pytest.mark.parametrize("make", list(AUTHORS))
def test_the_authors_code_gives_these_numbers_on_these_weights(make: type[nn.Module]) -> None:
    network = make()
    alive(network)
    picture = torch.from_numpy(data.coffee()[100:132, 200:248]).double() / 255.0
    with torch.no_grad():
        ab = 110.0 * network(rgb_to_lab(picture)[None, None, ..., 0] / 100.0 - 0.5)
    found = (
        *ab.mean(dim=(0, 2, 3)).tolist(),
        *ab.std(dim=(0, 2, 3)).tolist(),
        *ab[0, :, 5, 7].tolist(),
        *ab[0, :, 30, 40].tolist(),
    )
    assert found == pytest.approx(AUTHORS[make], abs=1e-5)


def test_the_bins_are_the_authors_file() -> None:
    """Its published SHA-256, of what NumPy wrote then: a header filled up to 80 bytes, and int64."""
    header = "{'descr': '<i8', 'fortran_order': False, 'shape': (313, 2), }".ljust(69) + "\n"
    content = b"\x93NUMPY\x01\x00" + (70).to_bytes(2, "little") + header.encode() + bin_centers().astype("<i8").tobytes()
    entry = load_manifest()["eccv16-bins"]
    assert len(content) == entry.size
    assert hashlib.sha256(content).hexdigest() == entry.sha256


def test_an_untrained_head_means_over_the_bins() -> None:
    """One bin alone is its center; all alike are their mean."""
    network = Eccv16(width=2).eval()
    head = network.model8[-1]
    assert isinstance(head, nn.Conv2d)
    assert head.bias is not None
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
        even = 110.0 * network(torch.zeros(1, 1, 8, 8))
        head.bias[17] = 100.0
        sure = 110.0 * network(torch.zeros(1, 1, 8, 8))
    np.testing.assert_allclose(even[0, :, 4, 4], bin_centers().mean(axis=0), rtol=0, atol=1e-4)
    np.testing.assert_allclose(sure[0, :, 4, 4], bin_centers()[17], rtol=0, atol=1e-4)
    assert not network.model_out.weight.requires_grad


@pytest.mark.parametrize("build", [Eccv16, Siggraph17])
def test_gradients_reach_every_weight_that_colors(build: type[Eccv16] | type[Siggraph17]) -> None:
    torch.manual_seed(0)
    network = build(width=4)  # drawn here, so that no other test's draws decide whether a unit is dead
    ab = network.train()(torch.rand(2, 1, 32, 32) - 0.5)
    (ab * torch.randn_like(ab)).sum().backward()
    dead = {key for key, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()}
    assert dead <= {"model_out.weight", "model_class.0.weight", "model_class.0.bias"}


@pytest.mark.parametrize("size", [(37, 53), (300, 260), (256, 256)])
def test_a_picture_is_squeezed_as_pil_squeezes_it_in_color(size: tuple[int, int]) -> None:
    gray = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    three = Image.fromarray(np.repeat(gray[..., None], 3, axis=2)).resize((256, 256), resample=Image.Resampling.BICUBIC)
    assert np.array_equal(np.repeat(squeezed(gray)[..., None], 3, axis=2), np.asarray(three))


class Recorded(nn.Module):
    """Keeps its input, answers with a ramp along the columns in a* and along the rows in b*."""

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x
        ramp = torch.linspace(-0.5, 0.5, 256)
        return torch.stack((ramp.expand(256, 256), ramp[:, None].expand(256, 256)))[None]


def test_the_network_sees_lightness_about_zero_and_its_chroma_is_enlarged() -> None:
    gray = np.random.default_rng(0).integers(0, 256, (40, 60)).astype(np.uint8)
    network = Recorded()
    found = SquareColorizer(network).chroma(gray)
    square = np.asarray(Image.fromarray(gray).resize((256, 256), resample=Image.Resampling.BICUBIC))
    lab = rgb2lab(np.repeat(square[..., None], 3, axis=2))
    np.testing.assert_allclose(network.seen[0, 0], (lab[..., 0] - 50.0) / 100.0, rtol=0, atol=1e-6)
    assert found.shape == (40, 60, 2)
    # Of 60 columns, the middle of each in the ramp's 256, kept inside.
    middles = np.clip((np.arange(60) + 0.5) * 256 / 60 - 0.5, 0, 255) / 255 - 0.5
    np.testing.assert_allclose(found[7, :, 0], 110.0 * middles, rtol=0, atol=1e-4)
    assert not torch.is_inference_mode_enabled()
