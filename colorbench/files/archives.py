"""Zip and tar archives from strangers, unpacked so that they can't write outside their folder or fill the disk.

Refused, before or while unpacking: names that leave the folder, links and devices, encrypted files, a name twice (also in other
case), more files or more bytes than stated. Owners, modes and times in the archive are not taken over.
"""

from __future__ import annotations

import gzip
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from colorbench.errors import WeightsError
from colorbench.files.atomic import storage_errors

MOST_FILES = 10_000
_PIECE = 1 << 20
_OTHER = ((b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07", "rar"))
_BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError),
    *(EOFError, NotImplementedError, RuntimeError, ValueError),
)


def archive_kind(path: Path) -> Literal["zip", "tar", "other", ""]:
    """What kind of archive a file is; "other" can't be unpacked here. torch's own zip files are none.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        head = file.read(8)
    if any(head.startswith(magic) for magic, _ in _OTHER):
        return "other"
    if zipfile.is_zipfile(path):
        return "" if _is_torch(path) else "zip"
    return "tar" if tarfile.is_tarfile(path) else ""


def unpack(archive: Path, folder: Path, *, most_bytes: int, most_files: int = MOST_FILES) -> None:
    """Unpacks an archive into a folder that exists and is empty. On an error the folder holds a part, for the caller to remove.

    Args:
        archive: zip, or tar with any compression that Python knows.
        folder: where to.
        most_bytes: of all files together.
        most_files: and folders.

    Raises:
        WeightsError: no archive, a damaged one, or one that does what is refused above.
        StoreError: the disk is full, or the folder can't be written.
    """
    kind = archive_kind(archive)
    if kind not in ("zip", "tar"):
        raise WeightsError(
            f"{archive.name} is no zip or tar archive",
            wanted="an archive that can be unpacked here",
            remedy="unpack it by hand, pack its files as a zip and give that to `colorbench weights add`",
        )
    writer = _Writer(archive, folder, most_bytes=most_bytes, most_files=most_files)
    try:
        _unpack_zip(archive, writer) if kind == "zip" else _unpack_tar(archive, writer)
    except _BROKEN as error:
        raise WeightsError(
            f"archive {archive.name} is damaged: {error or type(error).__name__}",
            wanted="a whole archive",
            remedy="get it again",
        ) from error


def extract_member(archive: Path, member: str, target: Path, *, most_bytes: int) -> None:
    """Copies one file out of an archive, and looks at no other. On an error the target may hold a part.

    Args:
        archive: zip (a wheel is one), or tar with any compression that Python knows.
        member: its whole path in the archive.
        target: the file that is written, whatever path the member claims.
        most_bytes: that it may hold.

    Raises:
        WeightsError: no archive, a damaged one, no such member, one that is no plain file or larger.
        StoreError: the disk is full, or the target can't be written.
    """
    kind = archive_kind(archive)
    try:
        if kind == "zip":
            with zipfile.ZipFile(archive) as content, _zip_member(content, member) as source:
                _copy_member(source, target, member, most_bytes)
        elif kind == "tar":
            with tarfile.open(archive) as tar, _tar_member(tar, member) as source:
                _copy_member(source, target, member, most_bytes)
        else:
            raise _unusable(archive, "is no zip or tar archive")
    except _BROKEN as error:
        raise _unusable(archive, f"is damaged: {error or type(error).__name__}") from error
    except KeyError as error:
        raise _unusable(archive, f"has no {member}") from error


class _Writer:
    """Writes an archive's files one by one, within its bounds."""

    def __init__(self, archive: Path, folder: Path, *, most_bytes: int, most_files: int) -> None:
        self.archive, self.folder, self.most_bytes, self.most_files = archive, folder, most_bytes, most_files
        self._bytes = 0
        self._names: set[str] = set()

    def folder_named(self, name: str) -> None:
        target = self._target(name, once=False)
        with storage_errors(target):
            target.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, source: IO[bytes]) -> None:
        target = self._target(name, once=True)
        with self._created(target) as file:
            while piece := source.read(_PIECE):
                self.count(len(piece))
                with storage_errors(target):
                    file.write(piece)

    def count(self, size: int) -> None:
        """So many more bytes came out of the archive."""
        self._bytes += size
        if self._bytes > self.most_bytes:
            self.refuse(f"holds more than {self.most_bytes:,} bytes", "files of a size that weights have")

    def announce(self, total: int) -> None:
        """Refuses early what an archive itself says is too much."""
        if total > self.most_bytes:
            self.refuse(f"unpacks to {total:,} bytes", f"at most {self.most_bytes:,}")

    def refuse(self, what: str, wanted: str) -> None:
        raise WeightsError(
            f"archive {self.archive.name} {what}",
            wanted=wanted,
            remedy="nothing of it was kept; look at where the archive is from",
        )

    @contextmanager
    def _created(self, target: Path) -> Iterator[IO[bytes]]:
        with storage_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            file = target.open("xb")
        with file:
            yield file

    def _target(self, name: str, *, once: bool) -> Path:
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        absolute = name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name)
        if absolute or ".." in parts or not parts or any("\0" in part for part in parts):
            self.refuse(f"holds {name!r}, which lies outside its folder", "paths inside the archive's folder")
        key = "/".join(parts).casefold()
        if once and key in self._names:
            self.refuse(f"holds {name!r} twice", "each name once")
        self._names.add(key)
        if len(self._names) > self.most_files:
            self.refuse(f"holds more than {self.most_files:,} files", "an archive of weights")
        return self.folder.joinpath(*parts)


