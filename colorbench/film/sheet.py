"""Pictures to look at: a strip of the worst covered shots, and a contact sheet of frames that are worth coloring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from colorbench.clips.footage import resize
from colorbench.files.atomic import replacing_file
from colorbench.film.coverage import LEAST
from colorbench.film.references import Still
from colorbench.film.shot_report import ShotRow
from colorbench.frames.opening import FrameSource, read_image
from colorbench.types import RgbFrame

_WIDTH = 320
_CAPTION = 22
_ROWS = 6
_GAP = 4
_QUALITY = 90
_INK, _PAPER = (20, 20, 20), 245

Captioned = tuple[RgbFrame, str]


def write_worst(path: Path, rows: Sequence[ShotRow], source: FrameSource, stills: Sequence[Still]) -> Path | None:
    """The worst covered shots, one a row: the still nearest to the worst frame, that frame, and the one to color next.

    Returns:
        ``path``; None where every shot is covered, and then no picture is left there.

    Raises:
        StoreError: it can't be written.
    """
    worst = sorted((row for row in rows if (row.worst_coverage or 0.0) < LEAST and row.worst is not None), key=_severity)
    if not worst or worst[0].coverage is None:
        path.unlink(missing_ok=True)
        return None
    files = {still.name: still.path for still in stills}
    write_sheet(path, [_row(row, source, files) for row in worst[:_ROWS]])
    return path


def write_sheet(path: Path, rows: Sequence[Sequence[Captioned]]) -> None:
    """Rows of pictures with captions under them, as JPEG.

    Raises:
        StoreError: it can't be written.
    """
    import cv2

    columns = max(len(row) for row in rows)
    cells = [[_cell(*captioned) for captioned in row] for row in rows]
    height, width = (max(cell.shape[side] for row in cells for cell in row) for side in (0, 1))
    sheet = np.full((len(rows) * (height + _GAP), columns * (width + _GAP), 3), _PAPER, np.uint8)
    for y, row in enumerate(cells):
        for x, cell in enumerate(row):
            top, left = y * (height + _GAP), x * (width + _GAP)
            sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    _, data = cv2.imencode(".jpg", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    with replacing_file(path) as temporary:
        temporary.write_bytes(data.data)


def _severity(row: ShotRow) -> float:
    return -(row.gain or 0.0)


def _row(row: ShotRow, source: FrameSource, files: dict[str, Path]) -> list[Captioned]:
    worst, found = row.worst or 0, []
    if row.references:
        used = min(row.references, key=lambda still: abs(still.frame - worst))
        found.append((read_image(files[used.name]), f"shot {row.number}: {used.name[:24]}, frame {used.frame}"))
    found.append((source.read(worst), f"worst, frame {worst}, coverage {row.worst_coverage:.2f}"))
    if row.next is not None and row.next != worst:
        found.append((source.read(row.next), f"next, frame {row.next}, {row.next_at}"))
    return found


def _cell(rgb: RgbFrame, caption: str) -> RgbFrame:
    import cv2

    small = resize(rgb, (_WIDTH, max(1, round(rgb.shape[0] * _WIDTH / rgb.shape[1]))), "area")
    cell = np.full((small.shape[0] + _CAPTION, _WIDTH, 3), _PAPER, np.uint8)
    cell[: small.shape[0]] = small
    # The letters of this font are ASCII.
    text = caption.encode("ascii", "replace").decode()
    cv2.putText(cell, text, (4, cell.shape[0] - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    return cell
