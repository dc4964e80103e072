"""CamVid for the compact semantic expert: pictures with labels as they lie on disk, and random crops of them.

Brostow, Fauqueur and Cipolla, "Semantic object classes in video", Pattern Recognition Letters 2009, in the form of SegNet's
authors: 480x360, eleven classes, and splits of 367, 101 and 233 pictures. Labels are grayscale PNGs of class numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bistnet.experts.compact_semantics import CLASSES
from colorbench.color import luminance
from colorbench.errors import DatasetError
from colorbench.frames.images import read_image
from colorbench.frames.pictures import picture_files
from colorbench.types import LStar

SPLITS = ("train", "val", "test")
VOID = len(CLASSES)
"""The label of pixels of no class: neither trained on nor scored."""

LAYOUT = "camvid/{train,val,test}/NAME.png and camvid/{train,val,test}annot/NAME.png, grayscale, classes 0 to 10 and 11 for void"

_OBTAIN = "get CamVid in the form of SegNet's authors, or name the folder that holds it with --data"

Labels = NDArray[np.uint8]
"""(H, W) class numbers, VOID among them."""

Level = NDArray[np.float32]
"""(H, W) in [0, 1], sRGB levels of a gray picture."""


@dataclass(frozen=True, slots=True, eq=False)
class LabeledPicture:
    """One picture, gray."""

    name: str
    l_star: LStar
    """(H, W) float32 in [0, 100]."""
    labels: Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How random crops are made; each range is drawn from uniformly."""

    height: int
    width: int
    scale: tuple[float, float]
    """Smallest and largest enlargement, drawn uniformly in its logarithm."""
    stretch: float
    """Largest factor of width over height and of height over width."""
    brightness: float
    """Largest summand, of the level."""
    contrast: float
    """Largest factor and divisor of the deviation from the picture's mean."""
    gamma: float
    """Largest exponent of the level, and of its inverse."""
    rare_share: float
    """Share of crops that are placed on a pixel of a class drawn uniformly from the picture's classes."""
    label_stride: int
    """Labels are taken at the centers of squares of so many pixels."""


def find_camvid(data: Path) -> Path:
    """The folder that holds ``train``: ``data`` itself, or ``data/camvid``.

    Raises:
        DatasetError: neither does.
    """
    for folder in (data, data / "camvid"):
        if (folder / "train").is_dir():
            return folder
    raise DatasetError(f"no CamVid under {data}", wanted=LAYOUT, remedy=_OBTAIN)


def read_split(root: Path, split: str) -> tuple[LabeledPicture, ...]:
    """All pictures of a split, in the order of their names.

    Args:
        root: of :func:`find_camvid`.
        split: of SPLITS.

    Raises:
        DatasetError: a folder or a label is missing, a label is of another size, or holds numbers over VOID.
        FramesError: a picture can't be read.
    """
    pictures, annotations = root / split, root / f"{split}annot"
    for folder in (pictures, annotations):
        if not folder.is_dir():
            raise DatasetError(f"no folder {folder}", wanted=LAYOUT, remedy=_OBTAIN)
    files = picture_files(pictures)
    if not files:
        raise DatasetError(f"no pictures in {pictures}", wanted=LAYOUT, remedy=_OBTAIN)
    return tuple(_read_pair(file, annotations / f"{file.stem}.png") for file in files)


def class_counts(pictures: Sequence[LabeledPicture]) -> NDArray[np.int64]:
    """(11,) pixels of each class."""
    total = np.zeros(VOID + 1, np.int64)
    for picture in pictures:
        total += np.bincount(picture.labels.reshape(-1), minlength=VOID + 1)
    return total[:VOID]


