"""The command `inspect`: what it prints, what it writes, and how it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main


def test_two_films_side_by_side_as_tables_and_as_json(make_clips: Callable[..., Path], tmp_path: Path) -> None:
    clips = make_clips(film=6, other=6)
    arguments = ["inspect", f"same={clips / 'film'}", str(clips / "other"), "--source", str(clips / "film"), "--quiet"]
    arguments += ["--references", str(clips / "film" / "00002.png"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["frames.csv", "shots.csv", "summary.json", "worst.png"]
    for word in ("same", "other", "flicker", "colorfulness", "00:00:00:06", " x limit"):
        assert word in result.stdout
    printed = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert printed == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert printed["shots"][0]["label"] == "other"
    assert printed["shots"][0]["reason"].startswith("luminance")
    same, other = printed["films"]
    assert same["values"]["luminance"] == 0
    assert same["values"]["agreement_matched"] < other["values"]["agreement_matched"]


@pytest.mark.parametrize(
    ("colored", "code", "message"),
    [("short", 1, "5 frames, the source"), ("absent", 1, "does not exist"), (None, 2, "Missing argument")],
)
def test_what_can_not_be_measured_is_said_in_one_message(
    make_clips: Callable[..., Path], tmp_path: Path, colored: str | None, code: int, message: str
) -> None:
    clips = make_clips(film=6, short=5)
    films = [str(clips / colored)] if colored else []
    result = CliRunner().invoke(main, ["inspect", *films, "--source", str(clips / "film"), "--out", str(tmp_path / "out")])
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()
