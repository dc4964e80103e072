"""Good, truncated, wrong, slow and lying servers: each gets the right treatment, and nothing half-written is ever used."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from colorbench.errors import StoreError, UnknownNameError, UsageError, WeightsError
from colorbench.weights.downloads import Patience
from colorbench.weights.fetching import add_weights, fetch_weights
from colorbench.weights.manifest import WeightsEntry
from colorbench.weights.official import WeightsState, weights_state
from colorbench.weights.pins import pin_path, read_pin

MakeEntry = Callable[..., WeightsEntry]
Fetch = Callable[..., WeightsState]


@pytest.fixture
def fetch(root: Path, watcher: Any, patience: Patience) -> Fetch:
    def run(entry: WeightsEntry, **how: Any) -> WeightsState:
        (state,) = fetch_weights(
            [entry.name], watcher=watcher, patience=how.get("patience", patience), root=root, entries={entry.name: entry}
        )
        return state

    return run


def placed(root: Path) -> list[str]:
    """What a loader could find: all files but the hidden folders'."""
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if not path.parts[0].startswith("."))


def test_a_good_file_lands_in_its_place_and_is_not_fetched_twice(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, watcher: Any, body: bytes
) -> None:
    entry = make_entry(site.put("/net.pth", body))
    state = fetch(entry)
    assert state.state == "here"
    assert (root / "folder/net.pth").read_bytes() == body
    assert watcher.bytes == len(body)
    assert watcher.starts == [("net", len(body), 0)]
    fetch(entry)
    assert len(site.asked) == 1
    assert "already here" in watcher.notes[-1]
    assert [path.name for path in (root / ".partial").iterdir()] == ["net.lock"]


def test_a_wrong_hash_is_refused_and_nothing_is_kept(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, other: bytes
) -> None:
    entry = make_entry(site.put("/net.pth", other))
    with pytest.raises(WeightsError, match=f"sha256 {hashlib.sha256(other).hexdigest()} instead of {entry.sha256}") as caught:
        fetch(entry)
    assert "colorbench weights add net FILE" in caught.value.remedy
    assert placed(root) == []
    assert [path.name for path in (root / ".partial").iterdir()] == ["net.lock"]
    assert not pin_path(root, "net").exists()
    assert len(site.asked) == 1, "a wrong file is not asked for again"


def test_the_next_mirror_is_tried_and_the_message_names_what_each_said(
    site: Any, fetch: Fetch, make_entry: MakeEntry, body: bytes, other: bytes
) -> None:
    gone, wrong = site.address + "/gone", site.put("/wrong", other)
    assert fetch(make_entry(gone, wrong, site.put("/good", body))).state == "here"
    assert [path for path, _ in site.asked] == ["/gone", "/wrong", "/good"]
    with pytest.raises(WeightsError) as caught:
        fetch(make_entry(gone, wrong, name="net2", place="net2.pth"))
    assert f"{gone} answers 404" in caught.value.wrong
    assert f"{wrong} gives sha256" in caught.value.wrong


def test_a_truncated_answer_is_continued_where_it_stopped(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, body: bytes
) -> None:
    state = fetch(make_entry(site.put("/net.pth", body, cut=300_000)))
    assert state.state == "here"
    assert site.asked == [("/net.pth", ""), ("/net.pth", "bytes=300000-")]
    assert site.headers[1]["If-Range"] == '"v1"'
    assert (root / "folder/net.pth").read_bytes() == body


def test_a_truncated_answer_is_never_used_and_the_next_command_goes_on(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, watcher: Any, body: bytes
) -> None:
    entry = make_entry(site.put("/net.pth", body, cut=1000, cuts=2))
    with pytest.raises(WeightsError, match="stopped"):
        fetch(entry)
    assert placed(root) == []
    assert weights_state(entry, root=root).state == "missing"
    assert (root / ".partial/net").stat().st_size == 2000
    assert fetch(entry).state == "here"
    assert site.asked[-1] == ("/net.pth", "bytes=2000-")
    assert watcher.starts[-1] == ("net", len(body), 2000)


