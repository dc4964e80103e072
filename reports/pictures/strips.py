"""Qualitative strips for print: the paper's Figures 3, 4 and 6, for clips with and without ground truth.

A *strip* has a row for each of input, methods and truth and a column for each of several frames, exemplars above them.
A *closeup* is one frame, its panels lettered as in the paper, each with a part of it enlarged below. Both are as wide as the text
of a page in two columns, 17.5 cm, and no taller than it; letters have 7 points.
"""

from __future__ import annotations

import io
import math
import string
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from colorbench.errors import FramesError, StoreError
from colorbench.files.atomic import replacing_file
from colorbench.results.reading import Results
from colorbench.runs.store import safe_name
from colorbench.types import RgbFrame
from reports.pictures.clip_frames import ClipFrames, open_clip
from reports.pictures.labels import ELLIPSIS, shown
from reports.pictures.selection import Box, middle_frame, spread_frames, telling_box, worst_frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FRAMES = 5
"""Columns of a strip."""

_WIDTH, _TALLEST = 6.875, 8.875
"""Inches, of the text of a page."""
_POINTS, _LINE, _GAP = 7, 0.14, 0.03
"""Size of letters; inches of a line of them and between pictures."""
_LETTER = 0.58 * _POINTS / 72
"""Inches that a letter takes."""
_DPI = 300
_MOST_COLUMNS = 5
_MARK = "#FFE600"
"""Of boxes, with a black line around it, to be seen on any color."""


def write_strips(results: Results, clip: str, folder: Path, *, frames: int = FRAMES) -> tuple[Path, ...]:
    """Writes CLIP/strip.png and .pdf, and CLIP/worst.png and .pdf, or middle.* of a clip that has no scores of frames.

    The same run gives the same bytes with one matplotlib.

    Raises:
        UnknownNameError, StoreError, FramesError: see :func:`reports.pictures.clip_frames.open_clip`.
        StoreError: the disk is full, or the folder can't be written.
    """
    folder = folder / safe_name(clip)
    with open_clip(results, clip) as opened:
        worst = worst_frame(results, clip)
        one = middle_frame(results, clip) if worst is None else worst
        if one is None:
            raise StoreError(f"no frame of clip {clip!r} is scored", wanted="at least one", remedy="give the run's command again")
        return (
            *_write(strip(opened, spread_frames(results, clip, frames)), folder / "strip"),
            *_write(closeup(opened, one, _box(results, opened, one)), folder / ("middle" if worst is None else "worst")),
        )


def strip(clip: ClipFrames, indices: Sequence[int]) -> Figure:
    """Rows of input, methods and truth, columns of frames.

    Args:
        clip: an open one.
        indices: at least one frame, in order.
    """
    rows = [panel for panel in clip.panels if panel.role != "exemplar"]
    exemplars = [panel for panel in clip.panels if panel.role == "exemplar"][: len(indices)]
    margin = 2 * _LINE
    lines = 2 if exemplars else 1
    count = len(rows) + bool(exemplars)
    by_height = (_TALLEST - lines * _LINE - count * _GAP) / count * clip.width / clip.height
    width = min((_WIDTH - margin) / len(indices) - _GAP, by_height)
    height = width * clip.height / clip.width
    page = _Page(margin + len(indices) * (width + _GAP), lines * _LINE + count * (height + _GAP))
    lefts = [margin + column * (width + _GAP) for column in range(len(indices))]
    top = 0.0
    if exemplars:
        for left, panel in zip(lefts, exemplars, strict=False):
            page.text(panel.title, left, top, width)
            page.picture(panel.read(0), left, top + _LINE, width)
        top += _LINE + height + _GAP
    for left, index in zip(lefts, indices, strict=True):
        page.text(f"frame {index}", left, top, width)
    top += _LINE
    for panel in rows:
        page.text(panel.title, 0, top, height, upwards=True)
        for left, index in zip(lefts, indices, strict=True):
            page.picture(panel.read(index), left, top, width)
        top += height + _GAP
    return page.figure


def closeup(clip: ClipFrames, index: int, box: Box) -> Figure:
    """One frame's panels in a grid, each with a part of it enlarged below.

    Args:
        clip: an open one.
        index: the frame.
        box: the part.

    Raises:
        FramesError: the box is not inside the frame.
    """
    if min(box.left, box.top) < 0 or box.left + box.width > clip.width or box.top + box.height > clip.height:
        raise FramesError(f"{box} of a frame of {clip.width}x{clip.height}", wanted="a part of the frame", remedy="move the box")
    exemplars = [panel.read(index) for panel in clip.panels if panel.role == "exemplar"][:2]
    panels = [panel for panel in clip.panels if panel.role != "exemplar"]
    titles = [f"input, frame {index}", *(panel.title for panel in panels[1:])]
    if exemplars:
        titles.insert(1, "exemplars" if len(exemplars) > 1 else "exemplar")
    rows = math.ceil(len(titles) / _MOST_COLUMNS)
    columns = math.ceil(len(titles) / rows)
    titles = [_lettered(cell, title) for cell, title in enumerate(titles)]
    shape = clip.height / clip.width + box.height / box.width
    width = min(_WIDTH / columns - _GAP, (_TALLEST / rows - 2 * _LINE - 3 * _GAP) / shape)
    lines = max(_folded(title, width, 2).count("\n") + 1 for title in titles)
    words = lines * _LINE + 3 * _GAP
    page = _Page(columns * (width + _GAP) - _GAP, rows * (width * shape + words))

    def corner(cell: int) -> tuple[float, float]:
        row, column = divmod(cell, columns)
        return column * (width + _GAP), row * (width * shape + words)

    for place, panel in enumerate(panels):
        rgb = panel.read(index)
        left, top = corner(place + (place > 0 and bool(exemplars)))
        page.picture(rgb, left, top, width, box=box)
        whole = Box(0, 0, box.width, box.height)
        page.picture(box.of(rgb), left, top + width * clip.height / clip.width + _GAP, width, box=whole)
    if exemplars:
        page.stack(exemplars, *corner(1), width, width * shape + _GAP)
    for cell, title in enumerate(titles):
        left, top = corner(cell)
        page.text(title, left, top + width * shape + 2 * _GAP, width, lines=lines)
    return page.figure


