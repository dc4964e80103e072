"""One page a run that needs nothing but its own folder: tables, figures, and every clip's frames beside each other.

page/index.html   all of text, style, script and numbers
page/pictures/    frames and maps of differences, loaded as they come into view
page/figures/     the figures and their data

docs/design/page.md has the decisions.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from colorbench.errors import StoreError, UsageError
from colorbench.files.atomic import replacing_folder
from colorbench.results.reading import Results
from colorbench.results.summary import RIVALS, summarize
from colorbench.runs.store import to_json
from reports.figures import drawings
from reports.page.clip_view import view_clip
from reports.page.pictures import MOST_DISTANCE, map_colors
from reports.page.tables import FRAME, metric_grid
from reports.pictures.labels import shown
from reports.pictures.worst_frames import leading_metric, worst_frames
from reports.tables.cells import format_value
from reports.tables.grid import make_grid
from reports.tables.published import load_published

FRAMES = 12
"""Pictures of a clip, spread evenly, besides the worst frames."""

LONGEST_NAME = 60
"""Letters of a name where it is not the point; the tables of provenance have all of it."""

_GENERATOR = '<meta name="generator" content="colorbench">'
_SHADES = 9
"""Colors that make up the legend of differences."""


class Figure(NamedTuple):
    """A figure and the addresses of its files."""

    name: str
    picture: str
    data: str


def write_page(results: Results, folder: Path, *, frames: int | None = FRAMES) -> Path:
    """Writes ``folder/page``, whole or not at all, in place of one that was written before.

    The same results, saved frames and sources give the same bytes with one OpenCV, matplotlib and jinja2.

    Args:
        results: of a run. Pictures are shown where it saved frames.
        folder: where to; made as needed.
        frames: how many frames of a clip have pictures, spread evenly; None for all. The worst frame of each method has one
            besides.

    Returns:
        The path of index.html.

    Raises:
        UsageError: a negative number of frames.
        FramesError: a saved frame can't be read.
        StoreError: the disk is full, the folder can't be written, or holds a page of someone else's.
    """
    if frames is not None and frames < 0:
        raise UsageError(f"{frames} frames a clip", wanted="0 or more, or all", remedy="name another number")
    page = folder / "page"
    if page.exists() and not _is_ours(page):
        raise StoreError(
            f"{page} is not a page of colorbench", wanted="a folder that may be replaced", remedy="choose another folder"
        )
    with replacing_folder(page) as temporary:
        (temporary / "index.html").write_bytes(_html(results, temporary, frames=frames).encode("utf-8", "replace"))
        shutil.rmtree(page, ignore_errors=True)
    return page / "index.html"


def _is_ours(page: Path) -> bool:
    try:
        return _GENERATOR in (page / "index.html").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _html(results: Results, page: Path, *, frames: int | None) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    summary = summarize(results)
    grid, published = make_grid(summary, intervals=True), load_published()
    columns = {column.key: column for column in grid.columns}
    worst = worst_frames(results)
    clips = [view_clip(results, clip, page, columns=columns, most=frames, worst=worst) for clip in results.clips]
    labels = [method.label for method in results.methods]
    templates = files("reports.page") / "templates"
    style, *scripts = (templates.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page_curves.js", "page.js"))
    script = "".join(scripts)
    environment = Environment(
        loader=PackageLoader("reports.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shown"] = partial(shown, most=LONGEST_NAME)
    environment.policies["json.dumps_function"] = lambda value, **_: to_json(value)
    return environment.get_template("page.html").render(
        generator=_GENERATOR,
        style=style,
        script=script,
        style_hash=_source_hash(style),
        script_hash=_source_hash(script),
        results=results,
        summary=summary,
        grid=grid,
        columns=columns,
        beside_paper=make_grid(summary, published=published) if any(map(published.row_of, summary.rows)) else None,
        figures=_figures(results, page),
        metric_grids=[(card, metric_grid(results, card)) for card in results.metrics],
        clips=clips,
        clip_of={clip.name: clip for clip in clips},
        labels=labels,
        rivals=RIVALS,
        leading=leading_metric(results),
        worst=worst,
        frame_key=FRAME,
        longest_name=LONGEST_NAME,
        most_distance=MOST_DISTANCE,
        shades=_shades(),
        format_value=format_value,
    )


def _source_hash(text: str) -> str:
    """As a content security policy names an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _figures(results: Results, page: Path) -> list[Figure]:
    from reports.figures.drawing import write_drawing

    written = ((drawing.name, write_drawing(drawing, page / "figures", formats=("svg",))) for drawing in drawings(results))
    return [Figure(name, *(path.relative_to(page).as_posix() for path in paths)) for name, paths in written]


def _shades() -> list[str]:
    """Colors of the scale of differences, from 0 to its end, as CSS has them."""
    colors = map_colors()
    picked = [colors[step * (len(colors) - 1) // (_SHADES - 1)] for step in range(_SHADES)]
    return ["#{:02x}{:02x}{:02x}".format(*color) for color in picked]
