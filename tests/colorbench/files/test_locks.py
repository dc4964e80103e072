"""A lock is one process's, for as long as that process lives."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from colorbench.errors import StoreError
from colorbench.files.locks import claimed

HOLDER = """
import os, sys, time
from multiprocessing import get_context
from pathlib import Path
from colorbench.files.locks import claimed

with claimed(Path(sys.argv[1])) as ours:
    worker = get_context("fork").Process(target=time.sleep, args=(60,))
    worker.start()
    print(ours, worker.pid, flush=True)
    time.sleep(60)
"""


def test_it_is_held_once_and_free_again(tmp_path: Path) -> None:
    with claimed(tmp_path / "deep/lock") as first, claimed(tmp_path / "deep/lock") as second:
        assert (first, second) == (True, False)
    with claimed(tmp_path / "deep/lock") as again:
        assert again


def test_it_ends_with_its_process_though_forked_workers_live_on(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder.stdout as stdout:
        ours, pid = stdout.readline().split()
    try:
        assert ours == "True"
        with claimed(tmp_path / "lock") as here:
            assert not here
        time.sleep(0.5)  # for the worker, to come as far as its sleep
        holder.kill()
        holder.wait()
        assert Path(f"/proc/{pid}").exists()
        with claimed(tmp_path / "lock") as here:
            assert here
    finally:
        holder.kill()
        subprocess.run(["kill", "-KILL", pid], check=False)


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"), claimed(tmp_path / "file/lock"):
        pass
