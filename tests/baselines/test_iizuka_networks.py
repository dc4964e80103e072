"""Iizuka's network: the paper's count, a transcription of its table in float64; Torch7's scaling; a picture's way through."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.iizuka_networks.coloring import IizukaColorizer, rounded
from baselines.iizuka_networks.network import IizukaNet
from baselines.iizuka_networks.scaling import scaled

State = dict[str, Tensor]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def alive(network: nn.Module) -> State:
    """Draws all weights and statistics and returns them."""
    torch.manual_seed(0)
    network.double().eval()
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if key.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif tensor.dim() == 1:
                tensor.normal_(1.0 if key.endswith("weight") else 0.1, 0.1)
            elif tensor.dim() > 1:
                tensor.normal_(0.0, (2.0 / tensor[0].numel()) ** 0.5)
    return dict(network.state_dict())


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_paper_s_table_has_this_count(batch_norm: bool) -> None:
    with torch.device("meta"):
        network = IizukaNet(batch_norm=batch_norm)
    low = sum(9 * i * o + o for i, o in ((1, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512)))
    whole = 4 * (9 * 512 * 512 + 512) + (25088 + 1) * 1024 + (1024 + 1) * 512 + (512 + 1) * 256
    color = (512 + 1) * 256 + sum(9 * i * o + o for i, o in ((256, 128), (128, 64), (64, 64), (64, 32), (32, 2)))
    normalized = 64 + 128 + 128 + 256 + 256 + 512 + 512 + 256 + 4 * 512 + 1024 + 512 + 256 + 256 + 128 + 64 + 64 + 32
    expected = low + 9 * 512 * (512 + 256) + 768 + whole + color + (2 * normalized if batch_norm else 0)
    assert sum(weight.numel() for weight in network.parameters()) == expected
    assert batch_norm or expected == 42_169_826
    # With the training's classifier of 205 classes: about 42.35 million, or 42.37 with batch normalization.
    assert round((expected + 513 * 256 + 257 * 205) / 1e6, 2) == (42.37 if batch_norm else 42.35)


def stage(state: State, name: str, x: Tensor, strides: dict[int, int], doubled_after: tuple[int, ...] = ()) -> Tensor:
    """A stage of the table, its layers counted from 0: their weights in order, each normalized where it has statistics."""
    keys = [key.rpartition(".")[0] for key, weight in state.items() if key.startswith(f"{name}.") and weight.dim() > 1]
    for number, key in enumerate(keys):
        weight, bias = state[f"{key}.weight"], state[f"{key}.bias"]
        if weight.dim() == 4:
            x = F.conv2d(x, weight, bias, stride=strides.get(number, 1), padding=weight.shape[-1] // 2)
        else:
            x = x.reshape(len(x), -1) @ weight.T + bias
        norm = f"{name}.{int(key.rpartition('.')[2]) + 1}"
        if f"{norm}.running_mean" in state:
            mean, var, gain, shift = (
                state[f"{norm}.{part}"].reshape(1, -1, *[1] * (x.dim() - 2))
                for part in ("running_mean", "running_var", "weight", "bias")
            )
            x = (x - mean) / (var + 1e-5).sqrt() * gain + shift
        last = name == "color" and number == len(keys) - 1
        x = 1.0 / (1.0 + (-x).exp()) if last else x.clamp(min=0)
        if number in doubled_after:
            x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    return x


def transcribed(state: State, frame: Tensor, copy: Tensor) -> Tensor:
    halving = {0: 2, 2: 2, 4: 2}
    local = stage(state, "mid", stage(state, "low", frame, halving), {})
    vector = stage(state, "whole", stage(state, "low", copy, halving), {0: 2, 2: 2})
    fused = torch.cat((vector[:, :, None, None] + torch.zeros_like(local), local), dim=1)
    return stage(state, "color", fused, {}, doubled_after=(1, 3))


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("side", [64, 224])
def test_it_is_the_table_s_transcription(batch_norm: bool, side: int) -> None:
    network = IizukaNet(width=4, side=side, batch_norm=batch_norm)
    state = alive(network)
    draw = torch.Generator().manual_seed(1)
    frame = torch.rand(2, 1, 24, 40, generator=draw, dtype=torch.float64) - 0.45
    copy = torch.rand(2, 1, side, side, generator=draw, dtype=torch.float64) - 0.45
    with torch.no_grad():
        found = network(frame, copy)
        other = network(frame, copy.flip(0))
    assert found.shape == (2, 2, 12, 20)
    torch.testing.assert_close(found, transcribed(state, frame, copy), rtol=0, atol=1e-12)
    assert found.std() > 0.01
    assert (found - other).abs().max() > 1e-4


def test_gradients_reach_every_weight() -> None:
    torch.manual_seed(0)
    network = IizukaNet(width=4, side=64)
    ab = network(torch.rand(4, 1, 16, 16) - 0.5, torch.rand(4, 1, 64, 64) - 0.5)
    (ab * torch.randn_like(ab)).sum().backward()
    dead = {key for key, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()}
    assert not {key for key in dead if not key.endswith(".bias")}


def scaled_line(line: list[float], length: int) -> list[float]:
    """One axis as Torch7's image.scale walks along it."""
    if length > len(line):
        places = [i * (len(line) - 1) / (length - 1) for i in range(length - 1)]
        parts = [(int(place), place - int(place)) for place in places]
        following = [*line, line[-1]]
        return [(1 - part) * line[at] + part * following[at + 1] for at, part in parts] + [line[-1]]
    found, step = [], len(line) / length
    for i in range(length):
        begin, end = i * step, (i + 1) * step
        shares = [max(0.0, min(end, j + 1) - max(begin, j)) for j in range(len(line))]
        found.append(sum(share * value for share, value in zip(shares, line, strict=True)) / sum(shares))
    return found


