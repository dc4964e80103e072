"""Training of the edge network: its pictures, labels after augmentation, loss, validation and weights."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bistnet.experts import build_expert
from bistnet.experts.edges_data import OUTSIDE, Augmentation, EdgePicture, augmented, find_bsds, read_split
from bistnet.experts.edges_training import EdgesSettings, EdgesTask, balanced_cross_entropy, predicted
from colorbench.errors import ColorbenchError, DatasetError, UsageError
from colorbench.frames.images import read_image, write_png
from colorbench.training.task import Provenance
from colorbench.training.trainable import TRAINABLES
from colorbench.weights.trained_file import read_card

Map = NDArray[np.float32]
PLAIN = Augmentation(scale=(1.0, 1.0), degrees=0.0, quarter_turns=0.0, gamma=1.0, contrast=(1.0, 1.0), brightness=0.0)
PROVENANCE = Provenance(
    command=("colorbench", "train", "edges"), seed=0, steps=3, seconds=1.5, commit=None, scores={"ods": 0.25}, hardware="none"
)


def outlined(seed: int, *, height: int = 64, width: int = 96) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A bright disk on dark ground, and its outline as three annotators would draw it, two of them alike."""
    rng = np.random.default_rng(seed)
    center, radius = (int(rng.integers(30, width - 30)), height // 2), int(rng.integers(12, 20))
    picture = np.full((height, width, 3), 60, np.uint8)
    cv2.circle(picture, center, radius, (190, 190, 190), -1)
    share = np.zeros((height, width), np.uint8)
    cv2.circle(share, center, radius + 2, 85, 1)
    cv2.circle(share, center, radius, 170, 1)
    return picture, share


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """BSDS500 with a few small pictures."""
    for seed, (split, count) in enumerate((("train", 3), ("val", 2), ("test", 4))):
        for kind in ("images", "boundaries"):
            (tmp_path / "bsds500" / kind / split).mkdir(parents=True)
        for index in range(count):
            picture, share = outlined(10 * seed + index)
            cv2.imwrite(str(tmp_path / f"bsds500/images/{split}/{index}.jpg"), picture)
            cv2.imwrite(str(tmp_path / f"bsds500/boundaries/{split}/{index}.png"), share)
    return tmp_path / "bsds500"


def of_line(*, height: int = 80, width: int = 120, share: float = 0.6) -> EdgePicture:
    """A slanted line; the picture is bright along it."""
    drawn = np.zeros((height, width), np.float32)
    cv2.line(drawn, (5, 10), (width - 6, height - 20), share, 1)
    return EdgePicture(name="line", l_star=cv2.GaussianBlur(drawn, (0, 0), 2) * 300, share=drawn)


def components(mask: NDArray[np.bool_]) -> int:
    count: int = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0]
    return count - 1


def test_bsds_is_found_by_its_folder_or_the_one_around_it(root: Path) -> None:
    assert find_bsds(root) == find_bsds(root.parent) == root
    with pytest.raises(DatasetError, match="no BSDS500"):
        find_bsds(root / "images")


def test_pictures_come_with_their_boundaries(root: Path) -> None:
    pictures = read_split(root, "train")
    assert [picture.name for picture in pictures] == ["0", "1", "2"]
    assert sorted({round(float(share), 3) for share in np.unique(pictures[0].share)}) == [0.0, 0.333, 0.667]
    assert pictures[0].l_star.max() > 70 > 30 > pictures[0].l_star.min()


@pytest.mark.parametrize("harm", ["gone", "another size", "none"])
def test_a_damaged_data_set_is_refused(root: Path, harm: str) -> None:
    boundaries = root / "boundaries/val/1.png"
    if harm == "gone":
        boundaries.unlink()
    elif harm == "another size":
        cv2.imwrite(str(boundaries), np.zeros((10, 12), np.uint8))
    else:
        for file in (root / "images/val").iterdir():
            file.unlink()
    with pytest.raises(DatasetError):
        EdgesTask(EdgesSettings(crop=32), root)


def test_an_unchanged_crop_is_the_picture() -> None:
    picture = of_line(height=64, width=64)
    mirrored = 0
    for seed in range(6):
        l_star, share = augmented(picture, np.random.default_rng(seed), crop=64, how=PLAIN)
        flipped = not np.array_equal(share, picture.share)
        mirrored += flipped
        np.testing.assert_array_equal(share[:, ::-1] if flipped else share, picture.share)
        np.testing.assert_allclose(l_star[:, ::-1] if flipped else l_star, picture.l_star, atol=1e-3)
    assert 0 < mirrored < 6


