"""One download over HTTP into a partial file that a later call goes on with.

pooch has no resume, no look at what comes and no limit to how slow a server may be, so the
transfer is here, on requests. What has arrived is kept beside a note of where it is from and how the server marks this version
of the file (``ETag``, ``Last-Modified``). It is continued with a ``Range`` request only where the mark, or a digest known before,
can tell a mixture of two files; the answer is checked, and where the range is ignored or the file changed, all is fetched anew.
"""

from __future__ import annotations

import functools
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from colorbench.errors import StoreError
from colorbench.files.atomic import replacing_file, storage_errors
from colorbench.weights.answers import (
    TRANSIENT,
    cause_of,
    content_length,
    private_target,
    range_start,
    range_total,
    read_mark,
    refusal_of,
)
from colorbench.weights.connection import Connection
from colorbench.weights.web_page import HEAD_BYTES, confirmed_address, foreign_text, page_reason

if TYPE_CHECKING:
    from requests import Response, Session

_PIECE = 1 << 16
_PAGE = 1 << 18


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for."""

    connect_seconds: float = 15.0
    read_seconds: float = 30.0
    """Without a byte."""
    window_seconds: float = 60.0
    slowest: float = 1024.0
    """Bytes a second, over the window, under which it counts as hanging."""
    tries: int = 3
    """At one address, without getting further."""
    pause_seconds: float = 1.0
    """Before the second try; doubled for each one after."""


class Watcher(Protocol):
    """Told how a download stands."""

    def started(self, name: str, total: int | None, done: int) -> None:
        """Bytes begin to come; ``done`` of them are here from before."""

    def advance(self, count: int) -> None:
        """So many more bytes are here."""

    def note(self, text: str) -> None:
        """A sentence."""


class DownloadFailure(Exception):  # noqa: N818 - never shown as it is; the caller tries on and reports all of them
    """An address that did not give the file this time.

    Args:
        reason: why.
        again: whether the same address may do better at once.
    """

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.reason, self.again = reason, again


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is known of a download beforehand."""

    name: str
    size: int = 0
    """Bytes; 0 where unknown."""
    most: int
    """Bytes that it may have at most."""
    checked: bool = False
    """A digest will tell whether the file is right, so that pieces may be joined without the server's mark."""


