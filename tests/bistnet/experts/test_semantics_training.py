"""Training of the compact semantic expert: CamVid as it is read, crops, losses against transcriptions, what is saved."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from bistnet.experts import build_expert
from bistnet.experts.compact_semantics import CLASSES, compact_semantics
from bistnet.experts.gray import gray_level
from bistnet.experts.semantics_data import VOID, Augmentation, find_camvid, random_crop, read_split
from bistnet.experts.semantics_task import SemanticsInTraining, SemanticsTask, cross_entropy, soft_jaccard
from bistnet.experts.semantics_training import SemanticsSettings
from colorbench.color import luminance
from colorbench.errors import DatasetError, UnknownNameError, UsageError
from colorbench.frames.images import read_image
from colorbench.training.task import Provenance
from colorbench.training.trainable import TRAINABLES
from colorbench.weights.trained_file import read_card

HEIGHT, WIDTH = 64, 96

PLAIN = {
    "scale": (1.0, 1.0), "stretch": 1.0, "brightness": 0.0, "contrast": 1.0, "gamma": 1.0, "rare_share": 0.0, "label_stride": 1,
}  # fmt: skip


def crops(height: int = HEIGHT, width: int = WIDTH, **changes: object) -> Augmentation:
    return Augmentation(height=height, width=width, **{**PLAIN, **changes})  # type: ignore[arg-type]


def blocks(seed: int, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """Labels in squares of 16, void among them."""
    coarse = np.random.default_rng(seed).integers(0, VOID + 1, (height // 16, width // 16)).astype(np.uint8)
    return np.kron(coarse, np.ones((16, 16), np.uint8))


def write_camvid(root: Path, counts: Mapping[str, int]) -> Path:
    """Pictures whose gray level tells the class: 20 times its number."""
    for index, (split, count) in enumerate(counts.items()):
        for folder in (root / split, root / f"{split}annot"):
            folder.mkdir(parents=True)
        for number in range(count):
            labels = blocks(100 * index + number)
            name = f"Seq{index}_{number:03d}.png"
            cv2.imwrite(str(root / split / name), np.repeat(20 * labels[..., None], 3, axis=2))
            cv2.imwrite(str(root / f"{split}annot" / name), labels)
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_camvid(root / "camvid", {"train": 4, "val": 2, "test": 3})
    return root


def opened(data: Path, **overrides: str) -> SemanticsTask:
    small = {"height": str(HEIGHT), "width": str(WIDTH), **overrides}
    _, task = TRAINABLES.get("semantics").open(preset="semantics", overrides=small, data=data)
    assert isinstance(task, SemanticsTask)
    return task


@pytest.fixture(scope="module")
def task(data: Path) -> SemanticsTask:
    return opened(data)


def batch_of(task: SemanticsTask, count: int = 2) -> dict[str, Tensor]:
    samples = [task.sample(number, np.random.default_rng(number)) for number in range(count)]
    return {key: torch.stack([sample[key] for sample in samples]) for key in samples[0]}


def provenance(**scores: float) -> Provenance:
    return Provenance(
        command=("colorbench", "train", "semantics"), seed=0, steps=7, seconds=1.5, commit=None, scores=scores, hardware="one CPU"
    )


# Data


def test_camvid_is_found_by_its_own_folder_and_by_the_one_above(data: Path) -> None:
    assert find_camvid(data) == find_camvid(data / "camvid") == data / "camvid"


def test_pictures_are_read_as_luminance_with_their_labels(data: Path) -> None:
    pictures = read_split(data / "camvid", "train")
    assert [picture.name for picture in pictures] == [f"Seq0_{number:03d}" for number in range(4)]
    for number, picture in enumerate(pictures):
        assert np.array_equal(picture.labels, blocks(number))
        rgb = np.repeat(20 * blocks(number)[..., None], 3, axis=2)
        assert np.array_equal(picture.l_star, luminance(rgb))


@pytest.mark.parametrize("missing", ["testannot", "val"])
def test_a_missing_folder_is_named(tmp_path: Path, missing: str) -> None:
    root = write_camvid(tmp_path, {"train": 1, "val": 1, "test": 1})
    (root / missing).rename(root / "elsewhere")
    with pytest.raises(DatasetError, match=f"no folder .*{missing}") as caught:
        opened(tmp_path)
    assert caught.value.remedy


def test_no_camvid_at_all_says_what_it_looks_like(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no CamVid under[\s\S]*trainannot|\{train,val,test\}annot"):
        opened(tmp_path)


def damaged(root: Path, labels: NDArray[np.generic] | None) -> DatasetError:
    write_camvid(root, {"train": 2, "val": 1, "test": 1})
    label = root / "trainannot" / "Seq0_001.png"
    if labels is None:
        label.unlink()
    else:
        cv2.imwrite(str(label), labels)
    with pytest.raises(DatasetError) as caught:
        read_split(root, "train")
    assert "Seq0_001.png" in caught.value.wrong
    assert caught.value.wanted
    assert caught.value.remedy
    return caught.value


def test_a_label_of_another_size_is_refused(tmp_path: Path) -> None:
    assert "48x64, its picture 96x64" in damaged(tmp_path, np.zeros((64, 48), np.uint8)).wrong


def test_a_class_over_void_is_refused(tmp_path: Path) -> None:
    assert "holds class 12" in damaged(tmp_path, np.full((HEIGHT, WIDTH), VOID + 1, np.uint8)).wrong


def test_a_colored_label_is_refused(tmp_path: Path) -> None:
    assert "(64, 96, 3)" in damaged(tmp_path, np.zeros((HEIGHT, WIDTH, 3), np.uint8)).wrong


def test_a_picture_without_a_label_is_refused(tmp_path: Path) -> None:
    assert "has no label" in damaged(tmp_path, None).wrong


# Crops


def test_a_crop_of_the_whole_picture_is_the_picture_or_its_mirror_image() -> None:
    labels = blocks(1)
    level = np.random.default_rng(0).random((HEIGHT, WIDTH)).astype(np.float32)
    mirrored = 0
    for seed in range(12):
        found, truth = random_crop(level, labels, crops(), np.random.default_rng(seed))
        flip = not np.array_equal(truth, labels)
        mirrored += flip
        assert np.array_equal(truth, labels[:, ::-1] if flip else labels)
        np.testing.assert_allclose(found, level[:, ::-1] if flip else level, rtol=0, atol=1e-6)
    assert 0 < mirrored < 12


@pytest.mark.parametrize("stride", [1, 2])
def test_enlarging_cropping_and_mirroring_keep_picture_and_labels_aligned(stride: int) -> None:
    """The level is a function of the label, so each resampled level away from edges between squares must tell its label."""
    labels = blocks(2)
    level = (labels / 20.0).astype(np.float32)
    how = crops(48, 80, scale=(0.7, 2.0), stretch=1.3, rare_share=0.5, label_stride=stride)
    apart, checked = 0, 0
    for seed in range(40):
        found, truth = random_crop(level, labels, how, np.random.default_rng(seed))
        assert found.shape == (48, 80)
        assert truth.shape == (48 // stride, 80 // stride)
        centers = found.reshape(48 // stride, stride, 80 // stride, stride).mean(axis=(1, 3))
        known = truth != VOID
        apart += int((np.abs(centers * 20.0 - truth)[known] > 1e-3).sum())
        checked += int(known.sum())
    # A square of 16 has edges; bilinear enlargement mixes one or two pixels on either side of each.
    assert apart < 0.25 * checked
    shifted = 0
    for seed in range(40):
        found, truth = random_crop(level, labels, how, np.random.default_rng(seed))
        centers = found.reshape(48 // stride, stride, 80 // stride, stride).mean(axis=(1, 3))
        known = truth[:, :-4] != VOID
        shifted += int((np.abs(centers[:, 4:] * 20.0 - truth[:, :-4])[known] > 1e-3).sum())
    assert shifted > 1.5 * apart


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_labels_lie_where_bilinear_enlargement_places_them(scale: float) -> None:
    """The edge between two halves: labels change where the level passes the middle; where it is the middle, either is right."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[:, WIDTH // 2 :] = 1
    for seed in range(6):
        found, truth = random_crop(labels.astype(np.float32), labels, crops(scale=(scale, scale)), np.random.default_rng(seed))
        at = int(np.flatnonzero((truth != VOID).any(axis=1))[0])
        row, level = truth[at], found[at]
        inside = (row != VOID) & (np.abs(level - 0.5) > 1e-3)
        assert inside.sum() >= WIDTH / 2 - 1
        assert ((level > 0.5) == (row == 1))[inside].all()


