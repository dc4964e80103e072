"""The state of weights on this machine: here, missing or damaged, and what a loader is given."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colorbench.errors import UnknownNameError, WeightsError
from colorbench.weights.fetching import add_weights
from colorbench.weights.manifest import WeightsEntry, load_manifest
from colorbench.weights.official import find_member, list_weights, require_weights, weights_missing, weights_root, weights_state
from colorbench.weights.pins import pin_path, read_pin

MakeEntry = Callable[..., WeightsEntry]


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_nothing_is_missing_more_than_nothing_in_an_empty_cache(root: Path) -> None:
    assert weights_root() == root
    records = list_weights()
    assert {record["state"] for record in records} == {"missing"}
    assert [record["name"] for record in records] == list(load_manifest())
    assert not root.exists(), "looking makes no folder"


def test_a_file_put_there_by_hand_is_verified_once_and_pinned(
    root: Path, make_entry: MakeEntry, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = make_entry()
    put(root / entry.place, body)
    assert weights_state(entry, root=root).state == "here"
    pin = read_pin(root, "net")
    assert pin is not None
    assert pin.origin == "found"

    def read(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr("colorbench.weights.official.verify", read)
    monkeypatch.setattr("colorbench.weights.official.file_digests", read)
    assert weights_state(entry, root=root).state == "here"


@pytest.mark.parametrize("content", [b"", b"<!doctype html><html>", b"torn", b"x" * 700_000])
def test_what_is_not_the_file_is_damaged(root: Path, make_entry: MakeEntry, content: bytes) -> None:
    entry = make_entry(size=700_000)
    put(root / entry.place, content)
    state = weights_state(entry, root=root)
    assert (state.state, state.path) == ("damaged", root / entry.place)
    assert not pin_path(root, "net").exists()


def test_a_file_that_changes_after_it_was_pinned_is_damaged_unless_its_bytes_are_the_same(
    root: Path, make_entry: MakeEntry, body: bytes, other: bytes
) -> None:
    entry = make_entry(sha256="")
    source = put(root.parent / "x", body)
    path = add_weights("net", source, root=root, entries={"net": entry}).path
    os.utime(path, (1, 1))
    assert weights_state(entry, root=root).state == "here"
    path.write_bytes(other)
    state = weights_state(entry, root=root)
    assert state.state == "damaged"
    assert "differs" in state.reason
    path.write_bytes(other[:-1])
    assert "699,999 bytes instead of 700,000" in weights_state(entry, root=root).reason
    path.unlink()
    assert weights_state(entry, root=root).state == "missing"


def test_a_file_that_nobody_can_vouch_for_is_here_with_a_note(root: Path, make_entry: MakeEntry, body: bytes) -> None:
    entry = make_entry(sha256="")
    put(root / entry.place, body)
    state = weights_state(entry, root=root)
    assert state.state == "here"
    assert "not verified" in state.reason
    assert "colorbench weights add net FILE" in state.reason


def test_torch_hubs_copy_counts_where_it_is_the_file(root: Path, tmp_path: Path, make_entry: MakeEntry, body: bytes) -> None:
    entry = make_entry(place="net-x.pth", torch_hub=True)
    path = put(tmp_path / "torch/hub/checkpoints/net-x.pth", body)
    for _ in range(2):
        state = weights_state(entry)
        assert (state.state, state.path) == ("here", path)
    moved = put(root / "net-x.pth", body)
    assert weights_state(entry).path == moved
    assert weights_state(make_entry(place="net-x.pth", name="net3")).path == moved


def test_a_manifest_that_learned_another_digest_contradicts_the_pin(
    root: Path, make_entry: MakeEntry, tmp_path: Path, body: bytes, other: bytes
) -> None:
    source = put(tmp_path / "x", other)
    add_weights("net", source, root=root, entries={"net": make_entry(sha256="")})
    later = make_entry()
    assert later.sha256 == hashlib.sha256(body).hexdigest()
    state = weights_state(later, root=root)
    assert (state.state, "manifest says now" in state.reason) == ("damaged", True)
    source.write_bytes(body)
    assert add_weights("net", source, root=root, entries={"net": later}).state == "here"


def test_a_pin_that_cant_be_read_is_said_and_not_trusted(root: Path, make_entry: MakeEntry, body: bytes) -> None:
    entry = make_entry()
    put(root / entry.place, body)
    for content in (b"{", b'{"name": "net"}', b"\xff"):
        put(pin_path(root, "net"), content)
        state = weights_state(entry, root=root)
        assert state.state == "damaged"
        assert "net.json" in state.reason


def test_an_archives_folder_put_there_by_hand_needs_its_members(root: Path, make_entry: MakeEntry) -> None:
    entry = make_entry(kind="archive", place="folder", members=("a.pth", "b.pth"), sha256="")
    put(root / "folder/x/a.pth", b"a")
    state = weights_state(entry, root=root)
    assert (state.state, state.reason) == ("damaged", "lacks b.pth")
    put(root / "folder/x/b.pth", b"b")
    assert weights_state(entry, root=root).state == "here"
    assert find_member(root / "folder", "x/b.pth", entry) == root / "folder/x/b.pth"
    put(root / "folder/x/deep/b.pth", b"c")
    assert find_member(root / "folder", "b.pth", entry) == root / "folder/x/b.pth"
    with pytest.raises(WeightsError, match=r"no y/b\.pth"):
        find_member(root / "folder", "y/b.pth", entry)


def test_a_loader_gets_a_path_or_a_message_with_the_command(root: Path) -> None:
    with pytest.raises(WeightsError, match="weights deepexemplar are not on this machine") as caught:
        require_weights("deepexemplar", "colornet_iter_76000.pth")
    assert "colorbench weights fetch deepexemplar" in caught.value.remedy
    assert "colorbench weights add deepexemplar FILE" in caught.value.remedy
    assert weights_missing("hed").endswith("get them with: colorbench weights fetch hed")
    path = put(root / "experts/hed.pth", b"\x80" + bytes(20_000_000))
    assert require_weights("hed") == path
    assert weights_missing("hed") == ""
    with pytest.raises(UnknownNameError, match="did you mean 'hed'"):
        require_weights("hedd")


def test_the_experts_loader_finds_what_the_manifest_places(root: Path) -> None:
    from bistnet.shipped import find_expert

    entry: Any = load_manifest()["protoseg-19"]
    path = put(root / entry.place, b"x")
    assert find_expert("protoseg-19") == path
