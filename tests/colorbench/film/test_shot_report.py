"""The report on shots: timecodes, who colors what, where colors run out, and what is lacking."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from colorbench.clips.shots import DETECTION, Shot
from colorbench.film.assignment import assign
from colorbench.film.coverage import Proposal
from colorbench.film.placing import Place
from colorbench.film.references import Still
from colorbench.film.shot_report import ShotRow, describe_rows, shot_row, timecode, write_report
from colorbench.film.timeline import Timeline, even_timeline

SHOTS = (Shot(0, 49), Shot(50, 74), Shot(75, 99), Shot(100, 109))
PLACES = (Place("wall", 10, "match", 0.8), Place("sea", 60, "at", 0.3))
SEEN = {10: (0.8, 0.0), 3: (0.0, 0.1), 55: (0.2, 0.0), 61: (0.0, 0.35), 80: (0.85, 0.0), 100: (0.4, 0.0)}
STILLS = tuple(Still(Path(name), "") for name in ("wall.png", "sea.png"))


def rows(timeline: Timeline | None = None, *, low: int = 10) -> tuple[ShotRow, ...]:
    likeness = np.full((110, 2), -0.5, np.float32)
    for index, values in SEEN.items():
        likeness[index] = values
    found = []
    for colors in assign(SHOTS, PLACES, likeness, borrow=0.8):
        coverage = np.full(len(colors.shot), 0.9, np.float32)
        coverage[low : low + 5] = 0.2
        proposal = Proposal(colors.shot.first + 12, 4.4)
        kept = timeline or even_timeline(110, Fraction(25))
        found.append(shot_row(colors, STILLS, kept, least=0.5, coverage=coverage, proposal=proposal))
    return tuple(found)


def test_a_row_says_who_colors_a_shot_and_whether_that_is_good() -> None:
    own, weak, borrowed, none = rows()
    assert [(used.name, used.frame, used.likeness, used.own) for used in own.references] == [("wall.png", 10, 0.8, True)]
    assert [(used.name, used.likeness, used.own) for used in weak.references] == [("sea.png", 0.3, True)]
    assert [(used.name, used.frame, used.own) for used in borrowed.references] == [("wall.png", 80, False)]
    assert none.references == ()
    assert [row.good for row in (own, weak, borrowed, none)] == [True, False, True, False]
    assert none.nearest is not None
    assert (none.nearest.name, none.nearest.likeness) == ("wall.png", 0.4)


def test_timecodes_are_those_of_the_film() -> None:
    assert [(row.start, row.end) for row in rows()][1] == ("00:00:02.000", "00:00:03.000")
    assert rows()[3].end == "00:00:04.400"
    times = tuple(7 + 40 * index + (1000 if index > 60 else 0) for index in range(110))
    uneven = Timeline(times, Fraction(1, 1000), 40, Fraction(25))
    assert [row.start for row in rows(uneven)] == ["00:00:00.000", "00:00:02.000", "00:00:04.000", "00:00:05.000"]


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "00:00:00.000"), (59.9996, "00:01:00.000"), (360000.5, "100:00:00.500")])
def test_a_timecode_rounds_to_milliseconds(seconds: float, text: str) -> None:
    assert timecode(seconds) == text


def test_shots_without_a_good_reference_are_named_and_no_others() -> None:
    first, *lines = describe_rows(rows())
    assert first == "4 shots, 2 without a good reference"
    assert lines[:2] == [
        "shot 2, 00:00:02.000 to 00:00:03.000, frames 50 to 74: the nearest is sea.png, of likeness 0.35; colored from sea.png",
        "shot 4, 00:00:04.000 to 00:00:04.400, frames 100 to 109: the nearest is wall.png, of likeness 0.40; it stays gray",
    ]
    assert describe_rows(rows(low=1000)[:1]) == ["1 shot, none without a good reference"]


def test_where_colors_run_out_and_what_to_color_next_is_said_with_times() -> None:
    row = rows()[1]
    assert [(stretch.first, stretch.last, stretch.start) for stretch in row.uncovered] == [(60, 64, "00:00:02.400")]
    assert (row.worst, row.worst_coverage, row.coverage) == (60, 0.2, 0.76)
    assert (row.next, row.next_at, row.gain) == (62, "00:00:02.480", 4.4)
    assert any("shot 2: coverage 0.76, 0.20 at frame 60; next frame 62, 00:00:02.480" in line for line in describe_rows(rows()))


def test_the_file_has_what_the_rows_have(tmp_path: Path) -> None:
    write_report(tmp_path / "out.shots.json", rows(), source=tmp_path / "film.mp4", facts={"method": "flow"})
    record = json.loads((tmp_path / "out.shots.json").read_text())
    assert (record["film"], record["detection"], record["method"]) == ("film.mp4", DETECTION, "flow")
    assert [shot["number"] for shot in record["shots"]] == [1, 2, 3, 4]
    assert record["shots"][2]["references"][0]["name"] == "wall.png"
