"""DDColor's networks: names, counts, a transcription in float64, the authors' numbers, parts by hand."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor, nn

from baselines.ddcolor_networks.color_decoder import sine_positions
from baselines.ddcolor_networks.network import LARGE, TINY, DDColor, Size
from baselines.ddcolor_networks.pixel_decoder import Enlarging
from colorbench.color import lab_to_rgb, rgb_to_lab

State = dict[str, Tensor]

NARROW = Size(depths=(1, 2, 1, 1), channels=(4, 6, 8, 12), width=32, queries=10)

AUTHORS = (4.5793408, 11.5107535, 2.9332208, 7.6246028, 7.1435862, 18.0907999, 6.8961918, 16.9637341)
"""What the authors' code (HEAD 2adb63f, in float64) gave for ``drawn`` weights at NARROW and a part of a photograph: mean and
standard deviation of a* and b*, and two pixels; docs/design/ddcolor-colormnet.md."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(key: str, tensor: Tensor) -> Tensor:
    """A weight that its name decides, at a scale that keeps activations alive and colors apart."""
    draw = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    shape, kind = tensor.shape, key.rpartition(".")[2]
    if key in ("mean", "std") or kind == "num_batches_tracked":
        return tensor
    if kind == "running_var":
        return 0.5 + torch.rand(shape, generator=draw, dtype=torch.float64)
    noise = torch.randn(shape, generator=draw, dtype=torch.float64)
    if kind in ("weight_u", "weight_v"):
        return F.normalize(noise, dim=0)
    if len(shape) == 1:
        return 0.3 * noise if kind == "gamma" else 0.1 * noise + (1.0 if kind == "weight" else 0.0)
    if "embed.weight" in key or "query_feat" in key:
        return noise
    gain = 4000.0 if key.endswith("color_embed.layers.2.weight") else 2.0
    scale: float = math.sqrt(gain / math.prod(shape[1:]))
    return scale * noise


def drawn_state(network: nn.Module) -> State:
    """All weights; u and v as two rounds of the power iteration leave them, near the singular vectors but not at them."""
    state = {key: drawn(key, tensor) for key, tensor in network.state_dict().items()}
    for key in [key.removesuffix("_orig") for key in state if key.endswith("weight_orig")]:
        matrix = state[f"{key}_orig"].flatten(1)
        for _ in range(2):
            state[f"{key}_v"] = F.normalize(matrix.T @ state[f"{key}_u"], dim=0)
            state[f"{key}_u"] = F.normalize(matrix @ state[f"{key}_v"], dim=0)
    return state


@pytest.fixture(scope="module")
def network() -> DDColor:
    network = DDColor(NARROW).double().eval()
    network.load_state_dict(drawn_state(network))
    return network


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def pairs(*names: str) -> set[str]:
    return {f"{name}.{part}" for name in names for part in ("weight", "bias")}


def norms(*names: str) -> set[str]:
    return pairs(*names) | {f"{name}.{part}" for name in names for part in ("running_mean", "running_var", "num_batches_tracked")}


def spectral(*names: str) -> set[str]:
    return {f"{name}.weight_{part}" for name in names for part in ("orig", "u", "v")}


def encoder_names(depths: tuple[int, ...]) -> set[str]:
    names = pairs(*(f"downsample_layers.{i}.{j}" for i in range(4) for j in range(2)), "norm", *(f"norm{i}" for i in range(4)))
    for stage, depth in enumerate(depths):
        for block in (f"stages.{stage}.{i}" for i in range(depth)):
            names |= pairs(*(f"{block}.{part}" for part in ("dwconv", "norm", "pwconv1", "pwconv2"))) | {f"{block}.gamma"}
    return {f"encoder.arch.{name}" for name in names}


def decoder_names() -> set[str]:
    names = spectral(*(f"layers.{i}.{conv}.0" for i in range(3) for conv in ("shuf.conv", "conv")), "last_shuf.conv.0")
    names |= norms(*(f"layers.{i}.{norm}" for i in range(3) for norm in ("shuf.conv.1", "bn", "conv.2")))
    colors = {"query_feat.weight", "query_embed.weight", "level_embed.weight"}
    colors |= pairs("decoder_norm", *(f"{part}.{i}" for part in ("input_proj", "color_embed.layers") for i in range(3)))
    for i in range(9):
        for kind, attention in (("self", "self_attn"), ("cross", "multihead_attn")):
            layer = f"transformer_{kind}_attention_layers.{i}"
            colors |= pairs(f"{layer}.norm", f"{layer}.{attention}.out_proj")
            colors |= {f"{layer}.{attention}.in_proj_{part}" for part in ("weight", "bias")}
        colors |= pairs(*(f"transformer_ffn_layers.{i}.{part}" for part in ("linear1", "linear2", "norm")))
    return {f"decoder.{name}" for name in names | {"last_shuf.conv.0.bias"} | {f"color_decoder.{name}" for name in colors}}


