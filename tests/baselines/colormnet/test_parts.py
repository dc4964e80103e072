"""ColorMNet's parts, each against a transcription in float64."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.colormnet_networks.network import ColorMNet

State = Mapping[str, Tensor]


def conv(state: State, name: str, x: Tensor, *, stride: int = 1, groups: int = 1) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, state.get(f"{name}.bias"), stride=stride, padding=weight.shape[-1] // 2, groups=groups)


def batch_norm(state: State, name: str, x: Tensor) -> Tensor:
    mean, variance, weight, bias = (
        state[f"{name}.{part}"].reshape(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (variance + 1e-5).sqrt() * weight + bias


def layer_norm(state: State, name: str, x: Tensor, axis: int) -> Tensor:
    shape = [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]
    centered = x - x.mean(dim=axis, keepdim=True)
    unit = centered / (centered.square().mean(dim=axis, keepdim=True) + 1e-6).sqrt()
    return unit * state[f"{name}.weight"].reshape(shape) + state[f"{name}.bias"].reshape(shape)


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


@lru_cache
def sampling(new: int, old: int, scale: float, cubic: bool) -> Tensor:
    """(new, old): what each new line takes of the old ones; the borders are repeated."""
    matrix = torch.zeros(new, old, dtype=torch.float64)
    for index in range(new):
        place = (index + 0.5) / scale - 0.5
        for line in range(math.floor(place) - 1, math.floor(place) + 3):
            d = abs(place - line)
            if not cubic:
                share = max(0.0, 1.0 - d)
            elif d <= 1:
                share = 1.25 * d**3 - 2.25 * d**2 + 1
            else:
                share = -0.75 * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0
            matrix[index, min(max(line, 0), old - 1)] += share
    return matrix


def resized(x: Tensor, rows: int, columns: int, *, scales: tuple[float, float] | None = None, cubic: bool = False) -> Tensor:
    height, width = x.shape[-2:]
    down, across = scales or (rows / height, columns / width)
    return sampling(rows, height, down, cubic) @ x @ sampling(columns, width, across, cubic).T


def enlarged(x: Tensor, factor: int) -> Tensor:
    return resized(x, factor * x.shape[-2], factor * x.shape[-1])


def stem(state: State, name: str, x: Tensor) -> Tensor:
    x = batch_norm(state, f"{name}.bn1", conv(state, f"{name}.conv1", x, stride=2)).relu()
    windows = F.pad(x, (1, 1, 1, 1), value=-math.inf).unfold(2, 3, 2).unfold(3, 3, 2)
    return windows.amax(dim=(-2, -1))


def residual_stage(state: State, name: str, x: Tensor, *, blocks: int, strided: int, stride: int) -> Tensor:
    """``strided`` is the convolution of the first block that shrinks: the first of two, the second of three."""
    count = 2 if strided == 1 else 3
    for block in range(blocks):
        step = stride if block == 0 else 1
        y = x
        for index in range(1, count + 1):
            own = f"{name}.{block}"
            y = conv(state, f"{own}.conv{index}", y, stride=step if index == strided else 1)
            y = batch_norm(state, f"{own}.bn{index}", y)
            y = y.relu() if index < count else y
        if f"{name}.{block}.downsample.0.weight" in state:
            x = conv(state, f"{name}.{block}.downsample.0", x, stride=step)
            x = batch_norm(state, f"{name}.{block}.downsample.1", x)
        x = (x + y).relu()
    return x


def transformer(state: State, name: str, picture: Tensor) -> Tensor:
    """DINOv2's last four maps."""
    rows, columns = (side // 14 for side in picture.shape[-2:])
    kernel = state[f"{name}.patch_embed.proj.weight"]
    cut = picture.unfold(2, 14, 14).unfold(3, 14, 14)  # (1, 3, rows, columns, 14, 14)
    tokens = torch.einsum("ncyxij,dcij->nyxd", cut, kernel).flatten(1, 2) + state[f"{name}.patch_embed.proj.bias"]
    own = state[f"{name}.pos_embed"]
    grid = own[:, 1:].transpose(1, 2).reshape(1, -1, 37, 37)
    scaled = resized(grid, rows, columns, scales=((rows + 0.1) / 37, (columns + 0.1) / 37), cubic=True)
    places = torch.cat((own[:, :1], scaled.flatten(2).transpose(1, 2)), dim=1)
    x = torch.cat((state[f"{name}.cls_token"], tokens), dim=1) + places
    maps = []
    for index in range(12):
        block = f"{name}.blocks.{index}"
        q, k, v = linear(state, f"{block}.attn.qkv", layer_norm(state, f"{block}.norm1", x, -1)).chunk(3, dim=-1)
        heads = []
        for a, b, c in zip(q.chunk(6, dim=-1), k.chunk(6, dim=-1), v.chunk(6, dim=-1), strict=True):
            scores = (a @ b.transpose(1, 2) / math.sqrt(a.shape[-1])).exp()
            heads.append(scores / scores.sum(dim=-1, keepdim=True) @ c)
        x = x + state[f"{block}.ls1.gamma"] * linear(state, f"{block}.attn.proj", torch.cat(heads, dim=-1))
        y = linear(state, f"{block}.mlp.fc1", layer_norm(state, f"{block}.norm2", x, -1))
        y = 0.5 * y * (1.0 + torch.erf(y / math.sqrt(2.0)))
        x = x + state[f"{block}.ls2.gamma"] * linear(state, f"{block}.mlp.fc2", y)
        if index >= 8:
            maps.append(layer_norm(state, f"{name}.norm", x, -1)[:, 1:].transpose(1, 2).reshape(1, -1, rows, columns))
    return torch.cat(maps, dim=1)


def guided(state: State, name: str, guide: Tensor, level: Tensor) -> Tensor:
    own = conv(state, f"{name}.encode_enc", guide)

    def projected(part: str, x: Tensor) -> Tensor:
        x = conv(state, f"{name}.crossattn.to_{part}", x)
        x = conv(state, f"{name}.crossattn.to_{part}_dw", x, groups=x.shape[1])
        return x.flatten(2).reshape(8, x.shape[1] // 8, -1)

    asking, asked = layer_norm(state, f"{name}.norm1", own, 1), layer_norm(state, f"{name}.norm2", level, 1)
    q, k, v = projected("q", asking), projected("k", asked), projected("v", asked)
    cosines = torch.einsum("hcp,hdp->hcd", q / q.norm(dim=2, keepdim=True), k / k.norm(dim=2, keepdim=True))
    weights = (cosines * state[f"{name}.crossattn.temperature"]).exp()
    found = torch.einsum("hcd,hdp->hcp", weights / weights.sum(dim=2, keepdim=True), v).reshape(1, -1, *level.shape[-2:])
    return layer_norm(state, f"{name}.norm3", conv(state, f"{name}.crossattn.to_out.0", found) + own, 1).relu()


def transcribed_levels(state: State, gray: Tensor) -> list[Tensor]:
    picture = torch.cat((gray, gray, gray), dim=1)
    quarter = residual_stage(state, "key_encoder.res2", stem(state, "key_encoder", picture), blocks=3, strided=2, stride=1)
    eighth = residual_stage(state, "key_encoder.layer2", quarter, blocks=4, strided=2, stride=2)
    sixteenth = residual_stage(state, "key_encoder.layer3", eighth, blocks=6, strided=2, stride=2)
    tokens = transformer(state, "key_encoder.network2.backbone", picture)
    guide = batch_norm(state, "key_encoder.network2.bn3", conv(state, "key_encoder.network2.conv3", tokens)).relu()
    guide = resized(guide, *sixteenth.shape[-2:])
    return [
        guided(state, f"key_encoder.fuse{index}", enlarged(guide, factor), level)
        for index, factor, level in ((1, 1, sixteenth), (2, 2, eighth), (3, 4, quarter))
    ]


def res_block(state: State, name: str, x: Tensor) -> Tensor:
    y = conv(state, f"{name}.conv2", conv(state, f"{name}.conv1", x.relu()).relu())
    return y + (conv(state, f"{name}.downsample", x) if f"{name}.downsample.weight" in state else x)


def fused(state: State, name: str, picture: Tensor, plane: Tensor) -> Tensor:
    x = res_block(state, f"{name}.block1", torch.cat((picture, plane), dim=1))
    gates = []
    for pooled in (x.flatten(2).mean(dim=2), x.flatten(2).max(dim=2).values):
        inner = linear(state, f"{name}.attention.ChannelGate.mlp.1", pooled).relu()
        gates.append(linear(state, f"{name}.attention.ChannelGate.mlp.3", inner))
    y = x * torch.sigmoid(gates[0] + gates[1])[:, :, None, None]
    over = torch.stack((y.max(dim=1).values, y.mean(dim=1)), dim=1)
    y = y * torch.sigmoid(conv(state, f"{name}.attention.SpatialGate.spatial.conv", over))
    return res_block(state, f"{name}.block2", x + y)


def moved(values: Tensor, hidden: Tensor) -> Tensor:
    count = hidden.shape[1]
    forget, update = torch.sigmoid(values[:, :count]), torch.sigmoid(values[:, count : 2 * count])
    return forget * hidden * (1 - update) + update * torch.tanh(values[:, 2 * count :])


def transcribed_value(state: State, gray: Tensor, level: Tensor, ab: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Plane by plane."""
    values, states = [], []
    for plane in (0, 1):
        x = torch.cat((gray, gray, gray, ab[:, plane : plane + 1], ab[:, 1 - plane : 2 - plane]), dim=1)
        x = stem(state, "value_encoder", x)
        for index in (1, 2, 3):
            x = residual_stage(state, f"value_encoder.layer{index}", x, blocks=2, strided=1, stride=1 if index == 1 else 2)
        value = fused(state, "value_encoder.fuser", level, x)
        own = hidden[plane : plane + 1]
        gates = conv(state, "value_encoder.hidden_reinforce.transform", torch.cat((value, own), dim=1))
        values.append(value)
        states.append(moved(gates, own))
    return torch.cat(values, dim=1), torch.cat(states)


def averaged(x: Tensor, factor: int) -> Tensor:
    n, c, h, w = x.shape
    return x.reshape(n, c, h // factor, factor, w // factor, factor).mean(dim=(3, 5))


def transcribed_chroma(state: State, levels: list[Tensor], found: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Plane by plane."""
    planes, states = [], []
    for plane, value in enumerate(found.chunk(2, dim=1)):
        own = hidden[plane : plane + 1]
        g16 = fused(state, "decoder.fuser", levels[0], torch.cat((value, own), dim=1))
        g8 = conv(state, "decoder.up_16_8.skip_conv", levels[1]) + enlarged(g16, 2)
        g8 = res_block(state, "decoder.up_16_8.out_conv", g8)
        g4 = conv(state, "decoder.up_8_4.skip_conv", levels[2]) + enlarged(g8, 2)
        g4 = res_block(state, "decoder.up_8_4.out_conv", g4)
        raw = conv(state, "decoder.pred", g4.relu())
        seen = conv(state, "decoder.hidden_update.g16_conv", g16)
        seen = seen + conv(state, "decoder.hidden_update.g8_conv", averaged(g8, 2))
        seen = seen + conv(state, "decoder.hidden_update.g4_conv", averaged(torch.cat((g4, raw), dim=1), 4))
        states.append(moved(conv(state, "decoder.hidden_update.transform", torch.cat((seen, own), dim=1)), own))
        planes.append(torch.tanh(enlarged(raw, 4)))
    return torch.cat(planes, dim=1), torch.cat(states)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(math.prod(shape)), dtype=torch.float64)


@pytest.mark.parametrize("columns", [112, 224])
def test_what_is_seen_is_the_transcription(network: ColorMNet, photograph: Tensor, columns: int) -> None:
    gray = photograph[:1, :1]
    gray = torch.cat((gray, gray.flip(3)), dim=3)[..., :columns]
    state = network.state_dict()
    with torch.no_grad():
        seen = network.see(gray)
    levels = transcribed_levels(state, gray)
    for level, wanted in zip(seen.levels, levels, strict=True):
        torch.testing.assert_close(level, wanted, rtol=0, atol=1e-11)
        assert wanted.std() > 0.1
    torch.testing.assert_close(seen.key, conv(state, "key_proj.key_proj", levels[0]), rtol=0, atol=1e-11)
    torch.testing.assert_close(seen.shrinkage, conv(state, "key_proj.d_proj", levels[0]) ** 2 + 1, rtol=0, atol=1e-11)
    selection = conv(state, "key_proj.e_proj", levels[0])
    torch.testing.assert_close(seen.selection, 1 / (1 + (-selection).exp()), rtol=0, atol=1e-11)


def test_what_is_remembered_is_the_transcription(network: ColorMNet, photograph: Tensor) -> None:
    gray, ab, hidden = photograph[:1, :1], photograph[:1, 1:], noise(2, network.width, 7, 7)
    with torch.no_grad():
        seen = network.see(gray)
        value, after = network.value(seen, ab, hidden)
    wanted, wanted_after = transcribed_value(network.state_dict(), gray, seen.levels[0], ab, hidden)
    torch.testing.assert_close(value, wanted, rtol=0, atol=1e-11)
    torch.testing.assert_close(after, wanted_after, rtol=0, atol=1e-11)
    assert value.std() > 0.1
    assert (value.chunk(2, dim=1)[0] - value.chunk(2, dim=1)[1]).abs().mean() > 0.01


def test_chroma_is_the_transcription(network: ColorMNet, photograph: Tensor) -> None:
    found, hidden = noise(1, 16 * network.width, 7, 7), noise(2, network.width, 7, 7)
    with torch.no_grad():
        seen = network.see(photograph[:1, :1])
        ab, after = network.chroma(seen, found, hidden)
    wanted, wanted_after = transcribed_chroma(network.state_dict(), list(seen.levels), found, hidden)
    torch.testing.assert_close(ab, wanted, rtol=0, atol=1e-11)
    torch.testing.assert_close(after, wanted_after, rtol=0, atol=1e-11)
    assert ab.std() > 0.05
