"""Still pictures: one file to (H, W, 3) uint8 sRGB, and back to PNG.

The rules, whatever the file: gray becomes three equal channels, a palette is expanded, alpha is dropped without
compositing, the EXIF orientation is applied, 16 bits become 8 by round(v / 257), an embedded profile is ignored. They are
what ``cv2.imread`` does, and so what every published metric script does, but for 16 bits, where it shifts.
"""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import FramesError
from colorbench.files.atomic import replacing_file
from colorbench.files.regular import read_regular
from colorbench.frames.truncation import TIFF, picture_shortfall
from colorbench.types import RgbFrame

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})

_BITS, _PHOTOMETRIC, _PLANAR = 258, 262, 284
_CONVERT = "convert it to an 8 or 16 bit PNG, one file a frame"


def read_image(path: Path) -> RgbFrame:
    """Reads a PNG, JPEG, WebP, TIFF or BMP of 8 or 16 bits; the content decides, not the suffix.

    Returns:
        (H, W, 3) uint8 in [0, 255], sRGB.

    Raises:
        FramesError: it can't be read, is cut off, holds more than one picture, or has samples of another kind.
    """
    import cv2

    from colorbench.frames.png import read_plain_png

    try:
        data = read_regular(path)
    except OSError as error:
        raise FramesError(f"can't read {path}: {error.strerror or error}", wanted="a picture that can be opened") from error
    if missing := picture_shortfall(data):
        raise FramesError(f"{path} is cut off: {missing}", wanted="a whole picture", remedy="copy or extract the file again")
    if _animated(data):
        raise FramesError(f"{path} is an animation", wanted="one picture a file", remedy=_CONVERT)
    if data.startswith(TIFF):
        return _decode_tiff(data, path)
    if data.startswith(b"\x89PNG") and (plain := read_plain_png(data)) is not None:
        return plain
    return _to_rgb_u8(_decode(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH, path), path)


def write_png(path: Path, rgb: RgbFrame) -> None:
    """Writes a PNG, whole or not at all; folders are made as needed.

    Args:
        path: the file; its suffix is not looked at.
        rgb: (H, W, 3) uint8 in [0, 255].

    Raises:
        StoreError: the disk is full, or the folder can't be written.
        ValueError: ``rgb`` is of another type or shape.
    """
    import cv2

    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"can't write {rgb.dtype} {rgb.shape} to {path}: wanted uint8 (H, W, 3)")
    _, data = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    with replacing_file(path) as temporary:
        temporary.write_bytes(data.data)


def to_8_bit(levels: NDArray[np.uint16], *, bits: int) -> NDArray[np.uint8]:
    """round(v * 255 / (2^bits - 1)); for 16 bits that is round(v / 257).

    >>> to_8_bit(np.array([0, 128, 129, 65535], np.uint16), bits=16).tolist()
    [0, 0, 1, 255]
    """
    levels_u8: NDArray[np.uint8] = _table(bits)[levels]
    return levels_u8


@lru_cache(maxsize=8)
def _table(bits: int) -> NDArray[np.uint8]:
    top = 2**bits - 1
    levels: NDArray[np.uint32] = (np.arange(2**bits, dtype=np.uint32) * 510 + top) // (2 * top)
    return levels.astype(np.uint8)


def _decode(data: bytes, flags: int, path: Path) -> NDArray[np.generic]:
    import cv2

    try:
        decoded: NDArray[np.generic] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise _undecodable(path, data) from error
    if decoded is None:
        raise _undecodable(path, data)
    return decoded


def _to_rgb_u8(decoded: NDArray[np.generic], path: Path) -> RgbFrame:
    if decoded.dtype == np.uint8:
        rgb: RgbFrame = decoded  # type: ignore[assignment]
        return rgb
    if decoded.dtype == np.uint16:
        return to_8_bit(decoded.astype(np.uint16, copy=False), bits=16)
    raise FramesError(f"{path} has {decoded.dtype} samples", wanted="8 or 16 bit unsigned samples", remedy=_CONVERT)


def _decode_tiff(data: bytes, path: Path) -> RgbFrame:
    """8 bits through Pillow, as OpenCV multiplies alpha in; 16 bits through OpenCV, as Pillow drops the low byte.

    OpenCV 5.0 returns garbage for 16-bit TIFF with IMREAD_COLOR_RGB: BGR is asked for and swapped. It misreads planar and
    inverted 16-bit files, which are refused.
    """
    import cv2
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=["TIFF"]) as image:
            pages: int = getattr(image, "n_frames", 1)
            tags: dict[int, object] = dict(getattr(image, "tag_v2", {}))
            if (
                pages == 1
                and image.mode in {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}
                and _bits(tags) <= 8
            ):
                return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise _undecodable(path, data) from error
    if pages > 1:
        raise FramesError(f"{path} has {pages} pages", wanted="one picture a file", remedy=_CONVERT)
    if _bits(tags) != 16 or tags.get(_PHOTOMETRIC) not in {1, 2} or tags.get(_PLANAR, 1) != 1:
        raise FramesError(
            f"{path} is a TIFF of mode {image.mode} with {_bits(tags)} bits a sample",
            wanted="8 bits, or 16 bits gray or RGB, black is zero, pixels interleaved, unsigned",
            remedy=_CONVERT,
        )
    decoded = _decode(data, cv2.IMREAD_COLOR_BGR | cv2.IMREAD_ANYDEPTH, path)
    return np.ascontiguousarray(_to_rgb_u8(decoded, path)[..., ::-1])


def _bits(tags: dict[int, object]) -> int:
    bits = tags.get(_BITS, (1,))
    return max(bits) if isinstance(bits, tuple) else int(str(bits))


def _animated(data: bytes) -> bool:
    """An animated PNG has an acTL chunk before its data, an animated WebP a bit in its VP8X header."""
    if data.startswith(b"\x89PNG"):
        return data.find(b"acTL", 0, data.find(b"IDAT")) > 0
    return data[8:16] == b"WEBPVP8X" and bool(data[20] & 2)


def _undecodable(path: Path, data: bytes) -> FramesError:
    seen = f"{len(data)} bytes starting with {data[:8]!r}" if data else "an empty file"
    return FramesError(
        f"{path} can't be decoded: {seen}",
        wanted="a PNG, JPEG, WebP, TIFF or BMP of 8 or 16 bits",
        remedy="copy or extract the file again",
    )
