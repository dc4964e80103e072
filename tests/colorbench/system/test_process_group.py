"""Nothing of a program outlives its use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from colorbench.system.process_group import running

PROGRAM = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1], "w").write(f"{child.pid} .")
time.sleep(float(sys.argv[2]))
"""
CALLER = """
import sys
from pathlib import Path
from colorbench.system.process_group import running
folder = Path(sys.argv[1])
with (folder / "log.txt").open("wb") as log, running(sys.argv[2:], output=log, folder=folder) as process:
    process.wait()
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children() -> set[str]:
    return {pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def child_of(sign: Path) -> int:
    assert within(20, lambda: sign.exists() and sign.read_text().endswith("."))
    return int(sign.read_text().split()[0])


def argv(sign: Path, seconds: float) -> list[str]:
    return [sys.executable, "-c", PROGRAM, str(sign), str(seconds)]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work of 'mine'"
    folder.mkdir()
    return folder


def test_a_child_that_a_program_leaves_behind_ends_with_it(work: Path, tmp_path: Path) -> None:
    with (work / "log").open("wb") as log, running(argv(tmp_path / "sign", 0), output=log, folder=work) as process:
        assert process.wait(20) == 0
        child = child_of(tmp_path / "sign")
        assert alive(child)
    assert within(2, lambda: not alive(child))
    assert work.exists()


def test_an_error_in_the_block_ends_the_program(work: Path, tmp_path: Path) -> None:
    with (  # noqa: PT012
        pytest.raises(KeyboardInterrupt),
        (work / "log").open("wb") as log,
        running(argv(tmp_path / "sign", 60), output=log, folder=work) as process,
    ):
        child = child_of(tmp_path / "sign")
        raise KeyboardInterrupt
    assert process.returncode == -signal.SIGKILL
    assert within(2, lambda: not alive(child))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_whatever_kills_the_caller_ends_the_group_and_its_files(work: Path, tmp_path: Path, number: int) -> None:
    with subprocess.Popen([sys.executable, "-c", CALLER, str(work), *argv(tmp_path / "sign", 60)]) as caller:
        child = child_of(tmp_path / "sign")
        parent = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(caller.pid, number)
        assert within(2, lambda: not alive(child) and not alive(parent))
    assert within(2, lambda: not work.exists())


def test_no_guard_is_left(work: Path) -> None:
    before = children()
    with (work / "log").open("wb") as log, running([sys.executable, "-c", "pass"], output=log, folder=work) as process:
        process.wait()
        assert len(children()) > len(before)
    assert children() == before


def test_a_program_that_cannot_start_leaves_nothing(work: Path) -> None:
    with (work / "log").open("wb") as log, pytest.raises(FileNotFoundError), running(["/nowhere"], output=log, folder=work):
        pass


CHILD = "import os, sys, time; from colorbench.system.process_group import end_with_parent; end_with_parent({parent}); "


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has a death signal")
def test_a_process_ends_with_its_parent_whatever_it_is_at(tmp_path: Path) -> None:
    child = CHILD.format(parent="int(sys.argv[1])") + "print(os.getpid(), flush=True); time.sleep(60)"
    parent = f"import os, subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}, str(os.getpid())])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as middle:
        assert middle.stdout is not None
        pid = int(middle.stdout.readline())
        assert alive(pid)
        middle.kill()
        assert within(1, lambda: not alive(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has a death signal")
def test_a_process_whose_parent_is_gone_already_ends() -> None:
    ended = subprocess.run([sys.executable, "-c", CHILD.format(parent=1 << 30) + "print('on')"], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, b"")
