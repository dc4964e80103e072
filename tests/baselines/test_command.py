from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines.command import Command
from colorbench.errors import FramesError, MethodError, UnknownNameError, UsageError
from colorbench.frames.opening import read_image

SEPIA = """
import sys
from pathlib import Path
import cv2
source, references, target = map(Path, sys.argv[1:4])
assert sorted(path.name for path in references.iterdir()) == ["00000.png", "00004.png"]
for path in source.iterdir():
    gray = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert gray.ndim == 2 and gray.shape == (int(sys.argv[5]), int(sys.argv[4]))
    cv2.imwrite(str(target / path.name), cv2.merge([gray // 2, gray, gray]))
print("done", len(list(target.iterdir())))
"""
COPY = """
import shutil, sys
from pathlib import Path
for path in sorted(Path(sys.argv[1]).iterdir()):
    shutil.copy(path, sys.argv[2])
"""


@pytest.fixture
def clip(moving_clip: Callable[..., Any]) -> Any:
    return moving_clip(5)


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Any]:
    """A loaded method that runs a Python text."""

    def make(text: str, arguments: str = "{input} {output}", **settings: str) -> Any:
        script = tmp_path / "ein Skript é.py"
        script.write_text(text)
        argv = f"'{sys.executable}' '{script}' {arguments}"
        return Command().load(variant="default", device="cpu", settings={"argv": argv, "timeout": "60", "logs": "", **settings})

    return make


def test_the_program_gets_gray_frames_and_exemplars_and_its_frames_come_back(
    clip: Any, program: Callable[..., Any], tmp_path: Path
) -> None:
    sepia = program(SEPIA, "{input} {references} {output} {width} {height}", logs=str(tmp_path / "logs"))
    frames = list(sepia.colorize(clip, clip.exemplars(0, 4)))
    assert len(frames) == 5
    gray = clip.merge(2, np.zeros((clip.height, clip.width, 2), np.float32)).astype(int)
    assert np.abs(frames[2][..., 0].astype(int) - gray[..., 1]).max() <= 1
    assert np.array_equal(frames[2][..., 2], frames[2][..., 0] // 2)
    assert (tmp_path / "logs/clip.txt").read_text() == "done 5\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import sys; sys.stderr.write('no such network'); sys.exit(3)", "exited with 3"),
        ("import sys; sys.stderr.write('no such network'); sys.exit(3)", "no such network"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("pass", "left 0 frames of 5"),
        (COPY + "Path(sys.argv[2], '00003.png').unlink()", "missing, such as 00003.png"),
        (COPY + "shutil.copy(path, Path(sys.argv[2], '00005.png'))", "unknown, such as 00005.png"),
        (COPY + "print('wrote all')\nPath(sys.argv[2], '00003.png').unlink()", "wrote all"),
    ],
)
def test_a_program_that_fails_is_quoted(clip: Any, program: Callable[..., Any], text: str, message: str) -> None:
    with pytest.raises(MethodError) as error:
        list(program(text).colorize(clip, ()))
    assert message in str(error.value)


def test_frames_of_another_size_are_refused(clip: Any, program: Callable[..., Any]) -> None:
    text = "import sys, cv2, numpy\nfor i in range(5): cv2.imwrite(f'{sys.argv[2]}/{i:05d}.png', numpy.zeros((8, 9, 3), 'uint8'))"
    with pytest.raises(MethodError, match="9x8"):
        list(program(text).colorize(clip, ()))


def test_a_frame_that_cannot_be_read_is_named(clip: Any, program: Callable[..., Any]) -> None:
    with pytest.raises(FramesError, match=r"00002\.png"):
        list(program(COPY + "Path(sys.argv[2], '00002.png').write_bytes(b'x')").colorize(clip, ()))


