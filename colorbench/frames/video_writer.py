"""Frames to a video file, lossless in RGB."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from colorbench.errors import FramesError
from colorbench.files.atomic import replacing_file
from colorbench.types import RgbFrame


def write_video(path: Path, frames: Iterable[RgbFrame], *, fps: Fraction) -> None:
    """Writes FFV1 in Matroska, coded in RGB: what ``open_frames`` reads back is equal to the bit. Whole or not at all.

    Args:
        path: ends in ``.mkv``; folders are made as needed.
        frames: (H, W, 3) uint8 in [0, 255], all of one size; one in memory at a time.
        fps: frames a second, under 1000 (Matroska counts milliseconds).

    Raises:
        FramesError: no frame, or one of another size.
        StoreError: the disk is full, or the folder can't be written.
        ValueError: another suffix, or an fps out of range.
    """
    import av
    import av.error

    if path.suffix.lower() != ".mkv" or not 0 < fps < 1000:
        raise ValueError(f"can't write {path} at {fps} frames a second: wanted a name ending in .mkv and 0 < fps < 1000")
    with replacing_file(path) as temporary:
        try:
            with av.open(str(temporary), "w", format="matroska") as container:
                stream = container.add_stream("ffv1", rate=fps, options={"level": "3", "g": "1", "slices": "4", "slicecrc": "1"})
                stream.pix_fmt = "bgr0"
                size: tuple[int, ...] = ()
                for index, rgb in enumerate(frames):
                    if not size:
                        size = rgb.shape
                        stream.height, stream.width = size[:2]
                    if rgb.shape != size:
                        raise FramesError(f"{path}: frame {index} is {rgb.shape}, frame 0 is {size}", wanted="frames of one size")
                    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                    frame.pts = index
                    container.mux(stream.encode(frame))
                if not size:
                    raise FramesError(f"no frame to write to {path}", wanted="at least one frame")
                container.mux(stream.encode())
        except av.error.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error
