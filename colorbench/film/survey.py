"""What a film is looked through for before it is colored, in one pass: its shots, a small gray copy, and a digest of each frame.

All that is asked of stills afterwards (where they stand, what they cover) is answered by the small copy, so that another still
does not cost another pass.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorbench.clips.likeness import describe
from colorbench.clips.shots import DETECTION, Shot, find_shots
from colorbench.errors import StoreError
from colorbench.files.atomic import replacing_file, storage_errors
from colorbench.types import RgbFrame

VERSION = 1
"""Raised when the same film would be written down otherwise."""

LONG_SIDE = 128
"""Of the small copy: 9 KB a frame, kept on disk."""

_LEVELS = np.float32(2.55)
_DIGEST = 16
_BLOCK = 256

_COPY, _DIGESTS, _RECORD = "small.u8", "digests.u8", "survey.json"


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a film."""

    shots: tuple[Shot, ...]
    small: NDArray[np.uint8]
    """(N, h, w) L* scaled to [0, 255], mapped from the disk."""
    digests: NDArray[np.uint8]
    """(N, 16), of each frame's pixels."""

    def likeness(self, described: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, R) in [-1, 1], of each frame and R pictures that :func:`describe_still` has described, (R, D)."""
        found = np.empty((len(self.small), len(described)), np.float32)
        for start in range(0, len(found) if len(described) else 0, _BLOCK):
            block = np.stack([describe(frame.astype(np.float32) / _LEVELS) for frame in self.small[start : start + _BLOCK]])
            found[start : start + _BLOCK] = block @ described.T
        return found

    def frames_digest(self, first: int, last: int) -> str:
        """Of the frames from ``first`` to ``last``, as 64 hexadecimal digits."""
        return hashlib.sha256(self.digests[first : last + 1].tobytes()).hexdigest()


def small_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) of a frame's small copy; never larger than the frame.

    >>> small_size(1920, 1080), small_size(56, 40)
    ((128, 72), (56, 40))
    """
    scale = min(1.0, LONG_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def small_gray(rgb: RgbFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(h, w) L* of a picture of any size, scaled to [0, 255]."""
    import cv2

    from colorbench.color import luminance

    if (rgb.shape[1], rgb.shape[0]) != size:
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    levels: NDArray[np.uint8] = np.rint(luminance(rgb) * _LEVELS).astype(np.uint8)
    return levels


def describe_still(rgb: RgbFrame, size: tuple[int, int]) -> NDArray[np.float32]:
    """A picture, (D,), as :meth:`Survey.likeness` takes it; ``size`` is that of the small copy."""
    return describe(small_gray(rgb, size).astype(np.float32) / _LEVELS)


def survey_film(frames: Iterable[RgbFrame], folder: Path, *, digest: str, size: tuple[int, int]) -> Survey:
    """Looks a film through, and writes down what it has seen.

    Args:
        frames: of the film, read once.
        folder: where to.
        digest: of the film.
        size: of :func:`small_size`.

    Raises:
        StoreError: the folder can't be written.
    """
    with (
        replacing_file(folder / _COPY) as copy,
        replacing_file(folder / _DIGESTS) as digests,
        copy.open("wb") as small,
        digests.open("wb") as hashes,
    ):

        def watched() -> Iterator[RgbFrame]:
            for rgb in frames:
                small.write(small_gray(rgb, size).tobytes())
                hashes.write(hashlib.sha256(np.ascontiguousarray(rgb).data).digest()[:_DIGEST])
                yield rgb

        shots = find_shots(watched())
    record = {"identity": _identity(digest, size), "shots": [asdict(shot) for shot in shots]}
    with replacing_file(folder / _RECORD) as temporary:
        temporary.write_text(json.dumps(record), encoding="utf-8")
    return _opened(folder, record, size)


def known_survey(folder: Path, *, digest: str, size: tuple[int, int]) -> Survey | None:
    """What was written down of this film; None where nothing is, or of another film."""
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return _opened(folder, record, size) if record["identity"] == _identity(digest, size) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _identity(digest: str, size: tuple[int, int]) -> dict[str, Any]:
    return {"film": digest, "detection": DETECTION, "version": VERSION, "size": list(size)}


def _opened(folder: Path, record: Mapping[str, Any], size: tuple[int, int]) -> Survey:
    shots = tuple(Shot(**shot) for shot in record["shots"])
    count = shots[-1].last + 1 if shots else 0
    try:
        with storage_errors(folder):
            small = np.memmap(folder / _COPY, np.uint8, "r", shape=(count, size[1], size[0]))
            digests = np.memmap(folder / _DIGESTS, np.uint8, "r", shape=(count, _DIGEST))
    except ValueError as error:
        raise StoreError(f"{folder} is damaged: {error}", wanted="what was written there", remedy="delete the folder") from error
    return Survey(shots, small, digests)
