"""Correspondence beside its plain transcription, on the same frames, in the same process, in rotating order.

The plain form stores the matrix, as the release does: cosines, cosines by temperature, softmax. Only the ratio counts:
``extra_info["ratio"]`` is the median over rounds of the plain form's time by ours, to be held against ``extra_info["bar"]``. A
benchmark never fails on time. Frames are a photograph's crops, embedded by untrained networks. ``flushed`` says whether denormal
numbers count as zero: where they do not, the plain form pays for the tail of its softmax on some processors.
Run with ``pytest tests/benchmarks/test_correspondence.py --benchmark-only``.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from pytest_benchmark.fixture import BenchmarkFixture
from skimage import data
from torch import Tensor

from bistnet.network.features import Embedding
from bistnet.network.local import match_locally, positions_of
from colorbench.color import rgb_to_lab
from colorbench.nets.correspondence import Mode, correspond
from colorbench.nets.encoders import CompactEncoder, Vgg19

Call = Callable[[], object]
NOTHING = 1e-10
"""The release's temperature when it colors: an argmax in effect."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """With more, both forms mostly wait for threads that other work holds up, where the machine is shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def compare(benchmark: BenchmarkFixture, ours: Call, plain: Call, *, bar: float, rounds: int, size: str) -> None:
    """Times both in turns and stores the median over rounds of the ratio."""
    times: dict[Call, list[float]] = {ours: [], plain: []}
    ours()
    for turn in range(rounds):
        for call in (ours, plain) if turn % 2 else (plain, ours):
            start = time.perf_counter()
            call()
            times[call].append(time.perf_counter() - start)
    ratios = [slow / fast for fast, slow in zip(times[ours], times[plain], strict=True)]
    benchmark.extra_info.update(
        ratio=round(statistics.median(ratios), 2),
        bar=bar,
        ratio_range=[round(min(ratios), 2), round(max(ratios), 2)],
        ours_ms=round(1e3 * statistics.median(times[ours]), 2),
        plain_ms=round(1e3 * statistics.median(times[plain]), 2),
        size=size,
        threads=torch.get_num_threads(),
    )
    benchmark.pedantic(ours, rounds=3)  # type: ignore[no-untyped-call]


