"""DeepExemplar's compact variant: its losses against the recurrence step by step, its weights, its way through a clip."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.compact_networks.shipped import compact_file
from baselines.deepexemplar import METHODS
from baselines.deepexemplar_networks.compact import CompactColorizer, Shape, build_compact, load_compact
from baselines.deepexemplar_networks.recurrence import DeepExemplar
from baselines.deepexemplar_networks.training import batch_terms
from colorbench.color import luminance, rgb_to_lab
from colorbench.errors import MethodError, UsageError, WeightsError
from colorbench.training.losses.chroma import ChromaWeights
from colorbench.training.losses.warping import warp
from colorbench.training.network_task import NetworkTask
from colorbench.training.recipe import Recipe
from colorbench.training.stream import Samples
from colorbench.training.task import Provenance
from colorbench.training.trainable import TRAINABLES
from colorbench.weights.trained_file import save_weights

Open = Callable[..., tuple[Recipe, NetworkTask]]

SMALL = {
    "shape.encoder": "4",
    "shape.warp": "4",
    "shape.color": "4",
    "clips": '["clips"]',
    "photographs": '["stills"]',
    "validation": '["held-out"]',
    "height": "128",
    "triplets.size": "[48, 64]",
    "triplets.least_span": "6",
}
PROVENANCE = Provenance(
    command=("colorbench", "train"), seed=3, steps=7, seconds=1.5, commit="abc", scores={"psnr": 30.0}, hardware="a machine"
)


@pytest.fixture
def open_task(training_root: Path) -> Open:
    def open_(changes: Mapping[str, str] | None = None) -> tuple[Recipe, NetworkTask]:
        overrides = {**SMALL, **(changes or {})}
        recipe, task = TRAINABLES.get("deepexemplar").open(preset="compact", overrides=overrides, data=training_root)
        assert isinstance(task, NetworkTask)
        return recipe, task

    return open_


def batch_of(task: NetworkTask, numbers: range) -> dict[str, torch.Tensor]:
    samples = Samples(task, seed=0)
    items = [samples[number] for number in numbers]
    return {key: torch.stack([item[key] for item in items]) for key in items[0]}


def test_losses_are_those_of_coloring_frame_after_frame(open_task: Open) -> None:
    """The batched way against one sample and one frame at a time."""
    _, task = open_task()
    network, batch = task.network, batch_of(task, range(2))
    assert isinstance(network, DeepExemplar)
    found = batch_terms(network, batch, ChromaWeights(perceptual=0, contextual=0, smooth=0, match=0.5))
    content, match, temporal = [], [], []
    with torch.no_grad():
        for n in range(2):
            reference = network.encode_reference(torch.cat((batch["first_l"][n], batch["first_ab"][n]))[None])
            before = torch.zeros(1, 3, 48, 64)
            for f in range(3):
                l_star, truth = batch["l_star"][n, f][None], batch["ab"][n, f][None]
                matched = network.match(l_star, reference, temperature=0.01)
                ab = network(l_star, matched, before)
                content.append((ab - truth).abs().mean())
                match.append((matched.values - truth).abs().mean())
                carried = warp(before[:, 1:], batch["flow"][n, f][None])
                temporal.append((batch["mask"][n, f] * (ab - carried).square()).mean() if f else torch.tensor(0.0))
                before = torch.cat((l_star - 50, ab), dim=1)
    torch.testing.assert_close(found["content"].detach(), 2.0 * torch.stack(content).mean(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found["match"].detach(), 0.5 * torch.stack(match).mean(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found["temporal"].detach(), 0.02 * torch.stack(temporal).mean(), rtol=1e-3, atol=1e-7)


def test_frames_of_a_sample_follow_one_another_and_have_one_reference(open_task: Open) -> None:
    with pytest.raises(UsageError, match=r"triplets\.consecutive = false"):
        open_task({"triplets.consecutive": "false"})
    _, task = open_task()
    batch = batch_of(task, range(3))
    assert batch["l_star"].shape == (3, 3, 1, 48, 64)
    assert not batch["position"].any()
    assert torch.equal(batch["first_ab"], batch["last_ab"])
    assert not batch["mask"][:, 0].any()
    assert batch["mask"][:, 1:].float().mean() > 0.3


def test_vgg_s_terms_without_vgg_are_refused(open_task: Open) -> None:
    with pytest.raises(UsageError, match=r"losses\.perceptual = 0\.1.*no vgg"):
        open_task({"losses.perceptual": "0.1"})


def test_weights_are_saved_with_a_card_and_load_again(open_task: Open, tmp_path: Path, moving_clip: Callable[..., Any]) -> None:
    _, task = open_task()
    path = tmp_path / "de.safetensors"
    task.save(path, task.network, PROVENANCE)
    network = load_compact(path)
    for key, tensor in task.network.state_dict().items():
        torch.testing.assert_close(network.state_dict()[key], tensor, rtol=1e-3, atol=1e-6)
    clip = moving_clip(2, height=40, width=56)
    frames = list(CompactColorizer(network).colorize(clip, clip.exemplars(0)))
    assert [frame.shape for frame in frames] == [(40, 56, 3)] * 2


def test_validation_scores_the_held_out_clip(open_task: Open, tmp_path: Path) -> None:
    _, task = open_task()
    scores = task.validate(task.network, tmp_path)
    assert scores["psnr"] == scores["psnr_held-out"] > 10
    assert (tmp_path / "held-out.png").exists()


def test_weights_of_another_method_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_weights(path, build_compact(Shape(encoder=4, warp=4, color=4)).state_dict(), {"method": "other", "shape": {}})
    with pytest.raises(WeightsError, match="holds weights of 'other'"):
        load_compact(path)


def test_a_clip_is_colored_step_by_step(moving_clip: Callable[..., Any]) -> None:
    """At a size that fits nothing is scaled: each frame is matched, then colored after the one before."""
    torch.manual_seed(0)
    network = build_compact(Shape(encoder=4, warp=4, color=4)).eval()
    clip = moving_clip(3, height=48, width=64)
    found = list(CompactColorizer(network).colorize(clip, clip.exemplars(1)))
    with torch.no_grad():
        lab = rgb_to_lab(torch.from_numpy(clip.frames[1]) / 255.0).permute(2, 0, 1)[None]
        reference = network.encode_reference(lab)
        before = torch.zeros(1, 3, 48, 64)
        for index, frame in enumerate(found):
            l_star = torch.from_numpy(clip.luminance(index))[None, None]
            ab = network(l_star, network.match(l_star, reference, temperature=0.01), before)
            before = torch.cat((l_star - 50, ab), dim=1)
            expected = clip.merge(index, ab[0].permute(1, 2, 0).numpy())
            assert np.abs(frame.astype(int) - expected).max() <= 1
    assert not np.array_equal(found[0], found[1])


def test_a_clip_that_is_large_or_odd_keeps_its_size_and_luminance(moving_clip: Callable[..., Any]) -> None:
    network = build_compact(Shape(encoder=4, warp=4, color=4))
    for height, width in ((37, 53), (9, 300), (300, 260)):
        clip = moving_clip(1, height=height, width=width)
        (frame,) = CompactColorizer(network).colorize(clip, clip.exemplars(0))
        assert frame.shape == (height, width, 3)
        assert np.median(np.abs(luminance(frame) - clip.luminance(0))) < 0.5
    with pytest.raises(MethodError, match="without exemplars"):
        next(CompactColorizer(network).colorize(clip, ()))


def test_the_shipped_weights_say_how_they_came_about() -> None:
    from safetensors import safe_open

    with safe_open(compact_file("deepexemplar"), framework="numpy") as file:
        card = json.loads(file.metadata()["card"])
    assert card["method"] == METHODS[0].card.name
    assert card["command"][:3] == ["colorbench", "train", "deepexemplar"]
    assert not {"blackswan", "cows", "drift-chicane", "parkour"} & set(card["data"])
    assert card["scores"]["psnr"] > 25
