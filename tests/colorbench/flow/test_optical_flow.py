"""Flow between frames whose motion is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from colorbench.errors import UnknownNameError, UsageError, WeightsError
from colorbench.flow.optical_flow import ABSOLUTE, RAFT_FILES, RELATIVE, GrayU8, Raft, agreement, dis, find_motion, make_estimator
from colorbench.system.compat import ensure_torchvision

SMALL = "raft_small_C_T_V2-01064c6d.pth"


def texture(height: int = 96, width: int = 128) -> GrayU8:
    noise = np.random.default_rng(0).random((height, width)).astype(np.float32)
    smooth = sum(sigma * cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (2.0, 4.0, 8.0))
    levels: GrayU8 = np.rint(255.0 * (smooth - smooth.min()) / (smooth.max() - smooth.min())).astype(np.uint8)
    return levels


def test_a_shift_is_found_both_ways_and_what_left_the_frame_is_not_trusted() -> None:
    whole = texture(96, 136)
    before, gray = whole[:, 8:], whole[:, :-8]  # things move 8 pixels to the right
    motion = find_motion(gray, before, dis)
    inner = (slice(16, -16), slice(24, -24))
    assert np.abs(motion.flow[inner] - [-8.0, 0.0]).max() < 0.5
    assert np.abs(motion.back[inner] - [8.0, 0.0]).max() < 0.5
    assert motion.mask[inner].all()
    assert motion.mask[:, :6].mean() < 0.1
    assert motion.flow.dtype == np.float32
    assert motion.mask.dtype == np.bool_


def test_frames_smaller_than_the_estimator_takes_are_padded() -> None:
    motion = find_motion(texture(9, 12), texture(9, 12), dis)
    assert motion.flow.shape == (9, 12, 2)
    assert np.abs(motion.flow).max() < 0.5
    assert motion.mask.mean() > 0.8


def test_agreement_is_its_rule() -> None:
    draw = np.random.default_rng(1)
    height, width = 6, 7
    flow = draw.integers(-3, 4, (height, width, 2)).astype(np.float32)
    back = (-flow + draw.normal(0, 0.6, flow.shape)).astype(np.float32)
    found = agreement(flow, back)
    for y in range(height):
        for x in range(width):
            u, v = (float(value) for value in flow[y, x])
            inside = 0 <= x + u <= width - 1 and 0 <= y + v <= height - 1
            if not inside:
                assert not found[y, x]
                continue
            r, s = (float(value) for value in back[int(y + v), int(x + u)])
            error, size = (u + r) ** 2 + (v + s) ** 2, u * u + v * v + r * r + s * s
            assert found[y, x] == (error < RELATIVE * size + ABSOLUTE)
    assert 0 < found.sum() < found.size


@pytest.mark.parametrize(
    ("there", "back", "trusted"), [(20.0, -17.4, True), (20.0, -17.2, False), (0.5, 0.2, True), (0.5, 0.3, False)]
)
def test_fast_flows_may_disagree_by_more(there: float, back: float, trusted: bool) -> None:
    # (20 - 17.4)^2 = 6.76 < 0.01 (400 + 302.8) + 0.5 = 7.53, and (20 - 17.2)^2 = 7.84 > 7.46.
    fields = [np.zeros((3, 40, 2), np.float32) for _ in range(2)]
    fields[0][..., 0], fields[1][..., 0] = there, back
    assert agreement(fields[0], fields[1])[1, 5] == trusted


def test_a_flow_may_end_on_the_last_pixel_and_not_behind_it() -> None:
    flow, still = np.zeros((4, 4, 2), np.float32), np.zeros((4, 4, 2), np.float32)
    flow[1] = [0.4, 0.0]
    flow[:, 1, 1] = 0.4
    found = agreement(flow, still)
    assert found[1].tolist() == [True, True, True, False]
    assert found[:, 1].tolist() == [True, True, True, False]
    assert agreement(-flow, still)[1].tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    "gray", [texture(40, 40), texture().astype(np.float32), np.zeros((96, 128, 3), np.uint8)], ids=["size", "type", "color"]
)
def test_frames_that_do_not_fit_are_refused(gray: GrayU8) -> None:
    with pytest.raises(UsageError, match="frames of"):
        find_motion(gray, texture(), dis)


def test_estimators_go_by_name() -> None:
    assert make_estimator("dis") is dis
    with pytest.raises(UnknownNameError, match="did you mean 'raft'"):
        make_estimator("raf")


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "cache" / "weights").mkdir(parents=True)
    return tmp_path / "cache" / "weights"


def test_without_weights_raft_says_which_files_are_missing_and_how_to_get_one(no_weights: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        make_estimator("raft")
    for file_name in RAFT_FILES:
        assert f"no {file_name} in " in str(caught.value)
    assert "colorbench weights fetch raft-" in caught.value.remedy


def test_a_damaged_file_of_weights_is_not_taken(no_weights: Path) -> None:
    (no_weights / SMALL).write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="is not what its name says"):
        make_estimator("raft")


def test_raft_is_opened_from_its_file_and_pads_what_it_can_t_take(no_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_torchvision()
    from torchvision.models.optical_flow import raft_small

    from colorbench.weights import backbones

    torch.manual_seed(0)
    path = no_weights / SMALL
    torch.save(raft_small(weights=None).state_dict(), path)
    monkeypatch.setattr(backbones, "_sha256", lambda *_: path.stem[-8:])
    estimator = make_estimator("raft")
    assert isinstance(estimator, Raft)
    estimator.updates = 1
    first, second = texture(50, 70), texture(60, 80)[10:, 10:]
    found = estimator(first, second)
    assert found.shape == (50, 70, 2)
    assert found.dtype == np.float32
    padded = [np.pad(x, ((0, 78), (0, 58)), "edge") for x in (first, second)]
    pair = [(torch.from_numpy(x).float() / 127.5 - 1.0).expand(1, 3, -1, -1) for x in padded]
    with torch.no_grad():
        wanted = estimator.network(*pair, num_flow_updates=1)[-1][0, :, :50, :70]
    np.testing.assert_array_equal(found, wanted.permute(1, 2, 0).numpy())


def test_weights_of_another_network_are_refused(no_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from colorbench.weights import backbones

    path = no_weights / SMALL
    torch.save({"some.weight": torch.zeros(3)}, path)
    monkeypatch.setattr(backbones, "_sha256", lambda *_: path.stem[-8:])
    with pytest.raises(WeightsError, match="does not fit raft_small"):
        make_estimator("raft")
