"""LPIPS against the lpips package with the same weights. These are random: no number here is a perceptual distance."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colorbench.errors import MetricError, UsageError, WeightsError
from colorbench.metric import PairStatistics
from colorbench.metrics import perceptual
from colorbench.metrics.lpips import METRICS, LpipsScorer
from colorbench.metrics.perceptual import BACKBONES, Net, PerceptualDistance
from colorbench.scoring.fused import measure_pair
from colorbench.system.compat import ensure_torchvision
from colorbench.types import RgbFrame

Pair = tuple[RgbFrame, RgbFrame]
NETS: tuple[Net, ...] = ("alex", "vgg", "squeeze")


@dataclass
class Beside:
    """Ours and the package's, with one random backbone."""

    package: Any
    weights: dict[str, Any]
    ours: PerceptualDistance

    def reference(self, truth: RgbFrame, prediction: RgbFrame, *, double: bool = False) -> float:
        import lpips
        import torch

        x, y = lpips.im2tensor(truth), lpips.im2tensor(prediction)
        with torch.no_grad():
            if double:
                try:
                    return float(self.package.double()(x.double(), y.double()))
                finally:
                    self.package.float()
            return float(self.package(x, y))


@lru_cache
def build(net: Net) -> Beside:
    ensure_torchvision()
    import lpips
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(7)
        package = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    weights = {f"features.{name.partition('.')[2]}": value for name, value in package.net.state_dict().items()}
    return Beside(package, weights, PerceptualDistance(net, weights))


@pytest.fixture(scope="module", params=NETS)
def beside(request: pytest.FixtureRequest) -> Beside:
    return build(request.param)


@pytest.fixture(scope="module")
def squeeze() -> Beside:
    return build("squeeze")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small frames on a busy machine lose more time to waiting threads than they gain."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def shot() -> Pair:
    """One photograph, small, with a duller copy."""
    from skimage import data

    frame = np.ascontiguousarray(data.astronaut()[:402:3, :411:3])
    gray = frame.mean(axis=2, keepdims=True)
    return frame, np.rint(gray + 0.7 * (frame - gray)).astype(np.uint8)


def cropped(frame: RgbFrame) -> RgbFrame:
    """Small enough for VGG in a test; odd sides."""
    return np.ascontiguousarray(frame[40:119, 100:231])


def noise(height: int, width: int, seed: int = 0) -> RgbFrame:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@dataclass
class FakePair:
    truth: RgbFrame
    prediction: RgbFrame
    remembered: dict[str, Any] = field(default_factory=dict)
    computed: int = 0

    @property
    def statistics(self) -> PairStatistics:
        return measure_pair(self.truth, self.prediction)

    def of_truth(self, key: str, compute: Callable[[RgbFrame], Any]) -> Any:
        if key not in self.remembered:
            self.computed += 1
            self.remembered[key] = compute(self.truth)
        return self.remembered[key]


def test_it_agrees_with_the_package_on_photographs(beside: Beside, pair: Pair) -> None:
    truth, prediction = cropped(pair[0]), cropped(pair[1])
    assert beside.ours(truth, prediction) == pytest.approx(beside.reference(truth, prediction), rel=1e-6)


def test_it_agrees_with_the_package_at_full_size(squeeze: Beside) -> None:
    pair = noise(224, 384), noise(224, 384, seed=1)
    assert squeeze.ours(*pair) == pytest.approx(squeeze.reference(*pair), rel=1e-6)


@pytest.mark.data
def test_it_agrees_with_the_package_on_real_clips(clip_pairs: list[Pair]) -> None:
    for net in NETS:
        both = build(net)
        for truth, prediction in clip_pairs[: 1 if net == "vgg" else 3]:
            assert both.ours(truth, prediction) == pytest.approx(both.reference(truth, prediction), rel=1e-6)


