"""Names of clips and methods that are no UTF-8, or look alike: every command takes and every file names them."""

from __future__ import annotations

import csv
import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cli import main
from colorbench.frames.opening import write_png

CLIP, METHOD = os.fsdecode(b"clip\xff"), os.fsdecode(b"mine\xfe")
SHOWN_CLIP, SHOWN_METHOD = r"clip\udcff", r"mine\udcfe"
NAMES = ("caf\u00e9", unicodedata.normalize("NFD", "caf\u00e9"))


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("odd") / "clips"
    frames = np.random.default_rng(0).integers(0, 255, (7, 8, 12, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    for name in (CLIP, *NAMES):
        (root / name).mkdir(parents=True)
        for index, frame in enumerate(frames):
            write_png(root / name / f"{index:05d}.png", frame)
    return root


@pytest.fixture(scope="module")
def run(clips: Path) -> Path:
    options: list[str | Path] = [
        "--dataset",
        "folder",
        "--data-root",
        clips,
        "--protocol",
        "full",
        "--metrics",
        "psnr,cdc",
        "--save-frames",
        "png",
    ]
    ended = call("run", "--methods", f"{METHOD}=gray,exemplar-hold", *options, "--out", clips.parent / "run")
    assert ended.exit_code == 0, ended.output
    assert SHOWN_METHOD in ended.stdout
    assert f"{SHOWN_METHOD} on {SHOWN_CLIP}: 7 frames" in ended.stderr
    return clips.parent / "run"


def test_every_file_and_command_takes_them(run: Path, tmp_path: Path) -> None:
    made = call("report", run, "--format", "all", "--out", tmp_path / "report")
    assert made.exit_code == 0, made.output
    for folder, names in (
        (run, ("table.md", "results.json", "clips.csv", "frames.csv", "psnr-cdc.svg", "psnr-cdc.csv")),
        (tmp_path / "report", ("table.md", "table.html", "table.csv", "clips.csv", "frames.csv", "page/index.html")),
    ):
        for name in names:
            assert SHOWN_METHOD in (folder / name).read_text(encoding="utf-8").replace("\\\\", "\\"), name
    assert r"mine\textbackslash{}udcfe" in (tmp_path / "report/table.tex").read_text(encoding="utf-8")
    assert len([path.read_text(encoding="utf-8") for path in (tmp_path / "report/figures").glob("*.svg")]) > 1

    assert call("gate", run, "--update", tmp_path / "base.json").exit_code == 0
    files = ("--junit", tmp_path / "junit.xml", "--summary", tmp_path / "summary.md")
    assert call("gate", run, "--against", tmp_path / "base.json", *files).exit_code == 0
    assert SHOWN_METHOD in (tmp_path / "junit.xml").read_text(encoding="utf-8")
    assert "udcfe" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    compared = call("compare", f"{run}@{METHOD}", f"{run}@exemplar-hold")
    assert compared.exit_code == 0, compared.output
    assert SHOWN_METHOD in compared.stdout
    assert call("bundle", run).exit_code == 0
    assert call("verify", run / "bundle.zip").exit_code == 0


def test_json_gives_the_very_names_back(run: Path) -> None:
    record = json.loads((run / "results.json").read_text(encoding="utf-8"))
    assert {clip["clip"] for clip in record["clips"]} == {CLIP, *NAMES}
    assert METHOD in {row["label"] for row in record["rows"]}


def test_names_that_look_alike_stay_two(run: Path) -> None:
    with (run / "clips.csv").open(encoding="utf-8", newline="") as file:
        clips = {row["clip"] for row in csv.DictReader(file)}
    assert clips == {SHOWN_CLIP, *NAMES}
    assert len([path for path in (run / "frames/exemplar-hold").iterdir() if path.is_dir()]) == 3


def test_saved_frames_of_them_are_found_again(run: Path, clips: Path, tmp_path: Path) -> None:
    options: list[str | Path] = [
        "--dataset",
        "folder",
        "--data-root",
        clips,
        "--protocol",
        "full",
        "--metrics",
        "psnr",
        "--out",
        tmp_path / "scored",
    ]
    scored = call("score", f"held={run / 'frames/exemplar-hold'}", *options)
    assert scored.exit_code == 0, scored.output
