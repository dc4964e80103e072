"""stdout and stderr of a command: what is printed arrives, whatever the console can encode, and a full one ends no work.

Letters that a console has no bytes for fall back to plain signs: an arrow becomes ``^``, what has no such sign its Python escape.
A part of a name that is no UTF-8 is such a letter too (a lone surrogate, PEP 383): b"\\xff" is printed as ``\\udcff``.

stderr is for people, so a message that can't be written is dropped and the work goes on. stdout is the data: that it can't be
written is an error, told once.
"""

from __future__ import annotations

import codecs
import errno
import os
import sys
from abc import ABC, abstractmethod
from contextlib import suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, TextIO, cast

from colorbench.errors import StoreError

if TYPE_CHECKING:
    from rich.progress import TextColumn

PLAINLY = "colorbench.plainly"
"""How encoding goes on after a letter that can't be encoded, for ``errors=``."""

_PLAIN = {
    "↑": "^",
    "↓": "v",
    "∞": "inf",
    "\N{MULTIPLICATION SIGN}": "x",
    "±": "+-",
    "Δ": "D",
    "‡": "#",
    "§": "$",
    "\N{EN DASH}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{REPLACEMENT CHARACTER}": "?",
    "\N{BULLET}": "*",
}


def settle() -> None:
    """Makes this process's stdout and stderr what is said above. Streams that are closed or of another kind stay as they are."""
    codecs.register_error(PLAINLY, _plainly)
    for name, kind in (("stdout", _Output), ("stderr", _Aside)):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=PLAINLY)
            setattr(sys, name, cast("TextIO", kind(stream)))


def plain(text: str, encoding: str) -> str:
    """A text as a console of that encoding shows it, to be measured before it is laid out.

    >>> plain("PSNR ↑ café", "ascii"), plain("clip\\udcff", "utf-8")
    ('PSNR ^ caf\\\\xe9', 'clip\\\\udcff')
    """
    codecs.register_error(PLAINLY, _plainly)
    return text.encode(encoding, PLAINLY).decode(encoding)


def task_name() -> TextColumn:
    """What a progress bar is about; too long for its line it goes on in the next one."""
    from rich.progress import TextColumn
    from rich.table import Column

    return TextColumn("{task.description}", markup=False, table_column=Column(overflow="fold"))


class _Stream(ABC):
    """A stream that knows what to do when it can't be written. All else is the stream's own."""

    def __init__(self, stream: TextIOWrapper) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # through which click would write UTF-8 past an ASCII console
            raise AttributeError(name)
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if text == "":  # click's way to ask whether this is a text stream; unbuffered, it would fail for a full one
            return 0
        try:
            return self._stream.write(text)
        except OSError as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._failed(error)

    @abstractmethod
    def _failed(self, error: OSError) -> None: ...

    def _let_go(self) -> None:
        """What is left in the buffer, and all that follows, goes nowhere: it would fail again when Python ends."""
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


class _Output(_Stream):
    def _failed(self, error: OSError) -> None:
        if error.errno == errno.EPIPE:
            raise error
        self._let_go()
        raise StoreError(
            f"can't write to the standard output: {error.strerror or error}",
            wanted="a console, file or pipe with room",
            remedy="what was made is kept; give the same command again, with its output elsewhere",
        ) from error


class _Aside(_Stream):
    def _failed(self, error: OSError) -> None:  # noqa: ARG002
        self._let_go()


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    signs = (_PLAIN.get(letter) or letter.encode("ascii", "backslashreplace").decode() for letter in letters)
    return "".join(signs), error.end
