from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorbench.errors import FramesError
from colorbench.frames.images import read_image
from colorbench.frames.png import read_plain_png
from colorbench.types import RgbFrame


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def encoded(
    rgb: RgbFrame,
    filters: Sequence[int],
    *,
    between: bytes = b"",
    behind: bytes = b"",
    interlace: int = 0,
    coded: bytes | None = None,
    part: int = 1000,
) -> bytes:
    """A PNG with a filter a row, transcribed from the specification's formulas byte by byte."""
    height, width, _ = rgb.shape
    stream = bytearray()
    above = [0] * (3 * width)
    for i in range(height):
        row = [int(value) for value in rgb[i].ravel()]
        kind = filters[i % len(filters)]
        stream.append(kind)
        for j, x in enumerate(row):
            a, b, c = (row[j - 3] if j >= 3 else 0), above[j], (above[j - 3] if j >= 3 else 0)
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            stream.append((x - (0, a, b, (a + b) // 2, paeth)[kind]) % 256)
        above = row
    data = zlib.compress(bytes(stream)) if coded is None else coded
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlace)
    parts = b"".join(chunk(b"IDAT", data[at : at + part]) for at in range(0, len(data), part))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + between + parts + behind + chunk(b"IEND", b"")


@pytest.fixture
def rgb() -> RgbFrame:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (13, 17, 3), np.uint8)


@pytest.mark.parametrize("filters", [[0], [1], [2], [3], [4], [4, 0, 3, 1, 2], [2, 3, 4, 1, 0]])
@pytest.mark.parametrize("width", [1, 2, 17])
def test_every_filter_gives_the_pixels_back(rgb: RgbFrame, filters: list[int], width: int) -> None:
    frame = np.ascontiguousarray(rgb[:, :width])
    decoded = read_plain_png(encoded(frame, filters))
    assert decoded is not None
    assert decoded.flags.c_contiguous
    assert decoded.flags.writeable
    np.testing.assert_array_equal(decoded, frame)


@pytest.mark.parametrize("strategy", [cv2.IMWRITE_PNG_STRATEGY_DEFAULT, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY])
def test_files_of_opencv_are_read_as_opencv_does(rgb: RgbFrame, strategy: int) -> None:
    data = cv2.imencode(".png", rgb, [cv2.IMWRITE_PNG_STRATEGY, strategy])[1]
    decoded = read_plain_png(data.tobytes())
    assert decoded is not None
    np.testing.assert_array_equal(decoded, cv2.imdecode(data, cv2.IMREAD_COLOR_RGB))


def test_text_resolution_and_bytes_behind_the_end_do_not_matter(rgb: RgbFrame) -> None:
    data = encoded(rgb, [1], between=chunk(b"tEXt", b"Title\0x") + chunk(b"pHYs", bytes(9))) + b"more"
    decoded = read_plain_png(data)
    assert decoded is not None
    np.testing.assert_array_equal(decoded, rgb)


def test_what_is_not_plain_is_left_to_opencv(rgb: RgbFrame) -> None:
    for other in (rgb[..., 0], np.dstack([rgb, rgb[..., :1]]), rgb.astype(np.uint16) * 257):
        assert read_plain_png(cv2.imencode(".png", other)[1].tobytes()) is None
    for kind in (b"tRNS", b"eXIf", b"acTL", b"gAMA"):
        assert read_plain_png(encoded(rgb, [0], between=chunk(kind, bytes(6)))) is None
    assert read_plain_png(encoded(rgb, [0], interlace=1)) is None
    assert read_plain_png(cv2.imencode(".jpg", rgb)[1].tobytes()) is None
    assert read_plain_png(b"") is None


def test_any_damage_is_noticed(rgb: RgbFrame) -> None:
    whole = encoded(rgb, [4, 1, 3])
    for at in range(len(whole)):
        assert read_plain_png(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :]) is None, at
        assert read_plain_png(whole[:at]) is None, at


def test_a_wrong_stream_under_right_checksums_is_noticed(rgb: RgbFrame) -> None:
    right = zlib.compress(bytes(13 * (1 + 3 * 17)))
    assert read_plain_png(encoded(rgb, [0], coded=right)) is not None
    filters = bytearray(13 * (1 + 3 * 17))
    filters[52] = 5
    too_long, too_short = bytes(14 * (1 + 3 * 17)), bytes(12 * (1 + 3 * 17))
    for stream in (filters, too_long, too_short):
        assert read_plain_png(encoded(rgb, [0], coded=zlib.compress(bytes(stream)))) is None
    for coded in (right[:-1], right[:-1] + bytes([right[-1] ^ 1]), right[2:], b""):
        assert read_plain_png(encoded(rgb, [0], coded=coded)) is None
    assert read_plain_png(encoded(rgb, [0], behind=chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", b""))) is None


def test_a_header_that_promises_too_much_takes_no_memory(rgb: RgbFrame) -> None:
    data = encoded(rgb, [0])
    header = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    assert read_plain_png(data[:8] + chunk(b"IHDR", header) + data[33:]) is None


def test_a_damaged_file_is_refused_with_its_name(rgb: RgbFrame, tmp_path: Path) -> None:
    data = bytearray(encoded(rgb, [1]))
    data[60] ^= 255
    path = tmp_path / "bad.png"
    path.write_bytes(data)
    with warnings.catch_warnings(), pytest.raises(FramesError, match=r"bad\.png"):
        read_image(path)
