"""The set-up of `make` fetches LPIPS's backbone, and nothing fails where it can't be had."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
@pytest.mark.parametrize(("status", "said"), [(0, False), (1, True)], ids=["an index", "no index"])
def test_the_set_up_asks_for_alexnet_once_and_goes_on_without(tmp_path: Path, status: int, said: bool) -> None:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    for name, body in (("python", "exit 0"), ("colorbench", f'echo "$@" >> {tmp_path}/asked; exit {status}')):
        path = venv / "bin" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
    command = ["make", "--silent", "-C", str(ROOT), f"VENV={venv}", "PYTHON=true", f"{venv}/.ready"]
    first, second = (subprocess.run(command, capture_output=True, text=True, timeout=60) for _ in range(2))
    assert first.returncode == second.returncode == 0, first.stderr
    assert ("LPIPS gets no score" in first.stdout) == said
    assert (venv / ".ready").exists()
    assert (tmp_path / "asked").read_text() == "weights fetch alexnet\n"
