"""Is a file whole? Seen on its bytes, cheaply, because decoders fill what is missing with gray and go on."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO, Literal

from colorbench.files.regular import open_regular

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_ENDED_BY = {_PNG: (b"IDAT", b"IEND"), _JPEG: (b"\xff\xda", b"\xff\xd9")}
_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675


def picture_shortfall(data: bytes) -> str:
    """What is missing at the end of a PNG, JPEG, WebP or TIFF file, in words; empty if it is whole or of another kind.

    A JPEG is whole when an end marker follows its last scan: inside a scan the two bytes of that marker can't occur, and
    the end of an embedded thumbnail comes before the scan. Bytes after the end are allowed, as cameras append them.
    """
    for signature, (content, marker) in _ENDED_BY.items():
        if data.startswith(signature):
            whole = data.endswith(marker, 0, -4 if signature == _PNG else None) or data.rfind(marker) > data.rfind(content)
            return "" if whole else f"it stops at byte {len(data)}, before its end marker"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        announced = int.from_bytes(data[4:8], "little") + 8
        return "" if len(data) >= announced else f"it has {len(data)} of {announced} bytes"
    if data.startswith(TIFF):
        end = _tiff_directory_end(data)
        return "" if len(data) >= end else f"it has {len(data)} of at least {end} bytes"
    return ""


def video_shortfall(path: Path) -> str:
    """What is missing at the end of an MP4, MOV, Matroska, WebM or AVI file, in words; empty if it is whole or of another kind.

    Compares the sizes that the container announces with the file's. A Matroska segment of unknown size (a live recording) passes.
    """
    with open_regular(path) as file:
        have = os.fstat(file.fileno()).st_size
        head = file.read(12)
        file.seek(0)
        if head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}:
            return _boxes_shortfall(file, have)
        if head[:4] == _EBML.to_bytes(4, "big"):
            announced = _segment_end(file)
        elif head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            announced = int.from_bytes(head[4:8], "little") + 8
        else:
            return ""
    return f"it has {have} of {announced} bytes" if announced > have else ""


def _tiff_directory_end(data: bytes) -> int:
    """Where the first directory ends: a TIFF or BigTIFF is written with it before or behind the samples."""
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    big = data[2:4] in {b"+\0", b"\0+"}
    size, count_size, entry = (8, 8, 20) if big else (4, 2, 12)
    at = int.from_bytes(data[size : 2 * size], order)
    count = int.from_bytes(data[at : at + count_size], order)
    return max(2 * size, at + count_size + entry * max(count, 1) + size)


def _boxes_shortfall(file: BinaryIO, have: int) -> str:
    """Walks the top-level boxes of an ISO base media file (ISO/IEC 14496-12, 4.2)."""
    at, kinds = 0, set()
    while at + 8 <= have:
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        if size == 1:
            size = int.from_bytes(file.read(8), "big")
        elif size == 0:
            size = have - at
        kinds.add(kind)
        if size < 8 or at + size > have:
            return f"it has {have} of {at + size} bytes, cut inside {kind.decode('latin1')!r}"
        at += size
    return "" if b"moov" in kinds else "its index ('moov') is missing, as in a recording that was broken off"


def _segment_end(file: BinaryIO) -> int:
    """Where a Matroska segment says it ends; 0 for unknown (RFC 8794, 6)."""
    _number(file, marker=True)
    header = _number(file)
    file.seek(file.tell() + header)
    if _number(file, marker=True) != _SEGMENT:
        return 0
    start = file.tell()
    first = file.read(1)
    file.seek(start)
    size = _number(file)
    length = file.tell() - start
    unknown = (1 << 7 * length) - 1
    return 0 if not first or size == unknown else file.tell() + size


def _number(file: BinaryIO, *, marker: bool = False) -> int:
    """A variable-size integer; identifiers keep their length marker."""
    first = (file.read(1) or b"\xff")[0]
    length = 9 - max(first.bit_length(), 1)
    value = first if marker else first & ((1 << 8 - length) - 1)
    return int.from_bytes(bytes([value]) + file.read(length - 1), "big")
