"""BSDS500 for training: photographs as luminance, boundaries as the share of annotators, and augmented crops of both.

Each photograph was outlined by 4 to 9 people (Arbelaez et al., TPAMI 2011, DOI 10.1109/TPAMI.2010.161). What is read is the mean
of their boundary maps, which are one pixel wide. Lines that thin don't survive interpolation, so an augmented label is drawn
anew: boundary pixels, and the points half way between neighbors, are moved as points and rounded to pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import DatasetError, UsageError

Map = NDArray[np.float32]

OUTSIDE = -1.0
"""The share where an augmented crop reaches over the photograph's border: no label."""

LAYOUT = "bsds500/images/{train,val,test}/NAME.jpg and bsds500/boundaries/{train,val,test}/NAME.png (8 bits, 255: all annotators)"
_NEIGHBORS = ((0, 1), (1, -1), (1, 0), (1, 1))
_HALF = 0.49
"""Less than a half: without a change of scale such points round to the pixel that they start from."""

_WIDEST = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Ranges that are drawn from uniformly; scale and gamma by their logarithm."""

    scale: tuple[float, float] = (0.6, 1.5)
    degrees: float = 15.0
    """Rotation by up to so much either way."""
    quarter_turns: float = 0.25
    """Share of samples that are turned by 90, 180 or 270 degrees besides."""
    gamma: float = 1.4
    """Of L* / 100, from 1 / gamma to gamma."""
    contrast: tuple[float, float] = (0.6, 1.2)
    """About L* = 50."""
    brightness: float = 10.0
    """In units of L*, either way."""

    def __post_init__(self) -> None:
        low, high = self.scale
        if not 0.1 <= low <= high <= _WIDEST:
            raise UsageError(f"scale = {self.scale}", wanted=f"0.1 <= low <= high <= {_WIDEST:g}", remedy="change scale")
        if not 0.0 <= self.contrast[0] <= self.contrast[1]:
            raise UsageError(f"contrast = {self.contrast}", wanted="0 <= low <= high", remedy="change contrast")
        for name, least in (("degrees", 0.0), ("quarter_turns", 0.0), ("gamma", 1.0), ("brightness", 0.0)):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= least):
                raise UsageError(f"{name} = {getattr(self, name)}", wanted=f"at least {least:g}", remedy=f"change {name}")


@dataclass(frozen=True, kw_only=True)
class EdgePicture:
    """A photograph and its boundaries."""

    name: str
    l_star: Map
    """(H, W) in [0, 100]."""
    share: Map
    """(H, W) in [0, 1]: share of the annotators who drew a boundary through the pixel."""

    @cached_property
    def points(self) -> tuple[Map, Map]:
        """Boundary pixels and the points half way between neighbors, (P, 2) as x, y, and their shares, (P,), ascending.

        Between two pixels the share is the smaller one. The points of a connected line stay connected up to a scale of 1.4, and
        lack a pixel here and there up to 2.
        """
        height, width = self.share.shape
        rows, columns = np.nonzero(self.share)
        places = [np.stack((columns, rows), axis=1).astype(np.float32)]
        shares = [self.share[rows, columns]]
        for down, right in _NEIGHBORS:
            inside = (rows + down < height) & (columns + right >= 0) & (columns + right < width)
            y, x = rows[inside], columns[inside]
            common = np.minimum(self.share[y, x], self.share[y + down, x + right])
            drawn = common > 0
            places.append(np.stack((x + _HALF * right, y + _HALF * down), axis=1)[drawn].astype(np.float32))
            shares.append(common[drawn])
        points, share = np.concatenate(places), np.concatenate(shares)
        order = np.argsort(share, kind="stable")
        return points[order], share[order]


def find_bsds(data: Path) -> Path:
    """The folder that holds ``images`` and ``boundaries``: ``data`` itself or ``data/bsds500``.

    Raises:
        DatasetError: neither does.
    """
    for folder in (data, data / "bsds500"):
        if (folder / "images").is_dir() and (folder / "boundaries").is_dir():
            return folder
    raise DatasetError(f"no BSDS500 under {data}", wanted=LAYOUT, remedy="name the folder that holds bsds500 with --data")


def read_split(root: Path, split: str) -> tuple[EdgePicture, ...]:
    """All pictures of a split, in the order of their names.

    Args:
        root: see :func:`find_bsds`.
        split: train, val or test.

    Raises:
        DatasetError: there are none, or a picture and its boundaries don't belong together.
        FramesError: a file can't be read.
    """
    files = sorted((root / "images" / split).glob("*.jpg"))
    if not files:
        raise DatasetError(f"no pictures in {root / 'images' / split}", wanted=LAYOUT, remedy="check the folder")
    return tuple(_read(file, root / "boundaries" / split / f"{file.stem}.png") for file in files)


def augmented(picture: EdgePicture, rng: np.random.Generator, *, crop: int, how: Augmentation) -> tuple[Map, Map]:
    """A square crop of a picture that is scaled, turned, mirrored, and made lighter or darker.

    Where the crop reaches over the border the picture goes on mirrored, and the share is OUTSIDE. A picture that is made smaller
    is smoothed before by a Gaussian of sqrt(1 / scale^2 - 1) / 2 pixels.

    Args:
        picture: of any size.
        rng: decides everything.
        crop: side of the square in pixels.
        how: the ranges.

    Returns:
        L*, (crop, crop) in [0, 100], and the share, (crop, crop) in [0, 1] or OUTSIDE, lines a pixel wide.
    """
    import cv2

    scale = math.exp(rng.uniform(math.log(how.scale[0]), math.log(how.scale[1])))
    degrees = rng.uniform(-how.degrees, how.degrees) + (90.0 * rng.integers(1, 4) if rng.random() < how.quarter_turns else 0.0)
    mirrored = -1.0 if rng.random() < 0.5 else 1.0
    height, width = picture.l_star.shape
    reach = crop / (2.0 * scale)
    center = np.array([_within(rng, reach, width), _within(rng, reach, height)])
    turn = math.radians(degrees)
    forward = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) @ np.diag([mirrored, 1.0])
    shift = (crop - 1) / 2 - forward @ center
    matrix = np.column_stack((forward, shift))

    source = picture.l_star
    if scale < 1.0:
        source = cv2.GaussianBlur(source, (0, 0), math.sqrt(1.0 / scale**2 - 1.0) / 2.0 + 1e-3)
    l_star = cv2.warpAffine(source, matrix, (crop, crop), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    inside = cv2.warpAffine(np.ones((height, width), np.uint8), matrix, (crop, crop), flags=cv2.INTER_NEAREST)
    return _toned(l_star, rng, how), _drawn(picture.points, matrix, inside)


def _drawn(points: tuple[Map, Map], matrix: NDArray[np.float64], inside: NDArray[np.uint8]) -> Map:
    """Points moved by a 2x3 matrix and rounded to pixels; the largest share wins, as it is written last."""
    places, shares = points
    moved = np.rint(places @ matrix[:, :2].T.astype(np.float32) + matrix[:, 2].astype(np.float32)).astype(np.int32)
    size = inside.shape[0]
    within = ((moved >= 0) & (moved < size)).all(axis=1)
    x, y = moved[within].T
    share: Map = np.where(inside > 0, np.float32(0.0), np.float32(OUTSIDE))
    share[y, x] = shares[within]
    share[inside == 0] = OUTSIDE
    return share


def _toned(l_star: Map, rng: np.random.Generator, how: Augmentation) -> Map:
    """Gamma, contrast and brightness, clipped to [0, 100]."""
    gamma = math.exp(rng.uniform(-math.log(how.gamma), math.log(how.gamma)))
    contrast = rng.uniform(*how.contrast)
    brightness = rng.uniform(-how.brightness, how.brightness)
    curved = (np.clip(l_star, 0.0, 100.0) / np.float32(100.0)) ** np.float32(gamma)
    toned: Map = (curved * 100.0 - 50.0) * np.float32(contrast) + np.float32(50.0 + brightness)
    return np.clip(toned, 0.0, 100.0)


def _within(rng: np.random.Generator, reach: float, length: int) -> float:
    """A center from which the crop stays inside, or the middle."""
    low, high = reach - 0.5, length - 0.5 - reach
    return float(rng.uniform(low, high)) if low < high else (length - 1) / 2.0


def _read(file: Path, boundaries: Path) -> EdgePicture:
    from colorbench.color import luminance
    from colorbench.frames.images import read_image

    if not boundaries.is_file():
        raise DatasetError(f"no boundaries {boundaries}", wanted=f"those of {file.name}", remedy="get the data set again")
    l_star = luminance(read_image(file))
    share = read_image(boundaries)[..., 0].astype(np.float32) / np.float32(255.0)
    if l_star.shape != share.shape:
        raise DatasetError(
            f"{boundaries} is {share.shape[1]}x{share.shape[0]}, its picture {l_star.shape[1]}x{l_star.shape[0]}",
            wanted="equal sizes",
            remedy="get the data set again",
        )
    return EdgePicture(name=file.stem, l_star=l_star, share=share)
