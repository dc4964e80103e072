"""A page's pictures of a clip: some frames of truth, gray input and methods, and how far each is from the truth, as WebP files.

They are for looking at: lossy, 4:2:0, at most 640 pixels a side. Numbers come from the frames themselves.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import DatasetError, FramesError
from colorbench.frames.opening import FrameSource, open_frames
from colorbench.results.reading import Results
from colorbench.types import RgbFrame
from reports.pictures.clip_frames import UNSAVED, Panel, open_clip, saved_labels, saved_path, why_unsaved

MOST_DISTANCE = 40.0
"""Where the scale of differences ends, in units of a* and b*. The same for all clips and runs, so that maps may be compared."""

TRUTH_ROW = -1
"""The truth's place in tables and curves, where methods are counted from 0."""

_LONGEST_SIDE = 640
_QUALITY, _MAP_QUALITY = 85, 60
_THREADS = 4
_SLUG_LENGTH = 32

Ab = NDArray[np.float32]
"""(H, W, 2) float32 CIE a* and b*."""


@dataclass(frozen=True, slots=True)
class Track:
    """The pictures of one method, of the truth or of the input."""

    title: str
    role: str
    """"truth", "input" or "method"."""
    row: int | None
    """Whose values belong to it: the method's place in the run, or TRUTH_ROW; None for the input."""
    folder: str
    """Relative to the page. Holds 00041.webp and, of frame 41's difference to the truth, 00041-ab.webp."""
    has_map: bool

    @property
    def name(self) -> str:
        """As the page calls it."""
        return {"truth": "truth", "input": "gray input"}.get(self.role, self.title)


@dataclass(frozen=True, slots=True)
class ClipPictures:
    """What was written of a clip; no tracks where there is nothing to show."""

    frames: tuple[int, ...] = ()
    """Which frames have pictures, ascending."""
    width: int = 0
    height: int = 0
    tracks: tuple[Track, ...] = ()
    """Truth, input, methods in the run's order."""
    note: str = ""
    """What is not shown, and why."""


