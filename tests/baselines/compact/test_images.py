"""What holds for every compact image method: trained, saved, registered, and a clip's way through."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from colorbench.color import luminance
from colorbench.errors import WeightsError
from colorbench.registry import METHODS
from colorbench.training.trainable import TRAINABLES, Preset, open_preset

SMALL = {
    "cic": {"shape.width": "4", "prior_samples": "4"},
    "idc": {"shape.width": "4"},
    "iizuka": {"shape.width": "4", "shape.side": "32"},
}

each = pytest.mark.parametrize("name", list(SMALL))


def settings(name: str) -> dict[str, str]:
    return {setting.name: setting.default or "" for setting in METHODS.get(name).card.settings}


@each
def test_steps_on_a_batch_lower_the_loss(
    name: str, open_task: Callable[..., Any], batch_of: Callable[..., Any], trained: Callable[..., Any]
) -> None:
    task = open_task(name, SMALL[name])
    batch = batch_of(task, 4)
    assert batch["l_star"].shape == (4, 1, 1, 48, 64)
    before, after = trained(task, batch)
    assert after < 0.97 * before


@each
def test_every_parameter_that_is_trained_gets_a_gradient(
    name: str, open_task: Callable[..., Any], batch_of: Callable[..., Any]
) -> None:
    task = open_task(name, SMALL[name])
    total = torch.stack(list(task.losses(batch_of(task, 2)).values())).sum()
    total.backward()  # type: ignore[no-untyped-call]
    without = [key for key, p in task.network.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


@each
def test_frames_of_a_sample_are_pictures_by_themselves(
    name: str, open_task: Callable[..., Any], batch_of: Callable[..., Any]
) -> None:
    """Two frames of each of two samples give what four samples of one frame give."""
    task = open_task(name, SMALL[name] | {"triplets.frames": "2"})
    batch = batch_of(task, 2)
    apart = {key: batch[key].flatten(0, 1)[:, None] for key in ("l_star", "ab")}
    task.network.eval()
    for term, value in task.losses(batch).items():
        torch.testing.assert_close(task.losses(apart)[term], value, rtol=1e-5, atol=1e-7)


@each
def test_validation_scores_the_held_out_clip(name: str, open_task: Callable[..., Any], tmp_path: Path) -> None:
    task = open_task(name, SMALL[name])
    scores = task.validate(task.network.eval(), tmp_path)
    assert scores["psnr"] == scores["psnr_held-out"] > 10
    assert (tmp_path / "held-out.png").exists()


@each
def test_the_variant_runs_once_its_weights_are_there(
    name: str, open_task: Callable[..., Any], shipped: Path, provenance: Any, moving_clip: Callable[..., Any]
) -> None:
    """Saved by the task, loaded by the method; each frame colored by itself at its size, with its luminance."""
    method, file = METHODS.get(name), shipped / f"{name}-compact.safetensors"
    assert method.unavailable("compact").endswith(f"train it with colorbench train {name}")
    assert method.fingerprint(variant="compact", settings=settings(name)) == "no weights"
    task = open_task(name, SMALL[name])
    task.save(file, task.network, provenance)
    assert method.unavailable("compact") == ""
    assert method.fingerprint(variant="compact", settings=settings(name)) != "no weights"
    colorizer: Any = method.load(variant="compact", device="cpu", settings=settings(name))
    for key, tensor in task.network.state_dict().items():
        torch.testing.assert_close(colorizer.network.state_dict()[key], tensor, rtol=1e-3, atol=1e-6)
    for height, width in ((37, 53), (300, 260)):
        clip = moving_clip(2, height=height, width=width)
        frames = list(colorizer.colorize(clip, ()))
        assert [frame.shape for frame in frames] == [(height, width, 3)] * 2
        assert np.median(np.abs(luminance(frames[0]) - clip.luminance(0))) < 0.5
        assert not torch.is_inference_mode_enabled()
        clip.frames = clip.frames[1:]
        assert np.array_equal(next(colorizer.colorize(clip, ())), frames[1])


@each
def test_weights_of_another_method_are_refused(name: str, open_task: Callable[..., Any], shipped: Path, provenance: Any) -> None:
    task = open_task(name, SMALL[name])
    other = next(entry for entry in METHODS.names() if entry != name)
    task.card = METHODS.get(other).card
    task.save(shipped / f"{name}-compact.safetensors", task.network, provenance)
    with pytest.raises(WeightsError, match=f"holds weights of '{other}'"):
        METHODS.get(name).load(variant="compact", device="cpu", settings=settings(name))


@each
def test_the_recipe_keeps_to_the_shared_budget(name: str) -> None:
    preset = TRAINABLES.get(name)
    assert isinstance(preset, Preset)
    recipe, task = open_preset("compact", {}, folder=preset.recipes, task=preset.load()[0])
    assert 25_000 <= recipe.steps * recipe.batch * task.triplets.frames <= 28_000
