"""Files and folders appear whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from colorbench.errors import StoreError
from colorbench.files.atomic import replacing_file, replacing_folder


def test_a_file_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with replacing_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"


def test_a_file_keeps_its_old_content_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fails() -> None:
        with replacing_file(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "new" / "clip") as temporary:
        (temporary / "a").write_text("whole")
    assert (tmp_path / "new" / "clip" / "a").read_text() == "whole"


def test_nothing_is_left_of_a_folder_when_the_block_fails(tmp_path: Path) -> None:
    def fails() -> None:
        with replacing_folder(tmp_path / "clip") as temporary:
            (temporary / "a").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert list(tmp_path.iterdir()) == []


def test_of_two_processes_that_make_a_folder_the_first_wins(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "clip") as late:
        (late / "a").write_text("late")
        with replacing_folder(tmp_path / "clip") as early:
            (early / "a").write_text("early")
    assert (tmp_path / "clip" / "a").read_text() == "early"
    assert [p.name for p in tmp_path.iterdir()] == ["clip"]


@pytest.mark.parametrize(("code", "said"), [(errno.ENOSPC, "disk full"), (errno.EACCES, "can't write")])
def test_what_the_system_says_becomes_a_store_error(tmp_path: Path, code: int, said: str) -> None:
    with pytest.raises(StoreError, match=said), replacing_file(tmp_path / "a"):
        raise OSError(code, "said by the system")
    assert list(tmp_path.iterdir()) == []
