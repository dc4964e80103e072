"""ddcolor as a registered method: the authors' files, its variants, and a clip's way through narrow networks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines.ddcolor import METHODS, WEIGHTS
from baselines.ddcolor_networks.coloring import ReleasedColorizer, squeezed
from baselines.ddcolor_networks.loading import load_released
from baselines.ddcolor_networks.network import DDColor, Size
from colorbench.clips.footage import Footage
from colorbench.clips.protocol import load_protocol
from colorbench.errors import WeightsError
from colorbench.registry import METHODS as REGISTERED
from colorbench.scoring.clip_scores import checked
from colorbench.types import Clip
from colorbench.weights.manifest import load_manifest

ROOT = Path(__file__).resolve().parents[2]
METHOD = METHODS[0]
NARROW = Size(depths=(1, 1, 2, 1), channels=(4, 4, 8, 8), width=16, queries=5)
SMALLER = replace(NARROW, depths=(1, 1, 1, 1))

each = pytest.mark.parametrize("variant", list(WEIGHTS))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def load(variant: str) -> ReleasedColorizer:
    colorizer = METHOD.load(variant=variant, device="cpu", settings={})
    assert isinstance(colorizer, ReleasedColorizer)
    return colorizer


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    return tmp_path / "weights"


@pytest.fixture
def narrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, DDColor]:
    """Small networks in the authors' place, and files in theirs; what verifies these is left out."""
    torch.manual_seed(0)
    networks = {variant: DDColor(SMALLER if variant == "tiny" else NARROW).eval() for variant in WEIGHTS}
    for variant, network in networks.items():
        torch.save({"params": network.state_dict()}, tmp_path / f"{WEIGHTS[variant]}.pth")
    monkeypatch.setattr("baselines.ddcolor_networks.network.LARGE", NARROW)
    monkeypatch.setattr("baselines.ddcolor_networks.network.TINY", SMALLER)
    monkeypatch.setattr("colorbench.weights.official.require_weights", lambda name: tmp_path / f"{name}.pth")
    return networks


def test_it_is_registered_and_automatic() -> None:
    assert REGISTERED.get("ddcolor").card is METHOD.card
    assert {name for name in REGISTERED.entries if name.startswith("ddcolor")} == {"ddcolor"}
    assert [(variant.name, variant.exemplars) for variant in METHOD.card.variants] == [(name, (0, 0)) for name in WEIGHTS]


@each
def test_a_variant_s_file_is_the_manifest_s(variant: str) -> None:
    entry = load_manifest()[WEIGHTS[variant]]
    card = next(found for found in METHOD.card.variants if found.name == variant)
    assert entry.method == "ddcolor"
    assert entry.licence == METHOD.card.licence
    assert f"{Path(entry.place).name} (" in card.weights
    assert f"{(entry.size or entry.about) / 1e6:.0f} MB" in card.weights


def test_importing_the_method_takes_no_torch() -> None:
    code = "import sys, baselines.ddcolor; print(sorted({'torch', 'cv2', 'PIL', 'skimage'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


@each
def test_what_is_missing_is_said_with_the_command_that_gets_it(variant: str, cache: Path) -> None:
    reason = METHOD.unavailable(variant)
    assert f"the weights {WEIGHTS[variant]} are not on this machine" in reason
    assert reason.endswith(f"colorbench weights fetch {WEIGHTS[variant]}")
    assert METHOD.fingerprint(variant=variant, settings={}) == "no weights"
    with pytest.raises(WeightsError, match=f"(.|\n)*colorbench weights fetch {WEIGHTS[variant]}"):
        load(variant)


def test_another_file_than_the_authors_is_found_out_by_its_digest(cache: Path) -> None:
    path = cache / load_manifest()["ddcolor"].place
    path.parent.mkdir(parents=True)
    path.write_bytes(b"other")
    assert "damaged" in METHOD.unavailable("official")
    with pytest.raises(WeightsError, match="damaged"):
        load("official")


@each
def test_a_variant_loads_its_own_file(variant: str, narrow: dict[str, DDColor]) -> None:
    network = load(variant).network
    assert not network.training
    state = network.state_dict()
    wanted = narrow[variant].state_dict()
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[key], tensor) for key, tensor in wanted.items())


def test_the_tensors_may_lie_at_the_top(narrow: dict[str, DDColor], tmp_path: Path) -> None:
    path = tmp_path / "raw.pth"
    # As other tools save it: without what torch notes beside the names about spectral normalization.
    torch.save(dict(narrow["official"].state_dict()), path)
    state = load_released(path, size=NARROW).state_dict()
    assert all(torch.equal(state[key], tensor) for key, tensor in narrow["official"].state_dict().items())


def test_the_large_network_s_file_in_the_small_one_s_place_is_refused(narrow: dict[str, DDColor], tmp_path: Path) -> None:
    (tmp_path / "ddcolor-tiny.pth").write_bytes((tmp_path / "ddcolor.pth").read_bytes())
    with pytest.raises(WeightsError, match=r"ddcolor-tiny\.pth does not fit DDColor: 9 unexpected: encoder\.arch\.stages\.2\.1"):
        load("tiny")


