"""The reference pictures of a film: read, placed, and looked at before any work is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from bistnet.placing import ALIKE, Place, Rule, describe, parse_at, place, place_at
from colorbench import color
from colorbench.errors import FramesError
from colorbench.frames import FrameSource, picture_files, read_image
from colorbench.types import LStar, RgbFrame

GRAY = 3.0
"""Chroma that a hundredth of a picture's pixels must exceed for it to count as colored; JPEG leaves about 1 in a gray one."""


def reference_files(references: Sequence[Path]) -> tuple[Path, ...]:
    """Pictures as they are, folders as the pictures in them in natural order."""
    return tuple(file for path in references for file in (picture_files(path) if path.is_dir() else (path,)))


def place_references(
    source: FrameSource, files: Sequence[Path], *, at: str | None, rule: Rule, note: Callable[[str], None]
) -> tuple[Place, ...]:
    """Places the references, says where, and warns of those that are gray or do not look like their frame.

    Args:
        source: the clip.
        files: of :func:`reference_files`.
        at: frame numbers as text; None: by ``rule``.
        rule: see :func:`bistnet.placing.place`.
        note: is told.

    Raises:
        UsageError: references that can't be placed, or two on one frame.
        FramesError: a picture that can't be read or looks like no frame, or no picture with any color.
    """
    names = [file.stem for file in files]
    if at is not None:
        places = place_at(names, parse_at(at), source.n_frames)
    else:
        places = place(
            names,
            source.names,
            rule=rule,
            reference=lambda number: read_image(files[number]),
            frames=lambda: _luminances(source, note),
        )
    gray = []
    for found, file in zip(places, files, strict=True):
        rgb = read_image(file)
        likeness = found.likeness
        if likeness is None:
            likeness = float(describe(color.luminance(rgb)) @ describe(color.luminance(source.read(found.index))))
        note(f"{file.name} is frame {found.index} ({source.names[found.index]}), by {found.rule}, likeness {likeness:.2f}")
        if likeness < ALIKE and source.n_frames > 1:
            note(f"WARNING: {file.name} does not look like frame {found.index}; --at or --place match puts it elsewhere")
        if (size := rgb.shape[1::-1]) != (source.width, source.height):
            note(f"{file.name} is {size[0]}x{size[1]}, the frames {source.width}x{source.height}: scaled, its aspect kept")
        if _is_gray(rgb):
            gray.append(file.name)
            note(f"WARNING: {file.name} has no color; frames near it will have none")
    if len(gray) == len(files):
        raise FramesError(
            f"no reference has any color: {', '.join(gray)}",
            wanted="at least one colored picture",
            remedy="color one of them first",
        )
    return places


def _luminances(source: FrameSource, note: Callable[[str], None]) -> Iterator[LStar]:
    note(f"looking for the references in {source.n_frames} frames")
    return map(color.luminance, source.iterate())


def _is_gray(rgb: RgbFrame) -> bool:
    import torch

    lab = color.rgb_to_lab(torch.from_numpy(rgb[::2, ::2].copy()))
    return bool(np.quantile(lab[..., 1:].norm(dim=-1).numpy(), 0.99) < GRAY)
