"""Tells a message (a web page, an error, a pointer) from a checkpoint, and reads Google Drive's confirmation page."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

HEAD_BYTES = 512
"""How much of a file :func:`foreign_text` wants to see."""

_STARTS = (
    (("<!doctype html", "<html", "<head", "<body", "<script", "<!--"), "a web page"),
    (("<?xml", "<error", "<!doctype"), "an XML message"),
    (('{"', "{\n", "{ "), "a JSON message"),
    (("version https://git-lfs",), "a Git LFS pointer"),
)


def foreign_text(head: bytes) -> str:
    """What a file is that begins so, if it can't be weights; else nothing. No format of weights begins with text like these.

    >>> foreign_text(b"\\n<!DOCTYPE html><html>"), foreign_text(b"PK\\x03\\x04")
    ('a web page', '')
    """
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginnings, what in _STARTS:
        if start.startswith(tuple(text.encode() for text in beginnings)):
            return what
    return ""


def page_reason(page: str) -> str:
    """What a web page that came instead of a file says.

    >>> page_reason("<html><title>Google Drive - Quota exceeded</title>")
    "a page that says the file's download quota is used up"
    """
    text = html.unescape(page)
    if re.search(r"quota (is )?exceeded|too many users have viewed or downloaded|download quota", text, re.IGNORECASE):
        return "a page that says the file's download quota is used up"
    if re.search(r"accounts\.google\.com/(v3/)?signin|servicelogin|login\.microsoftonline\.com", text, re.IGNORECASE):
        return "a page that asks to sign in: the file is not public any more"
    title = re.search(r"<title[^>]*>(.*?)</title", text, re.IGNORECASE | re.DOTALL)
    words = " ".join(title[1].split())[:80] if title else ""
    return f"a web page titled {words!r}" if words else "a web page"


def confirmed_address(page: str, address: str) -> str:
    """Where the confirmation page of a large file on Google Drive leads, or nothing where the page is none.

    The page is a form ("can't scan this file for viruses, download anyway?") whose hidden fields carry the file's id and a token;
    earlier it was a link with ``confirm=`` in it. Only Google's hosts and the page's own are followed.

    Args:
        page: HTML.
        address: where it came from, after redirects.
    """
    reader = _Forms()
    reader.feed(page)
    for action, fields in reader.forms:
        if fields.keys() & {"confirm", "id", "uuid"} or "confirm=" in action:
            parts = urlsplit(urljoin(address, action))
            query = "&".join(filter(None, (parts.query, urlencode(fields))))
            return _allowed(urlunsplit(parts._replace(query=query)), address)
    for link in reader.links:
        if "confirm=" in link:
            return _allowed(urljoin(address, link), address)
    return ""


def _allowed(target: str, page: str) -> str:
    wanted, own = urlsplit(target), urlsplit(page)
    host = wanted.hostname or ""
    known = host == own.hostname or host == "google.com" or host.endswith((".google.com", ".googleusercontent.com"))
    downgraded = own.scheme == "https" and wanted.scheme != "https"
    return target if known and wanted.scheme in ("http", "https") and not downgraded else ""


class _Forms(HTMLParser):
    """Collects forms with their named fields, and links."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.links: list[str] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((values.get("action", ""), {}))
            self._open = True
        elif tag == "input" and self._open and values.get("name"):
            self.forms[-1][1][values["name"]] = values.get("value", "")
        elif tag == "a" and values.get("href"):
            self.links.append(values["href"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
