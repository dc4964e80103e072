"""The registered method: the authors' file, settings, fingerprint; and a clip's way through a narrow network."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.tcvc import METHODS, parse_flow, parse_working
from baselines.tcvc_networks import loading
from baselines.tcvc_networks.coloring import ReleasedColorizer, Working, anchor_indices
from baselines.tcvc_networks.flownet2 import FlowNet2
from baselines.tcvc_networks.flows import EstimatedFlow
from baselines.tcvc_networks.network import Tcvc
from colorbench.color import luminance
from colorbench.errors import UsageError, WeightsError
from colorbench.flow.optical_flow import dis
from colorbench.registry import METHODS as REGISTERED
from colorbench.training.losses.warping import warp

ROOT = Path(__file__).resolve().parents[2]
METHOD = METHODS[0]
DEFAULTS = {setting.name: setting.default or "" for setting in METHOD.card.settings}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the authors' file would lie."""
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    path = tmp_path / "weights" / "tcvc"
    path.mkdir(parents=True)
    return path


def test_it_is_registered_and_its_networks_are_no_method() -> None:
    assert REGISTERED.get("tcvc").card is METHOD.card
    assert {name for name in REGISTERED.entries if "tcvc" in name} == {"tcvc"}


def test_importing_the_method_takes_no_torch() -> None:
    code = "import sys, baselines.tcvc; print(sorted({'torch', 'cv2', 'skimage'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


def test_what_is_missing_is_said_with_the_command_that_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path))
    assert METHOD.unavailable("official").endswith("colorbench weights fetch tcvc")
    with pytest.raises(WeightsError, match=r"(.|\n)*colorbench weights fetch tcvc"):
        METHOD.load(variant="official", device="cpu", settings=DEFAULTS)


def test_settings_are_read() -> None:
    assert parse_working(DEFAULTS) == Working(size=(256, 256), intervals=(17,))
    assert parse_working(DEFAULTS | {"intervals": "17,19"}).intervals == (17, 19)
    assert [parse_flow({"flow": name}) for name in ("flownet2", "raft", "dis")] == ["flownet2", "raft", "dis"]


@pytest.mark.parametrize(
    ("name", "value"), [*(("intervals", text) for text in ("", "17,", "-1", "200", "17;19")), ("flow", "spynet"), ("flow", "")]
)
def test_a_setting_that_means_nothing_is_refused(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"{name} = ") as caught:
        METHOD.fingerprint(variant="official", settings=DEFAULTS | {name: value})
    assert caught.value.wanted
    assert caught.value.remedy


def test_the_fingerprint_changes_with_the_file_and_with_the_flow(folder: Path) -> None:
    seen = set()
    for content in (b"one", b"two"):
        (folder / "80000_G.pth").write_bytes(content)
        for flow in ("flownet2", "dis", "raft"):
            seen.add(METHOD.fingerprint(variant="official", settings=DEFAULTS | {"flow": flow}))
    assert len(seen) == 6


def narrow(seed: int = 0) -> Tcvc:
    """Untrained and small; its last layer is enlarged, without its bias, which would else be most of the color."""
    torch.manual_seed(seed)
    made = Tcvc(FlowNet2(width=4), width=2, gray_width=2, hidden=3).eval()
    with torch.no_grad():
        made.fea_key.model_out[0].get_parameter("weight").mul_(2.0)
        made.fea_key.model_out[0].get_parameter("bias").zero_()
    return made


@pytest.fixture
def narrow_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "FlowNet2", lambda: FlowNet2(width=4))
    monkeypatch.setattr(loading, "Tcvc", lambda flow: Tcvc(flow, width=2, gray_width=2, hidden=3))


@pytest.mark.parametrize("flow", ["flownet2", "dis"])
def test_a_file_in_the_released_names_loads_whatever_the_flow(folder: Path, narrow_networks: None, flow: str) -> None:
    made = narrow()
    torch.save(made.state_dict(), folder / "80000_G.pth")
    assert METHOD.unavailable("official") == ""
    colorizer = METHOD.load(variant="official", device="cpu", settings=DEFAULTS | {"flow": flow})
    assert isinstance(colorizer, ReleasedColorizer)
    loaded = colorizer.network
    assert not loaded.training
    state = loaded.state_dict()
    own = {key: tensor for key, tensor in made.state_dict().items() if flow == "flownet2" or not key.startswith("flow.")}
    assert set(state) == set(own)
    assert all(torch.equal(state[key], tensor) for key, tensor in own.items())
    assert isinstance(loaded.flow, FlowNet2 if flow == "flownet2" else EstimatedFlow)


def test_raft_without_its_weights_says_what_gets_them(folder: Path, narrow_networks: None) -> None:
    torch.save(narrow().state_dict(), folder / "80000_G.pth")
    with pytest.raises(WeightsError, match=r"RAFT(.|\n)*colorbench weights fetch raft-small"):
        METHOD.load(variant="official", device="cpu", settings=DEFAULTS | {"flow": "raft"})


@pytest.mark.parametrize("key", ["weigting.conv3.bias", "fea_key.model9.3.running_var", "flow.flownets_2.deconv5.0.bias"])
@pytest.mark.parametrize("flow", ["flownet2", "dis"])
def test_a_file_that_lacks_a_tensor_or_has_one_too_many_is_refused(
    folder: Path, narrow_networks: None, key: str, flow: str
) -> None:
    state = narrow().state_dict()
    torch.save(state | {"more": torch.zeros(1)}, folder / "80000_G.pth")
    settings = DEFAULTS | {"flow": flow}
    with pytest.raises(WeightsError, match="does not fit Tcvc: 1 unexpected: more"):
        METHOD.load(variant="official", device="cpu", settings=settings)
    torch.save({name: tensor for name, tensor in state.items() if name != key}, folder / "80000_G.pth")
    with pytest.raises(WeightsError, match=f"1 missing: {key}"):
        METHOD.load(variant="official", device="cpu", settings=settings)


