"""A whole ``colorbench score`` of PSNR, SSIM, CDC and LPIPS from PNG files, beside the plain way and beside decoding alone.

The plain way is what published tables were made with: scikit-image's PSNR and SSIM and the lpips package frame by frame, and a
CDC script in TCVC's manner (every frame read again for each of the three gaps, calcHist, six scipy entropies a pair).
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scipy.stats
import skimage.data
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import colorbench
from colorbench.color import merge_luminance, rgb_to_lab
from colorbench.frames.opening import open_frames
from colorbench.runs.plan import thread_count
from colorbench.types import RgbFrame

CLIPS = ("blackswan", "car-shadow", "dog", "libby", "scooter-black")
FRAMES = 50
ROUNDS = 5
Distance = Callable[[RgbFrame, RgbFrame], float]
SIZE = (384, 224)


def frames_of(clip: str) -> Iterator[RgbFrame]:
    """Real frames at 384x224; without the development data, crops that move over a photograph."""
    root = os.environ.get("COLORBENCH_DATA")
    if root:
        source = open_frames(Path(root) / "davis/JPEGImages/480p" / clip)
        for frame in itertools.islice(source.iterate(), FRAMES):
            yield cv2.resize(frame, SIZE, interpolation=cv2.INTER_AREA)
        return
    photograph = skimage.data.coffee()
    for index in range(FRAMES):
        left = index + CLIPS.index(clip)
        yield np.ascontiguousarray(photograph[100 : 100 + SIZE[1], left : left + SIZE[0]])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders ``truth``, ``m0``, ``m1``, ``m2`` of PNG files by OpenCV's defaults; the methods scale the truth's chroma."""
    root = tmp_path_factory.mktemp("results")
    for clip in CLIPS:
        for index, frame in enumerate(frames_of(clip)):
            lab = rgb_to_lab(torch.from_numpy(frame)).numpy()
            l_star, ab = np.ascontiguousarray(lab[..., 0]), np.ascontiguousarray(lab[..., 1:])
            pictures = [frame, *(merge_luminance(l_star, np.float32(scale) * ab) for scale in (0.8, 0.5, 1.1))]
            for name, picture in zip(("truth", "m0", "m1", "m2"), pictures, strict=True):
                path = root / name / clip / f"{index:05d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), picture[..., ::-1])
    return root


def files(root: Path, name: str, clip: str) -> list[str]:
    return [str(path) for path in sorted((root / name / clip).iterdir())]


def plain_way(root: Path, methods: Sequence[str], distance: Distance | None = None) -> dict[str, dict[str, float]]:
    """CDC, and LPIPS if a distance is given, by method, with PSNR and SSIM computed on the way."""
    result = {}
    for method in methods:
        cdc, lpips = [], []
        for clip in CLIPS:
            pairs = zip(files(root, "truth", clip), files(root, method, clip), strict=True)
            for truth, prediction in ((np.asarray(cv2.imread(a)), np.asarray(cv2.imread(b))) for a, b in pairs):
                peak_signal_noise_ratio(truth, prediction, data_range=255)
                structural_similarity(truth, prediction, channel_axis=2, data_range=255)
                if distance is not None:
                    lpips.append(distance(truth[..., ::-1], prediction[..., ::-1]))
            cdc.append(plain_cdc(files(root, method, clip)))
        result[method] = {"cdc": float(np.mean(cdc))} | ({"lpips": float(np.mean(lpips))} if lpips else {})
    return result


def package_distance() -> Distance:
    """The lpips package with AlexNet's weights, in as many threads as torch takes; skips where they are not on this machine."""
    from colorbench.metrics.perceptual import BACKBONES
    from colorbench.nets.checkpoints import read_state
    from colorbench.system.compat import ensure_torchvision
    from colorbench.weights.backbones import find_backbone

    found = find_backbone(BACKBONES["alex"].file_name)
    if not isinstance(found, Path):
        pytest.skip(str(found))
    ensure_torchvision()
    import lpips

    package, weights = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False), read_state(found)
    package.net.load_state_dict({name: weights[f"features.{name.partition('.')[2]}"] for name in package.net.state_dict()})

    def distance(truth: RgbFrame, prediction: RgbFrame) -> float:
        with torch.no_grad():
            return float(package(lpips.im2tensor(truth), lpips.im2tensor(prediction)))

    return distance


