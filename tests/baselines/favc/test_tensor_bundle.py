"""Checkpoints of TensorFlow: what is written by the format's description is read, what is damaged is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from baselines.favc_networks.crc32c import crc32c
from baselines.favc_networks.sorted_table import LONGEST_KEY, table_entries, varint
from baselines.favc_networks.tensor_bundle import open_bundle
from colorbench.errors import WeightsError

from . import conftest
from .conftest import Entry, block, message, number, sealed, table, write_bundle

Arrays = dict[str, NDArray[Any]]


def some_arrays() -> Arrays:
    rng = np.random.default_rng(0)
    arrays: Arrays = {
        f"scope/g_conv{i}_{j}/weights": rng.normal(size=(3, 3, i, j)).astype(np.float32) for i in (1, 2, 3) for j in (1, 2)
    }
    arrays |= {f"scope/g_conv{i}_1/biases": rng.normal(size=i).astype(np.float64) for i in (1, 200)}
    return arrays | {
        "global_step": np.array(7, np.int64),
        "half": np.arange(5).astype(np.float16),
        "numbers": np.arange(-6, 6, dtype=np.int32).reshape(3, 1, 4),
        "empty": np.zeros((0, 3), np.float32),
    }


def read_all(prefix: Path) -> Arrays:
    bundle = open_bundle(prefix)
    return {name: bundle.read(name) for name in bundle.variables}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_checksums_are_the_published_ones(data: bytes, expected: int) -> None:
    """RFC 3720, appendix B.4."""
    assert crc32c(data) == expected


@pytest.mark.parametrize("per_block", [1, 4, 100])
def test_what_is_written_is_read(tmp_path: Path, per_block: int) -> None:
    arrays = some_arrays()
    write_bundle(tmp_path / "model.ckpt-100", arrays, per_block=per_block)
    found = read_all(tmp_path / "model.ckpt-100")
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert np.array_equal(found[name], array)


def test_a_table_gives_its_keys_in_order() -> None:
    entries = {f"{'a' * (i % 7)}{i:03d}".encode(): bytes([i]) * i for i in range(200)}
    assert list(table_entries(table(entries))) == sorted(entries.items())


@pytest.mark.parametrize("value", [0, 1, 127, 128, 2**32, 2**64 - 1])
def test_integers_take_seven_bits_a_byte(value: int) -> None:
    encoded = b"\xff" + conftest.varint(value) + b"\x01"
    assert varint(encoded, 1) == (value, len(encoded) - 1)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80" * 9, b"\xff" * 9 + b"\x02", b"\x80" * 10 + b"\x01"])
def test_an_integer_that_is_cut_or_too_large_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no integer"):
        varint(data, 0)


def test_a_cut_index_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    write_bundle(tmp_path / "m", {"a/b": np.ones(2, np.float32), "a/c": np.ones(3, np.float32)})
    path = tmp_path / "m.index"
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(WeightsError, match=r"m\.index can't be read"):
            open_bundle(tmp_path / "m")


def test_a_changed_byte_is_found_or_changes_nothing(tmp_path: Path) -> None:
    arrays: Arrays = {"a/b": np.ones(2, np.float32), "a/c": np.arange(3, dtype=np.float32)}
    write_bundle(tmp_path / "m", arrays)
    harmless = 0
    for path in (tmp_path / "m.index", tmp_path / "m.data-00000-of-00001"):
        data = path.read_bytes()
        for at in range(len(data)):
            path.write_bytes(data[:at] + bytes([data[at] ^ 0x11]) + data[at + 1 :])
            try:
                found = read_all(tmp_path / "m")
            except WeightsError:
                continue
            harmless += 1
            assert all(np.array_equal(found[name], array) for name, array in arrays.items())
        path.write_bytes(data)
    # The empty block about blocks, its handle, and the padding of the footer are never looked at.
    assert 0 < harmless < 60


def changed(**values: Any) -> Callable[[dict[str, Entry]], None]:
    def change(entries: dict[str, Entry]) -> None:
        entries["a"].update(values)

    return change


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"size": 2**62}, "bytes for a shape"),
        ({"shape": (2**40, 2**40)}, "bytes for a shape"),
        ({"shape": (5,)}, "bytes for a shape"),
        ({"offset": 2**63}, "cut short"),
        ({"offset": 1}, "cut short"),
        ({"crc": 5}, "another checksum"),
        ({"type": 7}, "type 7 is not read"),
        ({"shard": 3}, "data-00003-of-00001"),
        ({"more": message(7, message(1, number(1, 2)))}, "in slices"),
    ],
)
def test_an_entry_that_lies_is_refused(tmp_path: Path, values: Entry, said: str) -> None:
    write_bundle(tmp_path / "m", {"a": np.ones(4, np.float32)}, change=changed(**values))
    with pytest.raises(WeightsError, match=said) as caught:
        read_all(tmp_path / "m")
    assert caught.value.wanted
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (b"\x0b", "field of kind 3"),
        (message(1, b"x"), "field 1 is no number"),
        (number(2, 5), "field 2 is no message"),
        (b"\x3a\x7f", "beyond its message"),
        (b"\x3d\x00", "beyond its message"),
    ],
)
def test_a_message_that_is_none_is_refused(tmp_path: Path, more: bytes, said: str) -> None:
    write_bundle(tmp_path / "m", {"a": np.ones(4, np.float32)}, change=changed(more=more))
    with pytest.raises(WeightsError, match=said):
        open_bundle(tmp_path / "m")


def test_fields_that_are_not_known_are_passed_over(tmp_path: Path) -> None:
    more = number(90, 3) + message(91, b"xy") + b"\xe1\x05" + bytes(8) + b"\xe5\x05" + bytes(4)
    write_bundle(tmp_path / "m", {"a": np.ones(4, np.float32)}, change=changed(more=more))
    assert read_all(tmp_path / "m")["a"].tolist() == [1.0] * 4


@pytest.mark.parametrize(
    ("options", "said"),
    [({"kind": 1}, "is compressed"), ({"header": number(1, 1) + number(2, 1)}, "big-endian")],
)
def test_kinds_that_are_not_read_are_named(tmp_path: Path, options: Any, said: str) -> None:
    write_bundle(tmp_path / "m", {"a": np.ones(4, np.float32)}, **options)
    with pytest.raises(WeightsError, match=said):
        open_bundle(tmp_path / "m")


def footed(data: bytes, at: int, size: int) -> bytes:
    return data + (b"\0\0" + conftest.varint(at) + conftest.varint(size)).ljust(40, b"\0") + conftest.MAGIC


def test_blocks_that_lie_on_each_other_are_refused() -> None:
    """Else a small file could be read over and over."""
    one = sealed(block([(b"a", b"b")]))
    index = block([(bytes([i]), b"\0" + conftest.varint(len(one) - 5)) for i in range(3)])
    with pytest.raises(ValueError, match="inside the one before"):
        list(table_entries(footed(one + sealed(index), len(one), len(index))))


@pytest.mark.parametrize(
    "entry",
    [
        b"\x01\x01\x01ab",  # shares a byte with nothing
        b"\x00\x05\x01ab",  # a key of five bytes
        b"\x00\x01\x05ab",  # a value of five bytes
        b"\x00" + conftest.varint(LONGEST_KEY + 1) + b"\x00" + b"a" * (LONGEST_KEY + 1),
    ],
)
def test_entries_beyond_their_block_are_refused(entry: bytes) -> None:
    index = entry + b"\0\0\0\0\1\0\0\0"
    with pytest.raises(ValueError, match="reaches beyond it"):
        list(table_entries(footed(sealed(index), 0, len(index))))


@pytest.mark.parametrize(("at", "size"), [(0, 3), (0, 2**40), (2**63, 8)])
def test_a_block_outside_the_file_is_refused(at: int, size: int) -> None:
    with pytest.raises(ValueError, match="a block of"):
        list(table_entries(footed(sealed(block([])), at, size)))


def test_a_block_whose_count_is_larger_than_itself_has_no_entries() -> None:
    index = b"\x00\x01\x01ab\xff\xff\xff\xff"
    assert list(table_entries(footed(sealed(index), 0, len(index)))) == []


def test_a_checkpoint_that_is_not_there_or_has_no_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"m\.index can't be read"):
        open_bundle(tmp_path / "m")
    (tmp_path / "m.index").write_bytes(table({b"a": b""}))
    with pytest.raises(WeightsError, match="no header"):
        open_bundle(tmp_path / "m")


def test_a_missing_data_file_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path / "m", {"a": np.ones(4, np.float32)})
    bundle = open_bundle(tmp_path / "m")
    with pytest.raises(WeightsError, match="no variable b"):
        bundle.read("b")
    (tmp_path / "m.data-00000-of-00001").unlink()
    with pytest.raises(WeightsError, match="variable a"):
        bundle.read("a")
