"""Whose saved frames are: a note beside them names the unit by its key, its method, and the SHA-256 of each file.

A label may be given to another method, and two runs may write to one place. So a place proves nothing: frames are a unit's where
the note has its key and every file is as it was written. ``score`` asks the notes too: docs/design/runs.md.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from colorbench.errors import StoreError, UsageError
from colorbench.files.atomic import replacing_file
from colorbench.files.file_state import remembered_digest
from colorbench.files.structured import read_json
from colorbench.frames.pictures import is_picture_name
from colorbench.records import record_from
from colorbench.runs.store import to_json

VIDEO = ".mkv"


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesNote:
    """What is known of saved frames."""

    key: str
    """Of the unit."""
    label: str
    clip: str
    method: str
    variant: str
    identity: str
    """Hash of the method's code, variant, settings, weights and device."""
    files: Mapping[str, str]
    """Name to SHA-256: of each picture, or of the video."""


def note_path(path: Path) -> Path:
    """Where the note of saved frames is: beside them, hidden, so that nothing takes it for frames."""
    return path.with_name(f".{path.name}.json")


def read_note(path: Path) -> FramesNote | None:
    """The note of saved frames, or None where there is none.

    Raises:
        StoreError: it can't be read.
    """
    place = note_path(path)
    try:
        return record_from(FramesNote, read_json(place), what="the note")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UsageError as error:
        raise StoreError(
            f"{place} is no note of saved frames: {error.wrong}",
            wanted="what --save-frames wrote",
            remedy="give the run's command again: the frames are made anew",
        ) from error


def frames_mismatch(path: Path, *, key: str) -> str:
    """Why what lies at a place is not a unit's frames, whole and unchanged; empty where it is.

    Args:
        path: a folder of pictures or a video.
        key: of the unit.
    """
    if not os.path.lexists(path):
        return f"no frames in {path}"
    try:
        note = read_note(path)
    except StoreError as error:
        return error.wrong
    if note is None:
        return f"{path} does not say whose frames it holds"
    if note.key != key:
        return f"{path} holds frames of another unit: {note.method}:{note.variant} under the label {note.label!r}"
    return changed_frames(path, note)


def changed_frames(path: Path, note: FramesNote) -> str:
    """What of saved frames is not as it was written; empty where all is."""
    try:
        found = _file_names(path)
        for name in (*note.files, *found):
            if name not in note.files:
                return f"{path} holds {name}, which the unit did not save"
            if name not in found:
                return f"{path} lacks {name}"
            if remembered_digest(path / name if path.is_dir() else path) != note.files[name]:
                return f"{path}: {name} is not as it was saved"
    except OSError as error:
        return f"can't read {error.filename or path}: {error.strerror or error}"
    return ""


def put_in_place(made: Path, path: Path, *, unit: Mapping[str, str]) -> None:
    """Gives finished frames their place, and then their note, in place of what is there; between the two they are nobody's.

    Args:
        made: a folder of pictures, or a video, on the same file system.
        path: where to.
        unit: the fields of the note but for the files.

    Raises:
        OSError: a file can't be written.
    """
    pictures = made.is_dir()
    names = _file_names(made) if pictures else [path.name]
    files = {name: remembered_digest(made / name if pictures else made) for name in names}
    text = to_json(asdict(record_from(FramesNote, {**unit, "files": files})), indent=1) + "\n"
    with replacing_file(note_path(path)) as note:
        note.write_bytes(text.encode("utf-8", "surrogateescape"))
        remove(path)
        made.rename(path)


def remove(path: Path) -> None:
    """Removes a file, a link or a folder, where there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _file_names(path: Path) -> list[str]:
    """Of the pictures, or of the video."""
    if not path.is_dir():
        return [path.name]
    return sorted(entry.name for entry in path.iterdir() if is_picture_name(entry.name))
