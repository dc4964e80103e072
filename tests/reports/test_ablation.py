"""The report of a stored grid: what is in the table, that it needs nothing but the folder, and the strips."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorbench.clips.protocol import PRESETS
from colorbench.errors import StoreError
from colorbench.frames.images import write_png
from colorbench.results.ablation import GRAY, TRUTH, GridFolder, StoredCell, StoredGrid, label_of
from colorbench.results.statistics import Interval
from colorbench.runs.store import Store, UnitRecord, to_json, unit_key
from colorbench.types import Direction, MetricCard, Score
from reports.ablation import ablation_record, write_ablation
from reports.figures.differences import differences
from reports.figures.drawing import write_drawing
from reports.pictures.ablation_strips import montage
from reports.tables.cells import DASH

ROOT = Path(__file__).resolve().parents[2]


def card(name: str, direction: Direction, decimals: int) -> MetricCard:
    return MetricCard(
        name=name, summary="", unit="", direction=direction, needs_truth=name == "psnr", per_frame=False, signature=(), version=1,
        reference="", decimals=decimals,
    )  # fmt: skip


CARDS = (card("psnr", "higher", 2), card("cdc", "lower", 6), card("colorfulness", "none", 1))

CELLS = (
    StoredCell(name="bare", title="w/o | masks", paper={"psnr": 26.61, "cdc": 0.003972}, parameters=1000, facts={}),
    StoredCell(name="full", title="full", paper={"psnr": 30.40, "cdc": 0.00354}, parameters=1200, facts={}),
    StoredCell(name="own", title="hard", paper={}, parameters=1200, facts={}),
)

# PSNR of the clips a and b by cell and seed.
SCORES = {("full", 0): (30.0, 32.0), ("full", 1): (30.4, 31.6), ("bare", 0): (29.0, 31.5), ("bare", 1): (29.8, 31.5)}


def stored(folder: Path, *, of: tuple[str, ...] = ("bare", "full", "own")) -> GridFolder:
    """A grid's folder as trainings leave it."""
    found = GridFolder(folder)
    found.declare(
        StoredGrid(
            name="mine", preset="compact", budget="20m", device="cpu", base="full", steps=700, seconds_per_step=1.71,
            seeds=(0, 1), cells=tuple(cell for cell in CELLS if cell.name in of),
            strips={"masks": ["bare", "full"], "lost": ["own"]},
        )
    )  # fmt: skip
    store, protocol = Store(found.evaluation), PRESETS["bistnet"]
    method = {
        "method": "bistnet-own", "variant": "double", "kind": "exemplar", "summary": "", "licence": "", "paper": "",
        "luminance": "kept", "exemplars": (2, None), "trained_on": (), "weights": "", "device": "cpu", "settings": [],
        "identity": "m",
    }  # fmt: skip
    store.declare(
        {"protocol": asdict(protocol), "dataset": "folder:all", "seed": 0},
        {
            "methods": {label_of(*key): method for key in SCORES},
            "metrics": {card.name: {"card": asdict(card), "identity": card.name} for card in CARDS},
            "clips": {clip: {"digest": clip, "source": "", "references": []} for clip in "ab"},
        },
    )
    for (cell, seed), values in SCORES.items():
        label = label_of(cell, seed)
        for clip, psnr in zip("ab", values, strict=True):
            scored = {"psnr": psnr, "cdc": psnr / 10_000, "colorfulness": 20.0 + seed}
            store.save(
                UnitRecord(
                    key=unit_key(label=label, method="m", clip=clip, protocol=protocol, seed=0),
                    label=label, method="bistnet-own", variant="double", clip=clip, status="done",
                    scores=tuple(Score(metric=name, value=value) for name, value in scored.items()),
                    truth=(Score(metric="cdc", value=0.0041),), metrics=tuple((card.name, card.name) for card in CARDS),
                )
            )  # fmt: skip
    return found


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("| ").split(" | ")]


