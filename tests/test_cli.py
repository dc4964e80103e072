"""The commands as a user gives them: what is printed where, and the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cli import main
from colorbench.frames.opening import read_image, write_png

MakeClips = Callable[..., Path]


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def options(make_clips: MakeClips, tmp_path: Path) -> list[str]:
    root = make_clips(one=12, two=9)
    return ["--dataset", "folder", "--data-root", str(root), "--protocol", "full", "--out", str(tmp_path / "run")]


@pytest.mark.parametrize("command", ["methods", "metrics", "protocols", "datasets"])
def test_every_listing_has_text_and_json(command: str) -> None:
    text, as_json = call(command), call(command, "--json")
    assert text.exit_code == as_json.exit_code == 0
    records = json.loads(as_json.stdout)
    assert records
    assert all(record["name"] in text.stdout for record in records)


@pytest.mark.parametrize("command", ["run", "score", "methods", "metrics", "protocols", "datasets"])
def test_every_command_has_help(command: str) -> None:
    result = call(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_listing_methods_loads_no_heavy_package() -> None:
    """What keeps `colorbench methods` under half a second; tests/benchmarks/test_command_line.py has its time."""
    heavy = {"torch", "torchvision", "cv2", "av", "numba", "scipy", "pandas", "matplotlib", "skimage", "lpips", "PIL", "rich"}
    code = f"import cli, sys; cli.main(['methods'], standalone_mode=False); print(sorted({heavy} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ended.stdout.splitlines()[-1] == "[]"


def test_a_run_prints_the_table_and_keeps_it(options: list[str], tmp_path: Path) -> None:
    result = call("run", "--methods", "gray,exemplar-hold", *options)
    assert result.exit_code == 0, result.output
    for name in ("truth", "gray", "exemplar-hold", "PSNR", "CDC", "p:full"):
        assert name in result.stdout
    assert "[4/4]" in result.stderr
    table = (tmp_path / "run/table.md").read_text()
    assert table.splitlines()[1].startswith("|---|")
    assert {path.name for path in (tmp_path / "run").iterdir() if path.is_file()} == {
        "run.json",
        "table.md",
        "results.json",
        "clips.csv",
        "frames.csv",
        "psnr-cdc.svg",
        "psnr-cdc.png",
        "psnr-cdc.csv",
    }


def test_json_goes_to_stdout_alone(options: list[str]) -> None:
    record = json.loads(call("run", "--methods", "gray", "--json", "--quiet", *options).stdout)
    assert record["complete"] is True
    assert [row["label"] for row in record["rows"]] == ["truth", "gray"]
    assert "window" in record["signatures"]["ssim"]


def test_frames_that_exist_are_scored_like_the_run_that_made_them(options: list[str], tmp_path: Path) -> None:
    made = call("run", "--methods", "gray", "--save-frames", "png", "--json", "--quiet", *options)
    again = [*options[:-1], str(tmp_path / "again")]
    scored = call("score", f"mine={tmp_path}/run/frames/gray", "--json", "--quiet", *again)
    assert scored.exit_code == 0, scored.output
    first, second = (json.loads(result.stdout)["rows"][1]["scores"] for result in (made, scored))
    assert first == second


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_a_failed_unit_exits_with_1_and_says_which(options: list[str], tmp_path: Path, quiet: list[str]) -> None:
    call("run", "--methods", "gray", "--save-frames", "png", *options)
    (tmp_path / "run/frames/gray/two/00004.png").unlink()
    result = call("score", f"mine={tmp_path}/run/frames/gray", *options[:-1], str(tmp_path / "again"), *quiet)
    assert result.exit_code == 1
    assert "FAILED    mine on two" in result.stderr
    assert "saved frames are not as the run wrote them" in result.stderr
    assert "two: failed" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "gary"], "did you mean 'gray'"),
        (["--methods", "gray", "--metrics", "psrn"], "did you mean 'psnr'"),
        (["--methods", "gray", "--override", "max_frame=3"], "did you mean 'max_frames'"),
        (["--methods", "gray", "--set", "folder"], "KEY=VALUE"),
        ([], "no method named"),
        (["--methods", "gray", "--config", "/nowhere.toml"], "/nowhere.toml"),
        (["--methods", "gray", "--device", "gpu"], "gpu"),
    ],
)
def test_a_usage_error_exits_with_2_and_one_message(options: list[str], arguments: list[str], message: str) -> None:
    result = call("run", *arguments, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_debug_shows_the_trace(options: list[str]) -> None:
    assert "Traceback" in call("--debug", "run", "--methods", "gary", *options).stderr


def test_an_unwritable_output_is_said(options: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = call("run", "--methods", "gray", *options[:-1], str(tmp_path / "file/run"))
    assert result.exit_code == 1
    assert "can't write" in result.stderr
    assert "remedy" in result.stderr


def test_one_odd_sized_frame_is_named_with_the_flag_that_allows_it(options: list[str], tmp_path: Path) -> None:
    write_png(tmp_path / "clips/one/00005.png", np.full((20, 20, 3), 90, np.uint8))
    result = call("run", "--methods", "gray", *options)
    assert result.exit_code == 1
    for part in ("00005.png", "20x20", "48x32", "--mixed-sizes resize"):
        assert part in result.stderr
    allowed = call("run", "--methods", "gray", "--mixed-sizes", "resize", *options[:-1], str(tmp_path / "other"))
    assert allowed.exit_code == 0, allowed.output
    assert "mix:resize" in allowed.stdout


def test_unicode_and_spaces_in_names_work(make_clips: MakeClips, tmp_path: Path) -> None:
    root = make_clips(root="ein Film ü 映画", **{"erste Szene é": 9})
    out = tmp_path / "Lauf 1 ü"
    result = call("run", "--methods", "gray", "--dataset", "folder", "--data-root", root, "--protocol", "full", "--out", out)
    assert result.exit_code == 0, result.output
    assert (out / "table.md").exists()


def test_an_own_protocol_file_is_used(options: list[str], tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "full"\nmax_frames = 8\n')
    options[options.index("full")] = str(path)
    result = call("run", "--methods", "gray", *options)
    assert result.exit_code == 0, result.output
    assert "p:mine" in result.stdout
    assert "f:8" in result.stdout


def test_a_config_file_gives_the_options(options: list[str], tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('methods = ["gray"]\nmetrics = ["psnr"]\n')
    result = call("run", "--config", path, *options)
    assert result.exit_code == 0, result.output
    assert "SSIM" not in result.stdout


def test_saved_frames_are_those_that_were_scored(options: list[str], tmp_path: Path) -> None:
    call("run", "--methods", "gray", "--save-frames", "png", *options)
    frame = read_image(tmp_path / "run/frames/gray/one/00003.png")
    assert np.ptp(frame.astype(int), axis=-1).max() <= 1, "gray, but for the rounding of the white point"
