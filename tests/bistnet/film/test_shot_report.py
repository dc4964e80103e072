"""The report on shots: timecodes, who colors what, and what is lacking."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from bistnet.film.assignment import assign
from bistnet.film.placing import Place
from bistnet.film.shot_report import ShotRow, describe_rows, shot_rows, timecode, write_report
from bistnet.film.survey import Sight, Survey
from bistnet.film.timeline import Timeline, even_timeline
from colorbench.clips.shots import DETECTION, Shot

SURVEY = Survey(
    shots=(Shot(0, 49), Shot(50, 74), Shot(75, 99), Shot(100, 109)),
    places=(Place("wall", 10, "match", 0.8), Place("sea", 60, "at", 0.3)),
    sights=(
        (Sight(10, 0.8), Sight(3, 0.1)),
        (Sight(55, 0.2), Sight(61, 0.35)),
        (Sight(80, 0.7), Sight(76, 0.2)),
        (Sight(100, 0.4), Sight(101, 0.1)),
    ),
)


def rows(timeline: Timeline | None = None) -> tuple[ShotRow, ...]:
    names = ["wall.png", "sea.png"]
    return shot_rows(assign(SURVEY, least=0.5), SURVEY, names, timeline or even_timeline(110, Fraction(25)), least=0.5)


def test_a_row_says_who_colors_a_shot_and_whether_that_is_good() -> None:
    own, weak, borrowed, none = rows()
    assert [(used.name, used.frame, used.likeness, used.own) for used in own.references] == [("wall.png", 10, 0.8, True)]
    assert [(used.name, used.likeness, used.own) for used in weak.references] == [("sea.png", 0.3, True)]
    assert [(used.name, used.frame, used.own) for used in borrowed.references] == [("wall.png", 80, False)]
    assert none.references == ()
    assert [row.good for row in (own, weak, borrowed, none)] == [True, False, True, False]
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
    assert lines == [
        "shot 2, 00:00:02.000 to 00:00:03.000, frames 50 to 74: the nearest is sea.png, of likeness 0.35; colored from sea.png",
        "shot 4, 00:00:04.000 to 00:00:04.400, frames 100 to 109: the nearest is wall.png, of likeness 0.40; it stays gray",
    ]
    assert describe_rows(rows()[:1]) == ["1 shot, none without a good reference"]


def test_the_file_has_what_the_rows_have(tmp_path: Path) -> None:
    write_report(tmp_path / "out.shots.json", rows(), source=tmp_path / "film.mp4")
    record = json.loads((tmp_path / "out.shots.json").read_text())
    assert (record["film"], record["detection"]) == ("film.mp4", DETECTION)
    assert [shot["number"] for shot in record["shots"]] == [1, 2, 3, 4]
    assert record["shots"][2]["references"] == [{"name": "wall.png", "frame": 80, "likeness": 0.7, "own": False}]
