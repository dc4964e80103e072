"""The stills of a film: read, and looked at before any work is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorbench.clips.likeness import ALIKE
from colorbench.color import is_gray
from colorbench.errors import FramesError
from colorbench.files.digest import file_digest
from colorbench.film.placing import Place
from colorbench.film.survey import describe_still, small_size
from colorbench.frames.opening import FrameSource, picture_files, read_image

AUTOMATIC = "automatic.json"
"""Lies in a folder of stills that a method has colored, and says which."""


@dataclass(frozen=True, slots=True)
class Still:
    """A colored picture."""

    path: Path
    digest: str
    """Of the file's bytes."""
    automatic: bool = False
    """Made by a method as a first proposal, not by a person."""

    @property
    def name(self) -> str:
        """Its file's."""
        return self.path.name


def reference_files(references: Sequence[Path]) -> tuple[Path, ...]:
    """Pictures as they are, folders as the pictures in them in natural order."""
    return tuple(file for path in references for file in (picture_files(path) if path.is_dir() else (path,)))


def find_stills(references: Sequence[Path]) -> tuple[Still, ...]:
    """Pictures, and what is known of their making.

    Raises:
        FramesError: a folder without pictures.
        ColorbenchError: a picture that can't be read.
    """
    return tuple(Still(file, file_digest(file), (file.parent / AUTOMATIC).is_file()) for file in reference_files(references))


def examine(
    source: FrameSource, stills: Sequence[Still], *, note: Callable[[str], None], warn: Callable[[str], None]
) -> tuple[tuple[Still, ...], NDArray[np.float32]]:
    """Reads each still; tells of those that are of another size than the frames, and leaves out those without color.

    Returns:
        The stills that are left, and (R, D) of :func:`colorbench.film.survey.describe_still`.

    Raises:
        FramesError: a picture that can't be read, or no picture with any color.
    """
    described, colored, gray = [], [], []
    small = small_size(source.width, source.height)
    for still in stills:
        rgb = read_image(still.path)
        if is_gray(rgb):
            gray.append(still.name)
            warn(f"WARNING: {still.name} has no color; it is not used")
            continue
        if (size := rgb.shape[1::-1]) != (source.width, source.height):
            note(f"{still.name} is {size[0]}x{size[1]}, the frames {source.width}x{source.height}: scaled to their size")
        colored.append(still)
        described.append(describe_still(rgb, small))
    if stills and not colored:
        raise FramesError(
            f"no reference has any color: {', '.join(gray)}",
            wanted="at least one colored picture",
            remedy="color one of them first",
        )
    return tuple(colored), np.stack(described) if described else np.empty((0, 1), np.float32)


def tell_places(
    source: FrameSource,
    stills: Sequence[Still],
    places: Sequence[Place],
    *,
    note: Callable[[str], None],
    warn: Callable[[str], None],
) -> None:
    """Says where each still stands; warns of those whose names were not believed, and those that do not look like their frame.

    Args:
        source: the film.
        stills: of it.
        places: of the stills.
        note: told what was to be expected.
        warn: told what somebody may want to change.
    """
    for found, still in zip(places, stills, strict=True):
        tell = warn if found.rule == "match" else note
        tell(f"{still.name} is frame {found.index} ({source.names[found.index]}), by {found.rule}, likeness {found.likeness:.2f}")
        if found.named is not None:
            warn(
                f"WARNING: {still.name} is named like frame {found.named}, which it does not look like; "
                "--place name or --at puts it there all the same"
            )
        if found.likeness < ALIKE and source.n_frames > 1:
            warn(f"WARNING: {still.name} does not look like frame {found.index}; --at or --place match puts it elsewhere")
