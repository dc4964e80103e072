"""A decoded video frame to (H, W, 3) uint8 RGB: matrix, range, depth and rotation as the file says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from colorbench.errors import FramesError
from colorbench.frames.images import to_8_bit
from colorbench.types import RgbFrame

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.reformatter import VideoReformatter

# ISO/IEC 23091-2 matrix coefficients, to swscale's numbers. Absent: YCgCo, constant luminance, ICtCp.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
_BT709, _BT601, _UNSPECIFIED = 1, 6, 2
_LIMITED, _FULL = 1, 2
_HD_LINES = 720
_DEEP = (10, 12, 14, 16)


def frame_to_rgb(frame: VideoFrame, *, reformatter: VideoReformatter, name: str) -> RgbFrame:
    """Converts by the frame's own matrix and range, rounding accurately; checked to within 2 of 255 levels.

    Where the file is silent: BT.601 below 720 lines and BT.709 from there on; limited range for YUV, full for yuvj, RGB and
    gray. Chroma is interpolated bicubically. Transfer and primaries are taken as they are: nothing is converted to sRGB.
    Pixels are as coded: no change for a pixel aspect ratio, no deinterlacing.

    Args:
        frame: as PyAV decodes it.
        reformatter: reused from frame to frame, for speed.
        name: of the frame, for messages.

    Returns:
        (H, W, 3) uint8 in [0, 255], rotated as the file's display matrix says.

    Raises:
        FramesError: a matrix, a sample format or a rotation that is not supported.
    """
    from av.video.reformatter import Interpolation

    bits = max(component.bits for component in frame.format.components)
    direct = frame.format.is_rgb or len(frame.format.components) < 3
    if bits > _DEEP[-1]:
        raise FramesError(
            f"{name} has samples of {bits} bits ({frame.format.name})", wanted="8 to 16 bits", remedy="convert the video"
        )
    deep = next(depth for depth in _DEEP if depth >= bits) if direct and bits > 8 else 0
    converted = reformatter.reformat(
        frame,
        format=f"gbrp{deep}le" if deep else "rgb24",
        src_colorspace=_MATRICES[_BT601] if direct else _matrix(frame, name),
        src_color_range=_FULL if _is_full(frame, direct=direct) else _LIMITED,
        dst_color_range=_FULL,
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT,
    )
    levels = converted.to_ndarray()
    rgb: RgbFrame = to_8_bit(levels.astype(np.uint16, copy=False), bits=deep) if deep else levels.astype(np.uint8, copy=False)
    if frame.rotation % 90:
        raise FramesError(
            f"{name} is to be rotated by {frame.rotation} degrees", wanted="a multiple of 90", remedy="convert the video"
        )
    return np.ascontiguousarray(np.rot90(rgb, frame.rotation // 90)) if frame.rotation else rgb


def _matrix(frame: VideoFrame, name: str) -> int:
    code = frame.colorspace
    if code == _UNSPECIFIED:
        code = _BT709 if frame.height >= _HD_LINES else _BT601
    if code not in _MATRICES:
        raise FramesError(
            f"{name} is coded with matrix {code} of ISO/IEC 23091-2",
            wanted="BT.601, BT.709, FCC, SMPTE 240M or BT.2020 non-constant luminance",
            remedy="convert the video, say with: ffmpeg -i IN -vf format=gbrp -c:v ffv1 OUT.mkv",
        )
    return _MATRICES[code]


def _is_full(frame: VideoFrame, *, direct: bool) -> bool:
    if frame.format.is_rgb:
        return True
    return frame.color_range == _FULL or (frame.color_range != _LIMITED and (direct or frame.format.name.startswith("yuvj")))
