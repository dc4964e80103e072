"""Pictures of a grid side by side, as the paper's Figures 7 and 8: a row a clip, a column a cell, gray and true frames beside."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from colorbench.files.atomic import replacing_file
from colorbench.results.ablation import GRAY, TRUTH, GridFolder, StoredGrid

if TYPE_CHECKING:
    from PIL.Image import Image

_MARGIN = 6
_LETTERS = 15
"""Height of labels in pixels."""


def write_cell_strips(folder: GridFolder, grid: StoredGrid) -> tuple[Path, ...]:
    """Writes strips/NAME.png for each strip of which all pictures are there.

    Raises:
        StoreError: the folder can't be written.
    """
    clips = sorted(path for path in folder.pictures.iterdir() if path.is_dir()) if folder.pictures.is_dir() else []
    titles = {GRAY: "input", TRUTH: "truth", **{cell.name: cell.title for cell in grid.cells}}
    written = []
    for name, cells in grid.strips.items():
        columns = [GRAY, *cells, TRUTH]
        files = [[clip / f"{column}.png" for column in columns] for clip in clips]
        if files and all(file.is_file() for row in files for file in row):
            buffer = io.BytesIO()
            montage(files, [titles[column] for column in columns], [clip.name for clip in clips]).save(buffer, format="png")
            path = folder.path / "strips" / f"{name}.png"
            with replacing_file(path) as temporary:
                temporary.write_bytes(buffer.getvalue())
            written.append(path)
    return tuple(written)


def montage(files: Sequence[Sequence[Path]], columns: Sequence[str], rows: Sequence[str]) -> Image:
    """Pictures on white, the columns' names above and the rows' names at the left.

    Args:
        files: a list of pictures for each row; those of a row are of one size.
        columns: a name for each column.
        rows: a name for each row.
    """
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", _LETTERS)
    pictures = [[_opened(file) for file in row] for row in files]
    left = _MARGIN + max(round(font.getlength(name)) for name in rows) + _MARGIN
    top = 2 * _MARGIN + _LETTERS
    widths = [max(row[place].width for row in pictures) for place in range(len(columns))]
    heights = [max(picture.height for picture in row) for row in pictures]
    size = (left + sum(widths) + _MARGIN * len(widths), top + sum(heights) + _MARGIN * len(heights))
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    x = left
    for place, name in enumerate(columns):
        draw.text((x, _MARGIN), name, fill="black", font=font)
        y = top
        for row, height in zip(pictures, heights, strict=True):
            sheet.paste(row[place], (x, y))
            y += height + _MARGIN
        x += widths[place] + _MARGIN
    y = top
    for name, height in zip(rows, heights, strict=True):
        draw.text((_MARGIN, y), name, fill="black", font=font)
        y += height + _MARGIN
    return sheet


def _opened(file: Path) -> Image:
    from PIL import Image

    with Image.open(file) as picture:
        return picture.convert("RGB")
