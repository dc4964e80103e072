"""What this machine knows of the weights it has: the digests of the download and of each file, kept beside the weights.

Where no SHA-256 is published, the one of the first download is pinned here and every later download must equal it. Sizes and
times of the files are kept too, so that a listing need not read gigabytes again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from colorbench.errors import UsageError, WeightsError
from colorbench.files.atomic import replacing_file
from colorbench.records import record_from

Origin = Literal["published", "first download", "added by hand", "found"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedFile:
    """One file as it was when it was verified."""

    path: str
    """Relative to the weights folder, or absolute where it lies elsewhere."""
    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A download that was accepted."""

    name: str
    sha256: str
    """Of what was downloaded: the file, or the archive."""
    size: int
    origin: Origin
    """Why the digest is believed: it was published, or it is what came first."""
    files: tuple[PinnedFile, ...]
    address: str = ""
    time: str = ""
    note: str = ""


def pin_path(root: Path, name: str) -> Path:
    """Where the pin of an entry lies; deleting it forgets the pin."""
    return root / ".pins" / f"{name}.json"


def read_pin(root: Path, name: str) -> Pin | None:
    """The pin of an entry; None where there is none.

    Raises:
        WeightsError: there is one that can't be read.
    """
    path = pin_path(root, name)
    try:
        return record_from(Pin, json.loads(path.read_text(encoding="utf-8")), what=f"{path}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, UsageError) as error:
        wrong = error.wrong if isinstance(error, UsageError) else error
        raise WeightsError(
            f"{path} can't be read: {wrong}",
            wanted="what colorbench recorded of that download",
            remedy="delete it, then fetch or add the weights again",
        ) from error


def write_pin(root: Path, pin: Pin) -> None:
    """Keeps a pin, whole or not at all.

    Raises:
        StoreError: the folder can't be written.
    """
    with replacing_file(pin_path(root, pin.name)) as temporary:
        temporary.write_text(json.dumps(asdict(pin), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def resolve(root: Path, file: PinnedFile) -> Path:
    """Where a pinned file lies."""
    return root / file.path


def describe_file(path: Path, *, shown: str, sha256: str) -> PinnedFile:
    """A verified file as it is now; ``shown`` is the path that is kept of it."""
    status = path.stat()
    return PinnedFile(path=shown, size=status.st_size, mtime_ns=status.st_mtime_ns, sha256=sha256)
