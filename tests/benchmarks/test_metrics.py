"""Our metrics beside the public ones, on the same frames, in the same process, in rotating order.

Only the ratio counts: ``extra_info["ratio"]`` is the median over rounds of the reference's time by ours, to be held against
``extra_info["bar"]``. A benchmark never fails on time. Run with ``pytest tests/benchmarks/test_metrics.py --benchmark-only``;
COLORBENCH_DATA makes it real clips instead of panned photographs.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from colorbench.types import RgbFrame

WIDTH, HEIGHT = 384, 224
CLIPS = ("blackswan", "car-shadow", "dog", "parkour", "scooter-black")
ROUNDS = 9

Pairs = Sequence[tuple[RgbFrame, RgbFrame]]
Call = Callable[[], object]


@pytest.fixture(scope="module")
def frames() -> list[RgbFrame]:
    """40 frames of five clips, or of panned photographs."""
    root = os.environ.get("COLORBENCH_DATA")
    if root:
        folder = Path(root) / "davis" / "JPEGImages" / "480p"
        paths = [path for name in CLIPS for path in sorted((folder / name).glob("*.jpg"))[:8]]
        pictures = [np.asarray(cv2.imread(str(path)), np.uint8)[..., ::-1] for path in paths]
    else:
        from skimage import data

        photographs = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
        pictures = [photograph[i : i + 280, 2 * i : 2 * i + 420] for photograph in photographs for i in range(10)]
    return [np.asarray(cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8) for picture in pictures]


@pytest.fixture(scope="module")
def pairs(frames: list[RgbFrame]) -> Pairs:
    """Each frame with a copy of 80% chroma."""

    def duller(frame: RgbFrame) -> RgbFrame:
        gray = frame.mean(axis=2, keepdims=True)
        result: RgbFrame = np.rint(gray + 0.8 * (frame - gray)).astype(np.uint8)
        return result

    return [(frame, duller(frame)) for frame in frames]


def compare(benchmark: BenchmarkFixture, ours: Call, reference: Call, *, bar: float, calls: int) -> None:
    """Times both in turns and stores the median over rounds of the ratio; a round is ``calls`` (even) calls of each."""
    times: dict[Call, list[float]] = {ours: [], reference: []}
    for call in times:
        for _ in range(calls):
            call()
    for _ in range(ROUNDS):
        spent = {ours: 0.0, reference: 0.0}
        for call in (ours, reference, reference, ours):
            start = time.perf_counter()
            for _ in range(calls // 2):
                call()
            spent[call] += time.perf_counter() - start
        for call, seconds in spent.items():
            times[call].append(seconds / calls)
    ratios = [slow / fast for fast, slow in zip(times[ours], times[reference], strict=True)]
    benchmark.extra_info.update(
        ratio=round(statistics.median(ratios), 2),
        bar=bar,
        ratio_range=[round(min(ratios), 2), round(max(ratios), 2)],
        ours_ms=round(1e3 * statistics.median(times[ours]), 4),
        reference_ms=round(1e3 * statistics.median(times[reference]), 4),
        size=f"{WIDTH}x{HEIGHT}",
        frames="davis" if os.environ.get("COLORBENCH_DATA") else "photographs",
    )
    benchmark.pedantic(ours, rounds=ROUNDS, iterations=calls)  # type: ignore[no-untyped-call]


def over(pairs: Pairs, function: Callable[[RgbFrame, RgbFrame], object]) -> Call:
    """A call that takes the next pair each time."""
    turn = cycle(pairs)
    return lambda: function(*next(turn))


def test_ssim_with_all_else_the_pass_finds(benchmark: BenchmarkFixture, pairs: Pairs) -> None:
    """SSIM, squared error, histogram and opponent sums together, against SSIM alone."""
    from skimage.metrics import structural_similarity

    from colorbench.scoring.fused import measure_pair

    reference = over(pairs, lambda x, y: structural_similarity(x, y, channel_axis=2, data_range=255))
    compare(benchmark, over(pairs, measure_pair), reference, bar=10.0, calls=20)


@pytest.mark.gpu
@pytest.mark.parametrize("scale", [1, 5], ids=["384x224", "1920x1120"])
def test_the_pass_on_a_gpu(benchmark: BenchmarkFixture, pairs: Pairs, scale: int) -> None:
    """Four pairs, from and to the CPU's memory, against one thread of the CPU."""
    from colorbench.scoring.fused import CpuPass
    from colorbench.scoring.passes import open_pass

    grain = np.ones((scale, scale, 1), np.uint8)
    batch = [(np.kron(x, grain), np.kron(y, grain)) for x, y in pairs[::10]]
    gpu, cpu = open_pass("cuda"), CpuPass()
    assert not isinstance(gpu, CpuPass)
    compare(benchmark, lambda: gpu.pairs(batch), lambda: cpu.pairs(batch), bar=1.0, calls=4)


