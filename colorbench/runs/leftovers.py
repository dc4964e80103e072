"""What killed runs leave in a run folder: files and folders with temporary names, which nothing reads."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from colorbench.runs.keeping import UNFINISHED
from colorbench.runs.saved_frames import remove
from colorbench.runs.store import KEY_DIGITS, Store

_ABANDONED_SECONDS = 3600.0
"""A temporary file that no unit's claim stands for is written in moments; after so long nobody is at it."""
_TEMPORARY = ("frames/*/.*.tmp", "units/*/.*.tmp", "provenance/.*.tmp", ".*.tmp")
_UNFINISHED = re.compile(re.escape(UNFINISHED).replace(r"\{key\}", rf"([0-9a-f]{{{KEY_DIGITS}}})"))


def clear_leftovers(store: Store) -> None:
    """Removes what killed runs left: frames of units that no process is at, and temporary files of more than an hour ago."""
    for path in _temporary(store.folder):
        unfinished = _UNFINISHED.fullmatch(path.name)
        with suppress(OSError):
            if unfinished is None:
                if time.time() - path.lstat().st_mtime > _ABANDONED_SECONDS:
                    remove(path)
                continue
            with store.claim(unfinished[1]) as ours:
                if ours:
                    remove(path)


def _temporary(folder: Path) -> Iterator[Path]:
    return (path for pattern in _TEMPORARY for path in folder.glob(pattern))
