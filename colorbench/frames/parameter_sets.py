"""The sequence parameter sets of H.264 and HEVC, read as far as where they say how chroma lies (Rec. ITU-T H.264 and H.265)."""

from __future__ import annotations

from collections.abc import Iterator

_H264_SPS, _HEVC_SPS = 7, 33
_WITH_CHROMA_FORMAT = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
"""Profiles of H.264 whose sets begin with format and depth."""
_EXTENDED_ASPECT = 255
_MOST = 64
"""More entries than any list of a valid set has."""


def chroma_location(codec: str, extradata: bytes | None) -> int | None:
    """``chroma_sample_loc_type_top_field`` of a stream.

    Args:
        codec: "h264" or "hevc".
        extradata: of the stream: start codes between the units, or an MP4 configuration record.

    Returns:
        0 to 5; None where the stream does not say it, or its parameter set can't be read.
    """
    try:
        for unit in _units(codec, extradata or b""):
            if codec == "h264" and unit[0] & 31 == _H264_SPS:
                return _h264_location(_Bits(unit[1:]))
            if codec == "hevc" and unit[0] >> 1 & 63 == _HEVC_SPS:
                return _hevc_location(_Bits(unit[2:]))
    except IndexError:
        return None
    return None


def _units(codec: str, data: bytes) -> Iterator[bytes]:
    """The NAL units of extradata, without what keeps them from looking like start codes."""
    if data[:1] == b"\x01" and data[:4] != b"\x00\x00\x00\x01":
        found = _avcc(data) if codec == "h264" else _hvcc(data)
    else:
        found = (unit.rstrip(b"\x00") for unit in data.split(b"\x00\x00\x01")[1:])
    return (unit.replace(b"\x00\x00\x03", b"\x00\x00") for unit in found if unit)


def _avcc(data: bytes) -> Iterator[bytes]:
    at = 6
    for _ in range(data[5] & 31):
        length = int.from_bytes(data[at : at + 2])
        yield data[at + 2 : at + 2 + length]
        at += 2 + length


def _hvcc(data: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(data[22]):
        count = int.from_bytes(data[at + 1 : at + 3])
        at += 3
        for _ in range(count):
            length = int.from_bytes(data[at : at + 2])
            yield data[at + 2 : at + 2 + length]
            at += 2 + length


class _Bits:
    """Bits from the highest on. Past the end: IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int = 1) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1
            self._at += 1
        return value

    def golomb(self) -> int:
        """ue(v)."""
        zeros = 0
        while not self.take():
            zeros += 1
            if zeros > 32:
                raise IndexError
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """se(v)."""
        value = self.golomb()
        return (value + 1) // 2 if value % 2 else -(value // 2)

    def golombs(self, count: int) -> None:
        for _ in range(count):
            self.golomb()

    def bounded(self) -> int:
        """A length of a list that follows."""
        value = self.golomb()
        if value > _MOST:
            raise IndexError
        return value


def _h264_location(bits: _Bits) -> int | None:
    profile = bits.take(8)
    bits.take(16)
    bits.golomb()
    if profile in _WITH_CHROMA_FORMAT:
        chroma = bits.golomb()
        if chroma == 3:
            bits.take()
        bits.golombs(2)
        bits.take()
        if bits.take():
            for number in range(12 if chroma == 3 else 8):
                if bits.take():
                    _skip_h264_scaling(bits, 16 if number < 6 else 64)
    bits.golomb()
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.take()
        bits.golombs(2)
        bits.golombs(bits.golomb() & 255)
    bits.golomb()
    bits.take()
    bits.golombs(2)
    if not bits.take():
        bits.take()
    bits.take()
    if bits.take():
        bits.golombs(4)
    return _location_of_vui(bits)


def _skip_h264_scaling(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _hevc_location(bits: _Bits) -> int | None:
    bits.take(4)
    layers = bits.take(3)
    bits.take()
    _skip_profile(bits, layers)
    bits.golomb()
    if bits.golomb() == 3:
        bits.take()
    bits.golombs(2)
    if bits.take():
        bits.golombs(4)
    bits.golombs(2)
    order_bits = bits.golomb() + 4
    bits.golombs(3 * (layers + 1 if bits.take() else 1))
    bits.golombs(6)
    if bits.take() and bits.take():
        _skip_hevc_scaling(bits)
    bits.take(2)
    if bits.take():
        bits.take(8)
        bits.golombs(2)
        bits.take()
    _skip_reference_sets(bits)
    if bits.take():
        bits.take(bits.bounded() * (order_bits + 1))
    bits.take(2)
    return _location_of_vui(bits)


def _skip_profile(bits: _Bits, layers: int) -> None:
    bits.take(96)
    told = [(bits.take(), bits.take()) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in told:
        bits.take(88 * profile + 8 * level)


def _skip_hevc_scaling(bits: _Bits) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not bits.take():
                bits.golomb()
            else:
                bits.golombs(min(64, 1 << (4 + 2 * size)) + (size > 1))


def _skip_reference_sets(bits: _Bits) -> None:
    """Of short terms. One may be told by its distance from the one before, whose pictures then count (7.4.8)."""
    before: list[int] = []
    for number in range(bits.bounded()):
        if number and bits.take():
            sign = bits.take()
            shift = (1 - 2 * sign) * (bits.golomb() + 1)
            # The set before, and itself, each moved by the shift; what falls on the picture itself is no reference.
            kept = [order + shift for order in (*before, 0) if bits.take() or bits.take()]
            orders = [order for order in kept if order]
            before = sorted((order for order in orders if order < 0), reverse=True) + sorted(o for o in orders if o > 0)
            continue
        negative, positive = bits.bounded(), bits.bounded()
        before = []
        for count, direction in ((negative, -1), (positive, 1)):
            order = 0
            for _ in range(count):
                order += direction * (bits.golomb() + 1)
                bits.take()
                before.append(order)


def _location_of_vui(bits: _Bits) -> int | None:
    if not bits.take():
        return None
    if bits.take() and bits.take(8) == _EXTENDED_ASPECT:
        bits.take(32)
    if bits.take():
        bits.take()
    if bits.take():
        bits.take(4)
        if bits.take():
            bits.take(24)
    return bits.golomb() if bits.take() else None
