"""The run folder. One file a unit, written whole or not at all; the same command completes what is missing.

    run.json                     what the run is, with facts of its methods, metrics and clips: more of these may be added later,
                                 protocol and data may not change (docs/design/reports.md)
    units/CLIP/LABEL-KEY.json    one unit's scores, or its failure
    provenance/HASH.json         where the units come from
    frames/LABEL/CLIP/           colored frames, where asked for
    locks/                       who is at work on what; released by the system when a process dies

Numbers are JSON; an infinite value is the string "inf". Files are synced before they take their name.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from glob import escape
from pathlib import Path
from typing import Any

from colorbench.clips.protocol import protocol_fields
from colorbench.errors import StoreError
from colorbench.files.atomic import replacing_file, storage_errors
from colorbench.files.locks import claimed
from colorbench.runs.remote import Mirror
from colorbench.types import Protocol, Score

FORMAT = 2
"""Of run.json. Format 1 held names only."""
KEY_DIGITS = 20
_LONGEST_NAME = 160
"""Bytes of a path component, short of the 255 that file systems take, as keys and extensions are added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRecord:
    """One method on one clip, as stored."""

    key: str
    """Hash of all that decides the colored frames."""
    label: str
    method: str
    variant: str
    clip: str
    status: str
    """"done" or "failed"."""
    exemplars: tuple[int | None, ...] = ()
    """Frames that the method was given in color; None for a picture of unknown place."""
    scored: tuple[int, ...] = ()
    frame_count: int = 0
    scores: tuple[Score, ...] = ()
    truth: tuple[Score, ...] = ()
    metrics: tuple[tuple[str, str], ...] = ()
    """Metric name to the hash of its signature and code, as scored."""
    luminance_error: float | None = None
    notes: tuple[str, ...] = ()
    """What a reader of the scores should know."""
    seconds: float = 0.0
    peak_memory_mib: float | None = None
    peak_vram_mib: float | None = None
    device: str = ""
    provenance: str = ""
    error: str = ""
    trace: str = field(default="", repr=False)

    def score(self, metric: str) -> Score | None:
        """This unit's score of that name."""
        return next((score for score in self.scores if score.metric == metric), None)


class Store:
    """A run folder, safe for several processes at once.

    Args:
        folder: the folder.
        mirror: a URL of which the folder is the working copy. Processes of several machines don't see each other's claims: a unit
            that two are at is done twice, with the same result.

    Raises:
        StoreError: it can't be written, holds another run, or was written by a newer colorbench.
    """

    def __init__(self, folder: Path, *, mirror: Mirror | None = None) -> None:
        self.folder, self._mirror = folder, mirror
        with storage_errors(folder):
            for name in ("units", "provenance", "locks"):
                (folder / name).mkdir(parents=True, exist_ok=True)
        if mirror is not None:
            with self._locked("run"):
                mirror.pull()

    def declare(self, identity: Mapping[str, Any], contents: Mapping[str, Mapping[str, Any]]) -> None:
        """Writes or checks run.json.

        Args:
            identity: what may not change (protocol, dataset, seed).
            contents: "methods", "metrics" and "clips": name to facts. Names of earlier runs stay; facts of now replace theirs.
        """
        path = self.folder / "run.json"
        with self._locked("run"):
            merged = {kind: dict(facts) for kind, facts in contents.items()}
            if path.exists():
                known = read_json(path)
                if known.get("format", 0) > FORMAT:
                    raise StoreError(
                        f"{path} has format {known['format']}",
                        wanted=f"at most {FORMAT}",
                        remedy="use a newer colorbench, or another --out",
                    )
                for name, value in _plain(identity).items():
                    if known["identity"].get(name) != value:
                        raise StoreError(
                            f"{self.folder} holds a run with {name} = {known['identity'].get(name)!r}, this one has {value!r}",
                            wanted="one protocol, dataset and seed in a run folder",
                            remedy="choose another --out",
                        )
                if known["format"] == FORMAT:
                    merged = {kind: {**known["contents"].get(kind, {}), **facts} for kind, facts in merged.items()}
            self._write(path, {"format": FORMAT, "identity": identity, "contents": merged})

    def load(self, *, clip: str, label: str, key: str) -> UnitRecord | None:
        """A unit's record, or None where there is none that can be read: it is made again then."""
        return load_unit(self.folder, clip=clip, label=label, key=key)

    def has_other(self, *, clip: str, label: str, key: str) -> bool:
        """Whether there is a record of that row and clip under another key, and none under this one."""
        own = _unit_path(self.folder, clip, label, key)
        length = len(own.name)
        return not own.exists() and any(
            len(path.name) == length for path in own.parent.glob(f"{escape(safe_name(label))}-*.json")
        )

    def save(self, record: UnitRecord) -> None:
        """Stores a unit.

        Raises:
            StoreError: disk full or not writable; nothing of the unit is left then, and nothing else is lost.
        """
        self._write(_unit_path(self.folder, record.clip, record.label, record.key), asdict(record))

    def save_provenance(self, provenance: Mapping[str, Any]) -> str:
        """Stores where results come from, once for many units.

        Returns:
            The name by which records refer to it.
        """
        name = digest(provenance)[:16]
        path = self.folder / "provenance" / f"{name}.json"
        if not path.exists():
            self._write(path, provenance)
        return name

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """True inside the block if this process may work on the unit, False if another one does."""
        with claimed(self.folder / "locks" / key) as ours:
            yield ours

    def _write(self, path: Path, value: Any) -> None:
        content = (to_json(value, indent=1) + "\n").encode()
        if self._mirror is not None:
            self._mirror.push(path, content)
        with replacing_file(path) as temporary, temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        with storage_errors(self.folder):
            file = (self.folder / "locks" / name).open("a")
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def load_unit(folder: Path, *, clip: str, label: str, key: str) -> UnitRecord | None:
    """A unit's record of a run folder, or None where there is none that can be read. Writes nothing."""
    try:
        return _record(read_json(_unit_path(folder, clip, label, key)))
    except (FileNotFoundError, StoreError):
        return None