def _unpack_zip(archive: Path, writer: _Writer) -> None:
    with zipfile.ZipFile(archive) as content:
        infos = content.infolist()
        writer.announce(sum(info.file_size for info in infos))
        for info in infos:
            form = stat.S_IFMT(info.external_attr >> 16)
            if form not in (0, stat.S_IFREG, stat.S_IFDIR):
                writer.refuse(f"holds {info.filename!r}, a link or device", "files and folders only")
            if info.flag_bits & 1:
                writer.refuse(f"holds {info.filename!r}, which is encrypted", "files that can be read")
            if info.is_dir():
                writer.folder_named(info.filename)
            else:
                with content.open(info) as source:
                    writer.write(info.filename, source)


def _unpack_tar(archive: Path, writer: _Writer) -> None:
    with tarfile.open(archive) as content:
        for info in content:
            if info.isdir():
                writer.folder_named(info.name)
                continue
            source = content.extractfile(info) if info.isreg() else None
            if source is None:
                writer.refuse(f"holds {info.name!r}, a link or device", "files and folders only")
            else:
                with source:
                    writer.write(info.name, source)
        # Only at its very end does a compressed stream compare its checksum.
        while content.fileobj is not None and (piece := content.fileobj.read(_PIECE)):
            writer.count(len(piece))


def _zip_member(content: zipfile.ZipFile, member: str) -> IO[bytes]:
    info = content.getinfo(member)
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG) or info.is_dir() or info.flag_bits & 1:
        raise ValueError(f"{member} is no plain file")
    return content.open(info)


def _tar_member(content: tarfile.TarFile, member: str) -> IO[bytes]:
    # Goes no further than the member; a link would be followed by extractfile.
    info = next((info for info in content if info.name == member), None)
    if info is None:
        raise KeyError(member)
    source = content.extractfile(info) if info.isreg() else None
    if source is None:
        raise ValueError(f"{member} is no plain file")
    return source


def _copy_member(source: IO[bytes], target: Path, member: str, most_bytes: int) -> None:
    size = 0
    with storage_errors(target):
        file = target.open("wb")
    with file:
        while piece := source.read(_PIECE):
            size += len(piece)
            if size > most_bytes:
                raise ValueError(f"{member} has more than {most_bytes:,} bytes")
            with storage_errors(target):
                file.write(piece)


def _unusable(archive: Path, what: str) -> WeightsError:
    return WeightsError(f"archive {archive.name} {what}", wanted="the archive that its index lists", remedy="get it again")


def _is_torch(path: Path) -> bool:
    """Whether a zip file is a checkpoint: torch.save writes one with ``NAME/data.pkl`` in it."""
    try:
        with zipfile.ZipFile(path) as content:
            return any(re.fullmatch(r"([^/]+/)?data\.pkl", name) for name in content.namelist())
    except zipfile.BadZipFile:
        return False
