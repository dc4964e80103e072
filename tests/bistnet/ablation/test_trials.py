"""A grid of tiny trainings: killed and resumed, a failing cell, side by side, and what a folder refuses."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

import bistnet.ablation.trial
import bistnet.ablation.trials
from bistnet.ablation.conditions import make_conditions
from bistnet.ablation.grid import read_grid
from bistnet.ablation.trial import Trial
from bistnet.ablation.trials import Ablated, ablate
from bistnet.checkpoint import read_card
from bistnet.training.task import BistnetTask
from colorbench.errors import ColorbenchError, StoreError, UsageError
from colorbench.frames.opening import read_image
from colorbench.results.ablation import GridFolder
from colorbench.training import loop
from colorbench.training.loop import Watcher
from colorbench.training.stream import Samples
from reports.ablation import write_ablation

SMALL = {
    "experts.semantic": "none", "experts.edges": "none", "features.width": "4", "refinement.width": "4", "refinement.depth": "1",
    "clips": '["clips"]', "photographs": '["stills"]', "validation": '["held-out"]', "height": "128", "triplets.size": "[64, 96]",
    "triplets.least_span": "6", "batch": "2", "precision": "float32", "save_every": "1",
}  # fmt: skip
CELLS = ("full", "no-btfb", "single", "no-msrb")


class Heard:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.total = self.begun = self.steps = 0

    def note(self, text: str) -> None:
        self.notes.append(text)

    def started(self, total: int, done: int) -> None:
        self.total, self.begun = total, done

    def advance(self, count: int, text: str = "") -> None:
        self.steps += count


Go = Callable[..., Ablated]

PROTOCOL = 'summary = "small"\nwidth = 96\nheight = 64\nexemplars = "ends"\nskip_first = 6\nskip_last = 4\n'


@pytest.fixture(scope="module")
def run(training_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Go]:
    """``ablate`` at a size that takes no time."""
    protocol = tmp_path_factory.mktemp("protocol") / "small.toml"
    protocol.write_text(PROTOCOL)

    def run_(out: Path, watcher: Watcher | None = None, **changes: Any) -> Ablated:
        options: dict[str, Any] = {
            "grid": "table2", "preset": "compact", "budget": "2", "seeds": 1, "data": training_root, "out": out,
            "cells": CELLS, "overrides": SMALL, "device": "cpu", "jobs": 1, "workers": 0,
        }  # fmt: skip
        return ablate(**{**options, **changes}, watcher=watcher or Heard())

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLORBENCH_CACHE", str(training_root / "cache"))
        patch.setattr(bistnet.ablation.trial, "PROTOCOL", str(protocol))
        yield run_


@pytest.fixture(scope="module")
def whole(run: Go, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished grid."""
    return run(tmp_path_factory.mktemp("whole") / "grid").folder


@pytest.fixture
def go(run: Go, whole: Path, tmp_path: Path) -> Go:
    """Goes on with a copy of the finished grid."""
    shutil.copytree(whole, tmp_path / "grid")
    return lambda watcher=None, **changes: run(tmp_path / "grid", watcher, **changes)


def tree(folder: Path, *parts: str) -> dict[str, tuple[int, bytes]]:
    """Time and content of every file of some trainings."""
    files = [file for part in parts for file in (folder / "trainings" / part).rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): (file.stat().st_mtime_ns, file.read_bytes()) for file in files}


def dying(monkeypatch: pytest.MonkeyPatch, cell: str, error: BaseException) -> None:
    """The training of a cell comes to its end in the middle."""
    train = loop.train

    class Deadly(Heard):
        def advance(self, count: int, text: str = "") -> None:
            raise error

    def train_(name: str, *arguments: Any, **options: Any) -> Any:
        return train(name, *arguments, **{**options, **({"watcher": Deadly()} if name == cell else {})})

    monkeypatch.setattr(bistnet.ablation.trial, "train", train_)


