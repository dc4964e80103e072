"""What about a clip's folder may be a mistake: things in a frame's place that are no frames, numbers that are skipped."""

from __future__ import annotations

import os

from colorbench.errors import FramesError
from colorbench.frames.matching import some
from colorbench.frames.numbering import numbering
from colorbench.frames.pictures import is_picture_name, natural_key, picture_files
from colorbench.types import Clip


def oddities_of(clip: Clip) -> tuple[str, ...]:
    """How many there are of each kind, with names; none of a video, nor of a folder that can't be read: its units fail for it."""
    try:
        return _oddities_of(clip) if clip.source.is_dir() else ()
    except (FramesError, OSError):
        return ()


def _oddities_of(clip: Clip) -> tuple[str, ...]:
    files = picture_files(clip.source)
    references = {path.parent for path in clip.references}
    with os.scandir(clip.source) as entries:
        others = [
            entry.name + "/" * entry.is_dir()
            for entry in entries
            if not entry.name.startswith(".")
            and (entry.is_dir() or not is_picture_name(entry.name))
            and clip.source / entry.name not in references
        ]
    order = numbering([path.stem for path in files])
    said = {
        "left out that are no frames": sorted(others, key=natural_key),
        "missing in the numbering": order.missing,
        "named unlike the others and taken as frames": order.strays,
    }
    return tuple(f"{len(names)} {what}: {some(names, 8)}" for what, names in said.items() if names)