def plain_cdc(paths: Sequence[str]) -> float:
    by_gap = []
    for gap in (1, 2, 4):
        histograms = [histograms_of(np.asarray(cv2.imread(path))) for path in paths]
        divergences = [
            [jensen_shannon(p, q) for p, q in zip(first, second, strict=True)]
            for first, second in zip(histograms[:-gap], histograms[gap:], strict=True)
        ]
        by_gap.append(np.mean(divergences))
    return float(np.mean(by_gap))


def histograms_of(frame: RgbFrame) -> list[np.ndarray]:
    return [cv2.calcHist([frame], [channel], None, [256], [0, 256]).ravel() / frame[..., 0].size for channel in range(3)]


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    middle = (p + q) / 2
    return 0.5 * float(scipy.stats.entropy(p, middle)) + 0.5 * float(scipy.stats.entropy(q, middle))


def decode_only(root: Path, methods: Sequence[str]) -> None:
    paths = [path for name in ("truth", *methods) for clip in CLIPS for path in files(root, name, clip)]
    with ThreadPoolExecutor(thread_count()) as executor:
        for _ in executor.map(cv2.imread, paths):
            pass


def seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def score(root: Path, methods: Sequence[str], metrics: Sequence[str], out: Path) -> colorbench.Result:
    return colorbench.score(
        {method: root / method for method in methods},
        dataset="folder",
        data_root=root / "truth",
        protocol="full",
        overrides={"exemplars": "none"},
        metrics=metrics,
        out=out,
    )


@pytest.mark.parametrize(("methods", "bar"), [(("m0",), 10), (("m0", "m1", "m2"), 14)], ids=["one-method", "three-methods"])
def test_score_beside_the_plain_way_and_decoding(
    results: Path, tmp_path: Path, benchmark: Any, methods: tuple[str, ...], bar: float
) -> None:
    numbers = itertools.count()

    def ours() -> colorbench.Result:
        return score(results, methods, ["psnr", "ssim", "cdc"], tmp_path / str(next(numbers)))

    table, expected = ours().table, {}

    def plain() -> None:
        expected.update(plain_way(results, methods))

    # A minute for three methods, so it is timed before and after the others and not between them.
    of_plain, of_ours, to_decoding = [seconds(plain)], [], []
    for method in methods:
        assert table.cdc[method] == pytest.approx(expected[method]["cdc"], abs=2e-8)
    for _ in range(ROUNDS):
        decoding, own = seconds(lambda: decode_only(results, methods)), seconds(ours)
        of_ours.append(own)
        to_decoding.append(own / decoding)
    of_plain.append(seconds(plain))
    benchmark.pedantic(ours, rounds=1)
    benchmark.extra_info.update(
        ratio=statistics.mean(of_plain) / statistics.median(of_ours),
        bar=bar,
        to_decoding=statistics.median(to_decoding),
        decoding_bar=1.3,
        frames=len(CLIPS) * FRAMES * len(methods),
        threads=thread_count(),
    )


@pytest.mark.weights
@pytest.mark.parametrize(("methods", "bar"), [(("m0",), 1.3), (("m0", "m1", "m2"), 2)], ids=["one-method", "three-methods"])
def test_score_with_lpips_beside_the_plain_way(
    results: Path, tmp_path: Path, benchmark: Any, methods: tuple[str, ...], bar: float
) -> None:
    """The network's passes are the floor: for three methods four a frame, where the package makes six."""
    distance, numbers = package_distance(), itertools.count()

    def ours() -> colorbench.Result:
        return score(results, methods, ["psnr", "ssim", "cdc", "lpips"], tmp_path / str(next(numbers)))

    table, expected = ours().table, {}

    def plain() -> None:
        expected.update(plain_way(results, methods, distance))

    of_plain, of_ours = [seconds(plain)], [seconds(ours)]
    for method in methods:
        assert table.lpips[method] == pytest.approx(expected[method]["lpips"], rel=1e-6)
    of_plain.append(seconds(plain))
    of_ours.append(seconds(ours))
    benchmark.pedantic(ours, rounds=1)
    benchmark.extra_info.update(
        ratio=sum(of_plain) / sum(of_ours), bar=bar, frames=len(CLIPS) * FRAMES * len(methods), threads=thread_count()
    )