def test_a_killed_grid_goes_on_and_ends_with_the_same_table(
    run: Go, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = tmp_path / "killed"
    with monkeypatch.context() as patch:
        dying(patch, CELLS[2], KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            run(killed)
    before = tree(killed, "full@0", "no-btfb@0")
    assert len(before) > 4
    heard = Heard()
    run(killed, heard)
    assert tree(killed, "full@0", "no-btfb@0") == before
    assert (heard.total, heard.begun, heard.steps) == (2 * len(CELLS), 4, 2 * len(CELLS) - 4)
    assert write_ablation(killed).rows == write_ablation(whole).rows
    for file in ("table.md", "table.csv", "psnr-cdc.csv"):
        assert (killed / file).read_bytes() == (whole / file).read_bytes()


def test_a_finished_grid_is_only_read(go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(bistnet.ablation.trial, "BistnetTask", refuse)
    heard = Heard()
    assert go(heard).failures == {}
    assert (heard.begun, heard.steps) == (2 * len(CELLS), 0)


def test_a_failing_cell_leaves_the_others_whole_and_is_tried_again(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard()
    with monkeypatch.context() as patch:
        dying(patch, "hard", ColorbenchError("loss is nan"))
        assert go(heard, cells=["hard", *CELLS]).failures == {"hard@0": "loss is nan"}
    assert "hard@0: FAILED, loss is nan" in heard.notes
    rows = {row.cell.name: row for row in write_ablation(tmp_path / "grid").rows}
    assert {name: row.seeds for name, row in rows.items()} == {"hard": (), **dict.fromkeys(CELLS, (0,))}
    assert rows["hard"].means["psnr"] is None
    assert "hard correspondence: not trained yet with seed 0" in (tmp_path / "grid/table.md").read_text()
    assert go(cells=["hard"]).failures == {}
    assert all(row.seeds == (0,) for row in write_ablation(tmp_path / "grid").rows)


def test_a_defect_is_reported_with_its_trace(go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    dying(monkeypatch, "hard", ZeroDivisionError("a defect"))
    (error,) = go(cells=["hard"]).failures.values()
    assert error.startswith("ZeroDivisionError: a defect\nTraceback")


def test_each_cell_trains_the_network_that_its_row_says(whole: Path) -> None:
    folder = GridFolder(whole)
    cards = {name: read_card(folder.training(f"{name}@0") / f"weights/{name}.safetensors") for name in CELLS}
    networks = {name: card.settings for name, card in cards.items()}
    assert {name: (s.fusion.form, s.fusion.references, s.refinement.scales) for name, s in networks.items()} == {
        "full": ("linear", 2, 3), "no-btfb": ("average", 2, 3), "no-msrb": ("linear", 2, 1), "single": ("linear", 1, 3),
    }  # fmt: skip
    assert all((card.trained, card.seed, card.steps) == (True, 0, 2) for card in cards.values())
    assert cards["single"].command[-2:] == ("--cells", "single")
    results = folder.results()
    assert results is not None
    records = {record.label: record for record in results.records}
    assert {label: record.exemplars for label, record in records.items()} == {
        "full@0": (0, 16), "no-btfb@0": (0, 16), "no-msrb@0": (0, 16), "single@0": (0,),
    }  # fmt: skip
    assert {record.scored for record in records.values()} == {tuple(range(6, 13))}


def test_cells_see_the_same_samples_in_the_same_order(run: Go, training_root: Path) -> None:
    found = make_conditions(read_grid("table2"), ["full", "no-btfb", "no-msrb", "no-losses"], preset="compact", overrides=SMALL)
    samples = [Samples(BistnetTask(condition.settings, training_root, seed=0), seed=0) for condition in found]
    for number in range(3):
        first, *others = (of_cell[number] for of_cell in samples)
        assert all(torch.equal(first[key], other[key]) for other in others for key in first)


def test_seeds_and_cells_may_be_added(go: Go, tmp_path: Path) -> None:
    pictures = {path: path.read_bytes() for path in (tmp_path / "grid/pictures").rglob("*.png")}
    before = tree(tmp_path / "grid", "full@0")
    go(cells=["no-btfb"], seeds=2)
    assert tree(tmp_path / "grid", "full@0") == before
    assert pictures == {path: path.read_bytes() for path in (tmp_path / "grid/pictures").rglob("*.png")}
    rows = {row.cell.name: row for row in write_ablation(tmp_path / "grid").rows}
    assert {name: row.seeds for name, row in rows.items()} == {**dict.fromkeys(CELLS, (0,)), "no-btfb": (0, 1)}
    assert rows["no-btfb"].versus["psnr"].by_seed.keys() == {0}
    assert len(tree(tmp_path / "grid", "no-btfb@1")) == len(tree(tmp_path / "grid", "no-btfb@0"))


def test_a_time_becomes_steps_once(run: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Trial] = []
    trained: list[Trial] = []

    def measure(trial: Trial) -> float:
        measured.append(trial)
        return 0.4

    def pretend(trial: Trial, tell: Any) -> str:
        trained.append(trial)
        return "not trained"

    monkeypatch.setattr(bistnet.ablation.trials, "measure_step", measure)
    monkeypatch.setattr(bistnet.ablation.trials, "error_of", pretend)
    heard = Heard()
    run(tmp_path / "grid", heard, cells=["no-btfb"], budget="1s")
    assert "0.4 s a step: 2 steps for each cell" in heard.notes
    grid = GridFolder(tmp_path / "grid").read()
    assert grid is not None
    assert (grid.steps, grid.seconds_per_step, grid.budget) == (2, 0.4, "1s")
    run(tmp_path / "grid", cells=["full", "no-btfb"], budget="1s")
    assert [trial.cell for trial in measured] == ["full"]
    assert [(trial.cell, trial.recipe.steps) for trial in trained] == [("no-btfb", 2), ("full", 2), ("no-btfb", 2)]


def test_seeds_are_the_outer_loop(run: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []

    def pretend(trial: Trial, tell: Any) -> str:
        trained.append(trial.label)
        return "not trained"

    monkeypatch.setattr(bistnet.ablation.trials, "error_of", pretend)
    run(tmp_path / "grid", cells=["full", "hard"], seeds=2)
    assert trained == ["full@0", "hard@0", "full@1", "hard@1"]


def test_pictures_are_of_the_middle_of_the_scored_frames(whole: Path, training_root: Path) -> None:
    folder = whole / "pictures/held-out"
    assert sorted(path.stem for path in folder.iterdir()) == ["_gray", "_truth", *sorted(CELLS)]
    truth = read_image(folder / "_truth.png")
    frame = read_image(training_root / "clips/held-out/00009.png")
    assert (truth == cv2.resize(frame, (96, 64), interpolation=cv2.INTER_AREA)).all()
    gray = read_image(folder / "_gray.png").astype(int)
    assert (abs(gray[..., 0] - gray[..., 2]) <= 1).all()
    write_ablation(whole)
    assert [path.name for path in (whole / "strips").iterdir()] == ["msrb.png"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": "3"}, "budget ('2', not '3')"),
        ({"overrides": {**SMALL, "losses.hem": "1"}}, "the settings of cell 'full'"),
    ],
    ids=["budget", "settings"],
)
def test_a_folder_of_another_grid_is_refused(go: Go, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(StoreError) as raised:
        go(cells=["full"], **changes)
    assert message in str(raised.value)
    assert "choose another --out" in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": None}, "--data PATH"),
        ({"budget": "soon"}, "--budget 'soon'"),
        ({"cells": ["ful"]}, "did you mean 'full'"),
        ({"grid": "tabel2"}, "did you mean 'table2'"),
        ({"overrides": {**SMALL, "losses.edge": "0"}, "cells": ["full", "no-edge-loss"]}, "equal settings"),
    ],
    ids=["data", "budget", "cell", "grid", "equal"],
)
def test_what_is_wrong_is_said_before_anything_is_written(run: Go, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        run(tmp_path / "grid", **changes)
    assert message in str(raised.value)
    assert not (tmp_path / "grid").exists()


@pytest.mark.slow
def test_side_by_side_is_one_after_the_other(run: Go, tmp_path: Path) -> None:
    """Two processes of half the threads each, against this one with as many. The patched protocol does not reach them."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // 2))
    try:
        run(tmp_path / "alone", cells=["full", "no-btfb"])
    finally:
        torch.set_num_threads(before)
    heard = Heard()
    assert run(tmp_path / "both", heard, cells=["full", "no-btfb"], jobs=2).failures == {}
    assert heard.steps == 4
    for label in ("full@0", "no-btfb@0"):
        log = f"trainings/{label}/log.csv"
        assert (tmp_path / "alone" / log).read_bytes() == (tmp_path / "both" / log).read_bytes()


@pytest.mark.slow
def test_processes_that_fail_are_heard(run: Go, tmp_path: Path) -> None:
    changes = {**SMALL, "validation": '["nowhere"]'}
    failures = run(tmp_path / "grid", cells=["full", "no-btfb"], jobs=2, overrides=changes).failures
    assert set(failures) == {"full@0", "no-btfb@0"}
    assert all("no validation clip 'nowhere'" in error for error in failures.values())
