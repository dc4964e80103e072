"""A sorted table of keys and values, the file format of LevelDB (its doc/table_format.md) that TensorFlow's indices have.

Blocks of entries, in each of which a key shares its beginning with the one before; an index block of handles (offset, size) to
them; a footer of 48 bytes with the index block's handle and a magic number. A block is followed by its kind and a masked CRC-32C.
Everything is checked before it is used: blocks lie inside the file, in order and apart, so that reading takes no more than the
file's size; keys are short.
"""

from __future__ import annotations

from collections.abc import Iterator

from baselines.favc_networks.crc32c import masked_crc32c

LONGEST_KEY = 4096

_MAGIC = 0xDB4775248B80FB57
_FOOTER, _TRAILER = 48, 5
_UNCOMPRESSED = 0

Entry = tuple[bytes, bytes]


def table_entries(data: bytes) -> Iterator[Entry]:
    """All keys with their values, in the file's order.

    Args:
        data: the whole file.

    Raises:
        ValueError: it is no such table, damaged or compressed; says what is wrong.
    """
    if len(data) < _FOOTER or int.from_bytes(data[-8:], "little") != _MAGIC:
        raise ValueError("it doesn't end as a table does")
    footer = data[-_FOOTER:-8]
    _, at = _handle(footer, 0)  # of the block about blocks, which TensorFlow leaves empty
    index, _ = _handle(footer, at)
    reached = 0
    for _, place in _block(data, *index):
        (offset, size), _ = _handle(place, 0)
        if offset < reached:
            raise ValueError(f"a block begins at byte {offset}, inside the one before")
        reached = offset + size + _TRAILER
        yield from _block(data, offset, size)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned integer of 7 bits a byte, low ones first, and where it ends.

    Raises:
        ValueError: it is cut, or of more than 64 bits.

    >>> varint(b"\\xac\\x02", 0)
    (300, 2)
    """
    value = 0
    for index, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if value >> 64:
                break
            return value, at + index + 1
    raise ValueError(f"no integer at byte {at}")


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return (offset, size), at


def _block(data: bytes, offset: int, size: int) -> Iterator[Entry]:
    """Entries of one block; their offsets for binary search, at its end, are left out."""
    end = offset + size
    if size < 4 or end + _TRAILER > len(data):
        raise ValueError(f"a block of {size} bytes at byte {offset} of {len(data)}")
    if masked_crc32c(data[offset : end + 1]) != int.from_bytes(data[end + 1 : end + _TRAILER], "little"):
        raise ValueError(f"the block at byte {offset} has another checksum")
    if data[end] != _UNCOMPRESSED:
        raise ValueError(f"the block at byte {offset} is compressed")
    content = data[offset:end]
    stop = size - 4 - 4 * int.from_bytes(content[-4:], "little")
    at, key = 0, b""
    while at < stop:
        shared, at = varint(content, at)
        fresh, at = varint(content, at)
        length, at = varint(content, at)
        if shared > len(key) or shared + fresh > LONGEST_KEY or at + fresh + length > stop:
            raise ValueError(f"an entry of the block at byte {offset} reaches beyond it")
        key = key[:shared] + content[at : at + fresh]
        at += fresh + length
        yield key, content[at - length : at]
