"""InsColor's compact variant: its loss, its frozen image network, where boxes lie, its way through a clip."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.idc_networks import compact as idc
from baselines.inscolor import METHODS
from baselines.inscolor_networks.boxes import Box, Window
from baselines.inscolor_networks.colornet import TAPS
from baselines.inscolor_networks.compact import (
    BLENDED,
    CompactColorizer,
    Shape,
    build_compact,
    chroma,
    windows_on,
)
from baselines.inscolor_networks.saliency import SalientBoxes, salient_boxes
from baselines.inscolor_networks.training import TrainingSettings, batch_terms
from colorbench.color import luminance
from colorbench.errors import WeightsError
from colorbench.registry import METHODS as REGISTERED
from colorbench.training.network_task import NetworkTask
from colorbench.training.task import Provenance
from colorbench.training.trainable import TRAINABLES, Preset, open_preset
from colorbench.weights.trained_file import save_weights

METHOD = METHODS[0]
DEFAULTS = {setting.name: setting.default or "" for setting in METHOD.card.settings}
SMALL = {"shape.width": "4", "shape.inner": "4"}


@pytest.fixture
def anchors(tmp_path: Path) -> Path:
    """Weights of a small image network."""
    torch.manual_seed(5)
    path = tmp_path / "idc.safetensors"
    save_weights(path, idc.build_compact(idc.Shape(width=4)).state_dict(), {"method": "idc", "shape": {"width": 4}})
    return path


@pytest.fixture
def task(open_task: Callable[..., NetworkTask], anchors: Path) -> NetworkTask:
    return open_task("inscolor", SMALL | {"anchors": str(anchors)})


def small_network() -> Any:
    torch.manual_seed(0)
    return build_compact(Shape(width=4, inner=4)).eval()


def test_without_boxes_it_is_idc_s_network(task: NetworkTask, anchors: Path) -> None:
    l_star = torch.rand(2, 1, 48, 64) * 100
    network: Any = task.network.eval()
    with torch.no_grad():
        expected = idc.chroma(idc.load_compact(anchors), l_star)
        torch.testing.assert_close(chroma(network, l_star, [(), ()]), expected, rtol=0, atol=1e-3)
        boxed = chroma(network, l_star, [(), (Window(8, 8, 32, 32),)])
    torch.testing.assert_close(boxed[0], expected[0], rtol=0, atol=1e-3)
    assert (boxed[1] - expected[1]).abs().max() > 0.01


def test_boxes_are_brought_to_squares_and_lie_on_whole_pixels_of_each_map(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_network()
    seen: dict[str, Any] = {}

    def fused(gray: Tensor, maps: list[Tensor], windows: Any) -> Tensor:
        seen.update(gray=gray, maps=maps, windows=windows)
        return gray.expand(-1, 2, -1, -1)

    monkeypatch.setattr(network, "fused", fused)
    l_star = torch.rand(2, 1, 64, 96) * 100
    windows = [(Window(8, 0, 40, 64),), (Window(48, 32, 24, 16), Window(0, 0, 96, 64))]
    with torch.no_grad():
        assert chroma(network, l_star, windows).shape == (2, 2, 64, 96)
        gray = (l_star - 50) / 100
        parts = (gray[:1, :, :, 8:48], gray[1:, :, 32:48, 48:72], gray[1:])
        crops = torch.cat([F.interpolate(x, (48, 48), mode="bilinear", antialias=True) for x in parts])
        torch.testing.assert_close(seen["gray"], gray)
        torch.testing.assert_close(seen["maps"][0], network.model1(torch.cat((crops, torch.zeros(3, 3, 48, 48)), dim=1)))
    for place, of_map in zip(TAPS, seen["windows"], strict=True):
        k = place.shrunk
        small, whole = Window(48 // k, 32 // k, 24 // k, 16 // k), Window(0, 0, 96 // k, 64 // k)
        assert of_map == [[Window(8 // k, 0, 40 // k, 64 // k)], [small, whole]]


def test_edges_are_moved_out_to_multiples_of_eight_inside_the_frame() -> None:
    rng = np.random.default_rng(0)
    frame, size = (37, 53), (40, 56)
    for _ in range(200):
        left, top = int(rng.integers(0, 53)), int(rng.integers(0, 37))
        right, bottom = int(rng.integers(left + 1, 54)), int(rng.integers(top + 1, 38))
        (window,) = windows_on([Box(left, top, right, bottom, 1.0)], frame=frame, size=size)
        x, y = 56 / 53, 40 / 37
        edges = window.left, window.top, window.left + window.width, window.top + window.height
        assert all(edge % 8 == 0 for edge in edges)
        assert left * x - 8 < edges[0] <= left * x + 1e-6
        assert top * y - 8 < edges[1] <= top * y + 1e-6
        assert right * x - 1e-6 <= edges[2] < right * x + 8
        assert bottom * y - 1e-6 <= edges[3] < bottom * y + 8
        assert min(edges) >= 0
        assert edges[2] <= 56
        assert edges[3] <= 40


def test_the_loss_is_huber_s_in_cie_units_with_each_frame_s_salient_boxes(
    task: NetworkTask, batch_of: Callable[..., Any]
) -> None:
    network: Any = task.network
    batch = batch_of(task, 3)
    l_star, truth = batch["l_star"][:, 0], batch["ab"][:, 0]
    found = float(batch_terms(network, l_star, truth)["regression"].detach())
    errors, boxes = [], 0
    for frame, true in zip(l_star, truth, strict=True):
        windows = windows_on(salient_boxes(frame[0].numpy()), frame=(48, 64), size=(48, 64))
        boxes += len(windows)
        with torch.no_grad():
            error = (chroma(network, frame[None], [windows])[0] - true).abs().double().numpy()
        errors.append(np.where(error < 1, error**2 / 2, error - 0.5).mean())
    assert boxes > 0
    assert found == pytest.approx(np.mean(errors), rel=1e-5)


def test_steps_lower_the_loss_and_leave_the_image_network_as_it_was_but_for_its_end(
    task: NetworkTask, anchors: Path, batch_of: Callable[..., Any], trained: Callable[..., Any]
) -> None:
    before, after = trained(task, batch_of(task, 4))
    assert after < 0.99 * before
    state = task.network.state_dict()
    changed = {
        key.split(".")[0] for key, tensor in idc.load_compact(anchors).state_dict().items() if not torch.equal(state[key], tensor)
    }
    assert changed == {"model10", "model_out"}
    assert [key for key, p in task.network.named_parameters() if p.requires_grad and p.grad is None] == []


def test_without_an_image_network_the_way_to_one_is_named(
    open_task: Callable[..., NetworkTask], shipped: Path, anchors: Path
) -> None:
    with pytest.raises(WeightsError, match=r"no .*idc-compact\.safetensors(.|\n)*colorbench train idc"):
        open_task("inscolor", SMALL)
    with pytest.raises(WeightsError, match="does not fit FusionNet"):
        open_task("inscolor", SMALL | {"anchors": str(anchors), "shape.width": "6"})
    (shipped / "idc-compact.safetensors").write_bytes(anchors.read_bytes())
    open_task("inscolor", SMALL)


def test_a_clip_is_colored_frame_by_frame_with_the_boxes_of_each(moving_clip: Callable[..., Any]) -> None:
    network, clip = small_network(), moving_clip(4, height=48, width=64)
    asked: list[int] = []
    luminance_of = clip.luminance

    def noted(index: int) -> Any:
        asked.append(index)
        return luminance_of(index)

    clip.luminance = noted
    found = list(islice(CompactColorizer(network, boxes=SalientBoxes()).colorize(clip, ()), 2))
    assert max(asked) == 1
    assert not torch.is_inference_mode_enabled()
    for index, frame in enumerate(found):
        l_star = luminance_of(index)
        windows = windows_on(salient_boxes(l_star), frame=(48, 64), size=(48, 64))
        with torch.no_grad():
            ab = chroma(network, torch.from_numpy(l_star)[None, None], [windows])[0].permute(1, 2, 0).numpy()
        assert np.abs(frame.astype(int) - clip.merge(index, ab)).max() <= 1


def test_the_variant_runs_once_its_weights_are_there(
    task: NetworkTask, shipped: Path, provenance: Provenance, moving_clip: Callable[..., Any], tmp_path: Path
) -> None:
    assert METHOD.unavailable("compact").endswith("train it with colorbench train inscolor")
    assert METHOD.fingerprint(variant="compact", settings=DEFAULTS) == "no weights"
    file = shipped / "inscolor-compact.safetensors"
    task.save(file, task.network, provenance)
    assert METHOD.unavailable("compact") == ""
    boxes = tmp_path / "boxes.json"
    frames = {f"{index:05d}": [[8, 8, 40, 30, 0.9]] for index in range(2)}
    boxes.write_text(json.dumps({"clips": {"clip": {"width": 53, "height": 37, "frames": frames}}}))
    given = DEFAULTS | {"boxes": str(boxes)}
    own = METHOD.fingerprint(variant="compact", settings=DEFAULTS)
    assert len(own) == 64
    assert METHOD.fingerprint(variant="compact", settings=given).startswith(f"{own} boxes ")
    colorizer: Any = METHOD.load(variant="compact", device="cpu", settings=DEFAULTS)
    for key, tensor in task.network.state_dict().items():
        torch.testing.assert_close(colorizer.network.state_dict()[key], tensor, rtol=1e-3, atol=1e-6)
    for height, width in ((37, 53), (300, 260)):
        clip = moving_clip(2, height=height, width=width)
        found = list(colorizer.colorize(clip, ()))
        assert [frame.shape for frame in found] == [(height, width, 3)] * 2
        assert np.median(np.abs(luminance(found[1]) - clip.luminance(1))) < 0.5
    with_file: Any = METHOD.load(variant="compact", device="cpu", settings=given)
    assert [(box.left, box.bottom) for box in with_file.boxes.of(moving_clip(2, height=37, width=53), 1)] == [(8.0, 30.0)]
    task.card = REGISTERED.get("cic").card
    task.save(file, task.network, provenance)
    with pytest.raises(WeightsError, match="holds weights of 'cic'"):
        METHOD.load(variant="compact", device="cpu", settings=DEFAULTS)


def test_validation_scores_the_held_out_clip(task: NetworkTask, tmp_path: Path) -> None:
    scores = task.validate(task.network.eval(), tmp_path)
    assert scores["psnr"] == scores["psnr_held-out"] > 10


def test_the_compact_network_and_its_recipe_are_of_the_size_of_all() -> None:
    network = build_compact(Shape())
    assert sum(p.numel() for p in network.parameters()) == 1_664_588
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == 39_356
    names = {place.name for index, place in enumerate(TAPS) if index in network.weightings}
    assert names == set(BLENDED)
    assert [variant.name for variant in REGISTERED.get("inscolor").card.variants] == ["official", "undetected", "compact"]
    preset = TRAINABLES.get("inscolor")
    assert isinstance(preset, Preset)
    recipe, settings = open_preset("compact", {}, folder=preset.recipes, task=TrainingSettings)
    assert recipe.steps * recipe.batch * settings.triplets.frames == 25_200 // 2  # the image network has had its own before