def materialized(query: Tensor, key: Tensor, values: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Eq. 1 and 2 as they are written."""
    cosines = query.flatten(2).transpose(1, 2) @ key.flatten(2)  # (1, n, m)
    similarity = cosines.amax(dim=2)
    weights = torch.softmax(cosines / temperature, dim=2)
    return weights @ values.flatten(2).transpose(1, 2), similarity


def frames(height: int, width: int, count: int) -> list[Tensor]:
    """(1, 3, H, W) Lab, neighboring crops of an enlarged photograph."""
    picture = torch.from_numpy(data.coffee()).permute(2, 0, 1)[None].float() / 255.0
    picture = F.interpolate(picture, scale_factor=1.0 + height / 200.0, mode="bicubic", antialias=True).clamp(0.0, 1.0)
    crops = [picture[:, :, 8 * i : 8 * i + height, 8 * i : 8 * i + width] for i in range(count)]
    return [rgb_to_lab(crop.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) for crop in crops]


def gray(lab: Tensor) -> Tensor:
    return (lab[:, :1] / 100.0).expand(-1, 3, -1, -1)


def embedded(height: int, width: int, channels: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    encoder, embedding = CompactEncoder(16), Embedding((16, 32, 64, 128), channels)
    query, key = frames(height, width, 2)
    with torch.inference_mode():
        return embedding(encoder(gray(query))), embedding(encoder(gray(key))), F.avg_pool2d(key[:, 1:], 4)


@pytest.mark.parametrize("flushed", [False, True])
@pytest.mark.parametrize(("mode", "temperature", "bar"), [("soft", 0.01, 1.0), ("hard", NOTHING, 2.0)], ids=["soft", "hard"])
@pytest.mark.parametrize("channels", [64, 256])
def test_matching_at_216x384(
    benchmark: BenchmarkFixture, mode: Mode, temperature: float, bar: float, channels: int, flushed: bool
) -> None:
    """5184 positions; the hard mode against the softmax at the temperature that makes it an argmax."""
    inputs = embedded(216, 384, channels)
    with_flushing(
        flushed,
        lambda: compare(
            benchmark,
            lambda: correspond(*inputs, mode=mode),
            lambda: materialized(*inputs, temperature),
            bar=bar,
            rounds=7,
            size="216x384",
        ),
    )


@pytest.mark.parametrize(("mode", "temperature"), [("soft", 0.01), ("hard", NOTHING)], ids=["soft", "hard"])
def test_matching_at_448x896(benchmark: BenchmarkFixture, mode: Mode, temperature: float) -> None:
    """25088 positions; the plain form takes 7.6 GB."""
    if os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 9e9:
        pytest.skip("the plain form needs 9 GB of free memory")
    inputs = embedded(448, 896, 256)
    with torch.inference_mode():
        compare(
            benchmark,
            lambda: correspond(*inputs, mode=mode),
            lambda: materialized(*inputs, temperature),
            bar=1.0,
            rounds=3,
            size="448x896",
        )


def test_a_clip_s_matching_step_with_two_references(benchmark: BenchmarkFixture) -> None:
    """VGG19, the embedding and the matching of four frames, against embedding both sides of every pair, as the release does."""
    torch.manual_seed(0)
    vgg, embedding = Vgg19(), Embedding(Vgg19.channels, 256)
    first, last, *clip = frames(216, 384, 6)

    def embed(lab: Tensor) -> Tensor:
        result: Tensor = embedding(vgg(gray(lab)))
        return result

    def ours() -> None:
        references = [(embed(lab), F.avg_pool2d(lab[:, 1:], 4)) for lab in (first, last)]
        for lab in clip:
            query = embed(lab)
            for key, values in references:
                correspond(query, key, values, mode="hard")

    def plain() -> None:
        for lab in clip:
            for reference in (first, last):
                materialized(embed(lab), embed(reference), F.avg_pool2d(reference[:, 1:], 4), NOTHING)

    with torch.inference_mode():
        compare(benchmark, ours, plain, bar=2.5, rounds=3, size="216x384")


@pytest.mark.parametrize(("count", "height", "width", "trains", "bar"), [(8, 160, 256, True, 2.0), (1, 224, 384, False, 1.0)])
def test_matching_in_windows(benchmark: BenchmarkFixture, count: int, height: int, width: int, trains: bool, bar: float) -> None:
    """5x5 windows at 1/4, against a pass over the maps for each shift: a training step's with its gradient, a frame's without."""
    query, key, values = (maps.repeat(count, 1, 1, 1) for maps in embedded(height, width, 64))
    generator = torch.Generator().manual_seed(0)
    where = positions_of(query) + 0.02 * torch.randn(count, 2, height // 4, width // 4, generator=generator)
    inputs = [maps.clone().requires_grad_(trains) for maps in (query, key, values, where)]

    def step(match: Callable[..., tuple[Tensor, Tensor]]) -> Tensor:
        found, similarity = match(*inputs)
        if trains:
            (found.square().mean() + similarity.mean()).backward()  # type: ignore[no-untyped-call]
        return found

    def ours(*maps: Tensor) -> tuple[Tensor, Tensor]:
        found = match_locally(*maps, radius=2, temperature=0.01)
        return found.values, found.similarity

    with torch.set_grad_enabled(trains):
        torch.testing.assert_close(step(ours), step(shifted), rtol=1e-4, atol=1e-3)
        compare(benchmark, lambda: step(ours), lambda: step(shifted), bar=bar, rounds=7, size=f"{count}x{height}x{width}")


def shifted(query: Tensor, key: Tensor, values: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """Windows of 5x5 as the formula has them, shift by shift."""
    rows, columns = query.shape[-2:]
    reference = torch.cat((key, values), dim=1)
    carried = F.grid_sample(reference, where.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)
    padded = F.pad(carried, (2, 2, 2, 2), mode="replicate")
    windows = [padded[..., y : y + rows, x : x + columns] for y in range(5) for x in range(5)]
    channels = query.shape[1]
    cosines = torch.stack([(query * window[:, :channels]).sum(dim=1) for window in windows], dim=1)
    weights = torch.softmax(cosines / 0.01, dim=1)
    found = torch.stack([weights[:, at : at + 1] * window[:, channels:] for at, window in enumerate(windows)]).sum(dim=0)
    return found, cosines.amax(dim=1, keepdim=True)


def with_flushing(flushed: bool, call: Callable[[], None]) -> None:
    """Runs it in inference mode, with denormal numbers taken for zero or as they are."""
    torch.set_flush_denormal(flushed)
    try:
        with torch.inference_mode():
            call()
    finally:
        torch.set_flush_denormal(False)
