"""The work folder beside an output: colored pieces by what decides their colors, and what was written last.

A piece lies under the key of its part: its frames, its stills, the method and its settings, and how it is coded. So the next
command makes what has changed and takes the rest from here, whatever was asked for before.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from colorbench.errors import StoreError, UsageError
from colorbench.files.atomic import replacing_file, storage_errors
from colorbench.files.locks import claimed

PIECE = 240
"""Frames of the longest piece: what a killed job loses at most."""

_MARK, _LOCK = "colorize.json", "lock"
_FORMAT = 2


def ranges(first: int, stop: int, *, longest: int = PIECE) -> tuple[tuple[int, int], ...]:
    """Frames from ``first`` to ``stop`` - 1 in pieces; the borders lie at multiples of ``longest``, wherever ``first`` is.

    >>> ranges(0, 5, longest=2), ranges(1, 5, longest=2)
    (((0, 2), (2, 4), (4, 5)), ((1, 2), (2, 4), (4, 5)))
    """
    borders = [first, *range((first // longest + 1) * longest, stop, longest), stop]
    return tuple(pairwise(borders))


class WorkFolder:
    """A folder that belongs to one output."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.survey = path / "survey"
        self._mark = path / _MARK

    @contextmanager
    def open(self, output: Path) -> Iterator[None]:
        """Makes the folder and keeps other processes out of it. One that nothing was put into goes again.

        Raises:
            UsageError: another process is at work on the output, or something else lies in the folder's place.
            StoreError: it can't be written.
        """
        self._check()
        try:
            with claimed(self.path / _LOCK) as ours:
                if not ours:
                    raise UsageError(
                        f"another colorize is at work on {output}",
                        wanted="one at a time",
                        remedy="wait for it, or name another output",
                    )
                if not self._mark.exists():
                    self._write({"format": _FORMAT})
                yield
        finally:
            self._leave()

    def part(self, key: Mapping[str, object]) -> Path:
        """The folder of a part's pieces."""
        text = json.dumps(dict(key), sort_keys=True, default=str)
        return self.path / "parts" / hashlib.sha256(text.encode()).hexdigest()[:32]

    def wrote(self, output: Path) -> None:
        """Notes that the output as it is now was written by colorize."""
        self._write({"format": _FORMAT, "output": fingerprint(output)})

    def is_ours(self, output: Path) -> bool:
        """The output is as colorize left it."""
        known = self._read()
        return known.get("output") is not None and known["output"] == fingerprint(output)

    def keep_only(self, folders: Iterable[Path]) -> None:
        """Removes the pieces of all other parts."""
        kept = set(folders)
        for folder in (self.path / "parts").glob("*"):
            if folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _check(self) -> None:
        if not self.path.exists() or (self.path.is_dir() and self._read().get("format") == _FORMAT):
            return
        if self.path.is_dir() and not any(path.name != _LOCK for path in self.path.iterdir()):
            return
        raise UsageError(
            f"{self.path} is in the way: it is no work folder of this colorize",
            wanted="a free name",
            remedy="move it elsewhere, or delete it if an older colorize left it",
        )

    def _leave(self) -> None:
        if any(path.is_file() and path.name not in (_MARK, _LOCK) for path in self.path.rglob("*")):
            return
        shutil.rmtree(self.path, ignore_errors=True)

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self._mark.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError) as error:
            raise StoreError(
                f"can't read {self._mark}: {error}", wanted="what colorize left there", remedy="delete the folder"
            ) from error
        return known if isinstance(known, dict) else {}

    def _write(self, record: Mapping[str, object]) -> None:
        with replacing_file(self._mark) as temporary:
            temporary.write_text(json.dumps(dict(record)), encoding="utf-8")


def fingerprint(output: Path) -> str:
    """Names, sizes and times of a file, or of all in a folder; changes when somebody changes it."""
    with storage_errors(output):
        files = sorted(output.iterdir()) if output.is_dir() else [output]
        parts = [f"{file.name} {(status := file.stat()).st_size} {status.st_mtime_ns}" for file in files]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
