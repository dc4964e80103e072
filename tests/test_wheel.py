"""The package as it is installed, away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("colorbench", "baselines", "bistnet", "reports")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no wheel can be built here: {done.stderr[-300:]}")
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_it_holds_every_file_of_the_packages(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    assert set(filter(None, listed)) <= set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.slow
def test_it_runs_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    environment, work = tmp_path / "environment", tmp_path / "work"
    work.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True)
    site = next(environment.glob("lib/python*/site-packages"))
    # The dependencies of this environment; a path file in a path file is not followed, so the checkout is not on the path.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def call(*arguments: str) -> str:
        command = [str(environment / "bin" / "colorbench"), *arguments]
        return subprocess.run(command, cwd=work, env=variables, check=True, capture_output=True, text=True).stdout

    where = [str(python), "-c", "import bistnet, colorbench; print(colorbench.__file__, bistnet.__file__)"]
    found = subprocess.run(where, cwd=work, env=variables, check=True, capture_output=True, text=True).stdout
    assert found.count(str(site)) == 2
    listed = call("methods")
    assert all(name in listed for name in ("bistnet-tracked", "deepexemplar", "flow"))
    table = call("run", "--methods", "gray,flow", "--clips", "rocket-whip", "--out", "run", "--quiet")
    assert "flow" in table
    assert (work / "run" / "table.md").exists()
