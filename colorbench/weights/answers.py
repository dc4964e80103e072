"""What an HTTP answer's head says, and what an error of the connection means."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from requests import Response

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Refusals that may be over in a moment."""


def refusal_of(response: Response, address: str) -> str:
    """Why an answer is not taken, from its head alone."""
    if response.status_code not in (200, 206, 416):
        return f"answers {response.status_code} {response.reason or ''}".rstrip()
    if address.startswith("https:") and any(not hop.url.startswith("https:") for hop in (*response.history, response)):
        return "leads from https to an address without"
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    return f"sends the file compressed ({encoding})" if encoding not in ("", "identity") else ""


def private_target(response: Response, own: str | None) -> str:
    """The private host to which an answer sends on: this machine, its network, a cloud's metadata. Empty where it does not.

    A name is looked up here and again by the transfer, so who answers differently each time is not found out.

    Args:
        response: before its redirect is followed.
        own: the host that the manifest names, which may be anywhere.
    """
    if not response.is_redirect:
        return ""
    host = urlsplit(urljoin(response.url, response.headers["Location"])).hostname or ""
    if host == own:
        return ""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return ""  # behind a proxy names need not be known; without one, the transfer says the same
    return "" if all(ip_address(str(address).partition("%")[0]).is_global for address in found) else host


def read_mark(response: Response) -> str:
    """What tells this version of a file from another: a strong ETag, else the time of its last change."""
    tag: str = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else str(response.headers.get("Last-Modified", ""))


def content_length(response: Response) -> int | None:
    """Of the body; None where it is not said."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def range_start(response: Response) -> int | None:
    """From ``bytes 100-199/200``."""
    unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
    start = rest.partition("-")[0]
    return int(start) if unit == "bytes" and start.isdecimal() else None


def range_total(response: Response) -> int | None:
    """From ``bytes 100-199/200`` or ``bytes */200``."""
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isdecimal() else None


def cause_of(error: Exception) -> str:
    """The last cause, without the names of the library's objects."""
    text = str(error)
    known = {
        "NameResolutionError": "its name is not known (no network?)",
        "Failed to resolve": "its name is not known (no network?)",
        "Connection refused": "refuses the connection",
        "RemoteDisconnected": "hangs up without an answer",
        "timed out": "does not answer in time",
        "IncompleteRead": "stopped in the middle",
        "Connection broken": "stopped in the middle",
        "CERTIFICATE_VERIFY_FAILED": "shows a certificate that is not trusted",
        "Max retries exceeded": "can't be reached",
    }
    return next((said for sign, said in known.items() if sign in text), f"{type(error).__name__}: {text[:120]}")
