"""What is printed arrives, whatever the console can encode; a full one ends no work and is said once."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

from colorbench.errors import StoreError
from colorbench.system import console

COMMAND = [sys.executable, "-c", "import cli; cli.main()"]


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str, str], None]]:
    """Opens a file as a stream of this process, and settles it."""
    opened: list[io.TextIOWrapper] = []

    def open_as(name: str, path: str, encoding: str = "utf-8") -> None:
        opened.append(Path(path).open("w", encoding=encoding))  # noqa: SIM115
        monkeypatch.setattr(sys, name, opened[-1])
        console.settle()

    yield open_as
    for stream in opened:
        stream.close()


def say(text: str, stream: TextIO | None = None) -> None:
    stream = stream or sys.stdout
    stream.write(text)
    stream.flush()


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "PSNR ↑ \N{EN DASH} cafe\u0301 clip\\udcff".encode()),
        ("cp1252", b"PSNR ^ \x96 cafe\\u0301 clip\\udcff"),
        ("ascii", b"PSNR ^ - cafe\\u0301 clip\\udcff"),
        ("latin-1", b"PSNR ^ - cafe\\u0301 clip\\udcff"),
    ],
)
def test_what_cannot_be_encoded_falls_back_to_plain_signs(
    streams: Callable[..., None], tmp_path: Path, encoding: str, expected: bytes
) -> None:
    streams("stdout", str(tmp_path / "out"), encoding)
    say("PSNR ↑ \N{EN DASH} cafe\u0301 clip\udcff")
    assert (tmp_path / "out").read_bytes() == expected


def test_a_full_stdout_is_said_once_and_nothing_fails_later(streams: Callable[..., None]) -> None:
    streams("stdout", "/dev/full")
    with pytest.raises(StoreError, match="standard output: No space left"):
        say("x")
    say("y")


def test_a_full_stderr_ends_nothing(streams: Callable[..., None]) -> None:
    streams("stderr", "/dev/full")
    for _ in range(3):
        say("x", sys.stderr)


@pytest.mark.parametrize("arguments", [("protocols", "--json"), ("--help",), ("run", "--help"), ("weights",)])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_every_command_says_that_its_output_is_full(arguments: tuple[str, ...], unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith("colorbench: can't write to the standard output: No space left")
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


def test_closed_streams_are_no_error() -> None:
    ended = subprocess.run(["sh", "-c", '"$0" "$@" >&- 2>&-', *COMMAND, "protocols"], check=False)
    assert ended.returncode == 0


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_listings_are_printed_in_any_encoding(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    ended = subprocess.run([*COMMAND, "methods"], capture_output=True, env=environment, check=False)
    assert ended.returncode == 0
    assert ended.stdout.decode(encoding)
