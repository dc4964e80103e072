"""One address of a download, tried as often as it may help, and what came compared with what is known of it."""

from __future__ import annotations

import shutil
import time

from colorbench.files.atomic import storage_errors
from colorbench.weights.downloads import DownloadFailure, Partial, Patience, Watcher, Wish, download
from colorbench.weights.manifest import WeightsEntry
from colorbench.weights.package_index import local_path, shown_address
from colorbench.weights.pins import Pin
from colorbench.weights.verification import Verdict, verify

_PROGRESS = 256 << 10
"""Bytes that a try has to bring for the next one to count as the first."""


def bring(
    address: str,
    entry: WeightsEntry,
    pin: Pin | None,
    partial: Partial,
    wish: Wish,
    *,
    watcher: Watcher,
    patience: Patience,
    certificates: str = "",
) -> Verdict:
    """Downloads and verifies. What is wrong is discarded; if it was pieced together, all is fetched once more.

    Args:
        address: http, https or file.
        entry: what should come.
        pin: what was accepted before.
        partial: holds it in the end.
        wish: what is known beforehand.
        watcher: told how it goes.
        patience: with the server.
        certificates: a bundle to verify it with; empty for the default.

    Raises:
        DownloadFailure: it can't be had there.
        StoreError: the disk is full, or the folder can't be written.
    """
    tries, pause, whole = 1, patience.pause_seconds, False
    while True:
        before = partial.size
        try:
            if local_path(address) is not None:
                _copy(address, partial, wish)
            else:
                download(address, partial, wish, patience=patience, watcher=watcher, certificates=certificates)
        except DownloadFailure as failure:
            if partial.size - before >= _PROGRESS:
                tries, pause = 0, patience.pause_seconds
            if not failure.again or tries >= patience.tries:
                raise
            watcher.note(f"{entry.name}: {shown_address(address)} {failure.reason}; trying again")
            time.sleep(pause)
            tries, pause = tries + 1, 2 * pause
            continue
        verdict = verify(partial.path, entry, pin)
        if not verdict.flaw:
            return verdict
        resumed = partial.resumed
        partial.discard()
        if whole or not resumed:
            return verdict
        whole = True
        watcher.note(f"{entry.name}: the continued download is {verdict.flaw}; fetching all of it")


def _copy(address: str, partial: Partial, wish: Wish) -> None:
    path = local_path(address)
    if path is None or not path.is_file():
        raise DownloadFailure("is no file", again=False)
    if wish.size and path.stat().st_size != wish.size:
        raise DownloadFailure(f"has {path.stat().st_size:,} bytes instead of {wish.size:,}", again=False)
    partial.begin(address, "")
    partial.resumed = False
    with storage_errors(partial.path):
        shutil.copyfile(path, partial.path)
