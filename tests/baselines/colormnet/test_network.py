"""ColorMNet as a whole: names and counts, the loop over a clip, the authors' numbers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from baselines.colormnet_networks.memory import Limits, Memory
from baselines.colormnet_networks.network import ColorMNet
from baselines.colormnet_networks.propagation import Reference, propagated

LIMITS = Limits(least=2, most=3, prototypes=16)
COUNT = 12
"""Frames: 0, 5 and 10 are remembered, and working memory is full at 10, or at 5 after a reference of its own."""

AUTHORS = {
    True: (
        (0.036526244, 0.108875118, 0.024857249, 0.111954705, -0.002798716, 0.163819893),
        (0.064922404, 0.119118603, 0.048786259, 0.115069264, 0.070684743, 0.249213302),
        (0.066358272, 0.122939223, 0.055771838, 0.113752215, 0.095294423, 0.167305585),
    ),
    False: (
        (0.042483566, 0.105119511, 0.027270149, 0.115802262, 0.035827349, 0.16372846),
        (0.072528733, 0.119338689, 0.047730379, 0.114194603, 0.102631367, 0.215919793),
        (0.073346019, 0.126681167, 0.055864619, 0.113532385, 0.133298739, 0.153841637),
    ),
}
"""What the authors' code (HEAD c88a5ee, its layers at that width, in float64) gave for these weights and frames,
where the reference is the first frame and where it is another: mean and standard deviation of a and b over 110 and two pixels,
of frames 1, 6 and 11; docs/design/ddcolor-colormnet.md."""


def pairs(*names: str) -> set[str]:
    return {f"{name}.{part}" for name in names for part in ("weight", "bias")}


def normalized(*names: str) -> set[str]:
    parts = ("running_mean", "running_var", "num_batches_tracked")
    return pairs(*names) | {f"{name}.{part}" for name in names for part in parts}


def stage_names(name: str, blocks: int, convolutions: int, *, shortcut: bool = True) -> set[str]:
    names = set()
    for block in range(blocks):
        for index in range(1, convolutions + 1):
            names |= {f"{name}.{block}.conv{index}.weight"} | normalized(f"{name}.{block}.bn{index}")
    return names | ({f"{name}.0.downsample.0.weight"} | normalized(f"{name}.0.downsample.1") if shortcut else set())


def fuser_names(name: str) -> set[str]:
    gates = ("attention.ChannelGate.mlp.1", "attention.ChannelGate.mlp.3", "attention.SpatialGate.spatial.conv")
    parts = ("block1.downsample", "block1.conv1", "block1.conv2", "block2.conv1", "block2.conv2", *gates)
    return pairs(*(f"{name}.{part}" for part in parts))


def names_beside_dinov2() -> set[str]:
    key = {"key_encoder.conv1.weight", "key_encoder.network2.conv3.weight"}
    key |= normalized("key_encoder.bn1", "key_encoder.network2.bn3")
    for name, blocks in (("res2", 3), ("layer2", 4), ("layer3", 6)):
        key |= stage_names(f"key_encoder.{name}", blocks, 3)
    attention = [f"crossattn.to_{part}{depthwise}" for part in "qkv" for depthwise in ("", "_dw")]
    for index in (1, 2, 3):
        name = f"key_encoder.fuse{index}"
        parts = ("encode_enc", "norm1", "norm2", "norm3", "crossattn.to_out.0", *attention)
        key |= pairs(*(f"{name}.{part}" for part in parts)) | {f"{name}.crossattn.temperature"}
    value = {"value_encoder.conv1.weight"} | normalized("value_encoder.bn1") | fuser_names("value_encoder.fuser")
    for index in (1, 2, 3):
        value |= stage_names(f"value_encoder.layer{index}", 2, 2, shortcut=index > 1)
    ups = [f"up_16_8.{part}" for part in ("skip_conv", "out_conv.downsample", "out_conv.conv1", "out_conv.conv2")]
    ups += [f"up_8_4.{part}" for part in ("skip_conv", "out_conv.conv1", "out_conv.conv2")]
    ups += [f"hidden_update.{part}" for part in ("g16_conv", "g8_conv", "g4_conv", "transform")]
    decoder = fuser_names("decoder.fuser") | pairs(*(f"decoder.{part}" for part in (*ups, "pred")))
    projections = pairs("value_encoder.hidden_reinforce.transform", *(f"key_proj.{x}_proj" for x in ("key", "d", "e")))
    short = pairs("short_term_attn.relative_emb_k", "short_term_attn.projection") | {"short_term_attn.dw_conv.conv.weight"}
    return key | value | decoder | projections | short


def names_of_dinov2() -> set[str]:
    blocks = pairs(
        *(f"blocks.{i}.{part}" for i in range(12) for part in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"))
    )
    scales = {f"blocks.{i}.ls{k}.gamma" for i in range(12) for k in (1, 2)}
    names = blocks | scales | pairs("patch_embed.proj", "norm") | {"cls_token", "pos_embed", "mask_token"}
    return {f"key_encoder.network2.backbone.{name}" for name in names}


def test_it_has_the_released_names_and_counts() -> None:
    with torch.device("meta"):
        released = ColorMNet()
    state = released.state_dict()
    assert set(state) == names_beside_dinov2() | names_of_dinov2()
    assert len(names_beside_dinov2()) == 492
    counts = {name: parameter.numel() for name, parameter in released.named_parameters()}
    assert sum(number for name, number in counts.items() if name in names_beside_dinov2()) == 101_552_705
    assert sum(number for name, number in counts.items() if name in names_of_dinov2()) == 22_056_576
    shapes = {
        "key_encoder.network2.backbone.pos_embed": (1, 1370, 384),
        "key_encoder.network2.backbone.patch_embed.proj.weight": (384, 3, 14, 14),
        "key_encoder.network2.conv3.weight": (1536, 1536, 1, 1),
        "key_encoder.fuse1.encode_enc.weight": (1024, 1536, 3, 3),
        "key_encoder.fuse3.crossattn.to_q_dw.weight": (512, 1, 3, 3),
        "value_encoder.conv1.weight": (64, 5, 7, 7),
        "value_encoder.fuser.block1.conv1.weight": (512, 1280, 3, 3),
        "short_term_attn.relative_emb_k.weight": (225, 64, 1, 1),
        "short_term_attn.dw_conv.conv.weight": (1024, 1, 5, 5),
        "decoder.fuser.block1.conv1.weight": (512, 1600, 3, 3),
        "decoder.hidden_update.g4_conv.weight": (256, 257, 1, 1),
        "decoder.pred.weight": (1, 256, 3, 3),
    }
    assert {key: tuple(state[key].shape) for key in shapes} == shapes


def reference(photograph: Tensor, *, first: bool) -> Reference:
    """Frame 0, or the one after the last."""
    planes = photograph[:1] if first else photograph[COUNT:]
    return Reference(gray=planes[:, :1], ab=planes[:, 1:], first=first)


def grays(photograph: Tensor) -> Iterator[Tensor]:
    return (photograph[index : index + 1, :1] for index in range(COUNT))


def test_the_first_frame_takes_the_reference_s_chroma_where_it_is_that_frame(network: ColorMNet, photograph: Tensor) -> None:
    """The loop in the order of the released script, from the network's parts."""
    frames = photograph[:COUNT]
    with torch.no_grad():
        found = list(propagated(network, grays(photograph), reference(photograph, first=True), limits=LIMITS))
        memory, last = Memory(LIMITS), (frames, frames)
        hidden = torch.zeros(2, network.width, 7, 7, dtype=torch.float64)
        for index in range(COUNT):
            seen = network.see(frames[index : index + 1, :1])
            if index == 0:
                ab = frames[:1, 1:]
            else:
                read = memory.read(seen.key, seen.selection) + network.short_term_attn(seen.key, *last)
                ab, after = network.chroma(seen, read, hidden)
            if index in (0, 5, 10):
                value, after = network.value(seen, ab, hidden)
                memory.add(seen.key, seen.shrinkage, seen.selection, value)
                last = (seen.key, value)
            hidden = after
            torch.testing.assert_close(found[index], ab, rtol=0, atol=1e-12)
    assert torch.equal(found[0], frames[:1, 1:])
    assert (found[11] - found[10]).abs().mean() > 1e-3


