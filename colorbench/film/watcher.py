"""Whom work on a film is told of."""

from __future__ import annotations

from typing import Protocol


class Watcher(Protocol):
    """What a job tells whoever watches."""

    def note(self, text: str) -> None: ...

    def warn(self, text: str) -> None:
        """What somebody may want to act upon; said even to those who want no progress."""
        ...

    def started(self, total: int, done: int) -> None:
        """Work on so many frames begins; said twice, as a film is first looked through."""
        ...

    def advance(self, frames: int) -> None: ...

    def looked(self, frames: int) -> None:
        """So many frames were looked at that will be finished later, as colors are carried backwards too."""
        ...
