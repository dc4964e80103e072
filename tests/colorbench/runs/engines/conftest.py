"""Methods that only these tests have, in a package of their own that worker processes find as any installed one."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from colorbench.runs.store import UnitRecord

CREW = '''
import os
import time
from pathlib import Path

import numpy as np

from colorbench.types import MethodCard, Variant

PLACE = Path(os.environ["CREW"])


class Plain:
    def __init__(self, name):
        self.card = MethodCard(name=name, kind="automatic", summary="for tests", variants=(Variant(name="default"),))

    def unavailable(self, variant):
        return ""

    def fingerprint(self, *, variant, settings):
        return ""

    def load(self, *, variant, device, settings):
        return self

    def colorize(self, clip, exemplars):
        for index in range(len(clip)):
            yield clip.merge(index, np.zeros((clip.height, clip.width, 2), np.float32))
            if index == 2:
                self.pause(clip)

    def pause(self, clip):
        pass


class Exits(Plain):
    """Ends its process on clip "two"."""

    def pause(self, clip):
        if clip.name == "two":
            os._exit(3)


class Naps(Plain):
    """The first time on a clip it says which process it is, and waits to be killed."""

    def pause(self, clip):
        try:
            with (PLACE / f"naps-{clip.name}").open("x") as file:
                file.write(f"{os.getpid()} ")
        except FileExistsError:
            return
        time.sleep(120)


METHODS = (Plain("plain"), Exits("exits"), Naps("naps"))
'''


class Crew:
    """Runs commands in which these methods are registered."""

    def __init__(self, place: Path) -> None:
        self.place = place
        (place / "crew.py").write_text(CREW)
        info = place / "crew-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: crew\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[colorbench.methods]\ncrew = crew\n")
        self.started: list[subprocess.Popen[str]] = []

    def start(self, root: Path, *options: str) -> subprocess.Popen[str]:
        """``colorbench run`` on a folder of clips; the run folder is ``out``."""
        command = [sys.executable, "-m", "cli", "run", "--dataset", "folder", "--protocol", "full", "--metrics", "psnr,cdc"]
        command += ["--data-root", str(root), "--out", str(self.out), *options]
        environment = {**os.environ, "PYTHONPATH": str(self.place), "CREW": str(self.place)}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        self.started.append(process)
        return process

    @property
    def out(self) -> Path:
        return self.place / "run"

    def napping(self, *clips: str, seconds: float = 600) -> list[int]:
        """The processes in which the method naps is at these clips."""
        assert within(seconds, lambda: all(self.sign(clip).endswith(" ") for clip in clips))
        return [int(self.sign(clip)) for clip in clips]

    def sign(self, clip: str) -> str:
        """What the method naps has written on a clip: nothing yet, or the number of its process and a space."""
        file = self.place / f"naps-{clip}"
        return file.read_text() if file.exists() else ""


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true in so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def numbers(record: UnitRecord) -> tuple[Any, ...]:
    """All of a record but what it cost and where it came from."""
    return (
        (record.key, record.label, record.clip, record.status, record.exemplars, record.scored, record.frame_count),
        (record.scores, record.truth, record.metrics, record.luminance_error),
    )


def pixels(folder: Path) -> dict[str, str]:
    """Hashes of the saved frames; PNG files of equal pixels are equal here, as one encoder wrote them."""
    files = sorted((folder / "frames").rglob("*.png"))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    place = tmp_path / "crew"
    place.mkdir()
    made = Crew(place)
    yield made
    for process in made.started:
        process.kill()
        process.communicate()
