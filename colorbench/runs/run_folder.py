"""A run folder by the name that a user gives it: a path, or a URL, of which there is a working copy here."""

from __future__ import annotations

from pathlib import Path

from colorbench.runs.remote import Mirror, is_url
from colorbench.runs.store import safe_name


def working_copy(url: str) -> Path:
    """Where the working copy of a run at a URL is: under ``runs``.

    >>> working_copy("s3://bucket/x").as_posix()
    'runs/s3___bucket_x-d6bd1ce8e49a239a'
    """
    return Path("runs") / safe_name(url.rstrip("/"))


def run_folder(name: str | Path) -> Path:
    """A run folder by its name, for what reads it: of a URL, its working copy, brought up to date.

    Raises:
        StoreError: the URL can't be read.
    """
    if not is_url(str(name)):
        return Path(name)
    copy = working_copy(str(name))
    Mirror(str(name), copy).pull()
    return copy