def test_outside_of_the_picture_is_void() -> None:
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    found, truth = random_crop(np.ones((HEIGHT, WIDTH), np.float32), labels, crops(scale=(0.5, 0.5)), np.random.default_rng(0))
    assert (truth == 0).sum() == HEIGHT * WIDTH // 4
    assert (truth == VOID).sum() == 3 * HEIGHT * WIDTH // 4
    assert np.allclose(found, 1.0)


def test_rare_classes_are_in_more_crops_when_asked_for() -> None:
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[60:62, 90:92] = 9
    level = np.zeros((HEIGHT, WIDTH), np.float32)

    def share(rare: float) -> float:
        how = crops(32, 32, rare_share=rare)
        return float(np.mean([(random_crop(level, labels, how, np.random.default_rng(s))[1] == 9).any() for s in range(200)]))

    assert share(0.0) < 0.15
    assert 0.4 < share(1.0) < 0.65


def test_light_changes_levels_within_their_range_and_never_labels() -> None:
    level = np.random.default_rng(0).random((HEIGHT, WIDTH)).astype(np.float32)
    labels = blocks(3)
    how = crops(brightness=0.2, contrast=1.5, gamma=2.0)
    means = []
    for seed in range(8):
        found, truth = random_crop(level, labels, how, np.random.default_rng(seed))
        assert found.dtype == np.float32
        assert found.min() >= 0.0
        assert found.max() <= 1.0
        assert sorted(truth.ravel()) == sorted(labels.ravel())
        means.append(float(found.mean()))
    assert np.std(means) > 0.03


