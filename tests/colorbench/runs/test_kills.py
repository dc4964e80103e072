"""A run with saved frames that is killed again and again ends as one that nobody disturbed: records, tables and frames."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

KILLS = 20
ROOT = Path(__file__).resolve().parents[3]
DIFFERENT = {"seconds", "peak_memory_mib", "provenance"}
"""What of a record no two runs have alike."""


def command(root: Path, out: Path) -> list[str]:
    main = "import sys; sys.path.insert(0, sys.argv.pop(1)); from cli import main; main(prog_name='colorbench')"
    options = [
        "--dataset",
        "folder",
        "--data-root",
        str(root),
        "--protocol",
        "full",
        "--metrics",
        "psnr,cdc",
        "--save-frames",
        "png",
    ]
    methods = ["--methods", "gray,flow:single,exemplar-hold", "--workers", "1", "--quiet"]
    return [sys.executable, "-c", main, str(ROOT), "run", *methods, *options, "--out", str(out)]


def scores(out: Path) -> dict[str, Any]:
    """Records by file, without what no two runs have alike; their names hold the keys."""
    records = {path.relative_to(out).as_posix(): json.loads(path.read_text())["record"] for path in out.glob("units/*/*.json")}
    return {name: {key: value for key, value in record.items() if key not in DIFFERENT} for name, record in records.items()}


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def killed_after(arguments: Sequence[str], seconds: float) -> None:
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
        process.kill()


@pytest.mark.slow
def test_twenty_kills_at_random_moments_change_nothing(make_clips: Callable[..., Path], tmp_path: Path) -> None:
    root = make_clips(height=96, width=128, one=40, two=30, three=35)
    start = time.monotonic()
    subprocess.run(command(root, tmp_path / "whole"), check=True, stdout=subprocess.DEVNULL)
    whole = time.monotonic() - start
    moments = random.Random(17)
    interrupted = 0
    for _ in range(KILLS):
        killed_after(command(root, tmp_path / "killed"), moments.uniform(0.4, 1.0) * whole)
        interrupted += not (tmp_path / "killed/table.md").exists()
    assert interrupted > 0
    subprocess.run(command(root, tmp_path / "killed"), check=True, stdout=subprocess.DEVNULL)
    assert len(scores(tmp_path / "whole")) == 9
    assert scores(tmp_path / "killed") == scores(tmp_path / "whole")
    assert files(tmp_path / "killed/frames") == files(tmp_path / "whole/frames")
    for name in ("clips.csv", "frames.csv"):
        rows = [(tmp_path / run / name).read_text().splitlines() for run in ("whole", "killed")]
        assert [row.split(",")[:6] for row in rows[0]] == [row.split(",")[:6] for row in rows[1]]
    assert not list((tmp_path / "killed").glob("frames/*/.*.tmp"))
