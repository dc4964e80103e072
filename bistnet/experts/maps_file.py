"""The file that keeps a clip's expert maps: frames of bytes, each packed by itself, so that any one can be read alone.

    magic | header length | header (JSON) | packed frames | index (offset, size, CRC-32) | CRC-32 of the index, its offset | magic

Written from front to back in the memory of one frame; read in that of one frame too. Integers are little-endian.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import StoreError

MAGIC = b"colorbench maps1"
_LENGTH = struct.Struct("<I")
_ENTRY = struct.Struct("<QII")
_END = struct.Struct("<IQ")
_CHUNK = 1 << 20


class DamagedError(Exception):
    """The file is not whole, or not what was asked for; it can be made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a file of maps is of."""

    key: str
    """Hash of all that decides the maps."""
    count: int
    channels: int
    height: int
    width: int


class Entry(NamedTuple):
    """Where a frame lies in the file, and its checksum as it lies there."""

    offset: int
    size: int
    crc: int


def write_maps(path: Path, header: Header, frames: Iterable[NDArray[np.uint8]]) -> None:
    """Writes (C, H, W) frames, as many as the header says."""
    entries: list[Entry] = []
    with path.open("wb") as file:
        described = json.dumps(asdict(header)).encode()
        file.write(MAGIC + _LENGTH.pack(len(described)) + described)
        for frame in frames:
            packed = zlib.compress(np.ascontiguousarray(frame).data, level=1)
            entries.append(Entry(file.tell(), len(packed), zlib.crc32(packed)))
            file.write(packed)
        if len(entries) != header.count:
            raise ValueError(f"{len(entries)} frames instead of {header.count}")
        offset = file.tell()
        index = b"".join(_ENTRY.pack(*entry) for entry in entries)
        file.write(index + _END.pack(zlib.crc32(index), offset) + MAGIC)


def check_maps(path: Path, header: Header) -> tuple[Entry, ...]:
    """Reads a whole file, in pieces, and returns its index.

    Raises:
        DamagedError: it was cut, changed, or has another header.
    """
    with path.open("rb") as file:
        end = file.seek(0, 2) - _END.size - len(MAGIC)
        if end < 0:
            raise DamagedError("cut short")
        file.seek(end)
        crc, offset = _END.unpack(file.read(_END.size))
        if file.read() != MAGIC:
            raise DamagedError("cut short")
        file.seek(0)
        if file.read(len(MAGIC)) != MAGIC or _read_header(file, limit=end) != asdict(header):
            raise DamagedError("of something else")
        start = file.tell()
        if end - offset != header.count * _ENTRY.size or offset < start:
            raise DamagedError("index of another length")
        file.seek(offset)
        index = file.read(end - offset)
        if zlib.crc32(index) != crc:
            raise DamagedError("index changed")
        entries = tuple(Entry(*fields) for fields in _ENTRY.iter_unpack(index))
        file.seek(start)
        for number, entry in enumerate(entries):
            if entry.offset != file.tell() or _crc_of(file, entry.size) != entry.crc:
                raise DamagedError(f"frame {number} changed")
    return entries


def read_frame(file: BinaryIO, entry: Entry, header: Header, *, path: Path) -> NDArray[np.uint8]:
    """One frame, (C, H, W).

    Raises:
        StoreError: the file was changed after it was checked.
    """
    file.seek(entry.offset)
    packed = file.read(entry.size)
    shape = (header.channels, header.height, header.width)
    # Bounded, so that a crafted file cannot fill the memory; one byte more shows that there is more.
    frame = zlib.decompressobj().decompress(packed, math.prod(shape) + 1) if zlib.crc32(packed) == entry.crc else b""
    if len(frame) != math.prod(shape):
        raise StoreError(
            f"{path} was changed while it was in use",
            wanted="maps as they were when it was opened",
            remedy="delete it and give the same command again",
        )
    return np.frombuffer(frame, np.uint8).reshape(shape)


def _read_header(file: BinaryIO, *, limit: int) -> object:
    raw = file.read(_LENGTH.size)
    length = _LENGTH.unpack(raw)[0] if len(raw) == _LENGTH.size else limit
    if length > limit:
        return None
    try:
        content: object = json.loads(file.read(length))
    except ValueError:
        return None
    return content


def _crc_of(file: BinaryIO, size: int) -> int:
    crc = 0
    while size:
        piece = file.read(min(size, _CHUNK))
        if not piece:
            raise DamagedError("cut short")
        crc, size = zlib.crc32(piece, crc), size - len(piece)
    return crc
