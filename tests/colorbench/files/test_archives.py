"""Archives can't write outside their folder, nor fill the disk."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from colorbench.errors import WeightsError
from colorbench.files.archives import archive_kind, extract_member, unpack

MakeZip = Callable[..., Path]
MakeTar = Callable[..., Path]
LIMIT = 1 << 20


@pytest.fixture
def make_zip(tmp_path: Path) -> MakeZip:
    def make(*files: tuple[str | zipfile.ZipInfo, bytes], packed: bool = False) -> Path:
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
            for name, content in files:
                archive.writestr(name, content)
        return path

    return make


@pytest.fixture
def make_tar(tmp_path: Path) -> MakeTar:
    def make(*files: tuple[tarfile.TarInfo | str, bytes], mode: str = "w:gz") -> Path:
        path = tmp_path / "a.tar"
        with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
            for known, content in files:
                info = tarfile.TarInfo(known) if isinstance(known, str) else known
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return path

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "parent" / "folder"
    path.mkdir(parents=True)
    return path


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_zip_is_unpacked(make_zip: MakeZip, folder: Path) -> None:
    unpack(make_zip(("a/b/net.pth", b"x" * 5000), ("empty/", b""), ("./ü.txt", b"y"), packed=True), folder, most_bytes=LIMIT)
    assert files_in(folder) == {"a/b/net.pth": b"x" * 5000, "ü.txt": b"y"}
    assert (folder / "empty").is_dir()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_unpacked_whatever_packs_it(make_tar: MakeTar, folder: Path, mode: str) -> None:
    directory = tarfile.TarInfo("a")
    directory.type = tarfile.DIRTYPE
    archive = make_tar((directory, b""), ("a/net.pth", b"x" * 5000), mode=mode)
    assert archive_kind(archive) == "tar"
    unpack(archive, folder, most_bytes=LIMIT)
    assert files_in(folder) == {"a/net.pth": b"x" * 5000}


@pytest.mark.parametrize(
    "name", ["../out", "a/../../out", "/tmp/out", "C:/out", "C:out", "..\\out", "\\\\host\\share\\out", "a/.."]
)
def test_a_name_outside_the_folder_is_refused(make_zip: MakeZip, make_tar: MakeTar, folder: Path, name: str) -> None:
    for archive in (make_zip((name, b"x")), make_tar((name, b"x"))):
        with pytest.raises(WeightsError, match="outside its folder"):
            unpack(archive, folder, most_bytes=LIMIT)
    assert files_in(folder.parent) == {}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_refused(make_tar: MakeTar, folder: Path, kind: bytes) -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = kind, "/etc"
    with pytest.raises(WeightsError, match="link or device"):
        unpack(make_tar((link, b""), ("link/out", b"x")), folder, most_bytes=LIMIT)
    assert not list(folder.iterdir())


def test_links_in_a_zip_are_refused(make_zip: MakeZip, folder: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(WeightsError, match="link or device"):
        unpack(make_zip((link, b"/etc"), ("link/out", b"x")), folder, most_bytes=LIMIT)
    assert not list(folder.iterdir())


def test_what_grows_beyond_the_limit_is_refused(make_zip: MakeZip, make_tar: MakeTar, folder: Path) -> None:
    bomb = bytes(LIMIT + 1)
    with pytest.raises(WeightsError, match="unpacks to 1,048,577 bytes"):
        unpack(make_zip(("a", bomb), packed=True), folder, most_bytes=LIMIT)
    with pytest.raises(WeightsError, match="more than 1,048,576 bytes"):
        unpack(make_tar(("a", bomb)), folder, most_bytes=LIMIT)
    assert sum(len(content) for content in files_in(folder).values()) <= LIMIT


def test_a_zip_that_understates_its_size_is_refused(make_zip: MakeZip, folder: Path) -> None:
    archive = make_zip(("a", b"x" * 5000), packed=True)
    content = archive.read_bytes()
    assert content.count((5000).to_bytes(4, "little")) == 2
    archive.write_bytes(content.replace((5000).to_bytes(4, "little"), (50).to_bytes(4, "little")))
    with pytest.raises(WeightsError, match="damaged"):
        unpack(archive, folder, most_bytes=LIMIT)


def test_too_many_files_are_refused(make_zip: MakeZip, folder: Path) -> None:
    with pytest.raises(WeightsError, match="more than 3 files"):
        unpack(make_zip(*((f"{index}", b"") for index in range(4))), folder, most_bytes=LIMIT, most_files=3)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["a/net.pth", "A/Net.pth", "./a//net.pth"])
def test_a_name_that_comes_twice_is_refused(make_zip: MakeZip, folder: Path, second: str) -> None:
    with pytest.raises(WeightsError, match="twice"):
        unpack(make_zip(("a/net.pth", b"1"), (second, b"2")), folder, most_bytes=LIMIT)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_cut_or_changed_archive_is_damaged(make_zip: MakeZip, make_tar: MakeTar, folder: Path, kind: str) -> None:
    content = bytes(range(256)) * 40
    archive = make_zip(("a", content)) if kind == "zip" else make_tar(("a", content))
    whole = archive.read_bytes()
    middle = len(whole) // 3
    archive.write_bytes(whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :])
    with pytest.raises(WeightsError, match="damaged"):
        unpack(archive, folder, most_bytes=LIMIT)
    archive.write_bytes(whole[: len(whole) - 30])
    with pytest.raises(WeightsError, match=r"damaged|no zip or tar"):
        unpack(archive, folder / "..", most_bytes=LIMIT)


def test_other_archives_and_checkpoints_are_no_archives(make_zip: MakeZip, tmp_path: Path, folder: Path) -> None:
    other = tmp_path / "a.7z"
    other.write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(50))
    assert archive_kind(other) == "other"
    with pytest.raises(WeightsError, match="no zip or tar") as caught:
        unpack(other, folder, most_bytes=LIMIT)
    assert "weights add" in caught.value.remedy
    assert archive_kind(make_zip(("archive/data.pkl", b"x"))) == ""
    assert archive_kind(make_zip(("models/archive/data.pkl", b"x"))) == "zip"


def test_one_member_is_taken_and_no_other_is_looked_at(make_zip: MakeZip, make_tar: MakeTar, tmp_path: Path) -> None:
    target = tmp_path / "target"
    for archive in (make_zip(("../out", b"bad"), ("a/b", b"good")), make_tar(("../out", b"bad"), ("a/b", b"good"))):
        extract_member(archive, "a/b", target, most_bytes=4)
        assert target.read_bytes() == b"good"
        with pytest.raises(WeightsError, match="has no b"):
            extract_member(archive, "b", target, most_bytes=4)
        with pytest.raises(WeightsError, match="more than 3 bytes"):
            extract_member(archive, "a/b", target, most_bytes=3)


def test_a_member_that_is_a_link_or_encrypted_is_refused(make_zip: MakeZip, make_tar: MakeTar, tmp_path: Path) -> None:
    link, plain = zipfile.ZipInfo("a"), tarfile.TarInfo("a")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    plain.type, plain.linkname = tarfile.SYMTYPE, "/etc/passwd"
    for archive in (make_zip((link, b"/etc/passwd")), make_tar((plain, b""))):
        with pytest.raises(WeightsError, match="no plain file"):
            extract_member(archive, "a", tmp_path / "target", most_bytes=100)


def test_a_damaged_archive_gives_no_member(make_tar: MakeTar, tmp_path: Path) -> None:
    archive = make_tar(("a", bytes(range(256)) * 100))
    archive.write_bytes(archive.read_bytes()[:-60])
    with pytest.raises(WeightsError, match=r"is damaged|is no zip or tar"):
        extract_member(archive, "a", tmp_path / "target", most_bytes=100_000)
    archive.write_bytes(b"no archive")
    with pytest.raises(WeightsError, match="is no zip or tar"):
        extract_member(archive, "a", tmp_path / "target", most_bytes=100)
