"""Eq. 1 and 2 against the whole matrix in float64; memory; what reaches the gradient."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor
from torch.nn.attention import SDPBackend

from bistnet.network.features import Embedding
from colorbench.color import rgb_to_lab
from colorbench.errors import UnknownNameError, UsageError
from colorbench.nets import correspondence, scores
from colorbench.nets.correspondence import Match, Mode, correspond
from colorbench.nets.encoders import CompactEncoder
from colorbench.nets.scores import exact_best

Case = tuple[Tensor, Tensor, Tensor]
CHUNK = scores._CHUNK["cpu"]
MODES: tuple[Mode, ...] = ("soft", "hard")


def materialized(query: Tensor, key: Tensor, values: Tensor, *, temperature: float = 0.01, mode: Mode = "soft") -> Match:
    """The definition, with every number stored: (N, n, m) float64."""
    n = len(query)
    q, k, v = (x.double().flatten(2).expand(n, -1, -1) for x in (query, key, values))
    cosines = torch.einsum("ndq,ndk->nqk", q, k)
    similarity = cosines.amax(dim=2)
    if mode == "soft":
        weights = torch.softmax(cosines / temperature, dim=2)
    else:
        weights = F.one_hot(cosines.argmax(dim=2), cosines.shape[2]).double()
    warped = torch.einsum("nqk,nck->ncq", weights, v)
    return Match(warped.reshape(n, -1, *query.shape[2:]), similarity.reshape(n, 1, *query.shape[2:]))


def units(shape: tuple[int, int, int, int], seed: int, *, dtype: torch.dtype = torch.float32) -> Tensor:
    return F.normalize(torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype), dim=1)


def case(
    *, count: int = 2, references: int = 1, width: int = 40, size: tuple[int, int] = (7, 9), other: tuple[int, int] = (5, 8)
) -> Case:
    values = 30.0 * torch.randn((references, 2, *other), generator=torch.Generator().manual_seed(9))
    return units((count, width, *size), 1), units((references, width, *other), 2), values


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small inputs then have several chunks, and a last one that is smaller."""
    monkeypatch.setitem(scores._CHUNK, "cpu", 16 * 40)


def photographs(height: int, width: int, channels: int) -> Case:
    """Two crops of a photograph, 24 pixels apart, embedded by an untrained encoder of ours, with the second one's ab."""
    torch.manual_seed(0)
    encoder, embedding = CompactEncoder(16), Embedding((16, 32, 64, 128), channels)
    picture = torch.from_numpy(data.coffee()).float() / 255.0
    crops = [picture[i : i + height, i : i + width].permute(2, 0, 1)[None] for i in (0, 24)]
    labs = [rgb_to_lab(crop.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) for crop in crops]
    with torch.inference_mode():
        query, key = (embedding(encoder((lab[:, :1] / 100.0).expand(-1, 3, -1, -1))) for lab in labs)
    return query.clone(), key.clone(), F.avg_pool2d(labs[1][:, 1:], 4)


