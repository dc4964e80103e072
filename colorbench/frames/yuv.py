"""A decoded video frame to (H, W, 3) uint8 RGB: matrix, range, depth, siting and orientation as the file says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from colorbench.errors import FramesError
from colorbench.frames.images import to_8_bit
from colorbench.frames.orientation import orientation_of
from colorbench.frames.rescaling import MATRICES, Rescaler, Samples
from colorbench.frames.siting import Siting
from colorbench.types import RgbFrame

if TYPE_CHECKING:
    from av import VideoFrame

_BT709, _BT601, _UNSPECIFIED = 1, 6, 2
_LIMITED, _FULL = 1, 2
_HD_LINES = 720
_DEEP = (10, 12, 14, 16)


def frame_to_rgb(frame: VideoFrame, *, rescaler: Rescaler, siting: Siting, name: str) -> RgbFrame:
    """Converts by the frame's own matrix and range, rounding accurately; checked to within 2 of 255 levels.

    Where the file is silent: BT.601 below 720 lines and BT.709 from there on; limited range for YUV, full for yuvj, RGB and
    gray. Chroma is interpolated bicubically from where its samples lie. Transfer and primaries are taken as they are: nothing is
    converted to sRGB. Pixels are as coded: no change for a pixel aspect ratio, no deinterlacing.

    Args:
        frame: as PyAV decodes it.
        rescaler: reused from frame to frame, for speed.
        siting: of the stream, where chroma is subsampled.
        name: of the frame, for messages.

    Returns:
        (H, W, 3) uint8 in [0, 255], turned and mirrored as the file's display matrix says.

    Raises:
        FramesError: a matrix, a sample format or a rotation that is not supported.
    """
    bits = max(component.bits for component in frame.format.components)
    direct = frame.format.is_rgb or len(frame.format.components) < 3
    if bits > _DEEP[-1]:
        raise FramesError(
            f"{name} has samples of {bits} bits ({frame.format.name})", wanted="8 to 16 bits", remedy="convert the video"
        )
    deep = next(depth for depth in _DEEP if depth >= bits) if direct and bits > 8 else 0
    source = Samples(
        frame.format.name,
        full=_is_full(frame, direct=direct),
        matrix=None if direct else _matrix(frame, name),
        siting=None if direct else subsampled(siting, frame.format.name),
    )
    converted = rescaler.convert(frame, source, Samples(f"gbrp{deep}le" if deep else "rgb24", full=True))
    levels = converted.to_ndarray()
    rgb: RgbFrame = to_8_bit(levels.astype(np.uint16, copy=False), bits=deep) if deep else levels.astype(np.uint8, copy=False)
    return orientation_of(frame, name=name).applied(rgb)


def subsampled(siting: Siting, pix_fmt: str) -> Siting | None:
    """The siting as far as it means something for samples of this format: not along a side that has all chroma samples.

    >>> subsampled(Siting(0, 128), "yuv444p"), subsampled(Siting(128, 0), "yuv420p")
    (None, Siting(across=128, down=0))
    """
    from av import VideoFormat

    chroma = VideoFormat(pix_fmt, 64, 64).components[1]
    if (chroma.width, chroma.height) == (64, 64):
        return None
    return Siting(siting.across if chroma.width < 64 else 0, siting.down if chroma.height < 64 else 0)


def _matrix(frame: VideoFrame, name: str) -> int:
    code = frame.colorspace
    if code == _UNSPECIFIED:
        code = _BT709 if frame.height >= _HD_LINES else _BT601
    if code not in MATRICES:
        raise FramesError(
            f"{name} is coded with matrix {code} of ISO/IEC 23091-2",
            wanted="BT.601, BT.709, FCC, SMPTE 240M or BT.2020 non-constant luminance",
            remedy="convert the video, say with: ffmpeg -i IN -vf format=gbrp -c:v ffv1 OUT.mkv",
        )
    return code


def _is_full(frame: VideoFrame, *, direct: bool) -> bool:
    if frame.format.is_rgb:
        return True
    return frame.color_range == _FULL or (frame.color_range != _LIMITED and (direct or frame.format.name.startswith("yuvj")))