class Partial:
    """A file that is being downloaded.

    Args:
        path: where the bytes are kept; a note of their origin lies beside it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.resumed = False
        """Whether the last download went on with bytes of an earlier one."""
        self._note = path.with_name(path.name + ".json")

    @property
    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def origin(self) -> tuple[str, str]:
        """The address and the server's mark; empty where unknown."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return str(note["address"]), str(note["mark"])
        return "", ""

    def begin(self, address: str, mark: str) -> None:
        """Empties the file and notes where the next bytes are from."""
        self.discard()
        with replacing_file(self._note) as temporary:
            temporary.write_text(json.dumps({"address": address, "mark": mark}), encoding="utf-8")

    def discard(self) -> None:
        """Forgets everything."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def download(
    address: str, partial: Partial, wish: Wish, *, patience: Patience, watcher: Watcher, connection: Connection
) -> None:  # fmt: skip
    """Brings the partial file to its end, from one address.

    Args:
        address: http or https; Google Drive's confirmation page is passed.
        partial: complete when this returns, as far as the server says; not verified.
        wish: what should come.
        patience: when a server is given up.
        watcher: told how it goes.
        connection: how servers are reached.

    Raises:
        DownloadFailure: it did not work; what came is kept where it can be continued.
        StoreError: no room on the disk, or the folder can't be written.
    """
    with connection.session() as session:
        # A compressed answer could not be continued, nor its length compared.
        session.hooks["response"].append(functools.partial(_refuse_private, urlsplit(address).hostname))
        session.headers["Accept-Encoding"] = "identity"
        _Transfer(session, partial, wish, patience, watcher).run(address)


class _Transfer:
    """One attempt."""

    def __init__(self, session: Session, partial: Partial, wish: Wish, patience: Patience, watcher: Watcher) -> None:
        self.session, self.partial, self.wish, self.patience, self.watcher = session, partial, wish, patience, watcher

    def run(self, address: str) -> None:
        asked = address
        for confirmed in (False, True):
            offset, mark = self._offset(address)
            with self._get(asked, offset, mark) as response:
                pieces = self._pieces(response)
                head = _gather(pieces, HEAD_BYTES) if response.status_code == 200 else b""
                what = foreign_text(head)
                if not what:
                    self._receive(address, response, offset, mark, head, pieces)
                    return
                page = (head + _gather(pieces, _PAGE)).decode("utf-8", "replace")
                asked = confirmed_address(page, response.url) if what == "a web page" and not confirmed else ""
                if not asked:
                    raise DownloadFailure(f"sends {page_reason(page) if what == 'a web page' else what}", again=False)

    def _offset(self, address: str) -> tuple[int, str]:
        """Where to go on, and the mark that the rest must have."""
        size = self.partial.size
        origin, mark = self.partial.origin()
        if size and origin == address and (mark or self.wish.checked):
            return size, mark
        if size and origin and self.wish.checked:
            return size, ""  # from a mirror: the digest will tell
        return 0, ""

    def _get(self, address: str, offset: int, mark: str) -> Response:
        import requests

        headers = {"Range": f"bytes={offset}-", **({"If-Range": mark} if mark else {})} if offset else {}
        timeout = (self.patience.connect_seconds, self.patience.read_seconds)
        try:
            response = self.session.get(address, headers=headers, stream=True, timeout=timeout)
        except requests.RequestException as error:
            passing = isinstance(error, requests.ConnectionError | requests.Timeout)
            final = isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError)
            raise DownloadFailure(cause_of(error), again=passing and not final) from error
        if reason := refusal_of(response, address):
            response.close()
            raise DownloadFailure(reason, again=response.status_code in TRANSIENT)
        return response

    def _receive(
        self, address: str, response: Response, offset: int, mark: str, head: bytes, pieces: Iterator[bytes]
    ) -> None:  # fmt: skip
        if response.status_code == 416:
            if range_total(response) == offset:
                self.partial.resumed = True
                return
            self.partial.discard()
            raise DownloadFailure("has no more bytes where a former download stopped", again=True)
        found = read_mark(response)
        if response.status_code == 206:
            start, total = range_start(response), range_total(response)
            if start != offset or (mark and found and found != mark):
                self.partial.discard()
                raise DownloadFailure("answers with another part than was asked for", again=True)
            self.partial.resumed = True
        else:
            offset, total = 0, content_length(response)
            self.partial.resumed = False
            self.partial.begin(address, found)
        self._check_size(total, offset)
        self.watcher.started(self.wish.name, total, offset)
        done = self._write(head, pieces, offset)
        if total is not None and done != total:
            raise DownloadFailure(f"stopped after {done:,} of {total:,} bytes", again=True)

    def _check_size(self, total: int | None, offset: int) -> None:
        if total is None:
            return
        if self.wish.size and total != self.wish.size:
            self.partial.discard()
            raise DownloadFailure(f"has a file of {total:,} bytes instead of {self.wish.size:,}", again=False)
        if total > self.wish.most:
            self.partial.discard()
            raise DownloadFailure(f"has a file of {total:,} bytes, more than weights have", again=False)
        free = shutil.disk_usage(self.partial.path.parent).free
        if free < total - offset:
            raise StoreError(
                f"{self.wish.name} needs {total - offset:,} bytes more, and {self.partial.path.parent} has {free:,} free",
                wanted="room for the file",
                remedy="free space, or let COLORBENCH_CACHE name a folder on a larger disk, then give the same command again",
            )

    def _write(self, head: bytes, pieces: Iterator[bytes], done: int) -> int:
        with storage_errors(self.partial.path):
            file = self.partial.path.open("ab" if done else "wb")
        with file:
            for piece in _chain(head, pieces):
                done += len(piece)
                if done > self.wish.most:
                    self.partial.discard()
                    raise DownloadFailure(f"sends more than {self.wish.most:,} bytes", again=False)
                with storage_errors(self.partial.path):
                    file.write(piece)
                self.watcher.advance(len(piece))
            with storage_errors(self.partial.path):
                file.flush()
        return done

    def _pieces(self, response: Response) -> Iterator[bytes]:
        """What comes, as it comes; a server that hangs or trickles is left."""
        from urllib3.exceptions import HTTPError

        # read() waits until it has all that it was asked for; urllib3 before 2 has nothing else.
        read = getattr(response.raw, "read1", response.raw.read)
        start, received = time.monotonic(), 0
        while True:
            try:
                piece: bytes = read(_PIECE, decode_content=False)
            except (HTTPError, OSError) as error:
                raise DownloadFailure(cause_of(error), again=True) from error
            if not piece:
                return
            received += len(piece)
            yield piece
            now = time.monotonic()
            if now - start >= self.patience.window_seconds:
                if received < self.patience.slowest * (now - start):
                    raise DownloadFailure(f"sends {received / (now - start):.0f} bytes a second", again=True)
                start, received = now, 0


def _refuse_private(own: str | None, response: Response, **_: object) -> None:
    """Called with each answer, before a redirect of it is followed."""
    if host := private_target(response, own):
        response.close()
        raise DownloadFailure(f"leads to {host}, a private address", again=False)


def _gather(pieces: Iterator[bytes], least: int) -> bytes:
    """Pieces joined until there are so many bytes, or no more come."""
    found = b""
    while len(found) < least and (piece := next(pieces, b"")):
        found += piece
    return found


def _chain(head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from pieces