@pytest.mark.parametrize("size", [(5, 7), (9, 7), (3, 4), (12, 3), (1, 1), (40, 30)])
@pytest.mark.parametrize("before", [(5, 7), (1, 9)])
def test_scaling_is_torch7_s(before: tuple[int, int], size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).random(before)
    wide = [scaled_line(row.tolist(), size[1]) for row in picture]
    expected = np.transpose([scaled_line(column, size[0]) for column in np.transpose(wide).tolist()])
    found = scaled(torch.from_numpy(picture)[None].repeat(2, 1, 1), *size)
    assert found.shape == (2, *size)
    np.testing.assert_allclose(found[1], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("side", "expected"), [(480, 480), (854, 856), (37, 40), (36, 40), (35, 32), (12, 16), (11, 8), (3, 8)])
def test_sides_are_rounded_to_eights_upwards_from_the_middle(side: int, expected: int) -> None:
    assert rounded(side) == expected


class Recorded(IizukaNet):
    """Keeps its inputs, answers with one color."""

    def forward(self, frame: Tensor, copy: Tensor) -> Tensor:
        self.seen = frame, copy
        color = torch.tensor([0.75, 0.4])[None, :, None, None]
        return color.expand(1, 2, frame.shape[2] // 2, frame.shape[3] // 2)


def test_the_network_sees_the_frame_and_its_copy_minus_the_mean() -> None:
    gray = np.random.default_rng(0).integers(0, 256, (37, 53)).astype(np.uint8)
    network = Recorded(width=2)
    found = IizukaColorizer(network, mean=0.45).chroma(gray)
    frame, copy = network.seen
    expected = scaled(torch.from_numpy(gray / 255.0)[None, None], 40, 56) - 0.45
    torch.testing.assert_close(frame.double(), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(copy.double(), scaled(expected, 224, 224), rtol=0, atol=1e-6)
    assert found.shape == (37, 53, 2)
    np.testing.assert_allclose(found[5, 9], (50.0, -20.0), rtol=0, atol=1e-4)
    np.testing.assert_allclose(found, np.broadcast_to(found[5, 9], found.shape), rtol=0, atol=1e-4)