def chosen_frames(count: int, *, most: int | None, always: Iterable[int]) -> tuple[int, ...]:
    """``most`` frames of ``count`` spread evenly from the first to the last, all with None; and ``always``.

    >>> chosen_frames(90, most=4, always=[41])
    (0, 29, 41, 59, 89)
    """
    if most is None or most >= count:
        return tuple(range(count))
    gaps = max(most - 1, 1)
    return tuple(sorted({*(step * (count - 1) // gaps for step in range(most)), *always}))


def write_pictures(
    results: Results, clip: str, page: Path, *, place: str, most: int | None, always: Iterable[int]
) -> ClipPictures:
    """Writes a clip's pictures under ``page / place``. The same frames give the same bytes with one OpenCV.

    Where no frames are saved, or one of them can't be read, nothing is written and the note says why.

    Args:
        results: of a run.
        clip: its name.
        page: the folder of the page.
        place: the folder of the clip's pictures in it.
        most, always: see :func:`chosen_frames`.
    """
    labels = saved_labels(results, clip)
    others = _not_shown(results, clip)
    if not labels:
        wrong = others or "no pictures, as no frames are saved"
        return ClipPictures(note=f"{wrong}: give the run's command again with --save-frames png")
    try:
        with _opened(results, clip, labels) as (panels, count, note):
            tracks = _tracks(results, panels, place)
            frames = chosen_frames(count, most=most, always=always)
            width, height = _write_tracks(tracks, panels, page, frames)
    except FramesError as error:
        shutil.rmtree(page / place, ignore_errors=True)
        return ClipPictures(note=f"no pictures: {error.wrong}")
    note = "; ".join(part for part in (note, others) if part)
    return ClipPictures(frames, width=width, height=height, tracks=tracks, note=note)


def _not_shown(results: Results, clip: str) -> str:
    """The methods that are done and whose saved frames can't be believed, with the reason."""
    done = [record.label for record in results.records if record.clip == clip and record.status == "done"]
    reasons = ((label, why_unsaved(results, label, clip)) for label in done if not saved_path(results, label, clip))
    return "; ".join(f"{label} is not shown: {why}" for label, why in reasons if why != UNSAVED)


def slug(name: str) -> str:
    """What of a name is safe in any path and address, short; may be empty.

    >>> slug("../<b>Bear & Cub</b>")
    'b-bear-cub-b'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_SLUG_LENGTH].rstrip("-")


@contextmanager
def _opened(results: Results, clip: str, labels: Sequence[str]) -> Iterator[tuple[Sequence[Panel], int, str]]:
    """Truth, input and methods, the number of frames, and what had to be left out."""
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(open_clip(results, clip))
        except (FramesError, DatasetError) as error:
            panels, count = _saved_alone(results, clip, labels)
            yield panels, count, f"truth and gray input are not shown: {error.wrong}"
            return
        roles = ("truth", "input", "method")
        panels = sorted((panel for panel in opened.panels if panel.role in roles), key=lambda panel: roles.index(panel.role))
        yield panels, opened.count, ""


def _saved_alone(results: Results, clip: str, labels: Sequence[str]) -> tuple[Sequence[Panel], int]:
    """The saved frames that are as many as the clip has, of one size."""
    panels: list[Panel] = []
    first: FrameSource | None = None
    for label in labels:
        record, path = results.record(label, clip), saved_path(results, label, clip)
        if path is None:
            continue
        source = open_frames(path)
        first = first or source
        if record and (source.n_frames, source.width, source.height) == (record.frame_count, first.width, first.height):
            panels.append(Panel(label, "method", source.read))
    return panels, first.n_frames if first and panels else 0


def _tracks(results: Results, panels: Sequence[Panel], place: str) -> tuple[Track, ...]:
    rows = {method.label: row for row, method in enumerate(results.methods)}
    has_truth = any(panel.role == "truth" for panel in panels)
    tracks = []
    for index, panel in enumerate(panels):
        is_method, is_truth = panel.role == "method", panel.role == "truth"
        folder = f"{place}/{index:02d}-{slug(panel.title if is_method else panel.role)}".rstrip("-")
        row = rows[panel.title] if is_method else TRUTH_ROW if is_truth else None
        tracks.append(Track(panel.title, panel.role, row, folder, has_truth and not is_truth))
    return tuple(tracks)


def _write_tracks(tracks: Sequence[Track], panels: Sequence[Panel], page: Path, frames: Iterable[int]) -> tuple[int, int]:
    """Writes every frame of every track; returns the pictures' width and height."""
    folders = [page / track.folder for track in tracks]
    for folder in folders:
        folder.mkdir(parents=True)
    truth = next((place for place, track in enumerate(tracks) if track.row == TRUTH_ROW), None)
    width = height = 0
    with ThreadPoolExecutor(_THREADS) as executor:
        for frame in frames:
            # Read in this thread: not every source may be read from several.
            pictures = [panel.read(frame) for panel in panels]
            ab = None if truth is None else _ab(pictures[truth])
            list(
                executor.map(_write_frame, folders, repeat(frame), pictures, [ab if track.has_map else None for track in tracks])
            )
            height, width = _shrunk(pictures[0]).shape[:2]
    return width, height


def _write_frame(folder: Path, frame: int, rgb: RgbFrame, truth: Ab | None) -> None:
    (folder / f"{frame:05d}.webp").write_bytes(_webp(_shrunk(rgb), _QUALITY))
    if truth is not None:
        distance = _shrunk(np.linalg.norm(_ab(rgb) - truth, axis=-1))
        level = np.rint(np.minimum(distance / MOST_DISTANCE, 1.0) * 255.0).astype(np.uint8)
        (folder / f"{frame:05d}-ab.webp").write_bytes(_webp(map_colors()[level], _MAP_QUALITY))


@lru_cache(maxsize=1)
def map_colors() -> NDArray[np.uint8]:
    """(256, 3) uint8 sRGB from no difference to MOST_DISTANCE: matplotlib's inferno, whose lightness grows evenly."""
    import matplotlib as mpl

    colors: NDArray[np.uint8] = mpl.colormaps["inferno"](np.arange(256), bytes=True)[:, :3]
    return colors


def _ab(rgb: RgbFrame) -> Ab:
    import torch

    from colorbench.color import rgb_to_lab

    ab: Ab = rgb_to_lab(torch.from_numpy(rgb))[..., 1:].numpy()
    return ab


def _shrunk(picture: NDArray[Any]) -> NDArray[Any]:
    """(H, W, ...) at most 640 pixels a side, by the mean over areas."""
    import cv2

    height, width = picture.shape[:2]
    scale = _LONGEST_SIDE / max(height, width)
    if scale >= 1:
        return picture
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    shrunk: NDArray[Any] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return shrunk


def _webp(rgb: RgbFrame, quality: int) -> bytes:
    import cv2

    _, data = cv2.imencode(".webp", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, quality])
    return data.tobytes()