def random_crop(level: Level, labels: Labels, how: Augmentation, rng: np.random.Generator) -> tuple[Level, Labels]:
    """A part of a picture, enlarged, perhaps mirrored, with other brightness, contrast and gamma.

    What lies outside of the picture repeats its border and is VOID.

    Args:
        level: (H, W) float32 in [0, 1], sRGB levels of the gray picture.
        labels: (H, W).
        how: sizes and ranges.
        rng: draws everything.

    Returns:
        (height, width) levels, and labels (height, width) / label_stride, taken where the centers of their squares lie: where
        bilinear enlargement by label_stride (``align_corners=False``) would place them.
    """
    scale = float(np.exp(rng.uniform(*np.log(how.scale))))
    root = float(np.exp(rng.uniform(-0.5, 0.5) * np.log(how.stretch)))
    size = (max(1, round(how.height * root / scale)), max(1, round(how.width / root / scale)))
    aim = _rare_pixel(labels, rng) if rng.random() < how.rare_share else None
    top = _start(labels.shape[0], size[0], aim and aim[0], rng)
    left = _start(labels.shape[1], size[1], aim and aim[1], rng)
    level = _window(level, top, left, size, mode="edge")
    labels = _window(labels, top, left, size, mode="constant", constant_values=VOID)
    if rng.random() < 0.5:
        level, labels = np.ascontiguousarray(level[:, ::-1]), np.ascontiguousarray(labels[:, ::-1])
    shrinks = size[0] > how.height and size[1] > how.width
    level = cv2.resize(level, (how.width, how.height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    small = (how.width // how.label_stride, how.height // how.label_stride)
    # INTER_NEAREST takes the upper left pixel of each square, INTER_NEAREST_EXACT its center.
    labels = cv2.resize(labels, small, interpolation=cv2.INTER_NEAREST_EXACT)
    return _relit(level, how, rng), labels


def _read_pair(picture: Path, annotation: Path) -> LabeledPicture:
    if not annotation.is_file():
        raise DatasetError(f"{picture} has no label {annotation}", wanted=LAYOUT, remedy="copy CamVid again")
    l_star = luminance(read_image(picture))
    labels = cv2.imdecode(np.frombuffer(annotation.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.ndim != 2 or labels.dtype != np.uint8:
        found = "nothing that can be decoded" if labels is None else f"{labels.dtype} {labels.shape}"
        raise DatasetError(
            f"label {annotation} holds {found}",
            wanted="an 8-bit grayscale PNG of class numbers",
            remedy="CamVid's colored labels are of another form: get that of SegNet's authors",
        )
    if labels.shape != l_star.shape:
        raise DatasetError(
            f"label {annotation} is {labels.shape[1]}x{labels.shape[0]}, its picture {l_star.shape[1]}x{l_star.shape[0]}",
            wanted="a label of the picture's size",
            remedy="copy CamVid again, pictures and labels from one source",
        )
    if labels.max() > VOID:
        raise DatasetError(
            f"label {annotation} holds class {labels.max()}",
            wanted=f"classes 0 to {VOID - 1}, and {VOID} for void",
            remedy="CamVid with 32 classes is of another form: get that of SegNet's authors",
        )
    return LabeledPicture(picture.stem, l_star, labels)


def _rare_pixel(labels: Labels, rng: np.random.Generator) -> tuple[int, int] | None:
    """A pixel of a class drawn uniformly from those present; None where all is void."""
    flat = labels.reshape(-1)
    present = np.flatnonzero(np.bincount(flat, minlength=VOID + 1)[:VOID])
    if not present.size:
        return None
    at = int(rng.choice(np.flatnonzero(flat == rng.choice(present))))
    return at // labels.shape[1], at % labels.shape[1]


def _start(have: int, need: int, aim: int | None, rng: np.random.Generator) -> int:
    """Where a window begins along one axis; negative where it is longer than the picture."""
    low, high = min(0, have - need), max(0, have - need)
    if aim is None:
        return int(rng.integers(low, high + 1))
    return int(np.clip(aim - int(rng.integers(0, need)), low, high))


def _window(values: NDArray[Any], top: int, left: int, size: tuple[int, int], **padding: Any) -> NDArray[Any]:
    above, before = max(0, -top), max(0, -left)
    inside = values[max(0, top) : top + size[0], max(0, left) : left + size[1]]
    below, after = size[0] - above - inside.shape[0], size[1] - before - inside.shape[1]
    return np.pad(inside, ((above, below), (before, after)), **padding)


def _relit(level: Level, how: Augmentation, rng: np.random.Generator) -> Level:
    """(H, W) in [0, 1]: the levels to a power, then their contrast and brightness changed."""
    gamma, contrast = np.exp(rng.uniform(-1.0, 1.0, 2) * np.log((how.gamma, how.contrast))).astype(np.float32)
    level = np.power(level, gamma)
    mean = level.mean()
    shift = np.float32(rng.uniform(-how.brightness, how.brightness))
    relit: Level = np.clip((level - mean) * contrast + mean + shift, 0.0, 1.0)
    return relit
