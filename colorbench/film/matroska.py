"""The shape of a pixel in a Matroska file, which PyAV's muxer is not told: written into the finished file's header.

FFmpeg leaves a void behind a Matroska file's index of elements. What is added to the track is taken from there, so that nothing
behind the tracks moves (RFC 9559, 5.1.4.1.28; RFC 8794 for EBML).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from colorbench.errors import FramesError

_SEGMENT, _SEEK_HEAD, _SEEK, _SEEK_POSITION, _VOID, _CRC = 0x18538067, 0x114D9B74, 0x4DBB, 0x53AC, 0xEC, 0xBF
_TRACKS, _TRACK, _VIDEO, _WIDTH, _HEIGHT = 0x1654AE6B, 0xAE, 0xE0, 0xB0, 0xBA
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_HEADER = 1 << 20


class _Element(NamedTuple):
    id: int
    start: int
    payload: bytes
    end: int


def write_pixel_aspect(path: Path, aspect: Fraction) -> None:
    """Writes the size at which a film's frames are shown into its video track.

    Args:
        path: a Matroska file as FFmpeg writes it.
        aspect: width of a pixel by its height.

    Raises:
        FramesError: its header is another than FFmpeg's.
    """
    with path.open("r+b") as file:
        head = file.read(_HEADER)
        try:
            start, changed = _rewritten(head, aspect)
        except (StopIteration, IndexError, ValueError) as error:
            raise FramesError(
                f"the header of {path.name} has no room for the shape of a pixel",
                wanted="a Matroska file as FFmpeg writes it",
                remedy="give the output the suffix .mov",
            ) from error
        file.seek(start)
        file.write(changed)


def _rewritten(head: bytes, aspect: Fraction) -> tuple[int, bytes]:
    """Where the changed part of a file begins, and what stands there from now on; it is as long as before."""
    segment = next(element for element in _elements(head, 0, len(head)) if element.id == _SEGMENT)
    base = segment.end - len(segment.payload)
    top = {element.id: element for element in reversed(list(_elements(head, base, len(head)))) if element.id != _CRC}
    seek_head, void, tracks = top[_SEEK_HEAD], top[_VOID], top[_TRACKS]
    between = head[void.end : tracks.start]
    added = _with_display_size(tracks, aspect)
    growth = len(added) - (tracks.end - tracks.start)
    left = void.end - void.start - growth - 9
    if left < 0 or void.start != seek_head.end:
        raise ValueError("no void")
    moved = _with_positions(seek_head, range(void.end - base, tracks.start - base + 1), growth)
    return seek_head.start, moved + _encoded(_VOID, bytes(left)) + between + added


def _with_display_size(tracks: _Element, aspect: Fraction) -> bytes:
    def video(element: _Element) -> bytes:
        parts = {part.id: part for part in _inside(element)}
        width, height = (int.from_bytes(parts[side].payload) for side in (_WIDTH, _HEIGHT))
        # Whole numbers of the exact ratio, where that is one of small numbers.
        scale = (width * aspect).denominator
        shown = {_DISPLAY_WIDTH: round(width * aspect * scale), _DISPLAY_HEIGHT: height * scale}
        kept = [_whole(part) for part in parts.values() if part.id not in (*shown, _DISPLAY_UNIT)]
        return _encoded(_VIDEO, b"".join([*kept, *(_encoded(side, _number(size)) for side, size in shown.items())]))

    def track(element: _Element) -> bytes:
        return _encoded(_TRACK, b"".join(video(part) if part.id == _VIDEO else _whole(part) for part in _inside(element)))

    parts = [track(part) if part.id == _TRACK else _whole(part) for part in _inside(tracks) if part.id != _CRC]
    payload = b"".join(parts)
    return _encoded(_TRACKS, _crc(payload) + payload)


def _with_positions(seek_head: _Element, moved: range, growth: int) -> bytes:
    """The index with the positions of elements that have come nearer to the front; of the same length."""

    def seek(element: _Element) -> bytes:
        parts = list(_inside(element))
        return _same(
            element,
            b"".join(
                _same(part, (int.from_bytes(part.payload) - growth).to_bytes(len(part.payload)))
                if part.id == _SEEK_POSITION and int.from_bytes(part.payload) in moved
                else _whole(part)
                for part in parts
            ),
        )

    parts = [part for part in _inside(seek_head) if part.id != _CRC]
    payload = b"".join(seek(part) if part.id == _SEEK else _whole(part) for part in parts)
    return _same(seek_head, _crc(payload) + payload if len(payload) != len(seek_head.payload) else payload)


def _elements(data: bytes, start: int, stop: int) -> Iterator[_Element]:
    at = start
    while at < stop:
        identity, body = _integer(data, at, marked=True)
        size, body = _integer(data, body, marked=False)
        yield _Element(identity, at, data[body : body + size], min(body + size, stop))
        at = body + size


def _inside(element: _Element) -> Iterator[_Element]:
    """The parts of an element, their places counted from the beginning of its payload."""
    return _elements(element.payload, 0, len(element.payload))


def _integer(data: bytes, at: int, *, marked: bool) -> tuple[int, int]:
    """A number of variable length, with or without the bit that marks its length, and where it ends."""
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + length])
    return value if marked else value & ((1 << 7 * length) - 1), at + length


def _encoded(identity: int, payload: bytes) -> bytes:
    return _number(identity) + (1 << 56 | len(payload)).to_bytes(8) + payload


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8)


def _crc(payload: bytes) -> bytes:
    return bytes((_CRC, 0x84)) + zlib.crc32(payload).to_bytes(4, "little")


def _whole(element: _Element) -> bytes:
    """An element as it was."""
    return _same(element, element.payload)


def _same(element: _Element, payload: bytes) -> bytes:
    """An element with another payload of the same length, in as many bytes as before."""
    header = element.end - element.start - len(element.payload) - len(_number(element.id))
    return _number(element.id) + (1 << 7 * header | len(payload)).to_bytes(header) + payload
