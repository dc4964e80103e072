"""How a film is coded, as validated data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from colorbench.errors import FramesError, UnknownNameError, UsageError

Codec = Literal["h264", "hevc", "prores", "ffv1"]
PIX_FMTS = ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le")

_WORST_CRF = 51


class _Encoder(NamedTuple):
    """FFmpeg's encoder of a codec. None of them may reorder frames: packets of pieces are laid end to end."""

    name: str
    options: Mapping[str, str]
    crf: int | None
    """By default; None where it has no such scale."""
    pix_fmt: str
    """By default."""
    suffixes: frozenset[str]
    """Of the films that hold it."""
    piece: str
    """Format of a piece."""


_CODING_TREE = 64
"""Pixels a side of HEVC's largest block. libx265 corrupts the heap with frames of 48x32 and 48x64; 64x32 is well."""
_FILMS = frozenset({".mp4", ".mov", ".mkv"})
_ENCODERS: Mapping[str, _Encoder] = {
    "h264": _Encoder("libx264", {"preset": "medium", "bf": "0"}, 16, "yuv420p", _FILMS, "mp4"),
    "hevc": _Encoder("libx265", {"preset": "medium", "x265-params": "bframes=0:log-level=none"}, 18, "yuv420p", _FILMS, "mp4"),
    "prores": _Encoder("prores_ks", {"profile": "hq"}, None, "yuv422p10le", frozenset({".mov", ".mkv"}), "mov"),
    "ffv1": _Encoder("ffv1", {"level": "3", "slicecrc": "1"}, None, "yuv444p", frozenset({".mkv"}), "matroska"),
}
CODECS = tuple(_ENCODERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """Codec, quality and samples of a film.

    Raises:
        UsageError: a value that means nothing.
    """

    codec: str = "h264"
    """Of CODECS."""
    crf: int | None = None
    """Constant rate factor, 0 (best) to 51, of h264 (16 by default) and hevc (18); None for the default."""
    pix_fmt: str | None = None
    """Of PIX_FMTS; None is the codec's own, and 4:4:4 where a side is odd."""

    def __post_init__(self) -> None:
        if self.codec not in _ENCODERS:
            raise UnknownNameError("codec", self.codec, CODECS)
        if self.pix_fmt is not None and self.pix_fmt not in PIX_FMTS:
            raise UnknownNameError("pix_fmt", self.pix_fmt, PIX_FMTS)
        if self.crf is not None and self._encoder.crf is None:
            raise UsageError(
                f"crf {self.crf} with {self.codec}", wanted="h264 or hevc, the codecs with that scale", remedy="leave --crf out"
            )
        if self.crf is not None and not 0 <= self.crf <= _WORST_CRF:
            raise UsageError(f"crf {self.crf}", wanted=f"0 (best) to {_WORST_CRF}", remedy="change --crf")

    @property
    def _encoder(self) -> _Encoder:
        return _ENCODERS[self.codec]

    @property
    def encoder(self) -> str:
        """FFmpeg's name of the encoder."""
        return self._encoder.name

    @property
    def options(self) -> dict[str, str]:
        """The encoder's options."""
        crf = self._encoder.crf if self.crf is None else self.crf
        return {**self._encoder.options, **({} if crf is None else {"crf": str(crf)})}

    @property
    def piece_format(self) -> str:
        """Of a file that holds consecutive frames of the film."""
        return self._encoder.piece

    def samples(self, height: int, width: int) -> str:
        """FFmpeg's name of the samples for frames of this size.

        >>> Encoding().samples(48, 64), Encoding().samples(48, 63), Encoding(codec="prores").samples(48, 64)
        ('yuv420p', 'yuv444p', 'yuv422p10le')
        """
        if self.pix_fmt is not None:
            return self.pix_fmt
        own = self._encoder.pix_fmt
        return own.replace("420", "444").replace("422", "444") if height % 2 or width % 2 else own

    @property
    def deep(self) -> bool:
        """More than 8 bits a sample."""
        return (self.pix_fmt or self._encoder.pix_fmt).endswith("10le")

    def check(self, suffix: str, height: int, width: int) -> None:
        """Refuses what can't be written, before any work is done.

        Args:
            suffix: of the film.
            height: of its frames.
            width: of its frames.

        Raises:
            UsageError: the kind of file does not hold the codec, the encoder does not have the samples, or they need even sides.
            FramesError: this build of PyAV lacks the encoder.
        """
        if suffix not in self._encoder.suffixes:
            raise UsageError(
                f"a {suffix} file does not hold {self.codec}",
                wanted=f"a film of the kind {' or '.join(sorted(self._encoder.suffixes))}",
                remedy="change the output's suffix, or --codec",
            )
        if self.encoder == "libx265" and width < _CODING_TREE:
            raise UsageError(
                f"{self.codec} for frames of {width}x{height}",
                wanted=f"at least {_CODING_TREE} pixels across: its encoder writes beyond its memory under that",
                remedy="use --codec h264",
            )
        samples, known = self.samples(height, width), _formats(self.encoder)
        if samples not in known:
            raise UsageError(
                f"{self.encoder} has no samples {samples}",
                wanted=f"one of {', '.join(name for name in PIX_FMTS if name in known)}",
                remedy="change --pix-fmt",
            )
        if ("420" in samples and height % 2) or ("444" not in samples and width % 2):
            raise UsageError(
                f"samples {samples} for frames of {width}x{height}", wanted="even sides, or 4:4:4", remedy="leave --pix-fmt out"
            )


def _formats(encoder: str) -> frozenset[str]:
    """The samples that an encoder takes."""
    from av.codec import Codec as AvCodec
    from av.codec.codec import UnknownCodecError

    try:
        formats = AvCodec(encoder, "w").video_formats
    except UnknownCodecError as error:
        raise FramesError(
            f"this build of PyAV has no {encoder}",
            wanted="its encoder",
            remedy="choose another --codec, or write a folder of PNG files",
        ) from error
    return frozenset(known.name for known in formats or ())