class _Page:
    """A figure on which pictures and words are placed in inches from the top left."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height))
        self._renderer = FigureCanvasAgg(self.figure).get_renderer()  # type: ignore[no-untyped-call]

    def picture(self, rgb: RgbFrame, left: float, top: float, width: float, *, box: Box | None = None) -> None:
        """A picture of that width, with a box drawn on it."""
        from matplotlib.patches import Rectangle
        from matplotlib.patheffects import withStroke

        height = width * rgb.shape[0] / rgb.shape[1]
        axes = self.figure.add_axes(
            (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        )
        axes.imshow(_printed(rgb, width), aspect="auto", extent=(0, rgb.shape[1], rgb.shape[0], 0))
        axes.set_axis_off()
        if box:
            mark = Rectangle((box.left, box.top), box.width, box.height, fill=False, edgecolor=_MARK, linewidth=0.8)
            mark.set_path_effects([withStroke(linewidth=1.6, foreground="black")])
            axes.add_patch(mark)

    def stack(self, pictures: Sequence[RgbFrame], left: float, top: float, width: float, height: float) -> None:
        """Pictures of one shape one below the other, in the middle of so much room."""
        ratio = pictures[0].shape[0] / pictures[0].shape[1]
        each = min(width, (height / len(pictures) - _GAP) / ratio)
        top += (height - len(pictures) * (each * ratio + _GAP) + _GAP) / 2
        for picture in pictures:
            self.picture(picture, left + (width - each) / 2, top, each)
            top += each * ratio + _GAP

    def text(self, words: str, left: float, top: float, room: float, *, lines: int = 1, upwards: bool = False) -> None:
        """Words in the middle of so much room: in lines from the top, or read upwards in two lines. Wide ones become smaller."""
        words = _folded(words, room, 2 if upwards else lines)
        x, y = (left + _LINE, top + room / 2) if upwards else (left + room / 2, top + lines * _LINE / 2)
        text = self.figure.text(
            x / self.width,
            1 - y / self.height,
            words,
            fontsize=_POINTS,
            rotation=90 if upwards else 0,
            ha="center",
            va="center",
            linespacing=1.1,
            parse_math=False,
        )
        with _unknown_letters_allowed():
            extent = text.get_window_extent(self._renderer)
        text.set_fontsize(_POINTS * min(1.0, room * self.figure.dpi / max(extent.height if upwards else extent.width, 1.0)))


def _box(results: Results, clip: ClipFrames, index: int) -> Box:
    """Where methods and truth differ most; control rows count only where there is nothing else."""
    controls = {method.label for method in results.methods if method.kind == "control"}
    compared = [panel for panel in clip.panels if panel.role in ("method", "truth")]
    rivals = [panel for panel in compared if panel.role == "truth" or panel.title not in controls]
    some = rivals if any(panel.role == "method" for panel in rivals) else compared
    return telling_box([panel.read(index) for panel in some])


def _lettered(cell: int, title: str) -> str:
    """A title as in the paper: "(a) input"."""
    letters = string.ascii_lowercase
    return f"({letters[cell]}) {title}" if cell < len(letters) else title


def _folded(words: str, room: float, lines: int) -> str:
    """Words in so many lines of so many inches; what does not fit is cut.

    >>> _folded("deepexemplar:compact", 0.85, 2).splitlines()
    ['deepexemplar:', 'compact']
    """
    letters, words = max(int(room / _LETTER), 4), shown(words, 500)
    if len(words) > letters and lines > 1:
        words = words.replace(":", ": ")
    return "\n".join(textwrap.wrap(words, letters, max_lines=lines, placeholder=ELLIPSIS))


def _printed(rgb: RgbFrame, width: float) -> RgbFrame:
    """A picture with no more pixels than are printed."""
    import cv2

    pixels = math.ceil(width * _DPI)
    if rgb.shape[1] <= pixels:
        return rgb
    size = (pixels, max(round(pixels * rgb.shape[0] / rgb.shape[1]), 1))
    smaller: RgbFrame = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return smaller


def _write(figure: Figure, stem: Path) -> tuple[Path, Path]:
    """As .png with 300 pixels an inch, and as .pdf with the pictures' own pixels."""
    from matplotlib import rc_context

    written = []
    # "none" keeps a PDF's pictures as they are; in a PNG it would repeat or leave out pixels. Level 3 halves the time of a PNG.
    for suffix, interpolation, options in (
        (".png", "auto", {"pil_kwargs": {"compress_level": 3}}),
        (".pdf", "none", {"metadata": {"CreationDate": None}}),
    ):
        for axes in figure.axes:
            for image in axes.images:
                image.set_interpolation(interpolation)
        content = io.BytesIO()
        # Publishers refuse the Type 3 fonts that are matplotlib's default.
        with _unknown_letters_allowed(), rc_context({"pdf.fonttype": 42}):
            figure.savefig(content, format=suffix[1:], dpi=_DPI, **options)
        path = stem.with_name(stem.name + suffix)
        with replacing_file(path) as temporary:
            temporary.write_bytes(content.getvalue())
        written.append(path)
    return written[0], written[1]


@contextmanager
def _unknown_letters_allowed() -> Iterator[None]:
    """A name may hold letters that the font lacks; they become boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        yield
