"""One address, asked as often as it may help, until its file is the one that is meant."""

from __future__ import annotations

import time

from colorbench.weights.connection import Connection, shown_address
from colorbench.weights.downloads import DownloadFailure, Partial, Patience, Watcher, Wish, download
from colorbench.weights.manifest import WeightsEntry
from colorbench.weights.pins import Pin
from colorbench.weights.verification import Verdict, verify

_MOST = 20 << 30
"""Bytes of a download whose size nobody published."""
_PROGRESS = 256 << 10
"""Bytes that a try has to bring for the next one to count as the first."""


def verified_download(
    address: str,
    entry: WeightsEntry,
    pin: Pin | None,
    partial: Partial,
    *,
    watcher: Watcher,
    patience: Patience,
    connection: Connection,
) -> Verdict:  # fmt: skip
    """Brings a file and compares it. What is wrong is discarded; if it was pieced together, all is fetched once more.

    Args:
        address: http or https.
        entry: what it should be: size and digests.
        pin: what was accepted before.
        partial: the file, where the verdict has no flaw.
        watcher: told how it goes.
        patience: when a server is given up.
        connection: how it is reached.

    Raises:
        DownloadFailure: it did not come; what came is kept where it can be continued.
        StoreError: no room on the disk, or the folder can't be written.
    """
    most = entry.size or 3 * entry.about or _MOST
    wish = Wish(name=entry.name, size=entry.size, most=most, checked=entry.is_published or pin is not None)
    tries, pause, whole = 1, patience.pause_seconds, False
    while True:
        before = partial.size
        try:
            download(address, partial, wish, patience=patience, watcher=watcher, connection=connection)
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