@pytest.mark.parametrize("channels", [64, 256])
def test_real_frames_get_the_colors_of_the_definition(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """(216, 384) at 1/4: 5184 positions."""
    monkeypatch.setitem(scores._CHUNK, "cpu", CHUNK)
    query, key, values = photographs(216, 384, channels)
    soft, hard = (correspond(query, key, values, mode=mode) for mode in MODES)
    expected = materialized(query, key, values)
    assert (soft.values - expected.values).abs().max() < 1.5e-4
    assert (soft.similarity - expected.similarity).abs().max() < 5e-7
    assert (hard.similarity - expected.similarity).abs().max() < 5e-7
    exact = materialized(query, key, values, mode="hard").values.float()
    assert int((hard.values != exact).any(dim=1).sum()) == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("references", [1, 3])
def test_batches_of_frames_with_one_reference_or_one_each(mode: Mode, references: int) -> None:
    query, key, values = case(count=3, references=references)
    found, expected = correspond(query, key, values, mode=mode), materialized(query, key, values, mode=mode)
    assert found.values.shape == (3, 2, 7, 9)
    assert found.similarity.shape == (3, 1, 7, 9)
    torch.testing.assert_close(found.values.double(), expected.values, rtol=0, atol=3e-4)
    torch.testing.assert_close(found.similarity.double(), expected.similarity, rtol=0, atol=5e-7)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sizes", [((1, 1), (1, 1)), ((1, 1), (6, 4)), ((6, 4), (1, 1)), ((3, 50), (20, 2))])
def test_query_and_key_of_any_two_sizes(mode: Mode, sizes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    inputs = case(size=sizes[0], other=sizes[1])
    found, expected = correspond(*inputs, mode=mode), materialized(*inputs, mode=mode)
    torch.testing.assert_close(found.values.double(), expected.values, rtol=0, atol=3e-4)


@pytest.mark.parametrize("width", [1, 3, 32, 33, 100])
def test_any_number_of_channels_is_summed(width: int) -> None:
    inputs = case(width=width)
    torch.testing.assert_close(
        correspond(*inputs).values.double(), materialized(*inputs).values, rtol=0, atol=5e-4 if width == 1 else 2e-4
    )


@pytest.mark.parametrize("temperature", [1e-10, 1e-30])
def test_the_lowest_temperatures_are_the_best_match_alone(temperature: float) -> None:
    inputs = case()
    found = correspond(*inputs, temperature=temperature)
    assert torch.equal(found.values, correspond(*inputs, mode="hard").values)


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("temperature", [1e-30, 1e-10, 0.01, 1e10])
def test_nothing_overflows_at_any_temperature(temperature: float, grad: bool) -> None:
    query, key, values = case()
    query.requires_grad_(grad)
    found = correspond(query, key, values, temperature=temperature)
    assert found.values.isfinite().all()
    assert found.values.abs().max() <= values.abs().max() * (1 + 1e-6)
    if grad:
        found.values.square().sum().backward()  # type: ignore[no-untyped-call]
        assert query.grad is not None
        assert query.grad.isfinite().all()


def test_a_high_temperature_is_the_mean_color() -> None:
    query, key, values = case()
    mean = values.mean(dim=(2, 3), keepdim=True).expand(2, 2, 7, 9)
    torch.testing.assert_close(correspond(query, key, values, temperature=1e6).values, mean, rtol=0, atol=1e-3)


@pytest.mark.parametrize("mode", MODES)
def test_a_frame_finds_itself(mode: Mode) -> None:
    key = units((1, 64, 6, 8), 3)
    values = torch.randn(1, 2, 6, 8)
    match = correspond(key, key, values, mode=mode, temperature=1e-3)
    torch.testing.assert_close(match.values, values, rtol=0, atol=1e-5)
    torch.testing.assert_close(match.similarity, torch.ones(1, 1, 6, 8))


@pytest.mark.parametrize("value", [0.0, 0.125])
def test_constant_features_share_softly_and_take_the_first_hard(value: float) -> None:
    feature = torch.full((1, 64, 6, 7), value)
    values = torch.arange(42.0).reshape(1, 1, 6, 7)
    soft, hard = (correspond(feature, feature, values, mode=mode) for mode in MODES)
    torch.testing.assert_close(soft.values, torch.full((1, 1, 6, 7), 20.5))
    assert not hard.values.any()
    assert (hard.similarity == 64 * value**2).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("grad", [False, True])
def test_the_index_says_where_the_largest_cosine_is(mode: Mode, grad: bool) -> None:
    query, key, values = case()
    query.requires_grad_(grad)
    match = correspond(query, key, values, mode=mode, indexed=True)
    cosines = torch.einsum("ndq,ndk->nqk", *(x.detach().double().flatten(2).expand(len(query), -1, -1) for x in (query, key)))
    assert match.index is not None
    assert torch.equal(match.index.flatten(1), cosines.argmax(dim=2))
    assert correspond(query, key, values, mode=mode).index is None


def test_of_equal_matches_the_first_is_taken() -> None:
    key = units((1, 48, 1, 30), 5).repeat(1, 1, 5, 1)
    index, _ = exact_best(key.flatten(2)[0], key.flatten(2)[0])
    assert index.tolist() == list(range(30)) * 5


def test_near_ties_are_decided_as_float64_does() -> None:
    """Keys that differ by less than float32's rounding of a sum."""
    draw = torch.Generator().manual_seed(6)
    base = units((1, 256, 1, 1), 7)
    key = base + 3e-7 * torch.randn(1, 256, 12, 50, generator=draw)
    query = base + 3e-7 * torch.randn(1, 256, 10, 20, generator=draw)
    q, k = query.flatten(2)[0], key.flatten(2)[0]
    index, largest = exact_best(q, k)
    exact = (q.T.double() @ k.double()).max(dim=1)
    assert torch.equal(index, exact.indices)
    assert not torch.equal((q.T @ k).argmax(dim=1), exact.indices), "too easy"
    torch.testing.assert_close(largest.double(), exact.values, rtol=0, atol=1e-7)


def test_soft_gradients_are_right() -> None:
    draw = torch.Generator().manual_seed(8)
    query, key = (F.normalize(torch.randn(1, 5, 3, 3, generator=draw, dtype=torch.float64), dim=1) for _ in range(2))
    values = torch.randn(1, 2, 3, 3, generator=draw, dtype=torch.float64)

    def outputs(*inputs: Tensor) -> tuple[Tensor, Tensor]:
        match = correspond(inputs[0], inputs[1], inputs[2], temperature=0.3)
        return match.values, match.similarity

    assert torch.autograd.gradcheck(outputs, tuple(x.requires_grad_() for x in (query, key, values)))


def test_training_and_inference_agree() -> None:
    query, key, values = case()
    with torch.no_grad():
        plain = correspond(query, key, values)
    trained = correspond(query.requires_grad_(), key.requires_grad_(), values)
    torch.testing.assert_close(trained.values, plain.values, rtol=0, atol=1e-4)
    assert torch.equal(trained.similarity, plain.similarity)


def test_one_reference_for_a_batch_sums_its_gradients() -> None:
    query, key, values = case(count=3)
    leaves = [x.clone().requires_grad_() for x in (query, key, values)]
    correspond(*leaves).values.square().mean().backward()  # type: ignore[no-untyped-call]
    others = [x.double().requires_grad_() for x in (query, key, values)]
    materialized(*others).values.square().mean().backward()  # type: ignore[no-untyped-call]
    for leaf, other in zip(leaves, others, strict=True):
        assert leaf.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(leaf.grad.double(), other.grad, rtol=1e-3, atol=1e-4 * float(other.grad.abs().max()))


def test_hard_gradients_reach_the_values_alone() -> None:
    query, key, values = (x.requires_grad_() for x in case())
    match = correspond(query, key, values, mode="hard")
    match.values.sum().backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    assert values.grad.sum() == match.values.numel()
    assert query.grad is None
    assert key.grad is None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("grad", [False, True])
def test_half_precision_is_widened_even_under_autocast(dtype: torch.dtype, grad: bool) -> None:
    query, key, values = (x.to(dtype) for x in case())
    query.requires_grad_(grad)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = correspond(query, key, values)
    assert found.values.dtype == found.similarity.dtype == torch.float32
    expected = materialized(query.detach(), key, values)
    torch.testing.assert_close(found.values.double(), expected.values, rtol=0, atol=3e-4)


def test_inputs_are_left_as_they_are() -> None:
    inputs = case()
    copies = [x.clone() for x in inputs]
    for mode in MODES:
        correspond(*inputs, mode=mode)
    assert all(torch.equal(x, copy) for x, copy in zip(inputs, copies, strict=True))


def test_the_gpu_s_way_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its padding and layout; the kernel itself is another one here."""
    monkeypatch.setattr(correspondence, "FUSED", (SDPBackend.MATH,))
    query, key, values = case(count=1, width=37)
    q, k, v = (x[0].flatten(1) for x in (query, key, values))
    found = correspondence._fused(q, k, v, 0.01)
    expected = materialized(query, key, values)
    torch.testing.assert_close(found.double(), expected.values[0].flatten(1), rtol=0, atol=3e-4)
    for training in (False, True):
        similarity = correspondence._similarity(q, k, training=training)
        torch.testing.assert_close(similarity.double(), expected.similarity.flatten(), rtol=0, atol=5e-7)


@pytest.mark.gpu
@pytest.mark.parametrize("width", [37, 64, 256])
def test_on_a_gpu_the_fused_kernel_gives_the_colors_of_the_definition(width: int) -> None:
    inputs = [x.cuda() for x in case(count=2, width=width, size=(30, 40), other=(28, 44))]
    before, torch.backends.cuda.matmul.allow_tf32 = torch.backends.cuda.matmul.allow_tf32, True
    try:
        for mode in MODES:
            found, expected = correspond(*inputs, mode=mode), materialized(*inputs, mode=mode)
            torch.testing.assert_close(found.values.double(), expected.values, rtol=0, atol=5e-4)
            torch.testing.assert_close(found.similarity.double(), expected.similarity, rtol=0, atol=5e-7)
        leaves = [x.requires_grad_() for x in inputs]
        correspond(*leaves).values.square().mean().backward()  # type: ignore[no-untyped-call]
        assert all(leaf.grad is not None and leaf.grad.isfinite().all() for leaf in leaves)
        assert torch.backends.cuda.matmul.allow_tf32
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


@pytest.mark.parametrize(
    ("query", "key", "values"),
    [
        ((1, 8, 4, 4), (1, 9, 4, 4), (1, 2, 4, 4)),
        ((1, 8, 4, 4), (1, 8, 4, 4), (1, 2, 4, 5)),
        ((3, 8, 4, 4), (2, 8, 4, 4), (2, 2, 4, 4)),
        ((3, 8, 4, 4), (3, 8, 4, 4), (1, 2, 4, 4)),
        ((8, 4, 4), (1, 8, 4, 4), (1, 2, 4, 4)),
        ((1, 8, 4, 4), (1, 8, 0, 4), (1, 2, 0, 4)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(query: tuple[int, ...], key: tuple[int, ...], values: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="query") as caught:
        correspond(torch.rand(query), torch.rand(key), torch.rand(values))
    assert caught.value.wanted
    assert caught.value.remedy


@pytest.mark.parametrize("temperature", [0.0, -0.01, float("nan"), float("inf"), 1e-31])
def test_a_temperature_that_divides_by_nothing_is_refused(temperature: float) -> None:
    with pytest.raises(UsageError, match="temperature"):
        correspond(*case(), temperature=temperature)


def test_an_unknown_mode_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'soft'"):
        correspond(*case(), mode="sof")  # type: ignore[arg-type]


MEASURE = """
import re, sys, torch
import torch.nn.functional as F
from colorbench.nets.correspondence import correspond

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read()).group(1)) / 1e3

def inputs(h, w):
    return (*(F.normalize(torch.randn(1, 256, h, w), dim=1) for _ in range(2)), torch.randn(1, 2, h, w))

height, width, mode = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
for training in (False, True):
    correspond(*(x.requires_grad_(training) for x in inputs(8, 8)), mode=mode)
tensors = inputs(height, width)
open("/proc/self/clear_refs", "w").write("5")
before = peak()
with torch.inference_mode():
    correspond(*tensors, mode=mode)
print(peak() - before)
"""


def peak_mb(height: int, width: int, mode: str) -> float:
    """Megabytes above the inputs, at the worst moment, in a process of its own."""
    command = [sys.executable, "-c", MEASURE, str(height), str(width), mode]
    # What is freed goes back to the system, so that earlier peaks do not hide this one.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_quarter_of_224x448_takes_a_tenth_of_the_matrix() -> None:
    """6272 positions: 472 MB where three copies of the matrix are stored, as the release does."""
    assert peak_mb(56, 112, "soft") < 40


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("mode", MODES)
def test_25088_positions_take_at_most_80_mb(mode: Literal["soft", "hard"]) -> None:
    """7.6 GB where three copies of the matrix are stored."""
    assert peak_mb(112, 224, mode) < 80