def test_a_file_that_lacks_a_tensor_or_has_one_too_many_is_refused(narrow: dict[str, DDColor], tmp_path: Path) -> None:
    path = tmp_path / "ddcolor.pth"
    state = dict(narrow["official"].state_dict())
    changed: tuple[tuple[dict[str, Tensor], str], ...] = (
        (state | {"more": torch.zeros(1)}, "1 unexpected: more"),
        (
            {key: value for key, value in state.items() if key != "encoder.arch.norm.weight"},
            r"1 missing: encoder\.arch\.norm\.weight",
        ),
        (
            {key: value for key, value in state.items() if key != "refine_net.0.0.weight_v"},
            r"1 missing: refine_net\.0\.0\.weight_v",
        ),
        (state | {"mean": torch.zeros(3)}, r"1 of another shape: mean \(3,\) instead of \(1, 3, 1, 1\)"),
    )
    for content, said in changed:
        torch.save({"params": content}, path)
        with pytest.raises(WeightsError, match=said):
            load("official")


def test_files_that_hold_no_state_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    cases: tuple[tuple[Any, str], ...] = (
        ({"params": [torch.zeros(1)]}, "no names of tensors"),
        ({"params_ema": {"mean": torch.zeros(1)}}, "no names of tensors"),
        (torch.zeros(1), "no names of tensors"),
        ({"params": nn.Conv2d(1, 1, 1)}, "can't be read"),
    )
    for content, said in cases:
        torch.save(content, path)
        with pytest.raises(WeightsError, match=said):
            load_released(path, size=NARROW)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="can't be read"):
        load_released(path, size=NARROW)


@pytest.mark.parametrize("size", [(37, 53), (700, 530)])
def test_a_picture_is_prepared_as_the_authors_prepare_it_in_color(size: tuple[int, int]) -> None:
    """Their steps, in their order of channels, on the gray picture read as a color one."""
    gray = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    bgr = (np.repeat(gray[..., None], 3, axis=2) / 255.0).astype(np.float32)
    l_star = cv2.cvtColor(cv2.resize(bgr, (512, 512)), cv2.COLOR_BGR2Lab)[:, :, 0]
    zeros = np.zeros_like(l_star)
    wanted = cv2.cvtColor(np.stack((l_star, zeros, zeros), axis=2), cv2.COLOR_LAB2RGB)
    found = squeezed(gray)
    assert found.dtype == np.float32
    assert np.array_equal(found, wanted)
    plain = cv2.resize(bgr, (512, 512))
    assert 1e-5 < np.abs(found - plain).max() < 0.002


class Recorded(nn.Module):
    """Keeps its input, answers with the column in a* and the row in b*."""

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x
        ramp = torch.arange(512.0)
        return torch.stack((ramp.expand(512, 512), ramp[:, None].expand(512, 512)))[None]


@pytest.mark.parametrize(("height", "width"), [(40, 60), (600, 512)])
def test_the_network_sees_the_square_and_its_nearest_chroma_is_taken(height: int, width: int) -> None:
    gray = np.random.default_rng(0).integers(0, 256, (height, width)).astype(np.uint8)
    network = Recorded()
    found = ReleasedColorizer(network).chroma(gray)
    assert np.array_equal(network.seen[0].permute(1, 2, 0).numpy(), squeezed(gray))
    assert found.shape == (height, width, 2)
    # Not the pixel's middle: torch's "nearest" takes floor(i * 512 / size).
    columns, rows = np.arange(width) * 512 // width, np.arange(height) * 512 // height
    assert np.array_equal(found[..., 0], np.broadcast_to(columns, (height, width)))
    assert np.array_equal(found[..., 1], np.broadcast_to(rows[:, None], (height, width)))
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("size", [(37, 53), (64, 48)])
def test_frames_come_back_at_their_size_with_their_luminance_and_with_color(
    size: tuple[int, int], narrow: dict[str, DDColor], make_clips: Callable[..., Path], executor: ThreadPoolExecutor
) -> None:
    root = make_clips(clip=2, height=size[0], width=size[1])
    footage = Footage(Clip(name="clip", dataset="test", source=root / "clip"), load_protocol("full"), executor=executor)
    try:
        frames = [np.asarray(frame) for frame in checked(load("tiny").colorize(footage, ()), footage)]
    finally:
        footage.close()
    assert [frame.shape for frame in frames] == [(*size, 3)] * 2
    assert max(np.ptp(frame.astype(int), axis=2).max() for frame in frames) > 0


def test_a_clip_is_read_frame_by_frame_and_each_is_colored_by_itself(
    narrow: dict[str, DDColor], moving_clip: Callable[..., Any]
) -> None:
    clip = moving_clip(3, height=32, width=40)
    asked: set[int] = set()
    luminance_of = clip.luminance

    def noted(index: int) -> Any:
        asked.add(index)
        return luminance_of(index)

    clip.luminance = noted
    colorizer = load("official")
    some = list(islice(colorizer.colorize(clip, ()), 2))
    assert asked == {0, 1}
    clip.frames = clip.frames[1:]
    alone = next(colorizer.colorize(clip, ()))
    assert np.array_equal(some[1], alone)
    assert not np.array_equal(some[0], some[1])
