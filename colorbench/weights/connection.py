"""How servers are reached: requests' own rules (environment, netrc), and what pip is told beyond them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from requests import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Settings of a session."""

    certificates: str = ""
    """A file of those to trust; empty for requests' own, or what ``REQUESTS_CA_BUNDLE`` names."""
    proxy: str = ""
    """Empty for what the environment names."""

    def session(self) -> Session:
        """A new session."""
        import requests

        from colorbench.version import __version__

        session = requests.Session()
        session.headers["User-Agent"] = f"colorbench/{__version__}"
        if self.certificates:
            session.verify = self.certificates
        if self.proxy:
            session.proxies.update({"http": self.proxy, "https": self.proxy})
        return session


def shown_address(address: str) -> str:
    """An address as it may be shown and kept: without user name and password.

    >>> shown_address("https://me:secret@mirror.example/simple/")
    'https://mirror.example/simple/'
    """
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