# Losses


def transcribed(log_p: Tensor, labels: Tensor, weights: list[float]) -> tuple[float, float]:
    """CE and J, one pixel at a time."""
    n, classes, h, w = log_p.shape
    total, known = 0.0, 0
    hits, mass, there = [0.0] * classes, [0.0] * classes, [0] * classes
    for i in range(n):
        for y in range(h):
            for x in range(w):
                label = int(labels[i, y, x])
                if label == VOID:
                    continue
                known += 1
                total -= weights[label] * float(log_p[i, label, y, x])
                there[label] += 1
                hits[label] += math.exp(float(log_p[i, label, y, x]))
                for k in range(classes):
                    mass[k] += math.exp(float(log_p[i, k, y, x]))
    present = [k for k in range(classes) if there[k]]
    jaccard = sum(1.0 - hits[k] / (mass[k] + there[k] - hits[k]) for k in present) / len(present)
    return total / known, jaccard


def test_losses_are_their_formulas() -> None:
    draw = torch.Generator().manual_seed(0)
    log_p = (3.0 * torch.randn(2, 11, 5, 6, generator=draw, dtype=torch.float64)).log_softmax(dim=1)
    labels = torch.randint(0, VOID + 1, (2, 5, 6), generator=draw)
    labels[labels == 4] = VOID
    weights = torch.rand(11, generator=draw, dtype=torch.float64) + 0.5
    ce, jaccard = transcribed(log_p, labels, weights.tolist())
    assert cross_entropy(log_p, labels, weights).item() == pytest.approx(ce, abs=1e-12)
    assert soft_jaccard(log_p, labels).item() == pytest.approx(jaccard, abs=1e-12)


def test_sure_and_right_costs_nothing() -> None:
    labels = torch.randint(0, 11, (1, 8, 8), generator=torch.Generator().manual_seed(1))
    log_p = (50.0 * torch.nn.functional.one_hot(labels, 11).permute(0, 3, 1, 2).double()).log_softmax(dim=1)
    assert cross_entropy(log_p, labels, torch.ones(11, dtype=torch.float64)).item() < 1e-12
    assert soft_jaccard(log_p, labels).item() < 1e-12