def test_another_reference_is_remembered_before_the_first_frame(network: ColorMNet, photograph: Tensor) -> None:
    frames, given = photograph[:COUNT], reference(photograph, first=False)
    with torch.no_grad():
        found = list(propagated(network, grays(photograph), given, limits=LIMITS))
        memory, hidden = Memory(LIMITS), torch.zeros(2, network.width, 7, 7, dtype=torch.float64)
        shown = network.see(given.gray)
        memory.add(shown.key, shown.shrinkage, shown.selection, network.value(shown, given.ab, hidden)[0])
        seen = network.see(frames[:1, :1])
        ab, _ = network.chroma(seen, memory.read(seen.key, seen.selection), hidden)
        torch.testing.assert_close(found[0], ab, rtol=0, atol=1e-12)
        value, _ = network.value(seen, ab, hidden)
        memory.add(seen.key, seen.shrinkage, seen.selection, value)
        last = (seen.key, value)
        for index in range(1, COUNT):
            seen = network.see(frames[index : index + 1, :1])
            read = memory.read(seen.key, seen.selection) + network.short_term_attn(seen.key, *last)
            ab, after = network.chroma(seen, read, hidden)
            if index in (5, 10):
                value, after = network.value(seen, ab, hidden)
                memory.add(seen.key, seen.shrinkage, seen.selection, value)
                last = (seen.key, value)
            hidden = after
            torch.testing.assert_close(found[index], ab, rtol=0, atol=1e-12)


def numbers(ab: Tensor) -> list[float]:
    a, b = ab[0]
    return [float(x) for x in (a.mean(), a.std(), b.mean(), b.std(), a[20, 31], b[90, 55])]


@pytest.mark.parametrize("first", [True, False])
def test_the_authors_code_gives_these_numbers_on_these_weights(network: ColorMNet, photograph: Tensor, first: bool) -> None:
    with torch.no_grad():
        found = list(propagated(network, grays(photograph), reference(photograph, first=first), limits=LIMITS))
    for index, wanted in zip((1, 6, 11), AUTHORS[first], strict=True):
        assert numbers(found[index]) == pytest.approx(wanted, abs=1e-8)
