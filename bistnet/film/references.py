"""The reference pictures of a film: read, and looked at before any work is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bistnet.film.placing import Place, Rule, parse_at, place_at, place_known
from colorbench.clips.likeness import ALIKE, describe_picture
from colorbench.color import is_gray
from colorbench.errors import FramesError
from colorbench.frames.opening import FrameSource, picture_files, read_image


def reference_files(references: Sequence[Path]) -> tuple[Path, ...]:
    """Pictures as they are, folders as the pictures in them in natural order."""
    return tuple(file for path in references for file in (picture_files(path) if path.is_dir() else (path,)))


def known_places(source: FrameSource, files: Sequence[Path], *, at: str | None, rule: Rule) -> tuple[Place, ...] | None:
    """Where the references stand, or None where it is to be found by likeness.

    Args:
        source: the clip.
        files: of :func:`reference_files`.
        at: frame numbers as text; None: by ``rule``.
        rule: see :func:`bistnet.film.placing.place_known`.

    Raises:
        UsageError: references that can't be placed, or two on one frame.
    """
    names = [file.stem for file in files]
    return place_known(names, source.names, rule=rule) if at is None else place_at(names, parse_at(at), source.n_frames)


def examine(source: FrameSource, files: Sequence[Path], *, note: Callable[[str], None]) -> NDArray[np.float32]:
    """Reads each reference, and warns of those that are gray or of another size than the frames.

    Returns:
        (R, D), of :func:`colorbench.clips.likeness.describe_picture`.

    Raises:
        FramesError: a picture that can't be read, or no picture with any color.
    """
    described, gray = [], []
    for file in files:
        rgb = read_image(file)
        described.append(describe_picture(rgb))
        if (size := rgb.shape[1::-1]) != (source.width, source.height):
            note(f"{file.name} is {size[0]}x{size[1]}, the frames {source.width}x{source.height}: scaled, its aspect kept")
        if is_gray(rgb):
            gray.append(file.name)
            note(f"WARNING: {file.name} has no color; frames near it will have none")
    if len(gray) == len(files):
        raise FramesError(
            f"no reference has any color: {', '.join(gray)}",
            wanted="at least one colored picture",
            remedy="color one of them first",
        )
    return np.stack(described)


def tell_places(source: FrameSource, files: Sequence[Path], places: Sequence[Place], *, note: Callable[[str], None]) -> None:
    """Says where each reference stands, and warns of those that do not look like their frame."""
    for found, file in zip(places, files, strict=True):
        likeness = found.likeness or 0.0
        note(f"{file.name} is frame {found.index} ({source.names[found.index]}), by {found.rule}, likeness {likeness:.2f}")
        if likeness < ALIKE and source.n_frames > 1:
            note(f"WARNING: {file.name} does not look like frame {found.index}; --at or --place match puts it elsewhere")
