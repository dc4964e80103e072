"""Where pip looks for packages on this machine: its environment variables and its configuration files, read as pip reads them.

Not asked of pip itself: environments of other tools have none, and ``pip config list`` writes for people.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from colorbench.errors import UsageError
from colorbench.weights.connection import Connection

_SECTIONS = ("global", "install", "download")
"""Later ones are stronger, and the environment is stronger than all."""
_NAME = "pip.ini" if sys.platform == "win32" else "pip.conf"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipSettings:
    """Places of archives, in the order in which they are asked."""

    links: tuple[str, ...]
    """Folders, and pages of links (paths or addresses)."""
    indexes: tuple[str, ...]
    """Addresses of simple indexes, ``file://`` ones too; empty where pip is told to use none."""
    connection: Connection


def pip_settings(*, index_url: str = "", find_links: Sequence[str] = ()) -> PipSettings:
    """What pip is configured with; without any index, the one that pip uses by default.

    Args:
        index_url: instead of the configured one; further ones that are configured stay.
        find_links: before the configured ones.

    Raises:
        UsageError: a configuration file can't be read.
    """
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    told = _configured()
    main = index_url or told.get("index-url", "") or PYPI_SIMPLE_ENDPOINT
    none = told.get("no-index", "").strip().lower() in ("1", "true", "yes", "y", "on", "t") and not index_url
    return PipSettings(
        links=tuple(dict.fromkeys((*find_links, *told.get("find-links", "").split()))),
        indexes=() if none else tuple(dict.fromkeys((main, *told.get("extra-index-url", "").split()))),
        connection=Connection(certificates=_expanded(told.get("cert", "")), proxy=told.get("proxy", "")),
    )


def _configured() -> dict[str, str]:
    """Options by their long names."""
    found: dict[str, dict[str, str]] = {}
    for path in _files():
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            raise UsageError(
                f"pip's configuration {path} can't be read: {error}", wanted="what pip can read", remedy="mend it"
            ) from error
        for section in parser.sections():
            found.setdefault(section, {}).update({key.replace("_", "-"): value for key, value in parser.items(section)})
    told = {key: value for section in _SECTIONS for key, value in found.get(section, {}).items() if value}
    prefix = "PIP_"
    return told | {
        name.removeprefix(prefix).lower().replace("_", "-"): value
        for name, value in os.environ.items()
        if name.startswith(prefix) and value
    }


def _files() -> Iterator[Path]:
    """Weakest first: the machine's, the user's, the environment's own, then the one that PIP_CONFIG_FILE names."""
    import platformdirs

    named = os.environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    folders = platformdirs.site_config_dir("pip", appauthor=False, multipath=True).split(os.pathsep)
    if sys.platform not in ("win32", "darwin"):
        folders.append("/etc")
    yield from (Path(folder) / _NAME for folder in folders)
    if not (named and Path(named).exists()):
        yield Path.home() / ("pip" if sys.platform == "win32" else ".pip") / _NAME
        yield Path.home() / ".config" / "pip" / _NAME  # macOS too, beside its own folder
        yield Path(platformdirs.user_config_dir("pip", appauthor=False, roaming=True)) / _NAME
    yield Path(sys.prefix) / _NAME
    if named:
        yield Path(named)


def _expanded(path: str) -> str:
    return str(Path(path).expanduser()) if path else ""
