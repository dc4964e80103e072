"""A web server on this machine that serves well or badly, and entries that point to it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colorbench.weights.downloads import Patience
from colorbench.weights.manifest import WeightsEntry

BODY = b"\x80\x02" + np.random.default_rng(5).bytes(699_998)
OTHER = b"\x80\x02" + np.random.default_rng(6).bytes(699_998)


@dataclass
class Page:
    """How one path is answered."""

    body: bytes = b""
    status: int = 200
    ranges: bool = True
    etag: str = '"v1"'
    type: str = "application/octet-stream"
    length: bool = True
    cut: int | None = None
    """Bytes after which the connection is closed, for the first ``cuts`` answers."""
    cuts: int = 1
    trickle: float = 0.0
    """Seconds between single bytes."""
    hang: float = 0.0
    """Seconds of silence after the head."""
    location: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    wrong_range: bool = False


class Site:
    """Pages by path (with the query, where one is given), and what was asked."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, str]] = []
        """Path and range of each request."""
        self.headers: list[dict[str, str]] = []
        self.closing = threading.Event()

    def put(self, path: str, body: bytes = b"", **how: Any) -> str:
        self.pages[path] = Page(body, **how)
        return self.address + path


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            site.asked.append((self.path, wanted))
            site.headers.append(dict(self.headers.items()))
            page = site.pages.get(self.path) or site.pages.get(self.path.partition("?")[0])
            self.close_connection = True
            if page is None:
                self.send_error(404)
                return
            offset, status = 0, page.status
            unchanged = self.headers.get("If-Range", page.etag) == page.etag
            if wanted and page.ranges and unchanged and status == 200:
                offset = int(wanted.removeprefix("bytes=").removesuffix("-")) - (100 if page.wrong_range else 0)
                status = 206 if offset < len(page.body) else 416
            body = page.body[offset:] if status != 416 else b""
            self.send_response(status)
            self.send_header("Content-Type", page.type)
            self.send_header("Connection", "close")
            for name, value in page.headers.items():
                self.send_header(name, value)
            if page.location:
                self.send_header("Location", page.location)
            if page.etag:
                self.send_header("ETag", page.etag)
            if status == 206:
                self.send_header("Content-Range", f"bytes {offset}-{len(page.body) - 1}/{len(page.body)}")
            if status == 416:
                self.send_header("Content-Range", f"bytes */{len(page.body)}")
            if page.length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            site.closing.wait(page.hang)
            if page.cut is not None and page.cuts:
                page.cuts -= 1
                body = body[: page.cut]
            try:
                if page.trickle:
                    for byte in body:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        if site.closing.wait(page.trickle):
                            return
                else:
                    self.wfile.write(body)
            except OSError:
                pass  # the client has gone

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that hang up are part of the tests


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "*")
    server = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    found = Site(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = _handler(found)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.closing.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def patience() -> Patience:
    """Little of it, but enough for a good server on a busy machine."""
    return Patience(connect_seconds=20, read_seconds=20, window_seconds=0.4, slowest=1000, tries=2, pause_seconds=0.01)


@pytest.fixture
def make_entry() -> Callable[..., WeightsEntry]:
    """An entry whose SHA-256 is BODY's, unless another is given."""

    def make(*addresses: str, **fields: Any) -> WeightsEntry:
        known: dict[str, Any] = {
            "name": "net",
            "method": "method",
            "purpose": "tests",
            "licence": "MIT",
            "place": "folder/net.pth",
            "sha256": hashlib.sha256(BODY).hexdigest(),
        }
        return WeightsEntry(**{**known, **fields}, addresses=addresses or ("http://127.0.0.1:9/never",))

    return make


class Notes:
    """Satisfies Watcher and remembers."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.starts: list[tuple[str, int | None, int]] = []
        self.bytes = 0

    def started(self, name: str, total: int | None, done: int) -> None:
        self.starts.append((name, total, done))

    def advance(self, count: int) -> None:
        self.bytes += count

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def watcher() -> Notes:
    return Notes()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights folder of an empty cache."""
    monkeypatch.setenv("COLORBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "cache" / "weights"


@pytest.fixture
def body() -> bytes:
    return BODY


@pytest.fixture
def other() -> bytes:
    """As long as ``body``, and different."""
    return OTHER


@pytest.fixture
def clock() -> Callable[[], float]:
    return time.monotonic
