"""BiSTNet in the harness: which weights run, what is said where there are none, and that nothing untrained goes unmarked."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bistnet import method as module
from bistnet import shipped
from bistnet.checkpoint import Card, save_checkpoint
from bistnet.method import METHODS, Bistnet, OwnBistnet
from bistnet.network.graph import BiSTNet
from bistnet.network.settings import settings_from_dict
from colorbench.color import luminance, merge_luminance
from colorbench.errors import ColorbenchError, MethodError, UsageError
from colorbench.files.digest import file_digest
from colorbench.types import Exemplar, LStar, RgbFrame

ROOT = Path(__file__).resolve().parents[2]
DOUBLE, SINGLE, OWN = METHODS
PLAIN_TOML = """
[features]
encoder = "compact"
width = 4
embedding = 8
[match]
stride = 8
[fusion]
[experts]
[refinement]
body = "plain"
width = 4
depth = 1
levels = 2
"""
PLAIN = settings_from_dict({"preset": "tiny", **tomllib.loads(PLAIN_TOML)})


class Clip:
    """Satisfies GrayClip."""

    def __init__(self, frames: list[RgbFrame]) -> None:
        self.name = "clip"
        self.frame_names = [f"{index:05d}" for index in range(len(frames))]
        self.height, self.width = frames[0].shape[:2]
        self._frames = [luminance(frame) for frame in frames]

    def __len__(self) -> int:
        return len(self._frames)

    def luminance(self, index: int) -> LStar:
        return self._frames[index]

    def merge(self, index: int, ab: np.ndarray) -> RgbFrame:
        return merge_luminance(self._frames[index], ab)


def scenes(count: int) -> list[RgbFrame]:
    rng = np.random.default_rng(5)
    return [np.kron(rng.integers(0, 256, (5, 6, 3)), np.ones((8, 8, 1))).astype(np.uint8) for _ in range(count)]


def settings_of(method: Bistnet | OwnBistnet, **changed: str) -> dict[str, str]:
    return {setting.name: setting.default or "" for setting in method.card.settings} | changed


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small lose time to more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No weights in the package, none in the cache."""
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shipped, "_package_folder", lambda: tmp_path / "package")
    return tmp_path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[..., Path]:
    def make(path: Path | None = None, *, trained: bool = True, seed: int = 0) -> Path:
        torch.manual_seed(seed)
        network = BiSTNet(PLAIN)
        path = path or tmp_path / "own.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(path, network, Card(settings=PLAIN, trained=trained))
        return path

    return make


def test_importing_the_method_takes_no_torch() -> None:
    code = "import sys, bistnet.method; print(sorted({'torch', 'av', 'cv2', 'numba'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("method", [DOUBLE, SINGLE], ids=lambda method: method.card.name)
def test_missing_weights_are_said_with_where_they_should_be(method: Bistnet) -> None:
    for variant in ("paper", "compact"):
        reason = method.unavailable(variant)
        assert f"{variant}.safetensors" in reason
        assert "cache" in reason


@pytest.mark.parametrize("method", [DOUBLE, SINGLE], ids=lambda method: method.card.name)
def test_untrained_is_the_last_variant_and_does_not_run_unasked(method: Bistnet) -> None:
    assert [variant.name for variant in method.card.variants][-1] == "untrained"
    with pytest.raises(UsageError, match=r"no paper(.|\n)*wanted: trained weights(.|\n)*untrained=yes"):
        method.fingerprint(variant="untrained", settings=settings_of(method))
    assert "untrained" in method.fingerprint(variant="untrained", settings=settings_of(method, untrained="yes"))


def test_weights_in_the_package_win_over_those_in_the_cache(bare_machine: Path, checkpoint: Callable[..., Path]) -> None:
    cached = checkpoint(bare_machine / "cache/weights/bistnet/compact.safetensors", seed=1)
    assert DOUBLE.unavailable("compact") == ""
    first = DOUBLE.fingerprint(variant="compact", settings=settings_of(DOUBLE))
    assert file_digest(cached) in first
    packaged = checkpoint(bare_machine / "package/compact.safetensors", seed=2)
    assert file_digest(packaged) in DOUBLE.fingerprint(variant="compact", settings=settings_of(DOUBLE))


def test_the_fingerprint_changes_with_the_weights(checkpoint: Callable[..., Path]) -> None:
    settings = settings_of(OWN, checkpoint=str(checkpoint(seed=1)))
    first = OWN.fingerprint(variant="double", settings=settings)
    checkpoint(seed=2)
    assert OWN.fingerprint(variant="double", settings=settings) != first


def test_single_takes_weights_of_its_own_where_there_are_some(bare_machine: Path, checkpoint: Callable[..., Path]) -> None:
    checkpoint(bare_machine / "package/compact.safetensors", seed=1)
    shared = SINGLE.fingerprint(variant="compact", settings=settings_of(SINGLE))
    assert shared == DOUBLE.fingerprint(variant="compact", settings=settings_of(DOUBLE))
    checkpoint(bare_machine / "package/compact-single.safetensors", seed=2)
    assert SINGLE.fingerprint(variant="compact", settings=settings_of(SINGLE)) != shared
    assert DOUBLE.fingerprint(variant="compact", settings=settings_of(DOUBLE)) == shared


