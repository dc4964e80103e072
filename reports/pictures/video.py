"""A clip as one film: gray input, exemplars, methods and truth side by side, each under its name.

H.264 in MP4, 4:2:0, BT.709, limited range, which every browser and player shows; for looking at, not for measuring. Frames are
taken one by one, so that a film of any length needs the same memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from colorbench.errors import FramesError
from colorbench.files.atomic import replacing_file
from colorbench.results.reading import Results
from colorbench.runs.store import safe_name
from colorbench.types import RgbFrame
from reports.pictures.clip_frames import ClipFrames, Panel, open_clip
from reports.pictures.labels import ELLIPSIS, shown

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

WIDEST, TALLEST = 1920, 1080

_CAPTION, _FONT, _GAP = 26, 16, 4
_NARROWEST = 240
"""Pixels of a panel, so that its name can be read; smaller frames are enlarged by a whole number."""
_BACKGROUND, _INK = (24, 24, 24), (240, 240, 240)
_QUALITY = {"crf": "16", "preset": "medium"}
_BT709, _LIMITED, _FULL = 1, 1, 2


@dataclass(frozen=True, slots=True)
class Layout:
    """Where panels stand; all in pixels, a panel's sides without its caption."""

    columns: int
    rows: int
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the whole; even, as 4:2:0 wants."""
        width = self.columns * (self.width + _GAP) + _GAP
        height = self.rows * (self.height + _CAPTION + _GAP)
        return width + width % 2, height + height % 2

    def corner(self, index: int) -> tuple[int, int]:
        """Left and top of a panel's caption; the panel is below it."""
        row, column = divmod(index, self.columns)
        return _GAP + column * (self.width + _GAP), row * (self.height + _CAPTION + _GAP)


def lay_out(count: int, *, width: int, height: int) -> Layout:
    """The grid of ``count`` panels of that size that has the fewest empty places of those that need no scaling to fit 1920x1080.

    Where none fits, the one that scales least. Panels are enlarged only so that names can be read.

    >>> lay_out(5, width=384, height=224)
    Layout(columns=3, rows=2, width=384, height=224)
    """

    def scale(columns: int) -> float:
        rows = math.ceil(count / columns)
        room = (WIDEST - _GAP) / columns - _GAP, TALLEST / rows - _CAPTION - _GAP
        return min(room[0] / width, room[1] / height)

    wanted = max(1, math.ceil(_NARROWEST / width))

    def rank(columns: int) -> tuple[float, int, float]:
        return min(scale(columns), wanted), -(-count % columns), scale(columns)

    columns = max(range(1, count + 1), key=rank)
    factor = min(scale(columns), wanted)
    return Layout(columns, math.ceil(count / columns), max(int(width * factor), 1), max(int(height * factor), 1))


def write_video(results: Results, clip: str, folder: Path, *, exemplars: bool = False) -> Path:
    """Writes CLIP.mp4 at the clip's frame rate.

    Args:
        results: of a run with saved frames.
        clip: which.
        folder: where to; made as needed.
        exemplars: these too, between input and methods.

    Raises:
        UnknownNameError, StoreError, FramesError: see :func:`reports.pictures.clip_frames.open_clip`.
        StoreError: the disk is full, or the folder can't be written.
    """
    path = folder / f"{safe_name(clip)}.mp4"
    with open_clip(results, clip) as frames:
        panels = tuple(panel for panel in frames.panels if exemplars or panel.role != "exemplar")
        _encode(path, _sheets(frames, panels), fps=frames.fps)
    return path


def _sheets(frames: ClipFrames, panels: tuple[Panel, ...]) -> Iterator[RgbFrame]:
    layout = lay_out(len(panels), width=frames.width, height=frames.height)
    width, height = layout.size
    blank = np.full((height, width, 3), _BACKGROUND, np.uint8)
    for place, panel in enumerate(panels):
        _put(blank, caption(panel.title, layout.width), layout.corner(place))
    for index in range(frames.count):
        sheet = blank.copy()
        for place, panel in enumerate(panels):
            left, top = layout.corner(place)
            _put(sheet, _scaled(panel.read(index), layout), (left, top + _CAPTION))
            if panel.role == "input":
                _put(sheet, caption(f"{panel.title}, frame {index}", layout.width), (left, top))
        yield sheet


def caption(text: str, width: int) -> RgbFrame:
    """A name, cut to fit, in the middle of a band of (26, width, 3)."""
    from PIL import Image, ImageDraw

    band = Image.new("RGB", (width, _CAPTION), _BACKGROUND)
    draw, font = ImageDraw.Draw(band), _font()
    most = len(text)
    while (name := shown(text, most)) != ELLIPSIS and draw.textlength(name, font) > width:
        most = min(most - 1, 4 * width // _FONT)
    draw.text((width / 2, _CAPTION / 2), name, _INK, font, anchor="mm")
    return np.asarray(band)


@lru_cache(maxsize=1)
def _font() -> FreeTypeFont:
    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", _FONT)


def _scaled(rgb: RgbFrame, layout: Layout) -> RgbFrame:
    import cv2

    if rgb.shape[:2] == (layout.height, layout.width):
        return rgb
    rule = cv2.INTER_AREA if layout.width < rgb.shape[1] else cv2.INTER_NEAREST
    scaled: RgbFrame = cv2.resize(rgb, (layout.width, layout.height), interpolation=rule)
    return scaled


def _put(sheet: RgbFrame, part: RgbFrame, corner: tuple[int, int]) -> None:
    left, top = corner
    sheet[top : top + part.shape[0], left : left + part.shape[1]] = part


def _encode(path: Path, frames: Iterable[RgbFrame], *, fps: Fraction) -> None:
    import av
    import av.error

    with replacing_file(path) as temporary:
        try:
            with av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as container:
                stream = container.add_stream("libx264", rate=fps.limit_denominator(1001), options=_QUALITY)
                stream.pix_fmt = "yuv420p"
                stream.color_range, stream.colorspace, stream.color_primaries, stream.color_trc = _LIMITED, *(_BT709,) * 3
                for index, rgb in enumerate(frames):
                    if not index:
                        stream.height, stream.width = rgb.shape[:2]
                    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
                        format="yuv420p", src_color_range=_FULL, dst_colorspace=_BT709, dst_color_range=_LIMITED
                    )
                    frame.pts = index
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
        except av.error.EncoderNotFoundError as error:
            raise FramesError(
                "this build of PyAV has no libx264", wanted="an encoder of H.264", remedy="install PyAV from PyPI, which has it"
            ) from error
        except av.error.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error
