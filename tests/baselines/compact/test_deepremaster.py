"""DeepRemaster's compact variant: its loss sample by sample, its weights, its way through a clip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from baselines.deepremaster import METHODS
from baselines.deepremaster_networks.compact import CompactColorizer, Shape, build_compact
from baselines.deepremaster_networks.training import batch_terms
from colorbench.color import lab_to_rgb, luminance
from colorbench.errors import MethodError, UsageError
from colorbench.registry import METHODS as REGISTERED
from colorbench.training.network_task import NetworkTask
from colorbench.training.task import Provenance

METHOD = METHODS[0]
DEFAULTS = {setting.name: setting.default or "" for setting in METHOD.card.settings}
SMALL = {"shape.width": "8", "shape.least": "2", "triplets.frames": "3"}


@pytest.fixture
def task(open_task: Callable[..., NetworkTask]) -> NetworkTask:
    return open_task("deepremaster", SMALL)


def attentive(shape: Shape) -> Any:
    """With random weights, attention turned on, which starts at 0, and statistics that keep signals alive."""
    torch.manual_seed(0)
    network = build_compact(shape).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.momentum = 1.0
    for name, parameter in network.named_parameters():
        if name.endswith("gamma"):
            parameter.data.fill_(1.0)
    with torch.no_grad():
        network(torch.rand(1, 1, 2, 48, 64), network.encode_references(torch.rand(1, 3, 2, 48, 64)))
    return network.eval()


def test_the_loss_is_l1_after_each_sample_s_own_references(task: NetworkTask, batch_of: Callable[..., Any]) -> None:
    network, batch = attentive(Shape(width=8, least=2)).double(), batch_of(task, 2)
    batch = {key: value.double() if value.is_floating_point() else value for key, value in batch.items()}
    found = float(batch_terms(network, batch)["content"].detach())
    errors: list[torch.Tensor] = []
    others: list[torch.Tensor] = []
    with torch.no_grad():
        for n in range(2):
            for source, kept in ((n, errors), (1 - n, others)):
                lab = [torch.cat((batch[f"{end}_l"][source], batch[f"{end}_ab"][source])) for end in ("first", "last")]
                rgb = [lab_to_rgb(x.permute(1, 2, 0)).permute(2, 0, 1) for x in lab]
                references = network.encode_references(torch.stack(rgb, dim=1)[None])  # (1, 3, 2, 48, 64)
                gray = batch["l_star"][n].permute(1, 0, 2, 3)[None] / 100
                ab = (network(gray, references)[0] * 255 - 128).permute(1, 0, 2, 3)
                kept.append((ab - batch["ab"][n]).abs().mean())
    assert found == pytest.approx(float(torch.stack(errors).mean()), rel=1e-9)
    assert found != pytest.approx(float(torch.stack(others).mean()), rel=1e-9)


def test_steps_lower_the_loss_and_reach_every_parameter(
    task: NetworkTask, batch_of: Callable[..., Any], trained: Callable[..., Any]
) -> None:
    batch = batch_of(task, 2)
    assert batch["l_star"].shape == (2, 3, 1, 48, 64)
    before, after = trained(task, batch, steps=4)
    assert after < 0.97 * before
    assert [key for key, p in task.network.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


@pytest.mark.parametrize("change", [{"triplets.consecutive": "false"}, {"triplets.size": "[48, 60]"}])
def test_samples_that_the_network_can_t_take_are_refused(open_task: Callable[..., NetworkTask], change: dict[str, str]) -> None:
    (name,) = change
    with pytest.raises(UsageError, match=name.replace(".", r"\.")):
        open_task("deepremaster", SMALL | change)


def test_a_clip_is_colored_block_by_block_after_all_exemplars(moving_clip: Callable[..., Any]) -> None:
    network = attentive(Shape(width=8, least=2))
    clip = moving_clip(7, height=48, width=64)
    found = list(CompactColorizer(network).colorize(clip, clip.exemplars(0, 6)))
    with torch.no_grad():
        rgb = np.stack([clip.frames[0], clip.frames[6]])  # (2, 48, 64, 3)
        references = network.encode_references(torch.from_numpy(rgb).permute(3, 0, 1, 2)[None] / 255)
        for start, stop in ((0, 5), (5, 7)):
            gray = torch.stack([torch.from_numpy(clip.luminance(index)) for index in range(start, stop)])[None, None] / 100
            ab = network(gray, references)[0] * 255 - 128
            for index in range(start, stop):
                expected = clip.merge(index, ab[:, index - start].permute(1, 2, 0).numpy())
                assert np.abs(found[index].astype(int) - expected).max() <= 1
    alone = list(CompactColorizer(network).colorize(clip, clip.exemplars(0)))
    assert np.abs(alone[3].astype(int) - found[3]).max() > 2
    with pytest.raises(MethodError, match="without exemplars"):
        next(CompactColorizer(network).colorize(clip, ()))


def test_the_variant_runs_once_its_weights_are_there(
    task: NetworkTask, shipped: Path, provenance: Provenance, moving_clip: Callable[..., Any]
) -> None:
    assert METHOD.unavailable("compact").endswith("train it with colorbench train deepremaster")
    assert METHOD.fingerprint(variant="compact", settings=DEFAULTS) == "no weights"
    task.save(shipped / "deepremaster-compact.safetensors", task.network, provenance)
    assert METHOD.unavailable("compact") == ""
    assert METHOD.fingerprint(variant="compact", settings=DEFAULTS) != "no weights"
    colorizer: Any = METHOD.load(variant="compact", device="cpu", settings=DEFAULTS)
    for key, tensor in task.network.state_dict().items():
        torch.testing.assert_close(colorizer.network.state_dict()[key], tensor, rtol=1e-3, atol=1e-6)
    for height, width in ((37, 53), (300, 260)):
        clip = moving_clip(2, height=height, width=width)
        frames = list(colorizer.colorize(clip, clip.exemplars(0)))
        assert [frame.shape for frame in frames] == [(height, width, 3)] * 2
        assert np.median(np.abs(luminance(frames[1]) - clip.luminance(1))) < 0.5
    assert not torch.is_inference_mode_enabled()


def test_validation_scores_the_held_out_clip(task: NetworkTask, tmp_path: Path) -> None:
    scores = task.validate(task.network.eval(), tmp_path)
    assert scores["psnr"] == scores["psnr_held-out"] > 10


def test_the_compact_network_is_of_the_size_of_all() -> None:
    network = build_compact(Shape())
    assert sum(p.numel() for p in network.parameters()) == 1_612_837
    assert network.up4[1].in_channels == 8
    variants = {variant.name: variant.exemplars for variant in REGISTERED.get("deepremaster").card.variants}
    assert variants == {"official": (0, None), "compact": (1, None)}