def test_rows_have_paired_differences_and_the_papers_figures(tmp_path: Path) -> None:
    write_ablation(stored(tmp_path).path)
    lines = (tmp_path / "table.md").read_text().splitlines()
    header, _, bare, full, own = map(cells, lines[:5])
    assert header[:7] == ["variant", "PSNR ↑", "Δ", "p", "p (Holm)", "paper", "paper Δ"]
    assert header[7:9] == ["CDC ↓", "Δ"]
    assert bare[:2] == [r"w/o \| masks", "30.45"]
    assert bare[2].startswith(r"-0.55 \[-")
    assert bare[3:7] == ["0.125", "0.125", "26.61", "-3.79"]
    assert bare[7:9] == ["0.003045", r"-0.000055 \[-0.000088, -0.000022\]"]
    assert bare[11:] == ["0.003972", "+0.000432"]
    assert full[:7] == ["full", "31.00", DASH, DASH, DASH, "30.40", DASH]
    assert own == ["hard", *[DASH] * 12]


def test_details_stand_below(tmp_path: Path) -> None:
    write_ablation(stored(tmp_path).path)
    lines = [line for line in (tmp_path / "table.md").read_text().splitlines() if line.startswith("|")]
    header, _, bare, full, own = map(cells, lines[-5:])
    assert header == [
        "variant",
        "parameters",
        "colorfulness",
        *(f"Δ {name} seed {s}" for name in ("PSNR", "CDC") for s in (0, 1)),
    ]
    assert bare == [r"w/o \| masks", "1,000", "20.5", "-0.75", "-0.35", "-0.000075", "-0.000035"]
    assert full == ["full", "1,200", "20.5", *[DASH] * 4]
    assert own == ["hard", "1,200", *[DASH] * 5]
    with (tmp_path / "details.csv").open(encoding="utf-8", newline="") as stream:
        assert float(next(csv.DictReader(stream))["psnr-1"]) == pytest.approx(-0.35)


def test_notes_say_how_it_came_about_and_what_is_missing(tmp_path: Path) -> None:
    write_ablation(stored(tmp_path).path)
    text = (tmp_path / "table.md").read_text()
    assert "preset compact, 700 steps a cell (budget 20m, at 1.71 s a step of the full model), seeds 0, 1, on a CPU" in text
    assert "means over 2 clips (a, b) and the seeds" in text
    assert "4 pairs and 1 cell: too few pairs for p (Holm) &lt; 0.05, which is never under 0.12" in text
    assert "the clips themselves have a CDC of 0.004100" in text
    assert "- hard: not trained yet with seeds 0, 1" in text
    assert "d:folder:all|n:2`" in text


def test_the_csv_is_unrounded(tmp_path: Path) -> None:
    write_ablation(stored(tmp_path).path)
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as stream:
        bare, full, own = csv.DictReader(stream)
    assert (bare["variant"], bare["psnr-paper"]) == ("w/o | masks", "26.61")
    assert float(bare["psnr-difference"]) == pytest.approx(-0.55)
    assert (bare["psnr-p"], bare["psnr-p-holm"]) == ("0.125", "0.125")
    assert -1.0 <= float(bare["psnr-difference_low"]) < -0.55 < float(bare["psnr-difference_high"]) <= -0.1
    assert (full["psnr-difference"], own["psnr"]) == ("", "")


def test_json_has_the_rows(tmp_path: Path) -> None:
    record = ablation_record(write_ablation(stored(tmp_path).path))
    bare = record["rows"][0]
    assert [row["name"] for row in record["rows"]] == ["bare", "full", "own"]
    assert bare["minus_full"]["psnr"]["mean"] == pytest.approx(-0.55)
    assert bare["minus_full"]["psnr"]["pairs"] == 4
    assert bare["paper"] == {"psnr": 26.61, "cdc": 0.003972}
    assert (record["grid"]["steps"], record["clips"], record["truth"]) == (700, ("a", "b"), {"cdc": 0.0041})
    assert json.loads(to_json(record)) is not None


def test_the_plot_has_the_cells_that_are_scored(tmp_path: Path) -> None:
    write_ablation(stored(tmp_path).path)
    with (tmp_path / "psnr-cdc.csv").open(encoding="utf-8", newline="") as stream:
        points = {row["label"]: row for row in csv.DictReader(stream)}
    assert list(points) == ["truth", "w/o | masks", "full"]
    assert float(points["w/o | masks"]["psnr"]) == pytest.approx(30.45)
    assert float(points["full"]["cdc"]) == pytest.approx(0.0031)
    assert float(points["truth"]["cdc"]) == 0.0041
    assert (tmp_path / "psnr-cdc.svg").exists()


