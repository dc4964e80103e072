"""A grid's processes end with the grid, however it ends."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

PARENT = """
import time
from multiprocessing import get_context

from bistnet.ablation.trial_processes import end_with_parent


def work(told):
    end_with_parent()
    told.put("at work")
    time.sleep(60)


if __name__ == "__main__":
    context = get_context("spawn")
    told = context.Queue()
    process = context.Process(target=work, args=(told,))
    process.start()
    told.get()
    print(process.pid, flush=True)
    time.sleep(60)
"""


def is_there(pid: str) -> bool:
    """A zombie, which nobody has waited for, is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_killed_grid_leaves_no_process_that_trains_on(tmp_path: Path) -> None:
    script = tmp_path / "grid.py"
    script.write_text(PARENT, encoding="utf-8")
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as stdout:
        pid = stdout.readline().strip()
    assert is_there(pid)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while is_there(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    gone = not is_there(pid)
    subprocess.run(["kill", "-KILL", pid], check=False, stderr=subprocess.DEVNULL)
    assert gone
