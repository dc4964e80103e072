"""Any program as a method: gray frames and references in a folder, colored frames out. Old code runs in its own environment.

The program is started without a shell, in a process group of its own that ends with the unit, once a clip. It finds

    {input}/00000.png ...       the gray frames, 8-bit gray PNG (L* with no color, as sRGB)
    {references}/00000.png ...  the exemplars, 8-bit RGB PNG, named by the frame they show (unplaced-0.png where that is unknown)

and has to leave {output}/00000.png ..., one for each frame, of the same size. {width}, {height} and {frames} are numbers.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import signal
import string
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from colorbench.errors import MethodError, UnknownNameError, UsageError
from colorbench.frames.opening import read_image, write_png
from colorbench.method import GrayClip
from colorbench.runs.store import safe_name
from colorbench.system.process_group import running
from colorbench.types import Exemplar, MethodCard, RgbFrame, Setting, Variant

PLACEHOLDERS = ("input", "references", "output", "width", "height", "frames")
_TAIL_LINES = 15
_TAIL_BYTES = 16 << 10


class Command:
    """What the program is made of is not known here; its luminance is measured only."""

    card = MethodCard(
        name="command",
        kind="exemplar",
        summary="any program: gray frames and references in, colored frames out",
        variants=(Variant(name="default", exemplars=(0, None)),),
        luminance="own",
        settings=(
            Setting(
                name="argv", summary='the program and its arguments, e.g. "python colorize.py {input} {references} {output}"'
            ),
            Setting(name="timeout", summary="seconds a clip may take", default="3600"),
            Setting(name="logs", summary="a folder that keeps what the program prints, a file a clip", default=""),
        ),
    )

    def unavailable(self, variant: str) -> str:  # noqa: ARG002
        """See Method."""
        return ""

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:  # noqa: ARG002
        """The bytes of the program and of all arguments that are files; the settings themselves are in the key already."""
        total = hashlib.sha256()
        program, *arguments = _argv(settings["argv"])
        for path in map(Path, (shutil.which(program) or program, *arguments)):
            if path.is_file():
                with path.open("rb") as file:
                    total.update(hashlib.file_digest(file, "sha256").digest())
        return total.hexdigest()

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> Program:  # noqa: ARG002
        """See Method.

        Raises:
            UsageError: the command line or the timeout is malformed, or the program isn't there.
        """
        argv = _argv(settings["argv"])
        if shutil.which(argv[0]) is None:
            raise UsageError(
                f"program {argv[0]!r} was not found",
                wanted="a program on the path, or its path",
                remedy="change the setting argv",
            )
        try:
            timeout = float(settings["timeout"])
        except ValueError:
            timeout = 0.0
        if not timeout > 0:
            raise UsageError(f"timeout = {settings['timeout']!r}", wanted="a number of seconds above 0", remedy="change timeout")
        return Program(tuple(argv), timeout, Path(settings["logs"]) if settings["logs"] else None)


@dataclass(frozen=True, slots=True)
class Program:
    """A command line with placeholders; satisfies Colorizer."""

    argv: tuple[str, ...]
    timeout: float
    logs: Path | None = None

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        """Runs the program on a clip and yields what it left.

        Raises:
            MethodError: it failed, took too long, or left too few, too many or wrongly sized frames; its last words are quoted.
            FramesError: a frame that it left can't be read.
        """
        with tempfile.TemporaryDirectory(prefix="colorbench-") as work:
            folders = {name: Path(work) / name for name in ("input", "references", "output")}
            for folder in folders.values():
                folder.mkdir()
            _write_inputs(clip, exemplars, folders)
            values = {**folders, "width": clip.width, "height": clip.height, "frames": len(clip)}
            log = Path(work) / "log.txt"
            try:
                self._run([part.format(**values) for part in self.argv], log, clip)
            finally:
                if self.logs is not None:
                    self.logs.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(log, self.logs / f"{safe_name(clip.name)}.txt")
            yield from _outputs(folders["output"], clip, log)

    def _run(self, argv: Sequence[str], log: Path, clip: GrayClip) -> None:
        try:
            with log.open("wb") as output, running(argv, output=output, folder=log.parent) as process:
                status = process.wait(self.timeout)
        except OSError as error:
            raise MethodError(
                f"{argv[0]} can't be started: {error.strerror or error}",
                wanted="a program for this machine (a script needs a #! line)",
                remedy="change the setting argv",
            ) from error
        except subprocess.TimeoutExpired:
            raise MethodError(
                f"{argv[0]} took more than {self.timeout:g} s on clip {clip.name!r} and was ended{_last_words(log)}",
                wanted="an end within the timeout",
                remedy="raise the setting timeout",
            ) from None
        if status:
            ending = f"was killed by signal {signal.Signals(-status).name}" if status < 0 else f"exited with {status}"
            raise MethodError(
                f"{argv[0]} {ending} on clip {clip.name!r}{_last_words(log)}",
                wanted="exit status 0",
                remedy=f"run it by hand: {shlex.join(argv)}",
            )


def _write_inputs(clip: GrayClip, exemplars: Sequence[Exemplar], folders: Mapping[str, Path]) -> None:
    import cv2

    no_color = np.zeros((clip.height, clip.width, 2), np.float32)
    for index in range(len(clip)):
        gray = cv2.cvtColor(clip.merge(index, no_color), cv2.COLOR_RGB2GRAY)
        if not cv2.imwrite(str(folders["input"] / f"{index:05d}.png"), gray):
            raise MethodError(
                f"can't write gray frames to {folders['input']}", wanted="room in the temporary folder", remedy="set TMPDIR"
            )
    for place, exemplar in enumerate(exemplars):
        stem = f"unplaced-{place}" if exemplar.index is None else f"{exemplar.index:05d}"
        write_png(folders["references"] / f"{stem}.png", exemplar.rgb)


def _outputs(folder: Path, clip: GrayClip, log: Path) -> Iterator[RgbFrame]:
    expected = [f"{index:05d}" for index in range(len(clip))]
    present = {path.stem: path for path in folder.iterdir() if path.suffix.lower() == ".png"}
    missing = [stem for stem in expected if stem not in present]
    surplus = sorted(present.keys() - set(expected))
    if missing or surplus:
        wrong = [
            f"{len(stems)} {word}, such as {stems[0]}.png"
            for word, stems in (("missing", missing), ("unknown", surplus))
            if stems
        ]
        raise MethodError(
            f"the program left {len(present)} frames of {len(clip)} of clip {clip.name!r}: {'; '.join(wrong)}{_last_words(log)}",
            wanted=f"{expected[0]}.png to {expected[-1]}.png in {{output}}",
            remedy="mend the program's output names",
        )
    for stem in expected:
        rgb = read_image(present[stem])
        height, width = rgb.shape[:2]
        if (height, width) != (clip.height, clip.width):
            raise MethodError(
                f"the program left {stem}.png of {width}x{height} for clip {clip.name!r}",
                wanted=f"{clip.width}x{clip.height}, the size of its input",
                remedy="bring its output back to the input's size",
            )
        yield rgb


def _argv(text: str) -> list[str]:
    try:
        argv = shlex.split(text)
        names = [name for part in argv for _, name, _, _ in string.Formatter().parse(part) if name is not None]
    except ValueError as error:
        raise UsageError(
            f"argv = {text!r}: {error}", wanted="a command line with balanced quotes and braces", remedy="change argv"
        ) from error
    if not argv:
        raise UsageError("argv is empty", wanted="a program and its arguments", remedy="set argv")
    for name in names:
        if name not in PLACEHOLDERS:
            raise UnknownNameError("placeholder in argv:", name, PLACEHOLDERS, remedy="write {{ and }} for braces of your own")
    return argv


def _last_words(log: Path) -> str:
    """The end of what the program printed, indented."""
    data = log.read_bytes()[-_TAIL_BYTES:]
    lines = data.decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    return "; its last words:\n    " + "\n    ".join(lines) if lines else "; it printed nothing"


METHODS = (Command(),)
