"""One tree of errors. Each class owns its exit code and builds its own sentence.

A message has three parts: what is wrong with which value, what was wanted, what to do.
The command line prints the message without a trace (``--debug`` shows it).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class ColorbenchError(Exception):
    """Anything colorbench says is wrong with the input, the set-up or a method's output.

    Args:
        wrong: what is wrong, with the value seen.
        wanted: what was wanted instead.
        remedy: what to do about it.
    """

    exit_code: ClassVar[int] = EXIT_FAILED

    def __init__(self, wrong: str, *, wanted: str = "", remedy: str = "") -> None:
        self.wrong, self.wanted, self.remedy = wrong, wanted, remedy
        lines = [wrong]
        if wanted:
            lines.append(f"  wanted: {wanted}")
        if remedy:
            lines.append(f"  remedy: {remedy}")
        super().__init__("\n".join(lines))


class UsageError(ColorbenchError):
    """The command or call itself is wrong: a flag, a name, a config file."""

    exit_code: ClassVar[int] = EXIT_USAGE


class UnknownNameError(UsageError):
    """A name that is not registered; suggests the nearest ones.

    >>> str(UnknownNameError("method", "flwo", ["flow", "gray"])).splitlines()[0]
    "unknown method 'flwo', did you mean 'flow'?"
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, remedy: str = "") -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f", did you mean {near[0]!r}?" if near else ""
        super().__init__(
            f"unknown {kind} {name!r}{hint}",
            wanted=f"one of {', '.join(names)}" if names else f"a registered {kind} (there are none)",
            remedy=remedy,
        )


class FramesError(ColorbenchError):
    """A picture, a folder of pictures or a video that can't be read as it should."""


class DatasetError(ColorbenchError):
    """A dataset that is missing or not laid out as expected."""


class MethodError(ColorbenchError):
    """A method that broke its contract: wrong count, size, type or luminance."""


class MetricError(ColorbenchError):
    """A metric that was required and can't be computed here."""


class WeightsError(ColorbenchError):
    """A checkpoint that can't be read, or does not fit its network."""


class ForeignError(ColorbenchError):
    """Code that was dropped in or installed raised what it should not, or wanted to end the program."""


class StoreError(ColorbenchError):
    """A run folder that can't be read or written."""