@pytest.mark.parametrize("levels", [1, 40, 255])
def test_it_agrees_with_the_package_on_noise(beside: Beside, levels: int) -> None:
    truth = noise(64, 70)
    prediction = np.clip(truth.astype(np.int16) + np.random.default_rng(1).integers(-levels, levels + 1, truth.shape), 0, 255)
    prediction = prediction.astype(np.uint8)
    assert beside.ours(truth, prediction) == pytest.approx(beside.reference(truth, prediction), rel=1e-6)


def test_it_is_as_near_to_float64_as_the_package(beside: Beside, shot: Pair) -> None:
    truth, prediction = shot
    exact = beside.reference(truth, prediction, double=True)
    assert beside.ours(truth, prediction) == pytest.approx(exact, rel=2e-6)


def test_equal_frames_are_at_distance_zero(beside: Beside) -> None:
    frame = noise(40, 50)
    assert beside.ours(frame, frame.copy()) == 0.0


def test_constant_frames_have_a_distance(beside: Beside) -> None:
    black, white = np.zeros((40, 40, 3), np.uint8), np.full((40, 40, 3), 255, np.uint8)
    assert beside.ours(black, white) == pytest.approx(beside.reference(black, white), rel=1e-6)


def test_it_is_symmetric(squeeze: Beside, shot: Pair) -> None:
    assert squeeze.ours(*shot) == squeeze.ours(*shot[::-1])


def test_red_and_blue_are_not_mixed_up(squeeze: Beside, shot: Pair) -> None:
    swapped = [np.ascontiguousarray(frame[..., ::-1]) for frame in shot]
    assert squeeze.ours(*swapped) != pytest.approx(squeeze.ours(*shot), rel=1e-3)
    assert squeeze.ours(shot[0][:, ::-1], shot[1][:, ::-1]) == pytest.approx(
        squeeze.reference(shot[0][:, ::-1], shot[1][:, ::-1]), rel=1e-6
    )


