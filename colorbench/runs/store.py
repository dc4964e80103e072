"""The run folder. One file a unit, written whole or not at all; the same command completes what is missing.

    run.json                     what the run is, with facts of its methods, metrics and clips: more of these may be added later,
                                 protocol and data may not change (docs/design/reports.md)
    units/CLIP/LABEL-KEY.json    one unit's scores, or its failure
    provenance/HASH.json         where the units come from
    frames/LABEL/CLIP/           colored frames, where asked for, with a note of whose they are (saved_frames.py)
    locks/                       who is at work on what; released by the system when a process dies

Numbers are JSON; an infinite value is the string "inf". Files are synced before they take their name. A record carries the hash
of what it says, and says which unit it is: one that was changed or copied to another's place is damaged, and is not believed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from glob import escape
from pathlib import Path
from typing import Any

from colorbench.clips.protocol import protocol_fields
from colorbench.errors import StoreError, UsageError
from colorbench.files.atomic import replacing_file, storage_errors
from colorbench.files.locks import claimed
from colorbench.files.structured import read_json
from colorbench.records import record_from, shortened
from colorbench.runs.remote import Mirror
from colorbench.types import Protocol, Score

FORMAT = 3
"""Of a run folder. Format 1 held names only, records of format 2 no checksum: their units are made again."""
DAMAGED = ".damaged"
"""What the name of a record ends in that is set aside."""
KEY_DIGITS = 20
_PROVENANCE_DIGITS = 16
_HASHED = re.compile(r"-[0-9a-f]{16}$")
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
    """Name of the file that says where it comes from; it is the hash of what that file holds."""
    declared: str = ""
    """:func:`declared_digest` of what run.json said when it was made."""
    error: str = ""
    trace: str = field(default="", repr=False)

    def score(self, metric: str) -> Score | None:
        """This unit's score of that name."""
        return next((score for score in self.scores if score.metric == metric), None)