def test_psnr_alone(benchmark: BenchmarkFixture, pairs: Pairs) -> None:
    from skimage.metrics import peak_signal_noise_ratio

    from colorbench.metrics.psnr import psnr

    reference = over(pairs, lambda x, y: peak_signal_noise_ratio(x, y, data_range=255))
    compare(benchmark, over(pairs, psnr), reference, bar=10.0, calls=200)


def test_ciede2000(benchmark: BenchmarkFixture, pairs: Pairs) -> None:
    """Of one method: of further ones the truth's Lab is known."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    from colorbench.metrics.ciede2000 import ciede2000

    def reference(truth: RgbFrame, prediction: RgbFrame) -> object:
        return deltaE_ciede2000(rgb2lab(truth / 255.0), rgb2lab(prediction / 255.0)).mean()

    compare(benchmark, over(pairs, ciede2000), over(pairs, reference), bar=8.0, calls=2)


@pytest.mark.parametrize("name", ["cdc", "cdc-tcvc"])
def test_cdc_from_histograms(benchmark: BenchmarkFixture, frames: list[RgbFrame], name: str) -> None:
    """A clip's CDC against one call of scipy's entropy a divergence."""
    from scipy.stats import entropy

    from colorbench.metric import ClipEvidence
    from colorbench.metrics.cdc import METRICS
    from colorbench.scoring.fused import measure_frame

    histograms = np.stack([measure_frame(frame).histogram for frame in frames])
    evidence = ClipEvidence(prediction=histograms, truth=None, indices=tuple(range(len(frames))))
    scorer = next(metric for metric in METRICS if metric.card.name == name).open(device="cpu")
    shares = histograms / histograms.sum(axis=-1, keepdims=True)

    def divergence(p: NDArray[Any], q: NDArray[Any]) -> float:
        middle = (p + q) / 2
        return float(entropy(p, middle) + entropy(q, middle)) / 2

    def reference() -> float:
        gaps = [
            np.mean([divergence(shares[i, c], shares[i + gap, c]) for c in range(3) for i in range(len(shares) - gap)])
            for gap in (1, 2, 4)
        ]
        return float(np.mean(gaps))

    assert scorer.score_clip(evidence) == pytest.approx(reference(), abs=1e-7)
    compare(benchmark, lambda: scorer.score_clip(evidence), reference, bar=20.0, calls=2)


@pytest.mark.parametrize("methods", ["first method", "further methods"])
@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_lpips(benchmark: BenchmarkFixture, pairs: Pairs, net: Any, methods: str) -> None:
    """Random weights take as long as trained ones. The package gets ready float tensors, ours starts from 8-bit frames.

    With one thread: two wait for each other as soon as the machine does anything else.
    """
    from colorbench.system.compat import ensure_torchvision

    ensure_torchvision()
    import lpips
    import torch

    from colorbench.metrics.perceptual import PerceptualDistance

    package = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    weights = {f"features.{name.partition('.')[2]}": value for name, value in package.net.state_dict().items()}
    ours = PerceptualDistance(net, weights)
    some = pairs[::5]
    tensors = cycle([(lpips.im2tensor(x), lpips.im2tensor(y)) for x, y in some])
    remembered = cycle([(ours.features(x), y) for x, y in some])

    def reference() -> object:
        with torch.no_grad():
            return package(*next(tensors))

    def shared() -> float:
        truth, prediction = next(remembered)
        return ours.distance(truth, ours.features(prediction))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if methods == "first method":
            compare(benchmark, over(some, ours), reference, bar=1.05, calls=4)
        else:
            compare(benchmark, shared, reference, bar=1.9, calls=4)
    finally:
        torch.set_num_threads(threads)