def test_the_truth_is_looked_at_once_for_all_methods(squeeze: Beside, shot: Pair) -> None:
    scorer = LpipsScorer(squeeze.ours, "key")
    scored = FakePair(*shot)
    first = scorer.score_frame(scored)
    again = FakePair(shot[0], shot[0] // 2, scored.remembered, scored.computed)
    second = scorer.score_frame(again)
    assert again.computed == 1
    assert first == squeeze.ours(*shot)
    assert second == squeeze.ours(shot[0], shot[0] // 2)


def test_threads_get_the_values_of_one_thread(squeeze: Beside) -> None:
    jobs = [(noise(48, 64, seed=i), noise(48, 64, seed=i + 1)) for i in range(12)]
    alone = [squeeze.ours(*job) for job in jobs]
    with ThreadPoolExecutor(4) as executor:
        together = list(executor.map(lambda job: squeeze.ours(*job), jobs))
    assert together == pytest.approx(alone, rel=1e-6)


@pytest.mark.parametrize("side", [0, 1], ids=["height", "width"])
def test_the_least_side_is_the_smallest_that_works(beside: Beside, side: int) -> None:
    least = BACKBONES[beside.ours.net].least_side
    shape = [64, 64]
    shape[side] = least
    truth, prediction = noise(*shape), noise(shape[0], shape[1], seed=1)
    assert beside.ours(truth, prediction) == pytest.approx(beside.reference(truth, prediction), rel=1e-6)
    shape[side] = least - 1
    small = noise(*shape)
    with pytest.raises(RuntimeError):
        beside.reference(small, small)
    with pytest.raises(UsageError, match=f"{shape[1]}x{shape[0]} pixels"):
        beside.ours(small, small)
    assert math.isnan(LpipsScorer(beside.ours, "key").score_frame(FakePair(small, small)))


def test_frames_of_two_sizes_are_refused(squeeze: Beside) -> None:
    with pytest.raises(UsageError, match="50x40 pixels, the truth 40x50"):
        squeeze.ours(noise(50, 40), noise(40, 50))


def test_a_state_dict_of_another_network_is_refused(squeeze: Beside) -> None:
    with pytest.raises(UsageError, match="does not fit alexnet"):
        PerceptualDistance("alex", squeeze.weights)


def test_a_verified_file_is_opened_and_scores(squeeze: Beside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way from a file in the cache to a score."""
    import torch

    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    (tmp_path / "weights").mkdir()
    unnamed = tmp_path / "unnamed.pth"
    torch.save(squeeze.weights, unnamed)
    name = f"squeezenet1_1-{hashlib.sha256(unnamed.read_bytes()).hexdigest()[:8]}.pth"
    unnamed.rename(tmp_path / "weights" / name)
    changed = {**BACKBONES, "squeeze": replace(BACKBONES["squeeze"], file_name=name)}
    monkeypatch.setattr(perceptual, "BACKBONES", changed)
    monkeypatch.setattr("colorbench.metrics.lpips.BACKBONES", changed)
    metric = METRICS[2]
    assert metric.unavailable() == ""
    pair = FakePair(noise(40, 50), noise(40, 50, seed=1))
    assert metric.open(device="cpu").score_frame(pair) == squeeze.ours(pair.truth, pair.prediction)


def test_pickled_code_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    (tmp_path / "weights").mkdir()
    unnamed = tmp_path / "unnamed.pth"
    torch.save({"features.0.weight": Trap()}, unnamed)
    name = f"squeezenet1_1-{hashlib.sha256(unnamed.read_bytes()).hexdigest()[:8]}.pth"
    unnamed.rename(tmp_path / "weights" / name)
    changed = {**BACKBONES, "squeeze": replace(BACKBONES["squeeze"], file_name=name)}
    monkeypatch.setattr("colorbench.metrics.lpips.BACKBONES", changed)
    with pytest.raises(WeightsError, match="would run code"):
        METRICS[2].open(device="cpu")
    assert not (tmp_path / "ran").exists()


def test_importing_the_metrics_imports_no_torch() -> None:
    names = ("psnr", "ssim", "lpips", "cdc", "delta_cdc", "colorfulness")
    code = ";".join(f"import colorbench.metrics.{name}" for name in names)
    heavy = ("torch", "numba", "scipy", "cv2", "skimage")
    command = [sys.executable, "-c", f"import sys;{code};print([name for name in {heavy} if name in sys.modules])"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.fixture
def official() -> Callable[[Net], dict[str, Any]]:
    """Trained convolutions that are on this machine; the test is skipped where they are not."""

    def read(net: Net) -> dict[str, Any]:
        from colorbench.nets.checkpoints import read_state
        from colorbench.weights.backbones import find_backbone

        found = find_backbone(BACKBONES[net].file_name)
        if not isinstance(found, Path):
            pytest.skip(str(found))
        return {name: value for name, value in read_state(found).items() if name.startswith("features.")}

    return read


@contextmanager
def trained(net: Net, weights: dict[str, Any]) -> Iterator[Any]:
    """The package's network with trained convolutions, for as long as the block."""
    package = build(net).package
    random = {name: value.clone() for name, value in package.net.state_dict().items()}
    try:
        package.net.load_state_dict({name: weights[f"features.{name.partition('.')[2]}"] for name in random})
        yield package
    finally:
        package.net.load_state_dict(random)


@pytest.mark.weights
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.card.name)
def test_official_weights_score_as_the_package(metric: Any, shot: Pair, official: Callable[[Net], dict[str, Any]]) -> None:
    weights = official(metric.net)
    value = metric.open(device="cpu").score_frame(FakePair(*shot))
    with trained(metric.net, weights) as package:
        assert value == pytest.approx(Beside(package, weights, build(metric.net).ours).reference(*shot), rel=1e-6)


@pytest.mark.weights
def test_photographs_have_the_packages_distances(official: Callable[[Net], dict[str, Any]]) -> None:
    """With AlexNet's trained weights: photographs that scikit-image ships with it, each beside a blurred and a gray copy."""
    import cv2
    from skimage import data

    weights = official("alex")
    ours = PerceptualDistance("alex", weights)
    with trained("alex", weights) as package:
        both = Beside(package, weights, ours)
        for picture in (data.astronaut(), data.coffee(), data.chelsea(), data.rocket()):
            frame = np.ascontiguousarray(picture[:256, :320])
            gray = np.repeat(np.rint(frame.mean(axis=2, keepdims=True)).astype(np.uint8), 3, axis=2)
            for copy in (cv2.GaussianBlur(frame, (0, 0), 3), gray):
                value = ours(frame, copy)
                assert value == pytest.approx(both.reference(frame, copy), rel=1e-6)
                assert 0.02 < value < 0.9


@pytest.mark.weights
def test_the_example_that_torchmetrics_documents_comes_out(
    official: Callable[[Net], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.3566 with VGG16, of seeded noise in [0, 1], which the package takes as it is.

    The example builds the network between the seed and the noise, so what its layers draw before weights are loaded counts.
    """
    ensure_torchvision()
    import lpips
    import torch

    weights = official("vgg")
    torchvision = lpips.pretrained_networks.tv
    build_vgg16 = torchvision.vgg16
    monkeypatch.setattr(torchvision, "vgg16", lambda **_: build_vgg16(weights=None, init_weights=False))
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(123)
        package = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)
        first, second = torch.rand(10, 3, 100, 100), torch.rand(10, 3, 100, 100)
        package.net.load_state_dict({name: weights[f"features.{name.partition('.')[2]}"] for name in package.net.state_dict()})
        assert f"{float(package(first, second).mean()):.4f}" == "0.3566"


@pytest.mark.weights
def test_torchvisions_full_file_gives_the_same_number_under_the_same_signature(
    official: Callable[[Net], dict[str, Any]], shot: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from colorbench.weights import backbones

    weights = official("alex")
    wanted = METRICS[0].open(device="cpu").score_frame(FakePair(*shot))
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    path = tmp_path / "weights" / BACKBONES["alex"].file_name
    path.parent.mkdir()
    # Its classifier is not to be had here, so its digits are taken as given.
    torch.save({**weights, "classifier.1.bias": torch.zeros(4096)}, path)
    monkeypatch.setattr(backbones, "_sha256", lambda *_: path.stem[-8:])
    assert METRICS[0].open(device="cpu").score_frame(FakePair(*shot)) == pytest.approx(wanted, rel=1e-6)
    torch.save({**weights, "features.0.bias": weights["features.0.bias"] + 1}, path)
    with pytest.raises(MetricError, match="have the SHA-256"):
        METRICS[0].open(device="cpu")


def test_the_signature_names_the_convolutions_and_not_the_file() -> None:
    named = {metric.card.name: dict(metric.card.signature)["weights"] for metric in METRICS}
    assert named == {
        "lpips": "features-sha256-195266a4c8e9",
        "lpips-vgg": "features-sha256-e7a5a0521f65",
        "lpips-squeeze": "squeezenet1_1-b8a52dc0.pth",
    }


@pytest.mark.data
@pytest.mark.weights
def test_real_clips_score_as_the_package(clip_pairs: list[Pair], official: Callable[[Net], dict[str, Any]]) -> None:
    weights = official("alex")
    scorer = METRICS[0].open(device="cpu")
    with trained("alex", weights) as package:
        both = Beside(package, weights, scorer.distance)
        for pair in clip_pairs:
            assert scorer.score_frame(FakePair(*pair)) == pytest.approx(both.reference(*pair), rel=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("net", NETS)
def test_a_gpu_computes_in_float32(net: Net, shot: Pair) -> None:
    """TF32 would be off by 1e-3; the switch is put back."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    both = build(net)
    before = torch.backends.cudnn.allow_tf32
    value = PerceptualDistance(net, both.weights, device="cuda")(*shot)
    assert value == pytest.approx(both.ours(*shot), rel=2e-5)
    assert torch.backends.cudnn.allow_tf32 == before
