"""FAVC's compact variant: its losses against transcriptions, its features, its way through a clip."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import map_coordinates

from baselines.favc import METHODS
from baselines.favc_networks.compact import Encoder, Shape, build_compact, colorizer, hypotheses
from baselines.favc_networks.training import TrainingSettings, batch_terms, diversity_loss
from colorbench.color import luminance
from colorbench.errors import UsageError, WeightsError
from colorbench.registry import METHODS as REGISTERED
from colorbench.training.network_task import NetworkTask
from colorbench.training.task import Provenance
from colorbench.training.trainable import TRAINABLES, Preset, open_preset

METHOD = METHODS[0]
DEFAULTS = {setting.name: setting.default or "" for setting in METHOD.card.settings}
SMALL = {"shape.width": "2", "shape.features": "2"}


@pytest.fixture
def task(open_task: Callable[..., NetworkTask]) -> NetworkTask:
    return open_task("favc", SMALL)


def small_network(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return build_compact(Shape(width=2, features=2)).eval()


def test_the_best_hypothesis_counts_whole_and_each_by_its_rank() -> None:
    rng = np.random.default_rng(0)
    ab, truth = rng.normal(0, 20, (3, 4, 2, 5, 6)), rng.normal(0, 20, (3, 2, 5, 6))
    ab[1, 2] = truth[1] + 0.5  # the best is not always the first
    ab[2, 3] = truth[2] + 0.7
    expected = []
    for frame, true in zip(ab, truth, strict=True):
        distances = [np.abs(picture - true).mean() for picture in frame]
        ranked = 0.08 * distances[0] + 0.04 * distances[1] + 0.02 * distances[2] + 0.01 * distances[3]
        expected.append(min(distances) + ranked)
    found = diversity_loss(torch.from_numpy(ab), torch.from_numpy(truth))
    assert float(found) == pytest.approx(np.mean(expected), rel=1e-12)


@pytest.mark.parametrize("frames", [2, 3])
def test_the_loss_over_time_compares_each_frame_with_the_one_before(
    open_task: Callable[..., NetworkTask], batch_of: Callable[..., Any], frames: int
) -> None:
    """Hypothesis by hypothesis and pair by pair, warped by another library."""
    task = open_task("favc", SMALL | {"triplets.frames": str(frames)})
    network: Any = task.network.double().eval()
    batch = {key: value.double() if value.is_floating_point() else value for key, value in batch_of(task, 2).items()}
    found = {key: float(value.detach()) for key, value in batch_terms(network, batch, temporal=1.5).items()}
    errors, diversity = [], []
    y, x = np.mgrid[:48, :64]
    for n in range(2):
        with torch.no_grad():
            ab = 110 * network(batch["l_star"][n] / 100)  # (F, 4, 2, 48, 64)
        diversity.append(float(diversity_loss(ab, batch["ab"][n])))
        for index in range(1, frames):
            flow, mask = batch["flow"][n, index].numpy(), batch["mask"][n, index, 0].numpy()
            places = np.clip(y + flow[1], 0, 47), np.clip(x + flow[0], 0, 63)
            for now, before in zip(ab[index].flatten(0, 1).numpy(), ab[index - 1].flatten(0, 1).numpy(), strict=True):
                errors.append((mask * np.abs(now - map_coordinates(before, places, order=1))).mean())
    assert found["temporal"] == pytest.approx(1.5 * np.mean(errors), rel=1e-6)
    assert found["temporal"] > 0
    assert found["diversity"] == pytest.approx(np.mean(diversity), rel=1e-9)


def test_steps_lower_the_loss_and_reach_every_parameter(
    task: NetworkTask, batch_of: Callable[..., Any], trained: Callable[..., Any]
) -> None:
    batch = batch_of(task, 2)
    assert batch["l_star"].shape == (2, 2, 1, 48, 64)
    before, after = trained(task, batch, steps=8)
    assert after < 0.97 * before
    assert [key for key, p in task.network.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


@pytest.mark.parametrize("change", [{"triplets.consecutive": "false"}, {"triplets.frames": "1"}])
def test_samples_are_frames_in_a_row(open_task: Callable[..., NetworkTask], change: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"triplets\.consecutive = .*, triplets\.frames = "):
        open_task("favc", SMALL | change)


def test_features_are_of_five_levels_deepest_first() -> None:
    torch.manual_seed(0)
    encoder = Encoder(3).double()
    gray = torch.rand(2, 1, 32, 48, dtype=torch.float64)
    with torch.no_grad():
        found = encoder(gray)
    assert [x.shape[1] for x in found] == list(encoder.channels) == [24, 24, 12, 6, 3]
    state, x = encoder.state_dict(), gray - 0.5
    for level, map_ in enumerate(reversed(found)):
        if level:
            x = (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4
        for place in (0, 2):
            name = f"levels.{level}.{place}"
            x = F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1).clamp(min=0)
        torch.testing.assert_close(map_, x, rtol=0, atol=1e-12)


def test_an_untrained_network_sees_the_picture_at_every_level() -> None:
    torch.manual_seed(0)
    network = build_compact(Shape())
    with torch.no_grad():
        assert all(0.02 < float(x.std()) < 2 for x in network.features(torch.rand(1, 1, 64, 64)))
        ab = hypotheses(network, 100 * torch.rand(1, 1, 64, 64))
    assert 1 < float(ab.std()) < 60
    assert min(float((ab[:, i] - ab[:, j]).abs().mean()) for i in range(4) for j in range(i)) > 1


def test_a_clip_is_colored_frame_by_frame_by_the_first_hypothesis(moving_clip: Callable[..., Any]) -> None:
    network, clip = small_network(), moving_clip(4, height=48, width=64)
    asked: list[int] = []
    luminance_of = clip.luminance

    def noted(index: int) -> Any:
        asked.append(index)
        return luminance_of(index)

    clip.luminance = noted
    found = list(islice(colorizer(network).colorize(clip, ()), 2))
    assert max(asked) == 1
    assert not torch.is_inference_mode_enabled()
    for index, frame in enumerate(found):
        with torch.no_grad():
            pictures = 110 * network(torch.from_numpy(luminance_of(index))[None, None] / 100)[0]
        first, second = (clip.merge(index, picture.permute(1, 2, 0).numpy()).astype(int) for picture in pictures[:2])
        assert np.abs(frame - first).max() <= 1
        assert np.abs(first - second).max() > 1


def test_the_variant_runs_once_its_weights_are_there(
    task: NetworkTask, shipped: Path, provenance: Provenance, moving_clip: Callable[..., Any]
) -> None:
    assert METHOD.unavailable("compact").endswith("train it with colorbench train favc")
    assert METHOD.fingerprint(variant="compact", settings=DEFAULTS) == "no weights"
    file = shipped / "favc-compact.safetensors"
    task.save(file, task.network, provenance)
    assert METHOD.unavailable("compact") == ""
    assert len(METHOD.fingerprint(variant="compact", settings=DEFAULTS)) == 64
    loaded: Any = METHOD.load(variant="compact", device="cpu", settings=DEFAULTS)
    for key, tensor in task.network.state_dict().items():
        torch.testing.assert_close(loaded.network.state_dict()[key], tensor, rtol=1e-3, atol=1e-6)
    for height, width in ((37, 53), (300, 260)):
        clip = moving_clip(2, height=height, width=width)
        frames = list(loaded.colorize(clip, ()))
        assert [frame.shape for frame in frames] == [(height, width, 3)] * 2
        assert np.median(np.abs(luminance(frames[1]) - clip.luminance(1))) < 0.5
    task.card = REGISTERED.get("cic").card
    task.save(file, task.network, provenance)
    with pytest.raises(WeightsError, match="holds weights of 'cic'"):
        METHOD.load(variant="compact", device="cpu", settings=DEFAULTS)


def test_validation_scores_the_held_out_clip(task: NetworkTask, tmp_path: Path) -> None:
    scores = task.validate(task.network.eval(), tmp_path)
    assert scores["psnr"] == scores["psnr_held-out"] > 5


def test_the_compact_network_and_its_recipe_are_of_the_size_of_all() -> None:
    network = build_compact(Shape())
    assert sum(p.numel() for p in network.parameters()) == 1_363_468
    assert sum(p.numel() for p in network.features.parameters()) == 147_320  # type: ignore[attr-defined]
    assert [variant.name for variant in REGISTERED.get("favc").card.variants] == ["official", "compact"]
    preset = TRAINABLES.get("favc")
    assert isinstance(preset, Preset)
    recipe, settings = open_preset("compact", {}, folder=preset.recipes, task=TrainingSettings)
    assert recipe.steps * recipe.batch * settings.triplets.frames == 25_200