@pytest.mark.parametrize(
    ("size", "entries", "parameters", "encoder"), [(LARGE, 602, 227_869_328, 196_236_096), (TINY, 440, 55_006_640, 27_823_008)]
)
def test_it_has_the_released_names_and_count(size: Size, entries: int, parameters: int, encoder: int) -> None:
    with torch.device("meta"):
        network = DDColor(size)
    state = network.state_dict()
    refine = spectral("refine_net.0.0") | {"refine_net.0.0.bias"}
    assert set(state) == encoder_names(size.depths) | decoder_names() | refine | {"mean", "std"}
    assert len(state) == entries
    assert count(network) == parameters
    assert count(network.encoder) == encoder
    last = size.channels[-1]
    shapes = {
        "encoder.arch.stages.3.0.pwconv1.weight": (4 * last, last),
        "decoder.layers.0.shuf.conv.0.weight_orig": (2048, last, 1, 1),
        "decoder.layers.1.conv.0.weight_orig": (512, 512 + size.channels[1], 3, 3),
        "decoder.layers.2.conv.2.weight": (256,),
        "decoder.last_shuf.conv.0.weight_orig": (4096, 256, 1, 1),
        "decoder.color_decoder.query_feat.weight": (100, 256),
        "decoder.color_decoder.input_proj.2.weight": (256, 256, 1, 1),
        "decoder.color_decoder.transformer_ffn_layers.8.linear1.weight": (2048, 256),
        "refine_net.0.0.weight_orig": (2, 103, 1, 1),
        "refine_net.0.0.weight_u": (2,),
        "refine_net.0.0.weight_v": (103,),
        "mean": (1, 3, 1, 1),
    }
    assert {key: tuple(state[key].shape) for key in shapes} == shapes


def test_pictures_are_normalized_as_imagenets(network: DDColor) -> None:
    assert network.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert network.std.flatten().tolist() == pytest.approx([0.229, 0.224, 0.225])