@pytest.mark.parametrize("scale", [0.6, 0.8, 1.0, 1.2, 1.4])
def test_a_line_stays_whole_and_a_pixel_wide(scale: float) -> None:
    picture = of_line()
    how = dataclasses.replace(PLAIN, scale=(scale, scale), degrees=45.0, quarter_turns=0.5)
    for seed in range(8):
        _, share = augmented(picture, np.random.default_rng(seed), crop=260, how=how)
        line = share > 0
        assert components(line) == 1
        np.testing.assert_allclose(share[line], 0.6)
        # A line two pixels wide is full of blocks of 2x2.
        blocks = line[1:, 1:] & line[:-1, 1:] & line[1:, :-1] & line[:-1, :-1]
        assert blocks.sum() <= 0.2 * line.sum()
        length = scale * np.hypot(109, 50)
        y, x = np.nonzero(line)
        assert 0.95 * length <= np.hypot(np.ptp(y), np.ptp(x)) <= 1.05 * length


def test_labels_move_with_the_picture() -> None:
    picture = of_line()
    how = dataclasses.replace(PLAIN, scale=(0.6, 1.5), degrees=180.0)
    for seed in range(8):
        l_star, share = augmented(picture, np.random.default_rng(seed), crop=64, how=how)
        if (share > 0).any():
            ridge = cv2.dilate(l_star, np.ones((7, 7)))
            assert (l_star[share > 0] >= 0.75 * ridge[share > 0]).mean() > 0.9


def test_the_larger_share_wins_where_lines_fall_together() -> None:
    share = np.zeros((60, 60), np.float32)
    share[:, 30], share[:, 31], share[:, 32] = 0.2, 0.8, 0.2
    picture = EdgePicture(name="three", l_star=share * 100, share=share)
    _, small = augmented(picture, np.random.default_rng(0), crop=16, how=dataclasses.replace(PLAIN, scale=(0.34, 0.34)))
    assert (small.max(axis=1) == np.float32(0.8)).all()


def test_beyond_the_border_there_is_no_label() -> None:
    picture = of_line(height=40, width=40)
    l_star, share = augmented(picture, np.random.default_rng(0), crop=60, how=PLAIN)
    assert (share == OUTSIDE).sum() == 60 * 60 - 40 * 40
    assert np.isfinite(l_star).all()
    assert (share[10:50, 10:50] >= 0).all()


def test_tones_change_and_stay_in_range() -> None:
    picture = EdgePicture(
        name="ramp", l_star=np.tile(np.linspace(0, 100, 64, dtype=np.float32), (64, 1)), share=np.zeros((64, 64), np.float32)
    )
    how = dataclasses.replace(PLAIN, gamma=1.5, contrast=(0.5, 1.5), brightness=20.0)
    means = []
    for seed in range(12):
        l_star, _ = augmented(picture, np.random.default_rng(seed), crop=64, how=how)
        assert l_star.dtype == np.float32
        assert 0 <= l_star.min() <= l_star.max() <= 100
        means.append(l_star.mean())
    assert np.ptp(means) > 5


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_the_loss_is_its_formula(balance: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, 6, 9, 11, generator=generator, dtype=torch.float64)
    share = torch.randint(-1, 6, (2, 1, 9, 11), generator=generator).double() / 5
    share[share < 0] = OUTSIDE
    found = balanced_cross_entropy(logits, share, positive=0.3, balance=balance)
    for sample in range(2):
        values = share[sample, 0].numpy()
        boundary, other = values > 0.3, values == 0
        ratio = (other.sum() / boundary.sum()) ** balance
        for output in range(6):
            p = 1 / (1 + np.exp(-logits[sample, output].numpy()))
            total = ratio / (1 + ratio) * -np.log(p[boundary]).sum() + 1 / (1 + ratio) * -np.log(1 - p[other]).sum()
            assert found[sample, output].item() == pytest.approx(total / 99, rel=1e-9)


def test_a_crop_without_boundaries_has_a_finite_loss() -> None:
    loss = balanced_cross_entropy(torch.zeros(1, 6, 8, 8), torch.zeros(1, 1, 8, 8), positive=0.3, balance=1.0)
    assert torch.isfinite(loss).all()
    assert (loss > 0).all()


def task_of(root: Path, **changes: object) -> EdgesTask:
    torch.manual_seed(0)
    return EdgesTask(dataclasses.replace(EdgesSettings(crop=48, validation_thresholds=9), **changes), root)  # type: ignore[arg-type]


def test_samples_depend_on_number_and_generator_alone(root: Path) -> None:
    task = task_of(root)
    first = task.sample(7, np.random.default_rng(3))
    task.sample(8, np.random.default_rng(4))
    again = task_of(root).sample(7, np.random.default_rng(3))
    for key, shape in (("l_star", (1, 48, 48)), ("share", (1, 48, 48))):
        assert first[key].shape == shape
        assert torch.equal(first[key], again[key])
    assert not torch.equal(first["l_star"], task.sample(7, np.random.default_rng(5))["l_star"])


def test_each_round_sees_every_training_picture_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[EdgePicture] = []

    def watched(picture: EdgePicture, rng: np.random.Generator, *, crop: int, how: Augmentation) -> tuple[Map, Map]:
        seen.append(picture)
        return np.zeros((crop, crop), np.float32), np.zeros((crop, crop), np.float32)

    monkeypatch.setattr("bistnet.experts.edges_training.augmented", watched)
    task = task_of(root)
    for number in range(10):
        task.sample(number, np.random.default_rng(number))
    assert {id(picture) for picture in seen[:5]} == {id(picture) for picture in seen[5:]} == {id(p) for p in task.pictures}


