"""References as users have them: of other colors, mirrored, partly hidden, framed otherwise, blurred or compressed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colorbench.training.motion import check_range, cut_blob, paste
from colorbench.types import RgbFrame

UNCHANGED: NDArray[np.float32] = np.eye(2, dtype=np.float32)
"""The chroma matrix that changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbances:
    """How often a reference is disturbed in each way, independently of the others, and how much."""

    chroma: float = 0.15
    """Probability of other colors: a* and b* scaled and turned."""
    mirrored: float = 0.05
    occluded: float = 0.1
    """Probability that a blob of another picture hides a part."""
    reframed: float = 0.1
    """Probability that a part fills the picture."""
    degraded: float = 0.1
    """Probability of a blur, a loss of resolution, or strong JPEG compression."""
    saturation: tuple[float, float] = (0.8, 1.2)
    """Range of the factor on a* and b*."""
    hue: float = 8.0
    """Largest turn of a* and b*, in degrees to either side."""
    least_part: float = 0.65
    """Smallest share of the sides that fills a reframed picture."""

    def __post_init__(self) -> None:
        for name in ("chroma", "mirrored", "occluded", "reframed", "degraded"):
            check_range(name, getattr(self, name), 0.0, 1.0)
        check_chroma(self.saturation, self.hue)
        check_range("least_part", self.least_part, 0.1, 1.0)


def disturbed(rgb: RgbFrame, other: RgbFrame, settings: Disturbances, rng: np.random.Generator) -> RgbFrame:
    """A reference after all disturbances that act on pixels; the same array where none does.

    Args:
        rgb: (H, W, 3) uint8 in [0, 255].
        other: (h, w, 3) uint8, any size: what hides a part.
        settings: how often.
        rng: what is drawn from.
    """
    import cv2

    mirrored, occluded, reframed, degraded = rng.random(4) < (
        settings.mirrored,
        settings.occluded,
        settings.reframed,
        settings.degraded,
    )
    if reframed:
        rgb = _part(rgb, settings.least_part, rng)
    if mirrored:
        rgb = cv2.flip(rgb, 1)
    if occluded:
        height, width = rgb.shape[:2]
        rgb = rgb.copy()
        patch = cut_blob(other, rng, side=max(8, round(height * rng.uniform(0.3, 0.7))))
        paste(rgb, patch, (rng.uniform(0.0, width), rng.uniform(0.0, height)), rng.uniform(-math.pi, math.pi))
    return _degraded(rgb, rng) if degraded else rgb


def disturbed_chroma(settings: Disturbances, rng: np.random.Generator) -> NDArray[np.float32]:
    """The (2, 2) matrix by which a reference's (a*, b*) is multiplied; UNCHANGED where its colors are left alone."""
    if rng.random() < settings.chroma:
        return drawn_chroma(settings.saturation, settings.hue, rng)
    return UNCHANGED


def drawn_chroma(saturation: tuple[float, float], hue: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """:func:`chroma_matrix` of a factor and an angle within their ranges."""
    return chroma_matrix(rng.uniform(*saturation), rng.uniform(-hue, hue))


def chroma_matrix(saturation: float, degrees: float) -> NDArray[np.float32]:
    """What scales chroma and turns hue: [a', b'] = s [[cos, -sin], [sin, cos]] [a, b].

    >>> chroma_matrix(2.0, 90.0).round(6).tolist()
    [[0.0, -2.0], [2.0, 0.0]]
    """
    angle = math.radians(degrees)
    cos, sin = saturation * math.cos(angle), saturation * math.sin(angle)
    return np.array([[cos, -sin], [sin, cos]], dtype=np.float32)


def check_chroma(saturation: tuple[float, float], hue: float) -> None:
    """Raises UsageError for ranges that are none."""
    check_range("the lower end of saturation", saturation[0], 0.0, 4.0)
    check_range("the upper end of saturation", saturation[1], saturation[0], 4.0)
    check_range("hue", hue, 0.0, 180.0)


def _part(rgb: RgbFrame, least: float, rng: np.random.Generator) -> RgbFrame:
    """A window of the picture at the picture's size, its aspect ratio off by up to a tenth."""
    import cv2

    height, width = rgb.shape[:2]
    share = rng.uniform(least, 1.0)
    rows = max(1, min(height, round(height * share * rng.uniform(0.95, 1.05))))
    columns = max(1, min(width, round(width * share * rng.uniform(0.95, 1.05))))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    part: RgbFrame = cv2.resize(rgb[top : top + rows, left : left + columns], (width, height), interpolation=cv2.INTER_LINEAR)
    return part


def _degraded(rgb: RgbFrame, rng: np.random.Generator) -> RgbFrame:
    """Blurred, of low resolution, or compressed."""
    import cv2

    height, width = rgb.shape[:2]
    way = rng.integers(3)
    if way == 0:
        blurred: RgbFrame = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.8, 2.0))
        return blurred
    if way == 1:
        factor = rng.uniform(1.5, 3.0)
        small = cv2.resize(rgb, (max(1, round(width / factor)), max(1, round(height / factor))), interpolation=cv2.INTER_AREA)
        grown: RgbFrame = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        return grown
    _, coded = cv2.imencode(".jpg", rgb[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 50))))
    decoded: RgbFrame = cv2.cvtColor(cv2.imdecode(coded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return decoded