@pytest.mark.parametrize(
    ("frames", "interval", "expected"),
    [
        (1, 17, [0]),
        (2, 17, [0, 1]),
        (18, 17, [0, 17]),
        (19, 17, [0, 18]),
        (20, 17, [0, 18, 19]),
        (50, 17, [0, 18, 36, 49]),
        (4, 0, [0, 1, 2, 3]),
    ],
)
def test_anchors_lie_at_the_interval_and_at_the_end(frames: int, interval: int, expected: list[int]) -> None:
    assert anchor_indices(frames, interval) == expected


SIZE = (64, 64)


def colorizer(*intervals: int) -> ReleasedColorizer:
    made = narrow()
    made.flow = EstimatedFlow(dis)
    return ReleasedColorizer(made, working=Working(size=SIZE, intervals=intervals))


def scaled_by_hand(l_star: Any) -> Tensor:
    """(H, W) L* to (64, 64), bilinear between the two pixels about each center, without smoothing."""
    x = torch.from_numpy(l_star).double() / 100.0 - 0.5
    for axis in (0, 1):
        side = x.shape[axis]
        center = ((torch.arange(64) + 0.5) * side / 64 - 0.5).clamp(0, side - 1)
        low = center.long()
        high, part = (low + 1).clamp(max=side - 1), center - low
        part = part[:, None] if axis == 0 else part
        x = (1 - part) * x.index_select(axis, low) + part * x.index_select(axis, high)
    return x.float()[None, None]


@pytest.mark.parametrize("flow", [None, dis])
def test_a_clip_goes_the_released_script_s_way(moving_clip: Callable[..., Any], flow: Any) -> None:
    """Segment by segment: frames 0 to 3, 3 to 6, 6 to 7, by both flows."""
    clip = moving_clip(8, height=90, width=150)
    made = narrow()
    if flow is not None:
        made.flow = EstimatedFlow(flow)
    found = list(ReleasedColorizer(made, working=Working(size=SIZE, intervals=(2,))).colorize(clip, ()))
    assert len(found) == 8
    grays = [scaled_by_hand(clip.luminance(index)) for index in range(8)]
    for start, stop in ((0, 3), (3, 6), (6, 7)):
        with torch.no_grad():
            ab = made(grays[start : stop + 1])[0] * 110.0
        for index in range(start, stop + 1):
            whole = F.interpolate(ab[index - start][None], (90, 150), mode="bilinear")[0].permute(1, 2, 0).contiguous()
            expected = clip.merge(index, whole.numpy())
            difference = np.abs(found[index].astype(int) - expected)
            assert difference.max() <= 2
            assert difference.mean() < 0.02
            assert np.ptp(expected.astype(int), axis=2).max() > 10


@pytest.mark.parametrize("size", [(37, 53), (100, 41)])
def test_frames_come_back_at_their_size_with_their_luminance(moving_clip: Callable[..., Any], size: tuple[int, int]) -> None:
    clip = moving_clip(3, height=size[0], width=size[1])
    for index, frame in enumerate(colorizer(17).colorize(clip, ())):
        assert frame.shape == (*size, 3)
        assert np.median(np.abs(luminance(frame) - clip.luminance(index))) < 0.5


def test_a_clip_of_one_frame_is_its_anchor(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(2)
    first = next(colorizer(17).colorize(clip, ()))
    clip.frames = clip.frames[:1]
    assert [np.array_equal(frame, first) for frame in colorizer(17).colorize(clip, ())] == [True]


def test_several_intervals_are_averaged_in_chroma(moving_clip: Callable[..., Any]) -> None:
    clip = moving_clip(6, height=64, width=64)
    seen: list[Any] = []
    merge = clip.merge

    def noted(index: int, ab: Any) -> Any:
        seen.append(ab)
        return merge(index, ab)

    clip.merge = noted
    runs = []
    for intervals in ((1,), (3,), (1, 3)):
        seen.clear()
        list(colorizer(*intervals).colorize(clip, ()))
        runs.append(np.stack(seen))
    np.testing.assert_allclose(runs[2], (runs[0] + runs[1]) / 2, rtol=0, atol=1e-4)
    assert np.abs(runs[0] - runs[1]).max() > 1e-2


def test_a_long_clip_is_read_up_to_the_next_anchor_and_holds_no_more_than_a_segment(
    moving_clip: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = moving_clip(40, height=64, width=64, step=1)
    asked: list[int] = []
    held: list[weakref.ref[Tensor]] = []
    most = 0
    luminance_of = clip.luminance

    def noted(index: int) -> Any:
        asked.append(index)
        return luminance_of(index)

    def counted(planes: Tensor, flow: Tensor) -> Tensor:
        nonlocal most
        warped = warp(planes, flow)
        held.append(weakref.ref(warped))
        most = max(most, sum(one() is not None for one in held))
        return warped

    clip.luminance = noted
    monkeypatch.setattr("baselines.tcvc_networks.network.warp", counted)
    frames = colorizer(4).colorize(clip, ())
    next(frames)
    assert max(asked) == 0
    for index, _ in enumerate(islice(frames, 34), start=1):
        assert max(asked) <= 5 * -(-index // 5)
    assert not torch.is_inference_mode_enabled()
    del frames
    gc.collect()
    assert len(held) == 7 * (4 + 4)  # seven segments of four frames between anchors, once from each side
    assert most <= 4 + 2
    assert not any(one() is not None for one in held)