def unit_key(*, label: str, method: str, clip: str, protocol: Protocol, seed: int) -> str:
    """Identity of a unit: equal keys mean equal colored frames.

    Args:
        label: the method's row.
        method: hash of its code, variant, settings, weights and device.
        clip: hash of the clip's bytes and of its references'.
        protocol: its fields count, its name does not.
        seed: of whatever the method draws.
    """
    return digest((label, method, clip, protocol_fields(protocol)[1:], seed))[:KEY_DIGITS]


def frames_path(folder: Path, *, label: str, clip: str, video: bool) -> Path:
    """Where a run folder keeps a unit's colored frames: a folder of PNG files, or a video."""
    path = folder / "frames" / safe_name(label) / safe_name(clip)
    return path.with_name(path.name + ".mkv") if video else path


def safe_name(name: str) -> str:
    """A name as one path component: separators and control characters become "_", and names of dots alone get one before them.

    What is too long for a file system keeps its beginning and ends in a hash. A byte that is no UTF-8 becomes its number, as
    archives and other systems hold no such names.

    >>> safe_name("a/b"), safe_name(".."), safe_name("x" * 999)[-20:], safe_name("a\\udcff")
    ('a_b', '_..', 'xxx-82d6734c1cdb026f', 'a%FF')
    """
    cleaned = re.sub(r'[/\\\x00-\x1f:*?"<>|]', "_", name)
    cleaned = re.sub("[\ud800-\udfff]", lambda found: f"%{ord(found[0]) & 0xFF:02X}", cleaned)
    if len(cleaned.encode()) > _LONGEST_NAME:
        cleaned = f"{cleaned[: _LONGEST_NAME // 4]}-{digest(name)[:16]}"
    return f"_{cleaned}" if not cleaned.strip(".") else cleaned


def digest(value: Any) -> str:
    """SHA-256 of a value as canonical JSON."""
    text = json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Strict JSON: infinities are the strings "inf" and "-inf", paths and tuples become text and lists.

    What is no Unicode in a name is escaped as JSON does, so that the text can be written and the name be read again.

    >>> to_json({"psnr": float("inf"), "clip": "\\udcff"})
    '{"psnr": "inf", "clip": "\\\\udcff"}'
    """
    text = json.dumps(_plain(value), ensure_ascii=False, indent=indent, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file of a run folder.

    Raises:
        StoreError: it is no JSON.
        FileNotFoundError: there is none.
    """
    try:
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    except json.JSONDecodeError as error:
        raise StoreError(
            f"{path} is not valid JSON: {error}", wanted="a file that colorbench wrote", remedy="remove it"
        ) from error
    return loaded


def _unit_path(folder: Path, clip: str, label: str, key: str) -> Path:
    return folder / "units" / safe_name(clip) / f"{safe_name(label)}-{key}.json"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, Path):
        return str(value)
    return value


def _record(fields: dict[str, Any]) -> UnitRecord:
    for name in ("scores", "truth"):
        fields[name] = tuple(
            Score(
                metric=item["metric"],
                value=None if item["value"] is None else float(item["value"]),
                reason=item["reason"],
                frames=tuple(float(value) for value in item["frames"]),
            )
            for item in fields[name]
        )
    for name in ("exemplars", "scored", "notes"):
        fields[name] = tuple(fields.get(name, ()))
    fields["metrics"] = tuple((name, value) for name, value in fields["metrics"])
    return UnitRecord(**fields)
