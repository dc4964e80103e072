"""The work folder beside an output: what is finished of a job, and which job it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bistnet.network.fusion import Span
from colorbench.errors import StoreError, UsageError
from colorbench.files.atomic import replacing_file, storage_errors

PIECE = 240
"""Frames of the longest piece: what a killed job loses at most."""


def cut(found: Sequence[Span], *, longest: int = PIECE) -> tuple[Span, ...]:
    """Spans in pieces that each take their colors from the same references.

    >>> [(piece.start, piece.stop) for piece in cut([Span(0, 5, 0, None, (0.0,) * 5)], longest=2)]
    [(0, 2), (2, 4), (4, 5)]
    """
    return tuple(
        replace(
            span,
            start=start,
            stop=min(start + longest, span.stop),
            positions=span.positions[start - span.start : start - span.start + longest],
        )
        for span in found
        for start in range(span.start, span.stop, longest)
    )


class WorkFolder:
    """A folder that belongs to one job."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._job = path / "job.json"

    def open(self, identity: Mapping[str, object], *, overwrite: bool) -> dict[str, Any] | None:
        """Makes the folder, or finds it of the same job.

        Args:
            identity: all that decides what the pieces hold, as JSON values.
            overwrite: a folder of another job is emptied instead of refused.

        Returns:
            What :meth:`begin` was given of the same job; None where the job is new.

        Raises:
            UsageError: it is of another job, or no work folder at all.
            StoreError: it can't be written.
        """
        known = self._known()
        if known is not None and known["job"] == dict(identity):
            found: dict[str, Any] = known["survey"]
            return found
        if known is not None:
            job = known["job"]
            differ = sorted(key for key in {*job, *identity} if job.get(key) != identity.get(key))
            if not overwrite:
                raise UsageError(
                    f"{self.path} holds an unfinished job that differs in: {', '.join(differ)}",
                    wanted="the command that began it",
                    remedy="give that one again, delete the folder, or start anew with --overwrite",
                )
            with storage_errors(self.path):
                shutil.rmtree(self.path)
        with storage_errors(self._job):
            self.path.mkdir(parents=True, exist_ok=True)
        return None

    def begin(self, identity: Mapping[str, object], survey: Mapping[str, object]) -> None:
        """Notes the job, and what was found before its first piece.

        Raises:
            StoreError: it can't be written.
        """
        with replacing_file(self._job) as temporary:
            temporary.write_text(json.dumps({"job": dict(identity), "survey": dict(survey)}, indent=1), encoding="utf-8")

    def leave(self) -> None:
        """When nothing was begun."""
        with suppress(OSError):
            self.path.rmdir()

    def remove(self) -> None:
        """When the job is done."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _known(self) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        try:
            known: dict[str, Any] = json.loads(self._job.read_text(encoding="utf-8"))
        except FileNotFoundError:
            if self.path.is_dir() and not any(self.path.iterdir()):
                return None
            raise UsageError(
                f"{self.path} is in the way: it is no work folder of colorize", wanted="a free name", remedy="move it elsewhere"
            ) from None
        except (OSError, ValueError) as error:
            raise StoreError(
                f"can't read {self._job}: {error}", wanted="the job that the folder is of", remedy="delete the folder"
            ) from error
        return known
