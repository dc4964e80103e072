"""`colorize` that is killed again and again ends as one that nobody disturbed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import pytest

KILLS = 20
ROOT = Path(__file__).resolve().parents[3]
DRIVER = """
import functools, sys
from colorbench.film import painting, work
painting.ranges = functools.partial(work.ranges, longest=4)
from cli import main
main(sys.argv[1:], prog_name="colorbench")
"""
"""Pieces of four frames: more of them finish before a kill."""


def command(film: Path, stills: Path, output: Path) -> list[str]:
    options = ["--method", "flow", "--threads", "1", "--quiet", "--references", str(stills), "-o", str(output)]
    return [sys.executable, "-c", DRIVER, "colorize", str(film), *options]


def pieces(output: Path) -> int:
    """Finished ones in the work folder."""
    work = output.with_name(f"{output.name}.work")
    return len([path for path in work.rglob("*") if path.suffix in (".png", ".mp4") and not path.name.startswith(".")])


def killed(arguments: Sequence[str], output: Path, *, after: int, seconds: float) -> bool:
    """Kills a job so many seconds after it has finished so many pieces more; False where it ended before."""
    before = pieces(output)
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and pieces(output) < before + after:
            time.sleep(0.002)
        time.sleep(seconds)
        ended = process.poll() is not None
        process.kill()
    return not ended


def content(output: Path) -> dict[str, bytes]:
    """Each coded frame of a film, or each file of a folder."""
    if output.is_dir():
        return {path.name: path.read_bytes() for path in output.glob("*.png")}
    with av.open(str(output)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    return {f"{index:05d} at {packet.pts}": bytes(packet) for index, packet in enumerate(packets)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out.mp4", "out"])
def test_twenty_kills_at_random_moments_change_nothing(make_clips: Callable[..., Path], tmp_path: Path, name: str) -> None:
    root = make_clips(height=96, width=128, town=60)
    stills = tmp_path / "stills"
    stills.mkdir()
    for index in (0, 59):
        (stills / f"{index:05d}.png").write_bytes((root / "town" / f"{index:05d}.png").read_bytes())
    whole, output = tmp_path / "whole" / name, tmp_path / "killed" / name
    for folder in (whole.parent, output.parent):
        folder.mkdir()
    subprocess.run(command(root / "town", stills, whole), check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    moments, again = random.Random(23), command(root / "town", stills, output)
    kills = sum(killed(again, output, after=moments.randint(0, 1), seconds=moments.uniform(0, 0.3)) for _ in range(KILLS))
    assert kills > KILLS // 2
    subprocess.run(again, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    assert len(content(whole)) == 60
    assert content(output) == content(whole)
