"""Is this file the one that the manifest means? Told by what it begins with, its size, published digests and the pin."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from colorbench.files.archives import archive_kind
from colorbench.weights.form import form_flaw
from colorbench.weights.manifest import WeightsEntry
from colorbench.weights.pins import Pin
from colorbench.weights.web_page import HEAD_BYTES, foreign_text

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of a file."""

    sha256: str
    """Empty where the file was refused before it was read."""
    flaw: str
    """Why it is not the file; empty where it is, as far as anybody knows."""
    kind: Literal["", "page", "size", "form", "digest", "pin"] = ""


def verify(path: Path, entry: WeightsEntry, pin: Pin | None) -> Verdict:
    """Compares a download with what is known of it.

    From cheap to dear: text that can't be weights, the size, the form where nothing is published, then the digests in
    one pass. A whole published SHA-256 decides alone; else every digest that is published, or the digits of one, must fit, and so
    must the pin where there is one.

    Args:
        path: the file, or the archive.
        entry: what it should be.
        pin: what was accepted before.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    size = path.stat().st_size
    if what := foreign_text(head):
        return Verdict("", f"{what}, not weights", "page")
    if not size:
        return Verdict("", "an empty file", "size")
    if entry.size and size != entry.size:
        return Verdict("", f"{size:,} bytes instead of {entry.size:,}", "size")
    if size < entry.about // 4:
        return Verdict("", f"{size:,} bytes where about {entry.about:,} were expected", "size")
    if not (entry.is_published or entry.size) and (wrong := form_flaw(_file_name(path, entry), head, size)):
        return Verdict("", wrong, "form")
    published = {kind: digits for kind in ("sha256", "sha1", "md5") if (digits := getattr(entry, kind))}
    found = file_digests(path, {"sha256", *published})
    for kind, digits in published.items():
        if not found[kind].startswith(digits):
            return Verdict(found["sha256"], _differs(kind, found[kind], digits), "digest")
    if pin is not None and not entry.is_exact and pin.sha256 != found["sha256"]:
        when = f" of {pin.time[:10]}" if pin.time else ""
        return Verdict(
            found["sha256"], f"not the file that was pinned here ({pin.origin}{when}): SHA-256 {found['sha256'][:12]}..., "
            f"pinned {pin.sha256[:12]}...", "pin",
        )  # fmt: skip
    return Verdict(found["sha256"], "")


def file_digests(path: Path, kinds: set[str]) -> dict[str, str]:
    """Digests of a file, all in one pass.

    Raises:
        OSError: it can't be read.
    """
    digests = {kind: hashlib.new(kind, usedforsecurity=False) for kind in kinds}
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            for digest in digests.values():
                digest.update(piece)
    return {kind: digest.hexdigest() for kind, digest in digests.items()}


def _file_name(path: Path, entry: WeightsEntry) -> str:
    """What the download is called as a file; nothing for an archive, of which the members are looked for."""
    if entry.kind == "file":
        return entry.place
    return entry.members[0] if entry.kind == "auto" and not archive_kind(path) else ""


def _differs(kind: str, found: str, wanted: str) -> str:
    starts = "" if len(wanted) == len(found) else "starts with "
    return f"{kind} {starts}{found[: len(wanted)]} instead of {wanted}"
