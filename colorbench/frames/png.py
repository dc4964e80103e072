"""The PNG files that colorized frames come in, decoded with a faster inflate than OpenCV's: 8-bit RGB, not interlaced.

Most of the time of scoring goes into reading such files, and four fifths of that into zlib. PNG is lossless, so the pixels are
OpenCV's to the bit. Whatever is not plain, or not right, is left to OpenCV, with its rules and its errors.
"""

from __future__ import annotations

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from colorbench.system.compiled import compiled
from colorbench.types import RgbFrame

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = _SIGNATURE + b"\x00\x00\x00\rIHDR"
_RGB_8 = b"\x08\x02\x00\x00\x00"
"""8 bits, color type RGB, the only compression and filter method, no interlacing."""

_WITHOUT_EFFECT = frozenset({b"IHDR", b"IDAT", b"IEND", b"pHYs", b"tEXt", b"tIME"})
_MOST_EXPANSION = 1032
"""Of deflate; a header that announces more than its file can hold is not believed."""


def read_plain_png(data: bytes) -> RgbFrame | None:
    """The pixels of a plain PNG file, every checksum verified (PNG specification, third edition, 5 and 9).

    Args:
        data: a whole file.

    Returns:
        (H, W, 3) uint8 in [0, 255]; None for every other file, damaged ones included.
    """
    if not data.startswith(_HEADER) or data[24:29] != _RGB_8:
        return None
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    size = height * (3 * width + 1)
    coded = _image_data(data)
    if coded is None or not 0 < size <= _MOST_EXPANSION * len(coded):
        return None
    try:
        filtered = isal_zlib.decompress(coded, bufsize=size + 1)
    except isal_zlib.IsalError:  # type: ignore[misc]  # its stub has an instance
        return None
    if len(filtered) != size:
        return None
    rgb = np.empty((height, width, 3), np.uint8)
    rows = np.frombuffer(filtered, np.uint8).reshape(height, 3 * width + 1)
    return rgb if _unfilter(rows, rgb.reshape(height, 3 * width)) else None


def _image_data(data: bytes) -> bytes | None:
    """The compressed stream; None where a chunk is cut off, damaged, out of order, or may matter and isn't known here."""
    view = memoryview(data)
    parts: list[memoryview] = []
    at, before = len(_SIGNATURE), b""
    while before != b"IEND":
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if kind not in _WITHOUT_EFFECT or end + 4 > len(data):
            return None
        if isal_zlib.crc32(view[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return None
        if kind == b"IDAT":
            if parts and before != b"IDAT":
                return None
            parts.append(view[at + 8 : end])
        at, before = end + 4, kind
    return b"".join(parts)


@compiled()
def _unfilter(filtered: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> bool:
    """Undoes the filter that the first byte of each (H, 1 + 3W) row names; False for a filter that there isn't."""
    height, width = rgb.shape
    above = np.zeros(width, np.uint8)
    for i in range(height):
        kind, row, out = filtered[i, 0], filtered[i, 1:], rgb[i]
        if kind == 0:
            out[:] = row
        elif kind == 1:
            r, g, b = np.uint8(0), np.uint8(0), np.uint8(0)
            for j in range(0, width, 3):
                r, g, b = np.uint8(r + row[j]), np.uint8(g + row[j + 1]), np.uint8(b + row[j + 2])
                out[j], out[j + 1], out[j + 2] = r, g, b
        elif kind == 2:
            for j in range(width):
                out[j] = np.uint8(row[j] + above[j])
        elif kind == 3:
            for j in range(width):
                left = np.int32(out[j - 3]) if j >= 3 else np.int32(0)
                out[j] = np.uint8(np.int32(row[j]) + ((left + np.int32(above[j])) >> 1))
        elif kind == 4:
            for j in range(width):
                left = np.int32(out[j - 3]) if j >= 3 else np.int32(0)
                corner = np.int32(above[j - 3]) if j >= 3 else np.int32(0)
                up = np.int32(above[j])
                # Paeth: of the three neighbors the one nearest to left + up - corner; ties go to left, then up.
                to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
                guess = left if to_left <= to_up and to_left <= to_corner else up if to_up <= to_corner else corner
                out[j] = np.uint8(np.int32(row[j]) + guess)
        else:
            return False
        above = out
    return True