class Transcription:
    """Layers by the released names, with no module of torch's."""

    def __init__(self, state: State, *, positions: bool = True) -> None:
        self.state = state
        self.positions = positions

    def linear(self, x: Tensor, name: str) -> Tensor:
        return x @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"]

    def layer_norm(self, x: Tensor, name: str, eps: float) -> Tensor:
        centered = x - x.mean(dim=-1, keepdim=True)
        scaled = centered / (centered.square().mean(dim=-1, keepdim=True) + eps).sqrt()
        return scaled * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def channel_norm(self, x: Tensor, name: str) -> Tensor:
        return self.layer_norm(x.movedim(1, -1), name, 1e-6).movedim(-1, 1)

    def batch_norm(self, x: Tensor, name: str) -> Tensor:
        mean, var, weight, bias = (
            self.state[f"{name}.{part}"].reshape(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def spectral_conv(self, x: Tensor, name: str) -> Tensor:
        weight, u, v = (self.state[f"{name}.weight_{part}"] for part in ("orig", "u", "v"))
        norm = (weight * torch.outer(u, v).reshape(weight.shape)).sum()
        return F.conv2d(x, weight / norm, self.state.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    def block(self, x: Tensor, name: str) -> Tensor:
        weight = self.state[f"{name}.dwconv.weight"]
        y = F.conv2d(x, weight, self.state[f"{name}.dwconv.bias"], padding=3, groups=len(weight))
        y = self.linear(self.layer_norm(y.movedim(1, -1), f"{name}.norm", 1e-6), f"{name}.pwconv1")
        y = y * 0.5 * (1.0 + torch.erf(y / math.sqrt(2.0)))
        return x + (self.state[f"{name}.gamma"] * self.linear(y, f"{name}.pwconv2")).movedim(-1, 1)

    def encoded(self, x: Tensor, depths: tuple[int, ...]) -> list[Tensor]:
        maps = []
        for stage, depth in enumerate(depths):
            down = f"encoder.arch.downsample_layers.{stage}"
            if stage:
                x = self.channel_norm(x, f"{down}.0")
            conv = f"{down}.{1 if stage else 0}"
            weight = self.state[f"{conv}.weight"]
            x = F.conv2d(x, weight, self.state[f"{conv}.bias"], stride=weight.shape[-1])
            if not stage:
                x = self.channel_norm(x, f"{down}.1")
            for i in range(depth):
                x = self.block(x, f"encoder.arch.stages.{stage}.{i}")
            maps.append(self.channel_norm(x, f"encoder.arch.norm{stage}"))
        return maps

    def enlarged(self, x: Tensor, name: str, scale: int, *, batch_norm: bool) -> Tensor:
        x = self.spectral_conv(x, f"{name}.conv.0")
        if batch_norm:
            x = self.batch_norm(x, f"{name}.conv.1")
        n, c, h, w = x.shape
        x = x.clamp(min=0).reshape(n, c // scale**2, scale, scale, h, w).permute(0, 1, 4, 2, 5, 3)
        x = x.reshape(n, c // scale**2, scale * h, scale * w)
        up = torch.cat((x[:, :, :1], x[:, :, :-1]), dim=2)
        return (x + up + torch.cat((x[..., :1], x[..., :-1]), 3) + torch.cat((up[..., :1], up[..., :-1]), 3)) / 4.0

    def attention(self, query: Tensor, key: Tensor, value: Tensor, name: str) -> Tensor:
        parts = zip(self.state[f"{name}.in_proj_weight"].chunk(3), self.state[f"{name}.in_proj_bias"].chunk(3), strict=True)
        q, k, v = (
            (x @ weight.T + bias).reshape(*x.shape[:2], 8, -1)
            for x, (weight, bias) in zip((query, key, value), parts, strict=True)
        )
        chosen = (torch.einsum("nqhd,nphd->nhqp", q, k) / math.sqrt(q.shape[-1])).softmax(dim=-1)
        return self.linear(torch.einsum("nhqp,nphd->nqhd", chosen, v).flatten(2), f"{name}.out_proj")

    def colors(self, maps: list[Tensor]) -> Tensor:
        root = "decoder.color_decoder"
        embed = self.state[f"{root}.query_embed.weight"]
        x = self.state[f"{root}.query_feat.weight"].expand(len(maps[0]), -1, -1)
        for i in range(9):
            turn = i % 3
            project = f"{root}.input_proj.{turn}"
            projected = F.conv2d(maps[turn], self.state[f"{project}.weight"], self.state[f"{project}.bias"])
            value = projected.flatten(2).movedim(1, 2) + self.state[f"{root}.level_embed.weight"][turn]
            _, channels, height, width = projected.shape
            key = value + looped_positions(height, width, channels) if self.positions else value
            layer = f"{root}.transformer_cross_attention_layers.{i}"
            x = self.layer_norm(x + self.attention(x + embed, key, value, f"{layer}.multihead_attn"), f"{layer}.norm", 1e-5)
            layer = f"{root}.transformer_self_attention_layers.{i}"
            x = self.layer_norm(x + self.attention(x + embed, x + embed, x, f"{layer}.self_attn"), f"{layer}.norm", 1e-5)
            layer = f"{root}.transformer_ffn_layers.{i}"
            hidden = self.linear(x, f"{layer}.linear1").clamp(min=0)
            x = self.layer_norm(x + self.linear(hidden, f"{layer}.linear2"), f"{layer}.norm", 1e-5)
        x = self.layer_norm(x, f"{root}.decoder_norm", 1e-5)
        for i in range(2):
            x = self.linear(x, f"{root}.color_embed.layers.{i}").clamp(min=0)
        return self.linear(x, f"{root}.color_embed.layers.2")

    def network(self, rgb: Tensor, depths: tuple[int, ...]) -> Tensor:
        seen = (rgb - self.state["mean"]) / self.state["std"]
        *kept, x = self.encoded(seen, depths)
        decoded = []
        for i in range(3):
            name = f"decoder.layers.{i}"
            x = torch.cat((self.enlarged(x, f"{name}.shuf", 2, batch_norm=True), self.batch_norm(kept[2 - i], f"{name}.bn")), 1)
            x = self.batch_norm(self.spectral_conv(x.clamp(min=0), f"{name}.conv.0").clamp(min=0), f"{name}.conv.2")
            decoded.append(x)
        picture = self.enlarged(x, "decoder.last_shuf", 4, batch_norm=False)
        scores = (self.colors(decoded)[:, :, :, None, None] * picture[:, None]).sum(dim=2)
        return self.spectral_conv(torch.cat((scores, seen), dim=1), "refine_net.0.0")


def looped_positions(height: int, width: int, channels: int) -> Tensor:
    """Number by number."""
    half = channels // 2

    def along(place: int, count: int) -> list[float]:
        angle = 2.0 * math.pi * (place + 1) / (count + 1e-6)
        angles = [angle / 10000.0 ** (2 * (i // 2) / half) for i in range(half)]
        return [math.cos(t) if i % 2 else math.sin(t) for i, t in enumerate(angles)]

    places = [along(i, height) + along(j, width) for i in range(height) for j in range(width)]
    return torch.tensor(places, dtype=torch.float64)


def test_the_network_is_the_transcription(network: DDColor) -> None:
    rgb = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    state = dict(network.state_dict())
    with torch.no_grad():
        found = network(rgb)
        wanted = Transcription(state).network(rgb, NARROW.depths)
        placeless = Transcription(state, positions=False).network(rgb, NARROW.depths)
    assert found.shape == (2, 2, 64, 96)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)
    assert found.std() > 1.0
    assert (found - placeless).abs().max() > 1e-2


def photograph() -> Tensor:
    """(1, 3, 64, 96) float64, a part of a photograph without its color."""
    lab = rgb_to_lab(torch.from_numpy(data.coffee()[100:164, 200:296]).double() / 255.0)
    lab[..., 1:] = 0.0
    return lab_to_rgb(lab).permute(2, 0, 1)[None]


def test_the_authors_code_gives_these_numbers_on_these_weights(network: DDColor) -> None:
    with torch.no_grad():
        ab = network(photograph())
    found = (
        *ab.mean(dim=(0, 2, 3)).tolist(),
        *ab.std(dim=(0, 2, 3)).tolist(),
        *ab[0, :, 5, 7].tolist(),
        *ab[0, :, 60, 90].tolist(),
    )
    assert found == pytest.approx(AUTHORS, abs=1e-5)


def test_pictures_of_a_batch_do_not_see_each_other(network: DDColor) -> None:
    rgb = torch.rand(2, 3, 32, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(network(rgb)[1:], network(rgb[1:]), rtol=0, atol=1e-10)


def test_a_map_is_enlarged_by_hand() -> None:
    """The kernel (2, 4, 6, 8), of norm u W v = 2, makes four pixels of one; then each is the mean of it and three neighbors."""
    enlarging = Enlarging(1, 1, scale=2, batch_norm=False).eval()
    kernel = torch.tensor([2.0, 4.0, 6.0, 8.0]).reshape(4, 1, 1, 1)
    state = {"weight_orig": kernel, "weight_u": torch.tensor([1.0, 0, 0, 0]), "weight_v": torch.ones(1), "bias": torch.zeros(4)}
    enlarging.load_state_dict({f"conv.0.{name}": tensor for name, tensor in state.items()})
    with torch.no_grad():
        found = enlarging(torch.tensor([[[[1.0, -1.0]]]]))
    # Shuffled: 1 2 0 0 above 3 4 0 0.
    assert found[0, 0].tolist() == [[1.0, 1.5, 1.0, 0.0], [2.0, 2.5, 1.5, 0.0]]


def test_positions_are_rows_then_columns() -> None:
    found = sine_positions(2, 3, like=torch.zeros(8, dtype=torch.float64))
    torch.testing.assert_close(found, looped_positions(2, 3, 8), rtol=0, atol=1e-14)
    # The second row of two is a whole turn, the first column of three a third of one; the next rate is a hundredth.
    turned = [0.0, 1.0, math.sin(math.pi / 50), math.cos(math.pi / 50)]
    third = [math.sqrt(3) / 2, -0.5, math.sin(math.pi / 150), math.cos(math.pi / 150)]
    assert found[3].tolist() == pytest.approx(turned + third, abs=1e-5)
    assert sine_positions(1, 1, like=torch.zeros(4)).dtype == torch.float32