def test_a_program_that_hangs_is_ended_with_its_children(clip: Any, program: Callable[..., Any], tmp_path: Path) -> None:
    sign = tmp_path / "alive"
    text = f"""
import subprocess, sys, time
child = "import time; time.sleep(4); open({str(sign)!r}, 'w')"
subprocess.Popen([sys.executable, "-c", child])
time.sleep(60)
"""
    start = time.monotonic()
    with pytest.raises(MethodError, match="more than 1 s"):
        list(program(text, timeout="1").colorize(clip, ()))
    assert time.monotonic() - start < 15
    time.sleep(4)
    assert not sign.exists()


def test_no_temporary_folder_is_left(
    clip: Any, program: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "Arbeit é"
    work.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(work))
    assert len(list(program(COPY).colorize(clip, ()))) == 5
    with pytest.raises(MethodError):
        list(program("raise SystemExit(1)").colorize(clip, ()))
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "error", "message"),
    [
        ("", UsageError, "argv is empty"),
        ("'x", UsageError, "balanced"),
        ("x {inptu}", UnknownNameError, "did you mean 'input'"),
        ("/nowhere/at/all {input}", UsageError, "was not found"),
    ],
)
def test_a_malformed_command_line_is_refused(argv: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        Command().load(variant="default", device="cpu", settings={"argv": argv, "timeout": "60", "logs": ""})
    assert message in str(caught.value)


@pytest.mark.parametrize("timeout", ["0", "-1", "soon", "nan"])
def test_a_timeout_that_is_no_time_is_refused(timeout: str) -> None:
    with pytest.raises(UsageError, match="timeout"):
        Command().load(variant="default", device="cpu", settings={"argv": sys.executable, "timeout": timeout, "logs": ""})


def test_braces_of_the_programs_own_are_kept(clip: Any, program: Callable[..., Any]) -> None:
    text = COPY + "assert sys.argv[3] == '{x}'"
    assert len(list(program(text, "{input} {output} {{x}}").colorize(clip, ()))) == 5


def test_the_fingerprint_changes_with_the_script(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text("1")
    settings = {"argv": f"{sys.executable} {script}", "timeout": "1", "logs": ""}
    before = Command().fingerprint(variant="default", settings=settings)
    script.write_text("2")
    assert Command().fingerprint(variant="default", settings=settings) != before


def test_a_clip_goes_in_as_its_luminance(clip: Any, program: Callable[..., Any], tmp_path: Path) -> None:
    text = f"import shutil, sys\nshutil.copytree(sys.argv[1], {str(tmp_path / 'seen')!r})\n" + COPY
    list(program(text).colorize(clip, ()))
    seen = read_image(tmp_path / "seen/00001.png")
    gray = clip.merge(1, np.zeros((clip.height, clip.width, 2), np.float32))
    assert np.abs(seen.astype(int) - gray).max() <= 1


def test_a_file_that_is_no_program_is_said_to_be_none(clip: Any, tmp_path: Path) -> None:
    script = tmp_path / "plain"
    script.write_bytes(b"\x00\x01 neither a script nor a binary")
    script.chmod(0o755)
    program = Command().load(variant="default", device="cpu", settings={"argv": f"'{script}'", "timeout": "5", "logs": ""})
    with pytest.raises(MethodError, match="can't be started"):
        list(program.colorize(clip, ()))


def test_other_files_beside_the_frames_are_left_alone(clip: Any, program: Callable[..., Any]) -> None:
    extra = "(Path(sys.argv[2]) / '00000.jpg').write_bytes(b'x'); (Path(sys.argv[2]) / 'notes.txt').write_text('x')"
    assert len(list(program(COPY + extra).colorize(clip, ()))) == 5


def test_one_frame_of_another_size_is_named(clip: Any, program: Callable[..., Any]) -> None:
    text = COPY + "import cv2, numpy\ncv2.imwrite(sys.argv[2] + '/00003.png', numpy.zeros((8, 9, 3), 'uint8'))"
    with pytest.raises(MethodError, match=r"00003\.png of 9x8"):
        list(program(text).colorize(clip, ()))
