"""BiSTNet as a task: samples to losses, weights that load again, and one clip learned by heart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

import bistnet
from bistnet.checkpoint import load_checkpoint
from bistnet.training.task import BistnetTask, TrainingSettings
from colorbench.errors import DatasetError, UnknownNameError, UsageError
from colorbench.training.recipe import Recipe, preset_text, read_preset
from colorbench.training.stream import Samples
from colorbench.training.task import Provenance

RECIPES = Path(bistnet.__file__).parent / "recipes" / "bistnet"
BARE = '["experts.semantic=none","experts.edges=none","features.width=8","refinement.width=8","refinement.depth=1"]'
Open = Callable[..., tuple[Recipe, BistnetTask]]
PROVENANCE = Provenance(
    command=("colorbench", "train"), seed=3, steps=7, seconds=1.5, commit="abc", scores={"psnr": 30.0}, hardware="a machine"
)


def batch_of(task: BistnetTask, numbers: range) -> dict[str, torch.Tensor]:
    samples = Samples(task, seed=0)
    items = [samples[number] for number in numbers]
    return {key: torch.stack([item[key] for item in items]) for key in items[0]}


def test_losses_are_finite_and_reach_every_trained_parameter(open_task: Open) -> None:
    _, task = open_task({"losses.coarse": "1"})
    terms = task.losses(batch_of(task, range(4)))
    assert set(terms) == {"edge", "hem", "content", "coarse", "match"}
    torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
    without = [name for name, p in task.network.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert without == []
    assert all(torch.isfinite(p.grad).all() for p in task.network.parameters() if p.grad is not None)


def test_a_frozen_match_is_left_alone(open_task: Open) -> None:
    _, task = open_task({"frozen": "true"})
    trained = {name.split(".")[0] for name, parameter in task.network.named_parameters() if parameter.requires_grad}
    assert trained == {"refinement"}
    torch.stack(list(task.losses(batch_of(task, range(2))).values())).sum().backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is None for parameter in task.network.embedding.parameters())


def test_a_batch_split_in_two_has_the_mean_of_the_halves(open_task: Open) -> None:
    _, task = open_task()
    whole = task.losses(batch_of(task, range(4)))
    halves = [task.losses(batch_of(task, numbers)) for numbers in (range(2), range(2, 4))]
    for name, value in whole.items():
        assert value.item() == pytest.approx((halves[0][name].item() + halves[1][name].item()) / 2, rel=1e-5)


def test_validation_clips_are_not_trained_on(open_task: Open) -> None:
    _, task = open_task()
    assert [reel.name for reel in task.corpus.material] == ["pan", "0", "1"]
    assert [clip.name for clip in task.corpus.held_out] == ["held-out"]


def test_the_seed_decides_the_first_weights(open_task: Open) -> None:
    first, again, other = (open_task({"seed": seed})[1].network.state_dict() for seed in ("0", "0", "1"))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_validation_scores_the_clip_and_draws_it(open_task: Open, tmp_path: Path) -> None:
    _, task = open_task()
    scores = task.validate(task.network.eval(), tmp_path)
    assert set(scores) == {"psnr", "ssim", "cdc", "colorfulness", "psnr_held-out"}
    assert scores["psnr"] == scores["psnr_held-out"] > 15
    strip = cv2.imread(str(tmp_path / "held-out.png"))
    assert strip is not None
    assert strip.shape == (2 * 224, 3 * 384, 3)


def test_saved_weights_load_with_their_card(open_task: Open, tmp_path: Path) -> None:
    _, task = open_task()
    path = tmp_path / "compact.safetensors"
    task.save(path, task.network, PROVENANCE)
    network, card = load_checkpoint(path)
    assert (card.trained, card.seed, card.steps, card.seconds, card.hardware) == (True, 3, 7, 1.5, "a machine")
    assert card.data == ("clips", "stills")
    assert "held-out" in card.notes
    own = task.network.state_dict()
    assert all(torch.allclose(value, own[key], atol=1e-2) for key, value in network.state_dict().items())


def test_a_training_may_begin_from_other_weights(open_task: Open, tmp_path: Path) -> None:
    _, task = open_task()
    path = tmp_path / "compact.safetensors"
    task.save(path, task.network, PROVENANCE)
    _, single = open_task(
        {
            "begin": str(path),
            "seed": "8",
            "overrides": BARE.replace("]", ',"fusion.references=1"]'),
            "triplets.references": "1",
        },
    )
    assert single.network.settings.fusion.references == 1
    a, b = task.network.state_dict(), single.network.state_dict()
    key = "encoder.stem.weight"
    assert torch.allclose(a[key], b[key], atol=1e-3)
    name = "refinement.coarse.stem.weight"  # luminance, colors, then similarity of either match, then colors of either
    torch.testing.assert_close(b[name][:, 3], a[name][:, 3] + a[name][:, 4], atol=1e-2, rtol=0)
    assert "begin" in str(single.identity["settings"])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"stepz": "3"}, UnknownNameError, "did you mean 'steps'"),
        ({"triplets.flop": "3"}, UnknownNameError, "triplets.flip"),
        ({"steps": "many"}, UsageError, "steps = 'many'"),
        ({"validation": '["nowhere"]'}, DatasetError, "no validation clip 'nowhere'"),
        ({"clips": '["missing"]'}, DatasetError, "missing"),
        ({"triplets.references": "1"}, UsageError, "fusion.references = 2"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(open_task: Open, changes: dict[str, str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_task(changes)


def test_unknown_presets_are_named(open_task: Open) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'compact'"):
        open_task(preset="compakt")


@pytest.mark.slow
def test_one_clip_is_learned_by_heart_in_200_steps(open_task: Open) -> None:
    """Above 38 dB on the chroma of a clip without disturbances: the plumbing from samples to gradients has no leak."""
    settings: dict[str, Any] = {
        "photographs": "[]", "triplets.photograph_share": "0", "triplets.recolored": "0", "triplets.flip": "0",
        "triplets.reversal": "0", "triplets.window": "[1.0, 1.0]", "triplets.single": "0",
    }  # fmt: skip
    settings |= {f"triplets.disturbances.{name}": "0" for name in ("chroma", "mirrored", "occluded", "reframed", "degraded")}
    _, task = open_task(settings)
    optimizer = torch.optim.Adam(task.network.parameters(), lr=2e-3)
    for step in range(200):
        terms = task.losses(batch_of(task, range(2 * step, 2 * step + 2)))
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    batch = batch_of(task, range(1000, 1008))
    frames = batch["l_star"].shape[1]
    with torch.no_grad():
        l_star = batch["l_star"].flatten(0, 1)
        first = task.network.encode_reference(batch["first_l"], batch["first_ab"]).repeated(frames)
        last = task.network.encode_reference(batch["last_l"], batch["last_ab"]).repeated(frames)
        ab = task.network(l_star, first, last, batch["position"].flatten())[2]
    from colorbench.color import lab_to_rgb

    found, true = (lab_to_rgb(torch.cat((l_star, chroma), dim=1).movedim(1, -1)) for chroma in (ab, batch["ab"].flatten(0, 1)))
    assert -10 * float((found - true).square().mean().log10()) > 38


def test_the_temporal_term_compares_with_the_frame_before_of_the_same_sample(open_task: Open) -> None:
    changes = {"losses.temporal": "0.02", "triplets.consecutive": "true", "triplets.frames": "3"}
    _, task = open_task(changes)
    batch = batch_of(task, range(2))
    assert batch["flow"].shape == (2, 3, 2, 64, 96)
    assert not batch["mask"][:, 0].any()
    assert batch["mask"][:, 1:].float().mean() > 0.3
    together = task.losses(batch)["temporal"].item()
    alone = [task.losses({key: value[n : n + 1] for key, value in batch.items()})["temporal"].item() for n in range(2)]
    assert together == pytest.approx(sum(alone) / 2, rel=1e-4)
    assert together > 0


def test_a_critic_judges_what_the_losses_have_seen(open_task: Open) -> None:
    _, task = open_task({"losses.adversarial": "0.2", "triplets.size": "[64, 128]"})
    assert task.critic is not None
    batch = batch_of(task, range(2))
    terms = task.losses(batch)
    assert "adversarial" in terms
    terms["adversarial"].backward(retain_graph=True)  # type: ignore[no-untyped-call]
    assert all(p.grad is None for p in task.critic.parameters())
    task.critic_losses(batch)["loss"].backward()  # type: ignore[no-untyped-call]
    assert any(p.grad is not None and p.grad.any() for p in task.critic.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"losses.temporal": "0.02"}, "at least two consecutive frames"), ({"losses.contextual": "0.2"}, "set vgg to the path")],
    ids=str,
)
def test_terms_say_what_they_need(open_task: Open, changes: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_task(changes)


@pytest.mark.parametrize(("name", "references"), [("paper", 2), ("paper-single", 1)])
def test_the_papers_recipe_is_as_printed(name: str, references: int) -> None:
    recipe, settings = read_preset(preset_text(name, folder=RECIPES), name=name, task=TrainingSettings)
    triplets, losses = settings.triplets, settings.losses
    assert (recipe.optimizer, recipe.learning_rate, recipe.schedule) == ("adam", 2e-4, "constant")
    assert recipe.batch * triplets.frames == 8
    assert (losses.edge, losses.hem, losses.c) == (2.0, 2.0, 1.0)
    assert (triplets.size, triplets.stretched, triplets.references) == ((224, 384), True, references)
    assert (triplets.flip, triplets.reversal, triplets.recolored, triplets.single, triplets.photograph_share) == (0.0,) * 5
    disturbances = triplets.disturbances
    assert [getattr(disturbances, way) for way in ("chroma", "mirrored", "occluded", "reframed", "degraded")] == [0.0] * 5
