"""The match of a frozen encoder trained by itself: kept levels, and a loss that falls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from bistnet.backbone import load_encoder
from bistnet.checkpoint import load_checkpoint
from bistnet.network.settings import load_settings
from bistnet.training.kept_levels import KeptLevels
from bistnet.training.match_task import MatchTask, MatchTrainingSettings
from colorbench.errors import DatasetError, UsageError
from colorbench.nets.encoders import Vgg16
from colorbench.training.stream import Samples
from colorbench.training.task import Provenance

SMALL: dict[str, Any] = {
    "network": "vgg16",
    "size": (64, 96),
    "clips": ("clips",),
    "photographs": ("stills",),
    "validation": ("held-out",),
    "positions": 64,
}
PROVENANCE = Provenance(
    command=("colorbench", "train"), seed=3, steps=7, seconds=1.5, commit="abc", scores={"psnr": 30.0}, hardware="a machine"
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that has VGG16 with random weights."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "weights").mkdir()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_file(Vgg16().state_dict(), folder / "weights" / "vgg16.safetensors")
    return folder


@pytest.fixture(autouse=True)
def on_this_machine(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORBENCH_CACHE", str(cache))


@pytest.fixture
def task(training_root: Path) -> MatchTask:
    return MatchTask(MatchTrainingSettings(**SMALL), training_root)


def batch_of(task: MatchTask, numbers: range) -> dict[str, Tensor]:
    samples = Samples(task, seed=0)
    items = [samples[number] for number in numbers]
    return {key: torch.stack([item[key] for item in items]) for key in items[0]}


def test_levels_are_made_once_and_are_the_encoder_s(task: MatchTask, training_root: Path, cache: Path) -> None:
    made = sorted((cache / "levels").rglob("*.npy"))
    times = [path.stat().st_mtime_ns for path in made]
    again = MatchTask(MatchTrainingSettings(**SMALL), training_root)
    assert [path.stat().st_mtime_ns for path in made] == times
    assert [shown.moment for shown in again.kept.shown][:5] == [0, 4, 8, 12, 16]
    lab = again.kept.lab(2)[None]
    with torch.no_grad():
        half, *others = task.network.encoder((lab[:, :1] / 100.0).expand(-1, 3, -1, -1))
    for kept, level in zip(again.kept.levels(2), [F.avg_pool2d(half, 2), *others], strict=True):
        torch.testing.assert_close(kept.float(), level[0], rtol=2e-3, atol=1e-4)


def test_making_them_goes_on_where_it_was_stopped(training_root: Path) -> None:
    encoder = load_encoder(load_settings("vgg16").features)
    clips = [training_root / "clips" / "pan"]

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        KeptLevels(clips, (), size=(48, 64), every=2, encoder=encoder, advance=stop)
    notes: list[str] = []
    kept = KeptLevels(clips, (), size=(48, 64), every=2, encoder=encoder, note=notes.append)
    assert "9 of 9" in notes[0]
    whole = [kept.levels(index) for index in range(9)]
    (kept.folder / "done").write_text("4")
    resumed = KeptLevels(clips, (), size=(48, 64), every=2, encoder=encoder, note=notes.append)
    assert "5 of 9" in notes[1]
    for index in range(9):
        assert all(torch.equal(a, b) for a, b in zip(whole[index], resumed.levels(index), strict=True))


def test_validation_clips_are_not_trained_on(task: MatchTask) -> None:
    assert task.kept.clips == 1
    assert [shown.moment for shown in task.held_out.shown] == [0, 12, 16]


def test_the_loss_falls_and_only_the_match_is_trained(task: MatchTask) -> None:
    names = {name for name, parameter in task.network.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[0] for name in names} == {"embedding", "position"}
    batch = batch_of(task, range(4))
    optimizer = torch.optim.Adam([p for p in task.network.parameters() if p.requires_grad], lr=3e-3)
    found = []
    for _ in range(12):
        torch.manual_seed(0)
        loss = torch.stack(list(task.losses(batch).values())).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        found.append(loss.item())
    assert found[-1] < 0.95 * found[0]


def test_it_is_scored_and_saved_without_its_encoder(task: MatchTask, tmp_path: Path) -> None:
    scores = task.validate(task.network.eval(), tmp_path)
    assert set(scores) == {"psnr", "psnr_held-out"}
    assert scores["psnr"] > 15
    task.save(tmp_path / "vgg16-match.safetensors", task.network, PROVENANCE)
    network, card = load_checkpoint(tmp_path / "vgg16-match.safetensors")
    assert card.data == ("clips", "stills")
    assert "held-out" in card.notes
    assert network.settings == task.network.settings
    l_star = 50 + 10 * torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    reference = network.encode_reference(l_star, torch.full((1, 2, 64, 96), 20.0))
    with torch.no_grad():
        colored = network.color(l_star, reference, None, torch.zeros(1), torch.zeros(1, 12, 64, 96))
    torch.testing.assert_close(colored.scales[2], colored.color_map, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"network": "compact"}, UsageError, "the preset 'compact'"),
        ({"validation": ("nowhere",)}, DatasetError, "no validation clip 'nowhere'"),
        ({"every": 0}, UsageError, "every = 0"),
        ({"photograph_share": 1.5}, UsageError, "photograph_share = 1.5"),
    ],
)
def test_what_can_t_be_trained_is_refused(
    training_root: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        MatchTask(MatchTrainingSettings(**SMALL | changes), training_root)