def test_trained_weights_color_a_clip(bare_machine: Path, checkpoint: Callable[..., Path]) -> None:
    checkpoint(bare_machine / "package/compact.safetensors")
    frames = scenes(5)
    exemplars = [Exemplar(rgb=frames[index], index=index, name=str(index)) for index in (0, 4)]
    colorizer = DOUBLE.load(variant="compact", device="cpu", settings=settings_of(DOUBLE, batch="2"))
    colored = list(colorizer.colorize(Clip(frames), exemplars))
    assert len(colored) == 5
    for frame, source in zip(colored, frames, strict=True):
        assert np.median(np.abs(luminance(frame) - luminance(source))) < 1.0


def test_an_exemplar_without_a_frame_is_put_at_the_one_that_it_shows(checkpoint: Callable[..., Path]) -> None:
    frames = scenes(6)
    colorizer = OWN.load(variant="double", device="cpu", settings=settings_of(OWN, checkpoint=str(checkpoint())))

    def colored(indices: list[int | None]) -> list[RgbFrame]:
        pictures = (frames[4], frames[1])
        exemplars = [Exemplar(rgb=rgb, index=index, name="x") for rgb, index in zip(pictures, indices, strict=True)]
        return list(colorizer.colorize(Clip(frames), exemplars))

    for ours, given in zip(colored([None, None]), colored([4, 1]), strict=True):
        assert np.array_equal(ours, given)


@pytest.mark.parametrize("indices", [[], [2, 2], [0, 9]])
def test_exemplars_that_can_not_be_are_refused(checkpoint: Callable[..., Path], indices: list[int]) -> None:
    frames = scenes(3)
    colorizer = OWN.load(variant="double", device="cpu", settings=settings_of(OWN, checkpoint=str(checkpoint())))
    exemplars = [Exemplar(rgb=frames[0], index=index, name="x") for index in indices]
    with pytest.raises((MethodError, UsageError)) as caught:
        list(colorizer.colorize(Clip(frames), exemplars))
    assert caught.value.wanted
    assert caught.value.remedy


def test_a_clip_of_one_frame_takes_one_exemplar(checkpoint: Callable[..., Path]) -> None:
    frames = scenes(1)
    colorizer = OWN.load(variant="single", device="cpu", settings=settings_of(OWN, checkpoint=str(checkpoint())))
    assert len(list(colorizer.colorize(Clip(frames), [Exemplar(rgb=frames[0], index=0, name="x")]))) == 1


def test_a_checkpoint_that_was_never_trained_is_refused(checkpoint: Callable[..., Path]) -> None:
    settings = settings_of(OWN, checkpoint=str(checkpoint(trained=False)))
    with pytest.raises(ColorbenchError, match="never trained"):
        OWN.load(variant="double", device="cpu", settings=settings)


def test_a_checkpoint_of_another_preset_or_that_is_not_there_is_refused(checkpoint: Callable[..., Path]) -> None:
    with pytest.raises(ColorbenchError, match="preset"):
        OWN.load(variant="double", device="cpu", settings=settings_of(OWN, checkpoint=str(checkpoint()), preset="paper"))
    with pytest.raises(ColorbenchError, match=r"nowhere\.safetensors"):
        OWN.fingerprint(variant="double", settings=settings_of(OWN, checkpoint="nowhere.safetensors"))


@pytest.mark.parametrize("changed", [{"long_side": "big"}, {"batch": "-1"}, {"precision": "int8"}, {"long_side": "5"}])
def test_settings_that_mean_nothing_are_refused(changed: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        module.parse_options(settings_of(DOUBLE, **changed))


def test_a_row_of_random_weights_says_so(
    bare_machine: Path, make_clips: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from cli import main
    from colorbench.registry import METHODS as REGISTRY
    from colorbench.registry import Entry

    monkeypatch.setitem(REGISTRY.entries, "bistnet", Entry(name="bistnet", module="bistnet.method", item=DOUBLE))
    preset = bare_machine / "tiny.toml"
    preset.write_text(PLAIN_TOML)
    common = ["--dataset", "folder", "--data-root", str(make_clips(one=8)), "--protocol", "full", "--metrics", "psnr"]
    for name, message in (("bistnet", "no compact.safetensors"), ("bistnet:untrained", "wanted: trained weights")):
        refused = CliRunner().invoke(main, ["run", "--methods", name, "--out", str(bare_machine / "refused"), *common])
        assert refused.exit_code == 2
        assert message in refused.stderr
    asked = ["--methods", "mine=bistnet:untrained", "--set", "mine.untrained=yes", "--set", f"mine.preset={preset}"]
    result = CliRunner().invoke(main, ["run", *asked, "--out", str(bare_machine / "run"), *common])
    assert result.exit_code == 0, result.output
    assert "mine (untrained)" in result.stdout


@pytest.mark.slow
def test_the_papers_size_colors_a_demo_clip_with_random_weights_and_says_so(tmp_path: Path) -> None:
    """VGG19, ProtoSeg, HED and the wide U-Nets, end to end on a CPU."""
    from cli import main

    asked = ["--methods", "paper=bistnet:untrained", "--set", "paper.untrained=yes", "--set", "paper.preset=paper"]
    limits = ["--clips", "cat-handheld", "--override", "max_frames=11", "--metrics", "psnr", "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(main, ["run", *asked, "--device", "cpu", "--dataset", "demo", *limits])
    assert result.exit_code == 0, result.output
    assert "paper (untrained)" in result.stdout
