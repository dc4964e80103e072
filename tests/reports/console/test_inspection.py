"""What `colorbench inspect` prints and writes: the order, the reasons, dashes, files that a spreadsheet opens, the picture."""

from __future__ import annotations

import csv
import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from colorbench.clips.shots import Shot
from colorbench.frames.opening import read_image, write_png
from colorbench.inspection.meter import FRAME_CARDS
from colorbench.inspection.references import ReferenceRow
from colorbench.inspection.survey import FilmReport, Inspection
from colorbench.inspection.verdict import SHOT_CARDS, ShotRow
from reports.console.inspection import (
    film_grid,
    inspection_record,
    print_inspection,
    reason,
    reference_grid,
    shot_grid,
    write_inspection,
)
from reports.pictures.contact_sheet import WIDTH
from reports.tables.cells import DASH

SOURCE, GOOD, BAD = (90, 90, 90), (200, 80, 40), (20, 60, 220)


def shot(label: str, number: int, first: int, last: int, *, cause: str, severity: float, **values: float) -> ShotRow:
    known: dict[str, float | None] = {card.name: values.get(card.name) for card in SHOT_CARDS}
    return ShotRow(
        label=label,
        number=number,
        first=first,
        last=last,
        start=f"00:00:00:{first:02}",
        end=f"00:00:00:{last + 1:02}",
        values=known,
        reason=cause,
        severity=severity,
    )


def film(label: str, path: Path, shots: tuple[ShotRow, ...], **values: float) -> FilmReport:
    frames = {card.name: np.arange(6, dtype=np.float32) for card in FRAME_CARDS}
    frames["flicker"][[0, 4]] = math.nan
    return FilmReport(
        label=label, path=path, values={card.name: values.get(card.name) for card in SHOT_CARDS}, shots=shots, frames=frames
    )


@pytest.fixture
def inspection(tmp_path: Path) -> Inspection:
    for name, level in {"source": SOURCE, "good": GOOD, "bad": BAD}.items():
        for index in range(6):
            write_png(tmp_path / name / f"{index}.png", np.full((20, 40, 3), level, np.uint8))
    good = (
        shot("=good", 1, 0, 3, cause="bleeding", severity=0.4, flicker=0.25, colorfulness=40.0),
        shot("=good", 2, 4, 5, cause="drift", severity=1.5, drift=9.0, colorfulness=41.0),
    )
    bad = (
        shot("bad", 1, 0, 3, cause="flicker", severity=2.06, flicker=2.5, colorfulness=30.0),
        shot("bad", 2, 4, 5, cause="colorfulness", severity=10.0, flicker=0.0, colorfulness=0.0),
    )
    lost = ReferenceRow(
        label="bad", reference="wall.png", frame=None, shot=None, likeness=0.21, agreement=None, agreement_matched=None
    )
    return Inspection(
        source=tmp_path / "source",
        n_frames=6,
        fps=Fraction(25),
        size=(40, 20),
        shots=(Shot(0, 3), Shot(4, 5)),
        films=(
            film("=good", tmp_path / "good", good, flicker=0.25, colorfulness=40.5, drift=9.0),
            film("bad", tmp_path / "bad", bad, flicker=1.5, colorfulness=15.0),
        ),
        references=(lost,),
    )


def test_the_worst_shot_is_first_and_its_reason_is_said(inspection: Inspection) -> None:
    rows = shot_grid(inspection).groups[0]
    assert [(row[0].text, row[1].text, row[5].text) for row in rows] == [
        ("bad", "2", "hardly any color, 10.0 x limit"),
        ("bad", "1", "flicker, 2.1 x limit"),
        ("=good", "2", "drift, 1.5 x limit"),
        ("=good", "1", "bleeding, 0.4 x limit"),
    ]
    assert [cell.text for cell in rows[1][2:5]] == ["00:00:00:00", "00:00:00:04", "0 to 3"]


def test_stability_never_stands_without_colorfulness_and_no_value_is_called_the_best(inspection: Inspection) -> None:
    for grid in (film_grid(inspection), shot_grid(inspection)):
        keys = [column.key for column in grid.columns]
        assert "flicker" in keys
        assert "colorfulness" in keys
        assert all(not cell.rank for row in grid.groups[0] for cell in row)
    rows = {row[0].text: [cell.text for cell in row] for row in film_grid(inspection).groups[0]}
    assert rows == {"=good": ["=good", "0.25", "9.0", "40.5"], "bad": ["bad", "1.50", DASH, "15.0"]}


def test_a_reference_that_shows_no_frame_is_a_dash_with_a_note(inspection: Inspection) -> None:
    grid = reference_grid(inspection)
    assert [cell.text for cell in grid.groups[0][0]] == ["wall.png", "bad", DASH, DASH, "0.21", DASH, DASH]
    assert "wall.png looks like no frame" in grid.notes[0]


def test_the_record_is_strict_json_with_all_shots(inspection: Inspection) -> None:
    from colorbench.runs.store import to_json

    record = json.loads(to_json(inspection_record(inspection)))
    assert [row["severity"] for row in record["shots"]] == [10.0, 2.06, 1.5, 0.4]
    assert record["shots"][0]["values"]["drift"] is None
    assert record["fps"] == "25"
    assert {measure["name"] for measure in record["measures"]} == {card.name for card in SHOT_CARDS}


def test_the_files_hold_every_shot_and_every_frame(inspection: Inspection, tmp_path: Path) -> None:
    paths = write_inspection(inspection, tmp_path / "out")
    assert [path.name for path in paths] == ["shots.csv", "frames.csv", "summary.json", "worst.png"]
    shots = list(csv.DictReader(paths[0].read_text().splitlines()))
    assert [(row["film"], row["shot"], row["severity"], row["drift"]) for row in shots] == [
        ("bad", "2", "10", ""),
        ("bad", "1", "2.06", ""),
        ("'=good", "2", "1.5", "9"),
        ("'=good", "1", "0.4", ""),
    ]
    frames = list(csv.DictReader(paths[1].read_text().splitlines()))
    assert len(frames) == 12
    assert [(row["frame"], row["timecode"], row["shot"], row["flicker"]) for row in frames[3:6]] == [
        ("3", "00:00:00:03", "1", "3"),
        ("4", "00:00:00:04", "2", ""),
        ("5", "00:00:00:05", "2", "5"),
    ]


def test_the_picture_shows_source_and_film_side_by_side_the_worst_shot_on_top(inspection: Inspection, tmp_path: Path) -> None:
    picture = read_image(write_inspection(inspection, tmp_path / "out")[3])
    step, band = WIDTH + 4, picture.shape[0] // 4
    assert picture.shape[1] == 6 * step
    for number, color in enumerate((BAD, BAD, GOOD, GOOD)):
        middle = number * band + band - 4 - WIDTH // 4
        across = [tuple(picture[middle, column * step + WIDTH // 2].tolist()) for column in range(6)]
        assert across == [SOURCE] * 3 + [color] * 3


def test_the_tables_are_printed_one_after_the_other(inspection: Inspection, capsys: pytest.CaptureFixture[str]) -> None:
    print_inspection(inspection)
    printed = capsys.readouterr().out
    assert printed.index("6 frames in 2 shots") < printed.index("wall.png") < printed.index("10.0 x limit")


def test_a_reason_is_named_with_how_far_over_the_limit_it_is() -> None:
    assert reason(shot("a", 1, 0, 1, cause="jump", severity=1.25)) == "jump, 1.2 x limit"