def test_the_differences_are_drawn_with_each_seed_and_the_papers(tmp_path: Path) -> None:
    write_ablation(stored(tmp_path).path)
    with (tmp_path / "psnr-difference.csv").open(encoding="utf-8", newline="") as stream:
        (bare,) = csv.DictReader(stream)
    assert bare["label"] == "w/o | masks"
    assert float(bare["difference"]) == pytest.approx(-0.55)
    assert float(bare["difference_low"]) < -0.55 < float(bare["difference_high"])
    assert [float(bare[name]) for name in ("paper", "seed_0", "seed_1")] == pytest.approx([-3.79, -0.75, -0.35])
    drawn = (tmp_path / "psnr-difference.svg").read_text()
    assert "w/o | masks" in drawn
    assert (tmp_path / "cdc-difference.png").exists()


def test_differences_can_be_drawn_without_intervals_published_figures_or_plain_names(tmp_path: Path) -> None:
    table = write_ablation(stored(tmp_path).path)
    bare = table.rows[0]
    lone = replace(bare.versus["psnr"], over_pairs=replace(bare.versus["psnr"].over_pairs, interval=Interval(None, None)))
    cell = replace(bare.cell, title="$\\frac{1", paper={})
    odd = replace(table, rows=(replace(bare, cell=cell, versus={"psnr": lone}), *table.rows[1:]))
    drawing = differences(odd, "psnr")
    assert drawing is not None
    assert drawing.data.paper.isna().all()
    assert all(path.stat().st_size > 0 for path in write_drawing(drawing, tmp_path, formats=("svg", "png")))
    assert differences(replace(table, rows=table.rows[1:2]), "psnr") is None


def test_without_the_full_model_the_table_says_so(tmp_path: Path) -> None:
    write_ablation(stored(tmp_path, of=("bare",)).path)
    text = (tmp_path / "table.md").read_text()
    assert "no differences: the full model is not trained yet" in text
    assert cells(text.splitlines()[2])[1:7] == ["30.45", DASH, DASH, DASH, "26.61", DASH]


def test_a_folder_without_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no scores of a grid"):
        write_ablation(tmp_path)


def test_a_report_needs_no_torch(tmp_path: Path) -> None:
    stored(tmp_path)
    code = (
        f"import sys; from reports.ablation import *; write_ablation(Path({str(tmp_path)!r})); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def draw(folder: GridFolder, clip: str, name: str, color: tuple[int, int, int]) -> None:
    write_png(folder.pictures / clip / f"{name}.png", np.full((20, 30, 3), color, np.uint8))


def test_strips_have_a_row_a_clip_and_a_column_a_cell_between_gray_and_truth(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    colors = {GRAY: (90, 90, 90), "bare": (200, 0, 0), "full": (0, 200, 0), TRUTH: (0, 0, 200)}
    for clip in "ab":
        for name, color in colors.items():
            draw(folder, clip, name, color)
    write_ablation(tmp_path)
    assert [path.name for path in (tmp_path / "strips").iterdir()] == ["masks.png"]
    sheet = np.asarray(Image.open(tmp_path / "strips/masks.png"))
    middle = sheet[sheet.shape[0] - 16]
    changes = [tuple(map(int, middle[x])) for x in range(1, len(middle)) if (middle[x] != middle[x - 1]).any()]
    assert [color for color in changes if color in colors.values()] == list(colors.values())
    column = sheet[:, sheet.shape[1] - 20]
    assert sum(bool((column[y] == (0, 0, 200)).all()) for y in range(len(column))) == 2 * 20


def test_a_strip_that_lacks_a_picture_is_not_written(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    for name in (GRAY, TRUTH, "full"):
        draw(folder, "a", name, (1, 2, 3))
    write_ablation(tmp_path)
    assert not (tmp_path / "strips").exists()


def test_labels_are_written_whatever_they_are(tmp_path: Path) -> None:
    files = []
    for index in range(2):
        write_png(tmp_path / f"{index}.png", np.zeros((10, 200, 3), np.uint8))
        files.append(tmp_path / f"{index}.png")
    sheet = np.asarray(montage([files], ["ΔE $5 | <b>", "w/o MSRB"], ["clip-é"]))
    assert (sheet[:25].min(axis=2) < 100).any()  # ink above
    assert (sheet[30:, :20].min(axis=2) < 255).any()  # and at the left