def test_the_loss_falls(root: Path) -> None:
    task = task_of(root)
    network = task.network.train()
    samples = [task.sample(number, np.random.default_rng(number)) for number in range(2)]
    batch = {key: torch.stack([sample[key] for sample in samples]) for key in samples[0]}
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    fused = []
    for _ in range(12):
        terms = task.losses(batch)
        assert set(terms) == {"fused", "sides"}
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        fused.append(terms["fused"].item())
    assert fused[-1] < 0.75 * fused[0]


def test_sides_weigh_as_they_are_set(root: Path) -> None:
    task = task_of(root)
    batch = {key: value[None] for key, value in task.sample(0, np.random.default_rng(0)).items()}
    task.network.eval()
    whole = task.losses(batch)["sides"].item()
    parts = []
    for index in range(5):
        task.settings = dataclasses.replace(task.settings, sides=tuple(2.0 * (index == side) for side in range(5)))  # type: ignore[arg-type]
        parts.append(task.losses(batch)["sides"].item())
    assert sum(parts) == pytest.approx(2 * whole, rel=1e-5)
    task.settings = dataclasses.replace(task.settings, sides=(0.0,) * 5)
    assert set(task.losses(batch)) == {"fused"}


def test_identity_changes_with_settings_and_data(root: Path) -> None:
    first = task_of(root).identity
    assert json.loads(json.dumps(first)) == json.loads(json.dumps(task_of(root).identity))
    assert task_of(root, positive=0.5).identity != first
    share = read_image(root / "boundaries/val/0.png")
    share[5, 5] = 255
    write_png(root / "boundaries/val/0.png", share)
    assert task_of(root).identity != first


def test_validation_scores_the_test_pictures_and_shows_some(root: Path, tmp_path: Path) -> None:
    task = task_of(root, validation_pictures=3)
    assert [picture.name for picture in task.test_pictures] == ["0", "1", "2"]
    scores = task.validate(task.network.eval(), tmp_path)
    assert set(scores) == {"ods", "ois", "ap", "threshold"}
    assert all(0 <= value <= 1 for value in scores.values())
    assert read_image(tmp_path / "2.png").shape == (64, 3 * 96, 3)


def test_saved_weights_are_an_expert_with_a_card(root: Path, tmp_path: Path) -> None:
    task = task_of(root)
    path = tmp_path / "edges.safetensors"
    task.save(path, task.network.eval(), PROVENANCE)
    expert = build_expert("compact-edges", checkpoint=path)
    assert expert.trained
    l_star = task.test_pictures[0].l_star
    maps = expert(torch.from_numpy(l_star)[None, None])[0, 0].numpy()
    # Weights are stored in float16.
    np.testing.assert_allclose(maps, predicted(task.network.eval(), l_star), atol=5e-3)
    card = read_card(path)
    assert card["network"] == "compact-edges"
    assert card["data"] == ["bsds500:train", "bsds500:val"]
    assert card["settings"]["crop"] == 48
    assert (card["steps"], card["scores"], card["command"]) == (3, {"ods": 0.25}, ["colorbench", "train", "edges"])
    assert "torch" in card["versions"]


@pytest.mark.parametrize(
    "changes",
    [{"crop": 8}, {"positive": 1.0}, {"balance": -1.0}, {"sides": (1.0, 1.0, -1.0, 1.0, 1.0)}, {"validation_thresholds": 0}],
)
def test_settings_out_of_range_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        EdgesSettings(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [{"scale": (1.0, 0.5)}, {"scale": (0.5, 3.0)}, {"gamma": 0.5}, {"contrast": (-1.0, 1.0)}, {"degrees": float("nan")}],
)
def test_augmentation_out_of_range_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Augmentation(**changes)  # type: ignore[arg-type]


def test_the_preset_opens_and_its_keys_can_be_changed(root: Path) -> None:
    trainable = TRAINABLES.get("edges")
    assert trainable.card.name == "edges"
    overrides = {"crop": "40", "steps": "7", "augmentation.scale": "[1.0, 1.2]"}
    recipe, task = trainable.open(preset=trainable.card.presets[0], overrides=overrides, data=root.parent)
    assert recipe.steps == 7
    assert recipe.ema > 0
    assert task.sample(0, np.random.default_rng(0))["share"].shape == (1, 40, 40)
    with pytest.raises(ColorbenchError, match="crop"):
        trainable.open(preset="edges", overrides={"crops": "40"}, data=root.parent)


def test_importing_what_offers_it_adds_no_torch() -> None:
    """Beyond what the package of the experts imports, which is left out here."""
    code = (
        "import sys, types, bistnet; package = types.ModuleType('bistnet.experts'); "
        "package.__path__ = [bistnet.__path__[0] + '/experts']; sys.modules['bistnet.experts'] = package; "
        "import bistnet.experts.edges_training; print(sorted({'torch', 'cv2', 'numba'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout.strip() == "[]"