def test_an_interrupted_download_leaves_nothing_to_load_and_goes_on_later(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, watcher: Any, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = make_entry(site.put("/net.pth", body))

    def interrupted(count: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(watcher, "advance", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch(entry)
    assert placed(root) == []
    kept = (root / ".partial/net").stat().st_size
    assert 0 < kept < len(body)
    fetch(entry)
    assert site.asked[-1] == ("/net.pth", f"bytes={kept}-")
    assert (root / "folder/net.pth").read_bytes() == body


def test_a_server_without_ranges_sends_all_of_it_again(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, body: bytes
) -> None:
    fetch(make_entry(site.put("/net.pth", body, cut=300_000, ranges=False)))
    assert (root / "folder/net.pth").read_bytes() == body
    assert len(site.asked) == 2


def test_a_file_that_changed_meanwhile_is_fetched_anew(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, body: bytes, other: bytes
) -> None:
    entry = make_entry(site.put("/net.pth", other, cut=1000, cuts=2), sha256="")
    with pytest.raises(WeightsError):
        fetch(entry)
    site.put("/net.pth", body, etag='"v2"')
    fetch(entry)
    assert (root / "folder/net.pth").read_bytes() == body


def test_pieces_of_two_files_are_found_out_and_all_is_fetched(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, watcher: Any, body: bytes, other: bytes
) -> None:
    """The server lies: the same mark for another file."""
    entry = make_entry(site.put("/net.pth", other, cut=1000, cuts=2))
    with pytest.raises(WeightsError):
        fetch(entry)
    site.put("/net.pth", body)
    assert fetch(entry).state == "here"
    assert (root / "folder/net.pth").read_bytes() == body
    assert any("fetching all of it" in note for note in watcher.notes)


def test_without_a_mark_and_without_a_digest_nothing_is_continued(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, body: bytes
) -> None:
    fetch(make_entry(site.put("/net.pth", body, cut=300_000, etag=""), sha256=""))
    assert site.asked == [("/net.pth", ""), ("/net.pth", "")]
    assert (root / "folder/net.pth").read_bytes() == body


def test_a_mirror_continues_what_another_began_where_a_digest_will_tell(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, body: bytes
) -> None:
    first, second = site.put("/a", body, cut=1000, cuts=9), site.put("/b", body, etag='"else"')
    fetch(make_entry(first, second))
    assert site.asked[-1] == ("/b", "bytes=2000-")
    assert (root / "folder/net.pth").read_bytes() == body


def test_a_range_that_was_not_asked_for_is_refused(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, body: bytes
) -> None:
    assert fetch(make_entry(site.put("/net.pth", body, cut=300_000, wrong_range=True))).state == "here"
    assert [wanted for _, wanted in site.asked] == ["", "bytes=300000-", ""]
    assert (root / "folder/net.pth").read_bytes() == body


def test_a_download_that_was_complete_when_the_process_died_is_only_verified(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, watcher: Any, body: bytes
) -> None:
    address = site.put("/net.pth", body)
    (root / ".partial").mkdir(parents=True)
    (root / ".partial/net").write_bytes(body)
    (root / ".partial/net.json").write_text(json.dumps({"address": address, "mark": '"v1"'}))
    assert fetch(make_entry(address)).state == "here"
    assert watcher.bytes == 0


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (b"<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>", "download quota is used up"),
        (b"\n  <html><head><title>Sign in</title></head>", "a web page titled 'Sign in'"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML message"),
        (b'{"error": "not found"}', "a JSON message"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "a Git LFS pointer"),
    ],
)
def test_a_page_instead_of_the_file_is_told_and_never_saved(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, page: bytes, said: str
) -> None:
    """The type in the head lies, as it often does."""
    with pytest.raises(WeightsError, match=said) as caught:
        fetch(make_entry(site.put("/net.pth", page), sha256=""))
    assert "in a browser" in caught.value.remedy
    assert placed(root) == []
    assert [path.name for path in (root / ".partial").iterdir()] == ["net.lock"]


def test_drives_confirmation_is_passed_and_the_download_continued(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, body: bytes
) -> None:
    form = (
        "<!DOCTYPE html><html><title>Virus scan warning</title>"
        '<form id="download-form" action="/download" method="get">'
        '<input type="hidden" name="id" value="ID"><input type="hidden" name="confirm" value="t&amp;x">'
        '<input type="submit" value="Download anyway"></form></html>'
    )
    address = site.put("/uc", form.encode(), type="text/html; charset=utf-8", ranges=False) + "?id=ID&export=download"
    site.put("/download?id=ID&confirm=t%26x", body, cut=300_000)
    assert fetch(make_entry(address)).state == "here"
    assert site.asked[1] == ("/download?id=ID&confirm=t%26x", "")
    assert site.asked[3] == ("/download?id=ID&confirm=t%26x", "bytes=300000-")
    assert (root / "folder/net.pth").read_bytes() == body


def test_a_form_that_leads_to_itself_ends(site: Any, fetch: Fetch, make_entry: MakeEntry) -> None:
    form = '<html><title>Again</title><form action="/uc"><input name="confirm" value="t"></form></html>'
    with pytest.raises(WeightsError, match="titled 'Again'"):
        fetch(make_entry(site.put("/uc", form.encode())))
    assert len(site.asked) == 2


def test_redirects_are_followed(site: Any, fetch: Fetch, make_entry: MakeEntry, body: bytes) -> None:
    site.put("/there", body)
    assert fetch(make_entry(site.put("/here", status=302, location="/there"))).state == "here"


@pytest.mark.parametrize("host", ["localhost", "[::1]", "169.254.169.254", "10.0.0.1", "0.0.0.0"])
def test_a_redirect_to_a_private_address_is_not_followed(site: Any, fetch: Fetch, make_entry: MakeEntry, host: str) -> None:
    port = site.address.rpartition(":")[2]
    with pytest.raises(WeightsError, match="a private address"):
        fetch(make_entry(site.put("/here", status=302, location=f"http://{host}:{port}/secret")))
    assert [path for path, _ in site.asked] == ["/here"]


def test_redirects_without_end_are_given_up(site: Any, fetch: Fetch, make_entry: MakeEntry) -> None:
    with pytest.raises(WeightsError, match="redirects"):
        fetch(make_entry(site.put("/loop", status=302, location="/loop")))


def test_a_server_that_hangs_is_left(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, body: bytes, clock: Callable[[], float], patience: Patience
) -> None:
    start = clock()
    with pytest.raises(WeightsError, match="does not answer in time"):
        fetch(make_entry(site.put("/net.pth", body, hang=60)), patience=replace(patience, read_seconds=0.4))
    assert clock() - start < 30
    assert len(site.asked) == 2
    assert placed(root) == []


def test_a_server_that_trickles_is_left(
    site: Any, fetch: Fetch, make_entry: MakeEntry, body: bytes, clock: Callable[[], float]
) -> None:
    """Each byte comes in time, all of them never would."""
    start = clock()
    with pytest.raises(WeightsError, match="bytes a second"):
        fetch(make_entry(site.put("/net.pth", body, trickle=0.02)))
    assert clock() - start < 60


def test_a_passing_failure_is_tried_again_and_a_final_one_is_not(site: Any, fetch: Fetch, make_entry: MakeEntry) -> None:
    for status, times in ((503, 2), (403, 1)):
        site.asked.clear()
        with pytest.raises(WeightsError, match=f"answers {status}"):
            fetch(make_entry(site.put("/net.pth", b"", status=status)))
        assert len(site.asked) == times


def test_nobody_at_the_address_is_said_without_a_trace_of_the_library(fetch: Fetch, make_entry: MakeEntry, site: Any) -> None:
    with pytest.raises(WeightsError, match="refuses the connection"):
        fetch(make_entry("http://127.0.0.1:9/net.pth"))


def test_another_length_is_refused_before_the_body_comes(
    site: Any, fetch: Fetch, make_entry: MakeEntry, watcher: Any, body: bytes
) -> None:
    with pytest.raises(WeightsError, match="700,000 bytes instead of 5"):
        fetch(make_entry(site.put("/net.pth", body), size=5))
    assert watcher.bytes == 0


def test_a_body_without_end_is_cut_off(site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, body: bytes) -> None:
    with pytest.raises(WeightsError, match="more than 300,000 bytes"):
        fetch(make_entry(site.put("/net.pth", body, length=False), about=100_000))
    assert not (root / ".partial/net").exists()


def test_a_body_of_unknown_length_is_verified_by_its_digest(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, body: bytes
) -> None:
    assert fetch(make_entry(site.put("/net.pth", body, length=False))).state == "here"
    with pytest.raises(WeightsError, match="sha256"):
        fetch(make_entry(site.put("/cut", body[:-1], length=False), name="net2", place="net2.pth"))


def test_a_compressed_answer_is_refused(site: Any, fetch: Fetch, make_entry: MakeEntry, body: bytes) -> None:
    with pytest.raises(WeightsError, match="compressed"):
        fetch(make_entry(site.put("/net.pth", body, headers={"Content-Encoding": "gzip"})))


def test_a_file_far_smaller_than_expected_is_refused(site: Any, fetch: Fetch, make_entry: MakeEntry) -> None:
    with pytest.raises(WeightsError, match="14 bytes where about 58,865,000 were expected"):
        fetch(make_entry(site.put("/net.pth", b"gone elsewhere"), sha256="", about=58_865_000))


def test_a_full_disk_is_said_before_the_download(
    site: Any, fetch: Fetch, make_entry: MakeEntry, body: bytes, watcher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr("colorbench.weights.downloads.shutil.disk_usage", lambda _: Usage)
    with pytest.raises(StoreError, match="needs 700,000 bytes more"):
        fetch(make_entry(site.put("/net.pth", body)))
    assert watcher.bytes == 0


def test_the_first_download_is_pinned_and_a_later_different_file_refused(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, watcher: Any, body: bytes, other: bytes
) -> None:
    entry = make_entry(site.put("/net.pth", body), sha256="")
    fetch(entry)
    pin = read_pin(root, "net")
    assert pin is not None
    assert (pin.sha256, pin.origin, pin.address) == (hashlib.sha256(body).hexdigest(), "first download", entry.addresses[0])
    assert "came first on this machine" in pin.note
    assert pin.sha256 in watcher.notes[-1]
    (root / "folder/net.pth").unlink()
    site.put("/net.pth", other)
    with pytest.raises(WeightsError, match="not the file that was pinned here") as caught:
        fetch(entry)
    assert str(pin_path(root, "net")) in caught.value.remedy
    assert placed(root) == []
    pin_path(root, "net").unlink()
    assert fetch(entry).state == "here"


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256"])
def test_the_first_digits_of_a_digest_are_compared_and_the_rest_pinned(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, body: bytes, other: bytes, kind: str
) -> None:
    digits = hashlib.new(kind, body).hexdigest()[:8]
    entry = make_entry(site.put("/net.pth", other), **{"sha256": "", kind: digits})
    with pytest.raises(WeightsError, match=f"{kind} starts with .* instead of {digits}"):
        fetch(entry)
    site.put("/net.pth", body)
    fetch(entry)
    pin = read_pin(root, "net")
    assert pin is not None
    assert (pin.sha256, pin.origin) == (hashlib.sha256(body).hexdigest(), "published")


def test_a_damaged_file_is_replaced_and_stays_until_the_new_one_is_verified(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, body: bytes, other: bytes
) -> None:
    place = root / "folder/net.pth"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"torn")
    entry = make_entry(site.put("/net.pth", other))
    with pytest.raises(WeightsError):
        fetch(entry)
    assert place.read_bytes() == b"torn"
    site.put("/net.pth", body)
    fetch(entry)
    assert place.read_bytes() == body


def test_one_failure_does_not_keep_the_others_from_coming(
    site: Any, root: Path, watcher: Any, patience: Patience, make_entry: MakeEntry, body: bytes
) -> None:
    entries = {
        name: make_entry(site.address + f"/{name}", name=name, place=f"{name}.pth", method="m") for name in ("a", "b", "c")
    }
    site.put("/b", body)
    with pytest.raises(WeightsError, match="2 of 3 could not be had"):
        fetch_weights(["m"], watcher=watcher, patience=patience, root=root, entries=entries)
    assert placed(root) == ["b.pth"]
    with pytest.raises(UnknownNameError, match="did you mean"):
        fetch_weights(["mm"], watcher=watcher, root=root, entries=entries)


def test_a_second_process_is_told_to_wait(
    site: Any, fetch: Fetch, make_entry: MakeEntry, body: bytes, clock: Callable[[], float]
) -> None:
    pytest.importorskip("fcntl")
    entry = make_entry(site.put("/net.pth", body, hang=60))
    thread = threading.Thread(target=lambda: fetch(entry))
    thread.start()
    deadline = clock() + 10
    while not site.asked and clock() < deadline:
        threading.Event().wait(0.01)
    with pytest.raises(WeightsError, match="another process"):
        fetch(entry)
    site.closing.set()
    thread.join()


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_an_archive_is_unpacked_verified_and_found_by_member(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, body: bytes
) -> None:
    content = zipped(**{"checkpoints/x/net.pth": body, "data/vgg.pth": b"vgg"})
    fields = {"kind": "archive", "place": "folder", "members": ("x/net.pth",), "sha256": ""}
    entry = make_entry(site.put("/all.zip", content), **fields)
    state = fetch(entry)
    assert state.state == "here"
    assert state.size == len(body) + 3
    assert placed(root) == ["folder/checkpoints/x/net.pth", "folder/data/vgg.pth"]
    assert not list((root / ".partial").glob("*.unpacked"))
    (root / "folder/data/vgg.pth").write_bytes(b"vg")
    assert weights_state(entry, root=root).state == "damaged"
    fetch(entry)
    assert (root / "folder/data/vgg.pth").read_bytes() == b"vgg"


def test_an_archive_that_lacks_a_member_or_climbs_out_changes_nothing(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("colorbench.weights.form.LEAST_BYTES", 1)
    fields = {"kind": "archive", "place": "folder", "members": ("net.pth",), "sha256": ""}
    for content, said in ((zipped(readme=b"x"), "no net.pth"), (zipped(**{"net.pth": b"x", "../../../out": b"x"}), "outside")):
        with pytest.raises(WeightsError, match=said):
            fetch(make_entry(site.put("/all.zip", content), **fields))
        assert placed(root) == []
        assert not list(root.rglob("*.unpacked"))
        assert not pin_path(root, "net").exists()
    assert not list(tmp_path.rglob("out"))


def test_what_may_be_an_archive_or_a_file_is_told_by_its_content(
    site: Any, fetch: Fetch, make_entry: MakeEntry, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("colorbench.weights.form.LEAST_BYTES", 1)
    fields = {"kind": "auto", "members": ("net.pth",), "sha256": ""}
    checkpoint = zipped(**{"archive/data.pkl": b"x", "archive/version": b"3"})
    fetch(make_entry(site.put("/one", checkpoint), name="one", place="one", **fields))
    fetch(make_entry(site.put("/two", zipped(**{"models/net.pth": checkpoint})), name="two", place="two", **fields))
    assert placed(root) == ["one/net.pth", "two/models/net.pth"]


def test_a_file_brought_by_hand_is_verified_and_copied(
    make_entry: MakeEntry, root: Path, tmp_path: Path, body: bytes, other: bytes
) -> None:
    entries = {"net": make_entry()}
    source = tmp_path / "brought ü.pth"
    source.write_bytes(other)
    with pytest.raises(WeightsError, match="sha256") as caught:
        add_weights("net", source, root=root, entries=entries)
    assert str(source) in caught.value.wrong
    assert placed(root) == []
    source.write_bytes(body)
    assert add_weights("net", source, root=root, entries=entries).state == "here"
    assert source.exists()
    assert (root / "folder/net.pth").read_bytes() == body
    assert [path.name for path in (root / ".partial").iterdir()] == ["net.lock"]
    with pytest.raises(UsageError, match="no file"):
        add_weights("net", tmp_path / "nowhere", root=root, entries=entries)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("net.pth", b"\x80" * 316, "316 bytes, fewer than any weights have"),
        ("net.pth", b"\x1f\x8b" + bytes(100_000), "not in the form of a .pth file"),
        ("net.pth.tar", bytes(100_000), "not in the form of a .tar file"),
        ("net.caffemodel", b"\x80\x02" + bytes(100_000), "not in the form of a .caffemodel file"),
        ("net.t7", b"PK\x03\x04" + bytes(100_000), "not in the form of a .t7 file"),
    ],
)
def test_what_is_no_such_file_is_refused_where_nothing_is_published(
    make_entry: MakeEntry, root: Path, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(WeightsError, match=said):
        add_weights("net", tmp_path / "file", root=root, entries={"net": make_entry(sha256="", place=name)})
    assert placed(root) == []


def test_a_file_brought_by_hand_is_pinned_where_no_digest_is_published(
    make_entry: MakeEntry, root: Path, tmp_path: Path, body: bytes, other: bytes
) -> None:
    entries = {"net": make_entry(sha256="")}
    source = tmp_path / "net.pth"
    source.write_bytes(b"<html>quota exceeded</html>")
    with pytest.raises(WeightsError, match="a web page"):
        add_weights("net", source, root=root, entries=entries)
    source.write_bytes(body)
    state = add_weights("net", source, root=root, entries=entries)
    assert state.pin is not None
    assert state.pin.origin == "added by hand"
    source.write_bytes(other)
    with pytest.raises(WeightsError, match="pinned"):
        add_weights("net", source, root=root, entries=entries)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_cache_that_cant_be_written_is_said(fetch: Fetch, make_entry: MakeEntry, root: Path) -> None:
    root.mkdir(parents=True)
    root.chmod(0o500)
    with pytest.raises(StoreError, match="can't write"):
        fetch(make_entry())


def test_a_cache_that_is_a_file_is_said(fetch: Fetch, make_entry: MakeEntry, root: Path) -> None:
    root.parent.mkdir(parents=True)
    root.write_text("")
    with pytest.raises(StoreError, match="can't write"):
        fetch(make_entry())