def test_void_has_no_loss_and_no_gradient() -> None:
    draw = torch.Generator().manual_seed(2)
    scores = torch.randn(2, 11, 4, 6, generator=draw).requires_grad_()
    labels = torch.randint(0, 11, (2, 4, 6), generator=draw)
    labels[:, :, 3:] = VOID
    log_p = scores.log_softmax(dim=1)
    (cross_entropy(log_p, labels, torch.ones(11)) + soft_jaccard(log_p, labels)).backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert scores.grad[..., 3:].abs().max() == 0
    assert (scores.grad[..., :3].abs().sum(dim=1) > 0).all()


def test_a_batch_of_void_alone_costs_nothing() -> None:
    log_p = torch.randn(1, 11, 4, 4).log_softmax(dim=1)
    labels = torch.full((1, 4, 4), VOID)
    assert cross_entropy(log_p, labels, torch.ones(11)).item() == 0
    assert soft_jaccard(log_p, labels).item() == 0


# Task


def test_a_sample_is_a_function_of_its_number_and_generator(task: SemanticsTask) -> None:
    first, again = task.sample(5, np.random.default_rng(5)), task.sample(5, np.random.default_rng(5))
    for number in (0, 9, 2):
        task.sample(number, np.random.default_rng(number))
    late = task.sample(5, np.random.default_rng(5))
    for other in (again, late):
        assert all(torch.equal(first[key], other[key]) for key in first)
    assert not torch.equal(first["level"], task.sample(5, np.random.default_rng(6))["level"])
    assert first["level"].shape == (1, HEIGHT, WIDTH)
    assert first["labels"].shape == (HEIGHT // 2, WIDTH // 2)


def test_each_pass_over_the_data_takes_every_picture_once(data: Path) -> None:
    plain = {key: str(list(value)) if isinstance(value, tuple) else str(value) for key, value in PLAIN.items()}
    task = opened(data, **plain)
    passes = []
    for start in (0, 6, 12, 18):
        digests = []
        for number in range(start, start + 6):
            labels = task.sample(number, np.random.default_rng(number))["labels"].numpy()
            digests.append(min(labels.tobytes(), labels[:, ::-1].tobytes()))
        passes.append(tuple(digests))
        assert len(set(digests)) == 6, "4 of train and 2 of val"
        assert set(digests) == set(passes[0])
    assert len(set(passes)) > 1


def test_losses_reach_every_parameter_and_training_lowers_them(data: Path) -> None:
    task = opened(data)
    batch, network = batch_of(task, 4), task.network.train()
    optimizer = torch.optim.AdamW(network.parameters(), 4e-3)
    totals = []
    for step in range(10):
        terms = task.losses(batch)
        assert set(terms) == {"cross_entropy", "region", "auxiliary"}
        total = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        if not step:
            assert all(parameter.grad is not None for parameter in network.parameters())
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < 0.8 * totals[0]


def test_terms_that_weigh_nothing_are_left_out(data: Path) -> None:
    task = opened(data, region="0", auxiliary="0")
    assert set(task.losses(batch_of(task))) == {"cross_entropy"}
    assert not list(task.network.heads)


def test_the_network_in_training_is_the_expert(task: SemanticsTask) -> None:
    """The stride that is taken out of convolutions, and levels for L*: the same scores as a network that was left alone."""
    alone = compact_semantics()
    alone.model.load_state_dict(task.network.expert.model.state_dict())
    l_star = torch.from_numpy(task.tests[0].l_star)[None, None]
    with torch.no_grad():
        inside = task.network.eval()(gray_level(l_star))[0]
        wanted = alone.eval().logits(l_star)
    found = torch.nn.functional.interpolate(inside, wanted.shape[-2:], mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    task.network.train()


def test_equal_seeds_give_equal_networks(data: Path, task: SemanticsTask) -> None:
    state = torch.get_rng_state()
    again, other = opened(data), opened(data, seed="1")
    assert torch.equal(state, torch.get_rng_state())
    key = "model.backbone.learning_to_downsample.conv.conv.weight"
    weights = [one.network.expert.state_dict()[key] for one in (task, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_identity_changes_with_what_decides_the_samples_alone(data: Path, task: SemanticsTask) -> None:
    assert opened(data / "camvid").identity == task.identity
    assert opened(data, validation_pictures="1").identity == task.identity
    assert opened(data, gamma="1.1").identity != task.identity
    assert opened(data, splits='["train"]').identity != task.identity


def test_validation_scores_the_test_pictures_and_draws_them(task: SemanticsTask, tmp_path: Path) -> None:
    network = copy.deepcopy(task.network).eval()
    scores = task.validate(network, tmp_path)
    confusion = np.zeros((11, 11), np.int64)
    for picture in task.tests:
        with torch.no_grad():
            found = network.expert(torch.from_numpy(picture.l_star)[None, None])[0].argmax(dim=0).numpy()
        for true, predicted in zip(picture.labels.ravel(), found.ravel(), strict=True):
            if true != VOID:
                confusion[true, predicted] += 1
    union = confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    wanted = {name: confusion[k, k] / union[k] for k, name in enumerate(CLASSES) if union[k]}
    assert {key: value for key, value in scores.items() if key.startswith("iou_")} == pytest.approx(
        {f"iou_{name}": value for name, value in wanted.items()}
    )
    assert scores["miou"] == pytest.approx(float(np.mean(list(wanted.values()))))
    assert scores["accuracy"] == pytest.approx(confusion.trace() / confusion.sum())
    drawn = read_image(tmp_path / "semantics.png")
    assert drawn.shape == (3 * HEIGHT, 3 * WIDTH, 3)


def test_fewer_validation_pictures_are_evenly_spaced(data: Path) -> None:
    assert [picture.name for picture in opened(data, validation_pictures="1").tests] == ["Seq2_001"]


def test_what_is_saved_loads_as_the_expert_with_the_same_maps(task: SemanticsTask, tmp_path: Path) -> None:
    network = copy.deepcopy(task.network)
    network.train()
    for _ in range(3):
        network(torch.rand(4, 1, HEIGHT, WIDTH))  # Moves the running means of its normalization.
    network.eval()
    path = tmp_path / "semantics.safetensors"
    task.save(path, network, provenance(miou=0.5))
    l_star = torch.from_numpy(task.tests[0].l_star)[None, None]
    expert = build_expert("compact-semantics", checkpoint=path)
    assert expert.trained
    with torch.no_grad():
        torch.testing.assert_close(expert(l_star), network.expert(l_star), rtol=0, atol=5e-3)
    card = read_card(path)
    assert card["network"] == "compact-semantics"
    assert card["data"] == ["camvid:train", "camvid:val"]
    assert (card["steps"], card["scores"], card["command"][-1]) == (7, {"miou": 0.5}, "semantics")
    assert card["settings"]["splits"] == ["train", "val"]
    assert set(card) >= {"seed", "seconds", "commit", "hardware", "versions"}


def test_another_network_is_refused(task: SemanticsTask, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a Linear"):
        task.validate(torch.nn.Linear(1, 1), tmp_path)
    assert isinstance(task.network, SemanticsInTraining)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("splits", '["test"]', "splits"),
        ("splits", "[]", "splits"),
        ("scale", "[2.0, 0.5]", "scale"),
        ("label_stride", "7", "label_stride"),
        ("contrast", "0.5", "contrast"),
        ("validation_pictures", "-1", "validation_pictures"),
    ],
)
def test_settings_that_make_no_sense_are_refused(data: Path, key: str, value: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TRAINABLES.get("semantics").open(preset="semantics", overrides={key: value}, data=data)


def test_an_unknown_setting_gets_the_nearest(data: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'auxiliary'"):
        TRAINABLES.get("semantics").open(preset="semantics", overrides={"auxilary": "0"}, data=data)


def test_the_card_s_presets_can_be_opened(data: Path) -> None:
    for trainable in (TRAINABLES.get("semantics"),):
        for preset in trainable.card.presets:
            recipe, _ = trainable.open(preset=preset, overrides={}, data=data)
            assert recipe.steps > 0
    assert SemanticsSettings().splits == ("train",)
