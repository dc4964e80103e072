"""BiSTNet as a task: samples to losses, weights that load again, and one clip learned by heart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from skimage import data as photographs

from bistnet.checkpoint import load_checkpoint
from bistnet.task import BistnetTask
from bistnet.training import TRAINABLES
from colorbench.errors import DatasetError, UnknownNameError, UsageError
from colorbench.training.recipe import Recipe
from colorbench.training.stream import Samples
from colorbench.training.task import Provenance

BARE = 'overrides=["experts.semantic=none","experts.edges=none","features.width=8","refinement.width=8","refinement.depth=1"]'
PROVENANCE = Provenance(
    command=("colorbench", "train"), seed=3, steps=7, seconds=1.5, commit="abc", scores={"psnr": 30.0}, hardware="a machine"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips, one of them for validation, and two photographs."""
    root = tmp_path_factory.mktemp("data")
    for name, picture in (("pan", photographs.coffee()), ("held-out", photographs.chelsea())):
        (root / "clips" / name).mkdir(parents=True)
        for index in range(14):
            window = np.ascontiguousarray(picture[40 : 40 + 128, 20 + 2 * index : 20 + 2 * index + 192, ::-1])
            cv2.imwrite(str(root / "clips" / name / f"{index:05d}.png"), window)
    (root / "stills").mkdir()
    for index, picture in enumerate((photographs.astronaut(), photographs.rocket())):
        cv2.imwrite(str(root / "stills" / f"{index}.png"), np.ascontiguousarray(picture[::2, ::2, ::-1]))
    return root


@pytest.fixture(autouse=True)
def _own_cache(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORBENCH_CACHE", str(root / "cache"))


def opened(root: Path, changes: Mapping[str, str] | None = None, *, preset: str = "compact") -> tuple[Recipe, BistnetTask]:
    overrides = {
        "clips": '["clips"]',
        "photographs": '["stills"]',
        "validation": '["held-out"]',
        "height": "128",
        "triplets.size": "[64, 96]",
        "triplets.least_span": "6",
        **dict([BARE.split("=", 1)]),
        **(changes or {}),
    }
    return TRAINABLES[0].open(preset=preset, overrides=overrides, data=root)


def batch_of(task: BistnetTask, numbers: range) -> dict[str, torch.Tensor]:
    samples = Samples(task, seed=0)
    items = [samples[number] for number in numbers]
    return {key: torch.stack([item[key] for item in items]) for key in items[0]}


def test_losses_are_finite_and_reach_every_trained_parameter(root: Path) -> None:
    _, task = opened(root)
    terms = task.losses(batch_of(task, range(4)))
    assert set(terms) == {"edge", "hem", "content", "match"}
    torch.stack(list(terms.values())).sum().backward()
    without = [name for name, p in task.network.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert without == []
    assert all(torch.isfinite(p.grad).all() for p in task.network.parameters() if p.grad is not None)


def test_a_batch_split_in_two_has_the_mean_of_the_halves(root: Path) -> None:
    _, task = opened(root)
    whole = task.losses(batch_of(task, range(4)))
    halves = [task.losses(batch_of(task, numbers)) for numbers in (range(2), range(2, 4))]
    for name, value in whole.items():
        assert float(value) == pytest.approx((float(halves[0][name]) + float(halves[1][name])) / 2, rel=1e-5)


def test_validation_clips_are_not_trained_on(root: Path) -> None:
    _, task = opened(root)
    assert [reel.name for reel in task.material] == ["pan", "0", "1"]
    assert [clip.name for clip in task.validation] == ["held-out"]


def test_the_seed_decides_the_first_weights(root: Path) -> None:
    first, again, other = (opened(root, {"seed": seed})[1].network.state_dict() for seed in ("0", "0", "1"))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_validation_scores_the_clip_and_draws_it(root: Path, tmp_path: Path) -> None:
    _, task = opened(root)
    scores = task.validate(task.network.eval(), tmp_path)
    assert set(scores) == {"psnr", "ssim", "cdc", "colorfulness", "psnr_held-out"}
    assert scores["psnr"] == scores["psnr_held-out"] > 15
    strip = cv2.imread(str(tmp_path / "held-out.png"))
    assert strip is not None
    assert strip.shape == (2 * 224, 3 * 384, 3)


def test_saved_weights_load_with_their_card(root: Path, tmp_path: Path) -> None:
    _, task = opened(root)
    path = tmp_path / "compact.safetensors"
    task.save(path, task.network, PROVENANCE)
    network, card = load_checkpoint(path)
    assert (card.trained, card.seed, card.steps, card.seconds, card.hardware) == (True, 3, 7, 1.5, "a machine")
    assert card.data == ("clips", "stills")
    assert "held-out" in card.notes
    own = task.network.state_dict()
    assert all(torch.allclose(value, own[key], atol=1e-2) for key, value in network.state_dict().items())


def test_a_training_may_begin_from_other_weights(root: Path, tmp_path: Path) -> None:
    _, task = opened(root)
    path = tmp_path / "compact.safetensors"
    task.save(path, task.network, PROVENANCE)
    _, single = opened(
        root,
        {
            "begin": str(path),
            "seed": "8",
            "overrides": BARE.split("=", 1)[1].replace("]", ',"fusion.references=1"]'),
            "triplets.references": "1",
        },
    )
    assert single.network.settings.fusion.references == 1
    a, b = task.network.state_dict(), single.network.state_dict()
    key = "encoder.stem.weight"
    assert torch.allclose(a[key], b[key], atol=1e-3)
    assert a["refinement.coarse.stem.weight"].shape != b["refinement.coarse.stem.weight"].shape
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
def test_what_is_wrong_is_named(root: Path, changes: dict[str, str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        opened(root, changes)


def test_unknown_presets_are_named(root: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'compact'"):
        opened(root, preset="compakt")


@pytest.mark.slow
def test_one_clip_is_learned_by_heart_in_200_steps(root: Path) -> None:
    """Above 38 dB on the chroma of a clip without disturbances: the plumbing from samples to gradients has no leak."""
    settings: dict[str, Any] = {
        "photographs": "[]", "triplets.photograph_share": "0", "triplets.recolored": "0", "triplets.flip": "0",
        "triplets.reversal": "0", "triplets.window": "[1.0, 1.0]", "triplets.single": "0",
    }  # fmt: skip
    settings |= {f"triplets.disturbances.{name}": "0" for name in ("chroma", "mirrored", "occluded", "reframed", "degraded")}
    _, task = opened(root, settings)
    optimizer = torch.optim.Adam(task.network.parameters(), lr=2e-3)
    for step in range(200):
        terms = task.losses(batch_of(task, range(2 * step, 2 * step + 2)))
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
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