class DamagedError(StoreError):
    """A record that can't be read, was changed, or is another unit's."""


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
            if os.path.lexists(path):
                known = read_declaration(path)
                if known.form > FORMAT:
                    raise StoreError(
                        f"{path} has format {known.form}",
                        wanted=f"at most {FORMAT}",
                        remedy="use a newer colorbench, or another --out",
                    )
                for name, value in _plain(identity).items():
                    if known.identity.get(name) != value:
                        there = shortened(known.identity.get(name))
                        raise StoreError(
                            f"{self.folder} holds a run with {name} = {there}, this one has {value!r}",
                            wanted="one protocol, dataset and seed in a run folder",
                            remedy="choose another --out",
                        )
                if known.form in (2, FORMAT):
                    merged = {kind: {**known.contents.get(kind, {}), **facts} for kind, facts in merged.items()}
            self._write(path, {"format": FORMAT, "identity": identity, "contents": merged})

    def load(self, *, clip: str, label: str, key: str) -> UnitRecord | None:
        """A unit's record, or None where there is none. A damaged one is said and set aside, so that it is made again.

        Raises:
            StoreError: it may not be read, or can't be set aside.
        """
        try:
            return load_unit(self.folder, clip=clip, label=label, key=key)
        except DamagedError as error:
            path = _unit_path(self.folder, clip, label, key)
            aside = path.with_name(path.name + DAMAGED)
            with storage_errors(path):
                if aside.is_dir() and not aside.is_symlink():
                    shutil.rmtree(aside)
                path.replace(aside)
            warnings.warn(f"{error.wrong}; set aside as {aside.name}, the unit is made again", stacklevel=2)
            return None

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
        fields = _plain(asdict(record))
        self._write(
            _unit_path(self.folder, record.clip, record.label, record.key), {"checksum": digest(fields), "record": fields}
        )

    def save_provenance(self, provenance: Mapping[str, Any]) -> str:
        """Stores where results come from, once for many units.

        Returns:
            The name by which records refer to it.
        """
        name = digest(provenance)[:_PROVENANCE_DIGITS]
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
    """A unit's record of a run folder, or None where there is none. Writes nothing.

    Raises:
        DamagedError: it can't be read, is not what was written, or is another unit's.
        StoreError: it may not be read.
    """
    path = _unit_path(folder, clip, label, key)
    try:
        loaded = read_json(path)
        if "checksum" not in loaded and "status" in loaded:
            return None
        fields = loaded.get("record")
        if loaded.keys() != {"checksum", "record"} or digest(fields) != loaded["checksum"]:
            raise UsageError("it does not fit its checksum")
        record = record_from(UnitRecord, fields, what="the record")
        found = (record.key, record.label, record.clip)
        if found != (key, label, clip):
            raise UsageError(f"it is of {shortened(found[1])} on {shortened(found[2])}, under the key {shortened(found[0])}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (StoreError, UsageError, RecursionError, ValueError) as error:
        if isinstance(error.__cause__, PermissionError):
            raise
        wrong = error.wrong if isinstance(error, StoreError | UsageError) else f"{type(error).__name__}: {error}"
        raise DamagedError(
            f"the record {path} is damaged: {wrong}",
            wanted=f"what colorbench wrote of {label!r} on {clip!r}",
            remedy="give the run's command again: it is made anew",
        ) from error
    return record


@dataclass(frozen=True, slots=True)
class Declaration:
    """What run.json says, not looked into yet."""

    form: int
    identity: Mapping[str, Any]
    contents: Mapping[str, Mapping[str, Any]]


def read_declaration(path: Path) -> Declaration:
    """A run.json, or its like, of any format.

    Raises:
        StoreError: it can't be read, or is in no form that a run has.
        FileNotFoundError: there is none.
    """
    remedy = "restore it; or remove it and give the run's command again: the units stay"
    loaded = read_json(path, remedy=remedy)
    form, identity, contents = loaded.get("format"), loaded.get("identity", {}), loaded.get("contents", {})
    if type(form) is not int:
        raise StoreError(f"{path} has format {shortened(form)}", wanted=f"format {FORMAT}", remedy=remedy)
    if form in (2, FORMAT):
        try:
            record_from(_Tables, {"identity": identity, "contents": contents}, what="run.json")
        except UsageError as error:
            raise StoreError(f"{path}: {error.wrong}", wanted=error.wanted, remedy=remedy) from error
    return Declaration(form, identity, contents)


@dataclass(frozen=True, slots=True)
class _Tables:
    """The form of a run.json of names and facts."""

    identity: Mapping[str, Any]
    contents: Mapping[str, Mapping[str, Mapping[str, Any]]]


def declared_digest(identity: Mapping[str, Any], contents: Mapping[str, Mapping[str, Any]], *, label: str, clip: str) -> str:
    """Hash of what run.json says of a unit. Not of where the clip's files lie, which another machine may say otherwise."""
    return digest([identity, contents["methods"][label], contents["clips"][clip]["digest"]])


def load_provenance(folder: Path, name: str) -> dict[str, Any]:
    """Where units of a run folder come from.

    Args:
        folder: of the run.
        name: by which records refer to it: the hash of what it says, so nothing else is ever read.

    Raises:
        StoreError: it can't be read, or is not what was written.
        FileNotFoundError: there is none.
    """
    if not re.fullmatch(rf"[0-9a-f]{{{_PROVENANCE_DIGITS}}}", name):
        raise StoreError(f"provenance {shortened(name)}", wanted="the hash of what it says")
    path = folder / "provenance" / f"{name}.json"
    facts = read_json(path)
    if not _has_digest(facts, name):
        raise StoreError(f"{path} is not as it was written", wanted="facts that have its name for their hash")
    return facts


def _has_digest(facts: Mapping[str, Any], name: str) -> bool:
    try:
        return digest(facts)[:_PROVENANCE_DIGITS] == name
    except (RecursionError, ValueError):
        return False


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
    """A name as one path component; two names never become one.

    Separators, control characters and what some file systems refuse become "_", and the dot that would hide a folder or make it
    a video. A byte that is no UTF-8 becomes its number, as archives and other systems hold no such names. What is too long keeps
    its beginning. A name that had to be changed ends in its hash, and so does one that looks like it.

    >>> safe_name("a_b"), safe_name("a:b"), safe_name("x" * 999)[-20:], safe_name("a\\udcff")
    ('a_b', 'a_b-8cc857235146d02d', 'xxx-82d6734c1cdb026f', 'a%FF-4dd502adf502a6d0')
    """
    cleaned = re.sub(r'[/\\\x00-\x1f\x7f:*?"<>|]|^\.|\.(?=mkv$)|^$', "_", name)
    cleaned = re.sub("[\ud800-\udfff]", lambda found: f"%{ord(found[0]) & 0xFF:02X}", cleaned)
    if len(cleaned.encode()) > _LONGEST_NAME:
        cleaned = cleaned[: _LONGEST_NAME // 4]
    return cleaned if cleaned == name and not _HASHED.search(name) else f"{cleaned}-{digest(name)[:16]}"


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
