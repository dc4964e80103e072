"""A run folder at a URL, on an object store or a file server, that any machine can go on with. Through fsspec.

Reading and writing go through a working copy, an ordinary run folder. A record is put at the URL before it takes its name in the
copy, so the URL holds all that the copy holds, whenever a run is killed. Object stores put an object whole or not at all; what is
torn elsewhere is made again, as in any run folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from colorbench.errors import StoreError
from colorbench.files.atomic import replacing_file

_RECORDS = ("units", "provenance", "run.json")


class Mirror:
    """A URL and the working copy of what it holds.

    Args:
        url: of a run folder, as fsspec takes it: ``s3://bucket/runs/x``.
        copy: the working copy.

    Raises:
        StoreError: nothing here can open URLs of that kind.
    """

    def __init__(self, url: str, copy: Path) -> None:
        import fsspec

        self.url, self.copy = url, copy
        with _errors(url):
            self._system: Any
            self._system, root = fsspec.core.url_to_fs(url)
            self._root = PurePosixPath(root)

    def pull(self) -> None:
        """Makes the records of the copy those of the URL.

        Raises:
            StoreError: the URL can't be read, or the copy not written.
        """
        here = {path.relative_to(self.copy) for name in _RECORDS for path in _files(self.copy / name)}
        with _errors(self.url):
            self._system.invalidate_cache()
            records = [name for name in self._system.find(str(self._root)) if self._is_record(PurePosixPath(name))]
            contents = self._system.cat(records) if records else {}
        there = {Path(PurePosixPath(name).relative_to(self._root)): content for name, content in contents.items()}
        for path, content in there.items():
            with replacing_file(self.copy / path) as temporary:
                temporary.write_bytes(content)
        for path in here - set(there):
            (self.copy / path).unlink(missing_ok=True)

    def push(self, path: Path, content: bytes) -> None:
        """Puts a file of the copy, or one that it is about to have, at the URL.

        Raises:
            StoreError: the URL can't be written.
        """
        target = self._root / path.relative_to(self.copy).as_posix()
        with _errors(self.url):
            self._system.makedirs(str(target.parent), exist_ok=True)
            self._system.pipe_file(str(target), content)

    def _is_record(self, name: PurePosixPath) -> bool:
        """Whether an object belongs into the copy; a name that would lead out of it does not."""
        parts = name.relative_to(self._root).parts
        return parts[0] in _RECORDS and ".." not in parts


def is_url(text: str) -> bool:
    """Whether a run folder's name is a URL.

    >>> is_url("s3://bucket/run"), is_url("runs/demo")
    (True, False)
    """
    return "://" in text


def _files(path: Path) -> Iterator[Path]:
    return (found for found in ([path] if path.is_file() else path.rglob("*")) if found.is_file())


@contextmanager
def _errors(url: str) -> Iterator[None]:
    """What goes wrong with a URL as a StoreError: each kind of store raises errors of its own."""
    try:
        yield
    except ImportError as error:
        raise StoreError(
            f"{url}: {error}", wanted="the package that opens such URLs", remedy="install it: s3fs for s3://, gcsfs for gs://"
        ) from error
    except Exception as error:
        raise StoreError(
            f"{url}: {type(error).__name__}: {error}",
            wanted="a place that can be reached, read and written",
            remedy="check the URL and who may write there, then give the same command again: it goes on where it stopped",
        ) from error
