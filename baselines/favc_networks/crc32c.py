"""CRC-32C (Castagnoli; RFC 3720, appendix B.4), which TensorFlow and LevelDB keep in their files. zlib's is another."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numba
import numpy as np
from numpy.typing import NDArray

_REFLECTED = np.uint32(0x82F63B78)
_MASK_OFFSET = 0xA282EAD8


def crc32c(data: bytes) -> int:
    """The checksum of some bytes, compiled on the first call.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    return int(_updated(np.frombuffer(data, np.uint8), _table()))


def masked_crc32c(data: bytes) -> int:
    """The checksum as it is stored: rotated right by 15 bits, plus a constant (LevelDB, table_format.md)."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK_OFFSET) & 0xFFFFFFFF


def _table() -> NDArray[np.uint32]:
    """(256,) of single bytes."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ _REFLECTED, table >> 1)
    return table


def _scan(data: NDArray[np.uint8], table: NDArray[np.uint32]) -> np.uint32:
    crc = np.uint32(0xFFFFFFFF)
    for byte in data:
        crc = table[(crc ^ byte) & np.uint32(0xFF)] ^ (crc >> np.uint32(8))
    return np.uint32(crc ^ np.uint32(0xFFFFFFFF))


_updated = cast("Callable[[NDArray[np.uint8], NDArray[np.uint32]], np.uint32]", numba.njit(nogil=True, cache=True)(_scan))
