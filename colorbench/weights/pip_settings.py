"""Where pip on this machine takes packages from: its files and its environment variables, read as pip's documentation says.

pip itself need not be installed: environments of other installers have none.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from colorbench.errors import UsageError

_SECTIONS = ("global", "install", "download")
_TRUE = frozenset({"1", "y", "yes", "t", "true", "on"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PipSettings:
    """The part of pip's settings that says from where."""

    find_links: tuple[str, ...] = ()
    """Folders or pages with archives, looked at first."""
    indexes: tuple[str, ...] = ()
    """Addresses of simple indexes; an empty one is pip's own default."""
    certificates: str = ""
    """A bundle to verify servers with; empty for the default."""


def pip_settings(*, index_url: str = "", find_links: Sequence[str] = ()) -> PipSettings:
    """What pip would take.

    Args:
        index_url: instead of the configured ones, as pip's option ``--index-url``.
        find_links: besides the configured ones, as pip's option ``--find-links``.

    Raises:
        UsageError: a file of pip's is not what pip reads.
    """
    values: dict[str, str] = {}
    for path in _files():
        values |= _read(path)
    for key in ("index-url", "extra-index-url", "find-links", "no-index", "cert"):
        # pip takes an empty variable for none.
        if value := os.environ.get(f"PIP_{key.replace('-', '_').upper()}"):
            values[key] = value
    if index_url:
        indexes: tuple[str, ...] = (index_url,)
    elif values.get("no-index", "").lower() in _TRUE:
        indexes = ()
    else:
        indexes = (values.get("index-url", ""), *values.get("extra-index-url", "").split())
    return PipSettings(
        find_links=tuple(dict.fromkeys((*find_links, *values.get("find-links", "").split()))),
        indexes=tuple(dict.fromkeys(indexes)),
        certificates=values.get("cert", ""),
    )


def _files() -> Iterator[Path]:
    """pip's files, the later ones count more: of the machine, of the user, of the environment, the one that is named."""
    from platformdirs import PlatformDirs

    named = os.environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    name = "pip.ini" if os.name == "nt" else "pip.conf"
    dirs = PlatformDirs("pip", appauthor=False, roaming=True, multipath=True)
    machine = dirs.site_config_dir.split(os.pathsep)
    yield from (Path(folder) / name for folder in reversed(machine))
    if os.name != "nt":
        yield Path("/etc") / name
    yield Path.home() / ("pip" if os.name == "nt" else ".pip") / name
    yield Path.home() / ".config" / "pip" / name
    yield Path(dirs.user_config_dir) / name
    yield Path(sys.prefix) / name
    if named:
        yield Path(named)


def _read(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
        return {
            key.replace("_", "-"): value
            for section in _SECTIONS
            if parser.has_section(section)
            for key, value in parser.items(section)
        }
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"pip's settings {path}: {error}", wanted="a file that pip reads", remedy="mend it") from error
