"""TCVC's compact variant: its loss frame by frame, its frozen image network, its way through a clip."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.idc_networks import compact as idc
from baselines.tcvc import METHODS
from baselines.tcvc_networks.compact import CompactColorizer, Shape, build_compact
from baselines.tcvc_networks.training import batch_terms
from colorbench.color import luminance
from colorbench.errors import UsageError, WeightsError
from colorbench.flow.optical_flow import dis
from colorbench.registry import METHODS as REGISTERED
from colorbench.training.losses.warping import warp
from colorbench.training.network_task import NetworkTask
from colorbench.training.task import Provenance
from colorbench.weights.trained_file import save_weights

METHOD = METHODS[0]
DEFAULTS = {setting.name: setting.default or "" for setting in METHOD.card.settings}
SMALL = {"shape.width": "4", "shape.gray": "4", "shape.hidden": "8", "triplets.frames": "5"}


@pytest.fixture
def anchors(tmp_path: Path) -> Path:
    """Weights of a small image network."""
    torch.manual_seed(5)
    path = tmp_path / "idc.safetensors"
    state = idc.build_compact(idc.Shape(width=4)).state_dict()
    save_weights(path, state, {"method": "idc", "shape": {"width": 4}})
    return path


@pytest.fixture
def task(open_task: Callable[..., NetworkTask], anchors: Path) -> NetworkTask:
    return open_task("tcvc", SMALL | {"anchors": str(anchors)})


def gray_u8(l_star: torch.Tensor) -> Any:
    return (l_star * 2.55).round().to(torch.uint8).numpy()


def test_the_loss_compares_each_frame_with_the_one_and_the_two_before(task: NetworkTask, batch_of: Callable[..., Any]) -> None:
    """Sample by sample and pair by pair, with flows found apart."""
    network: Any = task.network.double().eval()
    batch = {key: value.double() for key, value in batch_of(task, 2).items()}
    found = {key: float(value.detach()) for key, value in batch_terms(network, batch).items()}
    for distance in (1, 2):
        errors = []
        for n in range(2):
            l_star = batch["l_star"][n]  # (5, 1, 48, 64)
            with torch.no_grad():
                ab = 110 * network([x[None] / 100 - 0.5 for x in l_star])[0]
            for index in range(distance, 5):
                estimated = dis(gray_u8(l_star[index, 0]), gray_u8(l_star[index - distance, 0]))
                flow = torch.from_numpy(estimated).double().permute(2, 0, 1)[None]
                lightness = (l_star[index] - warp(l_star[index - distance][None], flow)[0]) / 100
                mask = torch.exp(-50 * lightness**2)
                errors.append(((mask * ab[index] - mask * warp(ab[index - distance][None], flow)[0]) ** 2).mean())
        assert found[f"warp_{distance}"] == pytest.approx(float(torch.stack(errors).mean()), rel=1e-6)
        assert found[f"warp_{distance}"] > 0


def test_steps_lower_the_loss_and_leave_the_image_network_as_it_was(
    task: NetworkTask, anchors: Path, batch_of: Callable[..., Any], trained: Callable[..., Any]
) -> None:
    before, after = trained(task, batch_of(task, 2))
    assert after < 0.95 * before
    image: Any = task.network.get_submodule("fea_key")
    for key, tensor in idc.load_compact(anchors).state_dict().items():
        assert torch.equal(image.state_dict()[key], tensor)
    assert not image.training
    without = [key for key, p in task.network.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


def test_under_autocast_features_are_carried_in_float32(task: NetworkTask, batch_of: Callable[..., Any]) -> None:
    """In half precision a place in a wide frame would be off by pixels."""
    network: Any = task.network.eval()
    grays = [frame / 100 - 0.5 for frame in batch_of(task, 1)["l_star"].unbind(dim=1)]
    with torch.no_grad():
        exact = network(grays)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(grays)
    assert (exact - rounded).abs().max() < 0.02


def test_without_an_image_network_the_way_to_one_is_named(
    open_task: Callable[..., NetworkTask], shipped: Path, anchors: Path
) -> None:
    with pytest.raises(WeightsError, match=r"no .*idc-compact\.safetensors(.|\n)*colorbench train idc"):
        open_task("tcvc", SMALL)
    with pytest.raises(WeightsError, match=r"does not fit Siggraph17"):
        open_task("tcvc", SMALL | {"anchors": str(anchors), "shape.width": "6"})
    (shipped / "idc-compact.safetensors").write_bytes(anchors.read_bytes())
    open_task("tcvc", SMALL)


@pytest.mark.parametrize("change", [{"triplets.consecutive": "false"}, {"triplets.frames": "2"}])
def test_segments_are_frames_in_a_row_with_something_between(
    open_task: Callable[..., NetworkTask], anchors: Path, change: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match=r"triplets\.consecutive = .*, triplets\.frames = "):
        open_task("tcvc", SMALL | {"anchors": str(anchors)} | change)


def test_a_clip_is_colored_segment_by_segment_at_its_own_size(moving_clip: Callable[..., Any]) -> None:
    torch.manual_seed(0)
    network = build_compact(Shape(width=4, gray=4, hidden=8)).eval()
    clip = moving_clip(21, height=48, width=64, step=1)
    found = list(CompactColorizer(network).colorize(clip, ()))
    grays = [torch.from_numpy(clip.luminance(index))[None, None] / 100 - 0.5 for index in range(21)]
    for start, stop in ((0, 18), (18, 20)):
        with torch.no_grad():
            ab = 110 * network(grays[start : stop + 1])[0]
        for index in range(start, stop + 1):
            expected = clip.merge(index, ab[index - start].permute(1, 2, 0).numpy())
            assert np.abs(found[index].astype(int) - expected).max() <= 1


def test_the_variant_runs_once_its_weights_are_there(
    task: NetworkTask, shipped: Path, provenance: Provenance, moving_clip: Callable[..., Any], tmp_path: Path
) -> None:
    assert METHOD.unavailable("compact").endswith("train it with colorbench train tcvc")
    assert METHOD.fingerprint(variant="compact", settings=DEFAULTS) == "no weights"
    task.save(shipped / "tcvc-compact.safetensors", task.network, provenance)
    assert METHOD.unavailable("compact") == ""
    digest, flow = METHOD.fingerprint(variant="compact", settings=DEFAULTS).split(" ", 1)
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert flow.startswith("flow dis ")
    colorizer: Any = METHOD.load(variant="compact", device="cpu", settings=DEFAULTS)
    for key, tensor in task.network.state_dict().items():
        torch.testing.assert_close(colorizer.network.state_dict()[key], tensor, rtol=1e-3, atol=1e-6)
    for height, width in ((37, 53), (300, 260)):
        clip = moving_clip(3, height=height, width=width)
        frames = list(colorizer.colorize(clip, ()))
        assert [frame.shape for frame in frames] == [(height, width, 3)] * 3
        assert np.median(np.abs(luminance(frames[1]) - clip.luminance(1))) < 0.5
    assert not torch.is_inference_mode_enabled()


def test_validation_scores_the_held_out_clip(task: NetworkTask, tmp_path: Path) -> None:
    scores = task.validate(task.network.eval(), tmp_path)
    assert scores["psnr"] == scores["psnr_held-out"] > 10


def test_the_compact_network_is_of_the_size_of_all() -> None:
    network = build_compact(Shape())
    assert sum(p.numel() for p in network.parameters()) == 1_780_565
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == 148_191
    assert [variant.name for variant in REGISTERED.get("tcvc").card.variants] == ["official", "compact"]
