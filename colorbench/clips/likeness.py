"""How much two pictures look alike by their luminance: where a colored still stands in a film that has no colors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import FramesError
from colorbench.types import LStar, RgbFrame

ALIKE = 0.5
"""Likeness below which a picture does not show a frame. On a film with four hand-colored frames they reach 0.64 to 0.82;
the film's median frame is at 0.33 to 0.43."""

_THUMBNAIL = (48, 32)
_LARGEST = (192, 128)
_FLAT = 1e-3


def describe_picture(rgb: RgbFrame) -> NDArray[np.float32]:
    """:func:`describe` of a picture in color, (D,); a large one is scaled down first, as luminance takes time."""
    import cv2

    from colorbench.color import luminance

    if rgb.shape[1] > _LARGEST[0] and rgb.shape[0] > _LARGEST[1]:
        rgb = cv2.resize(rgb, _LARGEST, interpolation=cv2.INTER_AREA)
    return describe(luminance(rgb))


def describe(l_star: LStar) -> NDArray[np.float32]:
    """A picture as a vector whose product with another's is their likeness, in [-1, 1]; zero for a picture of one value.

    Likeness is the mean of two correlations between thumbnails of 48x32: of L*, and of its gradient, which weighs outlines. Both
    stay where someone who colored a picture made it brighter or gave it more contrast. Sizes and aspects may differ.
    """
    import cv2

    small = cv2.resize(l_star, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
    dy, dx = np.gradient(small)
    parts = [part - part.mean() for part in (small, np.stack((dx, dy)))]
    norms = [float(np.linalg.norm(part)) for part in parts]
    scaled = [part.ravel() / norm if norm > _FLAT else np.zeros(part.size) for part, norm in zip(parts, norms, strict=True)]
    return np.concatenate(scaled).astype(np.float32) * np.float32(np.sqrt(0.5))


def most_alike(pictures: Iterable[RgbFrame], names: Sequence[str], frames: Iterable[LStar]) -> tuple[int, ...]:
    """The frames of a clip that look most like pictures; the earliest of equals.

    Args:
        pictures: (H, W, 3) uint8 sRGB each.
        names: of the pictures, for messages.
        frames: (H, W) L* each, read once.

    Raises:
        FramesError: a picture that looks like no frame.
    """
    from colorbench.color import luminance

    wanted = np.stack([describe(luminance(picture)) for picture in pictures])
    best, index = np.full(len(wanted), -np.inf), np.zeros(len(wanted), np.int64)
    for number, frame in enumerate(frames):
        likeness = wanted @ describe(frame)
        better = likeness > best
        best[better], index[better] = likeness[better], number
    for name, value, at in zip(names, best, index, strict=True):
        check_alike(name, int(at), float(value), least=ALIKE)
    return tuple(index.tolist())


def check_alike(name: str, index: int, likeness: float, *, least: float) -> None:
    """Refuses a picture that looks like no frame.

    Args:
        name: of the picture.
        index: of the frame that looks most like it.
        likeness: of the two.
        least: that it must have.

    Raises:
        FramesError: it has less.
    """
    if likeness < least:
        raise FramesError(
            f"reference {name!r} looks like no frame: the nearest is frame {index}, of likeness {likeness:.2f}",
            wanted=f"a picture of the clip, of likeness {least} or more",
            remedy="give the frame with --at, or leave the picture out",
        )
