"""A writer of TensorFlow's checkpoints, from the format's description, and a VGG19 that takes no time."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from numpy.typing import NDArray

from baselines.favc_networks import networks
from colorbench.nets.encoders import Vgg19

TYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "float16": 19}
MAGIC = bytes.fromhex("57fb808b247547db")

Entry = dict[str, Any]


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class NarrowVgg(Vgg19):
    """VGG19's layers with few channels."""

    widths = (2, 3, 2, 3, 2)


@pytest.fixture
def narrow_vgg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "Vgg19", NarrowVgg)


def crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = crc_table()


def masked_crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    """As protocol buffers have it: nothing for 0."""
    return varint(field << 3) + varint(value) if value else b""


def message(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def encoded(entry: Entry) -> bytes:
    """A BundleEntryProto."""
    shape = b"".join(message(2, number(1, side) or b"\x08\x00") for side in entry["shape"])
    fixed = varint(6 << 3 | 5) + struct.pack("<I", entry["crc"])
    more: bytes = entry.get("more", b"")
    numbers = (number(1, entry["type"]), message(2, shape), number(3, entry["shard"]), number(4, entry["offset"]))
    return b"".join(numbers) + number(5, entry["size"]) + fixed + more


def block(entries: list[tuple[bytes, bytes]], *, every: int = 3) -> bytes:
    """With every third key whole, as the format calls for now and then, and others sharing what they can."""
    out, restarts, before = b"", [], b""
    for index, (key, value) in enumerate(entries):
        shared = 0
        if index % every == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    restarts = restarts or [0]
    return out + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def sealed(content: bytes, kind: int = 0) -> bytes:
    return content + bytes([kind]) + struct.pack("<I", masked_crc(content + bytes([kind])))


def table(entries: Mapping[bytes, bytes], *, per_block: int = 5, kind: int = 0) -> bytes:
    """A LevelDB table."""
    items = sorted(entries.items())
    out, places = b"", []
    for at in range(0, len(items), per_block):
        content = block(items[at : at + per_block])
        places.append((items[min(at + per_block, len(items)) - 1][0], varint(len(out)) + varint(len(content))))
        out += sealed(content, kind)
    handles = b""
    for content in (block([]), block(places, every=1)):
        handles += varint(len(out)) + varint(len(content))
        out += sealed(content)
    return out + handles.ljust(40, b"\0") + MAGIC


def write_bundle(
    prefix: Path,
    arrays: Mapping[str, NDArray[Any]],
    *,
    header: bytes = b"\x08\x01\x1a\x02\x08\x01",
    change: Callable[[dict[str, Entry]], None] = lambda entries: None,
    **options: int,
) -> None:
    """Writes PREFIX.index and PREFIX.data-00000-of-00001, in the order of names, as TensorFlow does.

    Args:
        header: a BundleHeaderProto; one data file, little-endian, version 1.
        change: what is done to the entries before they are written.
        options: of ``table``.
    """
    data, entries = b"", {}
    for name in sorted(arrays):
        values = arrays[name].tobytes()
        kind = TYPES[str(arrays[name].dtype)]
        place = {"shard": 0, "offset": len(data), "size": len(values), "crc": masked_crc(values)}
        entries[name] = {"type": kind, "shape": arrays[name].shape, **place}
        data += values
    change(entries)
    messages = {b"": header} | {name.encode(): encoded(entry) for name, entry in entries.items()}
    prefix.with_name(f"{prefix.name}.index").write_bytes(table(messages, **options))
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").write_bytes(data)
