"""A photograph becomes a short clip: a camera that moves over it, things that bend, something that passes by, light that changes.

Every frame is one lookup into the photograph, so nothing is interpolated twice, and a function of its time alone. The camera
stays inside the photograph: its window is scaled so that it fits at every time, and its center moves within what is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import UsageError
from colorbench.types import RgbFrame

_CHECKED = np.linspace(0.0, 1.0, 9)
"""Times at which the window is made to fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionSettings:
    """How photographs move. Each clip takes a random share of these amounts."""

    zoom: float = 1.25
    """The window's size changes by factors from 1 / zoom to zoom."""
    rotation: float = 12.0
    """Degrees to either side."""
    perspective: float = 0.06
    """The denominator's change at the window's borders."""
    elastic: float = 0.04
    """Largest displacement at time 1, as a share of the frame's height."""
    window: tuple[float, float] = (0.65, 0.98)
    """The window's size, as a share of the largest that fits; never below the frame's own size in pixels where that fits."""
    occluder: float = 0.35
    """Probability of a blob of another picture that passes by."""
    light: float = 0.6
    """Probability of a gain and a gamma that change over time."""
    shadow: float = 0.25
    """Probability of a soft shadow that moves."""
    blur: float = 0.15
    """Probability of a slight blur."""
    noise: float = 0.15
    """Probability of noise, the same in all channels."""

    def __post_init__(self) -> None:
        for name in ("occluder", "light", "shadow", "blur", "noise"):
            check_range(name, getattr(self, name), 0.0, 1.0)
        check_range("zoom", self.zoom, 1.0, 4.0)
        check_range("rotation", self.rotation, 0.0, 180.0)
        check_range("perspective", self.perspective, 0.0, 0.4)
        check_range("elastic", self.elastic, 0.0, 0.5)
        low, high = self.window
        check_range("the lower end of window", low, 0.05, 1.0)
        check_range("the upper end of window", high, low, 1.0)


class MovingPicture:
    """A clip made of one photograph; all chance is drawn here, and frames are functions of time.

    Args:
        photograph: (H, W, 3) uint8, any size.
        rng: what is drawn from.
        size: (h, w) of the frames.
        other: the picture from which an occluder is cut; None for no occluder.
        settings: how it moves.
    """

    def __init__(
        self,
        photograph: RgbFrame,
        rng: np.random.Generator,
        *,
        size: tuple[int, int],
        other: RgbFrame | None = None,
        settings: MotionSettings | None = None,
    ) -> None:
        settings = settings or MotionSettings()
        self._photograph, self._size, self._settings = photograph, size, settings
        height, width = size
        controls = rng.uniform(-1.0, 1.0, (3, 6))
        calm = rng.uniform(0.2, 1.0)
        self._controls = controls.mean(axis=0) + calm * (controls - controls.mean(axis=0))
        nodes = int(rng.integers(3, 7))
        self._bends = rng.uniform(-1.0, 1.0, (2, nodes, max(3, round(nodes * width / height)), 2)).astype(np.float32)
        self._bend = settings.elastic * height * rng.uniform(0.0, 1.0)
        self._x = np.arange(width, dtype=np.float32) - (width - 1) / 2
        self._y = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2
        self._scale = self._fitted_scale(rng.uniform())
        self._occluder = _Occluder(other, rng, size) if other is not None and rng.random() < settings.occluder else None
        self._shadow = _Shadow(rng, size) if rng.random() < settings.shadow else None
        self._light = rng.uniform(-1.0, 1.0, (3, 2)) * (0.15, 0.25) if rng.random() < settings.light else None
        self._blur = rng.uniform(0.5, 1.1) if rng.random() < settings.blur else 0.0
        self._noise: NDArray[np.int16] | None = None
        if rng.random() < settings.noise:
            grain = rng.standard_normal((height + 64, width + 64), dtype=np.float32) * rng.uniform(1.0, 4.0)
            self._noise = np.rint(grain).astype(np.int16)

    def frame(self, u: float) -> RgbFrame:
        """The frame of time ``u`` in [0, 1]: (h, w, 3) uint8 in [0, 255], sRGB."""
        import cv2

        x, y = self.places(u)
        frame: RgbFrame = cv2.remap(self._photograph, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        if self._occluder is not None:
            self._occluder.pass_by(frame, u)
        if self._shadow is not None:
            frame = self._shadow.fall_on(frame, u)
        if self._light is not None:
            gain, gamma = np.exp(_at(self._light, u))
            levels = 255.0 * gain * np.linspace(0.0, 1.0, 256) ** gamma
            frame = cv2.LUT(frame, np.rint(levels.clip(0.0, 255.0)).astype(np.uint8))
        if self._blur:
            frame = cv2.GaussianBlur(frame, (0, 0), self._blur)
        if self._noise is not None:
            height, width = self._size
            row, column = (int(u * step) % 64 for step in (7919.0, 104729.0))
            grain = self._noise[row : row + height, column : column + width]
            frame = np.clip(frame + grain[..., None], 0, 255).astype(np.uint8)
        return frame

    def frames(self, moments: Sequence[float]) -> NDArray[np.uint8]:
        """(len(moments), h, w, 3) uint8: the frames of several times."""
        return np.stack([self.frame(u) for u in moments])

    def places(self, u: float) -> NDArray[np.float32]:
        """Where the pixels of a frame lie in the photograph: (2, h, w) float32, x and y."""
        import cv2

        height, width = self._size
        linear, center = self._camera(u)
        tilt = (_at(self._controls, u)[4:] * self._settings.perspective).astype(np.float32)
        nearness = np.reciprocal((1.0 + tilt[0] * 2.0 / width * self._x) + tilt[1] * 2.0 / height * self._y)
        nodes = (0.6 * u * self._bends[0] + 0.4 * u * u * self._bends[1]) * (self._bend * self._scale)
        bends = cv2.resize(nodes.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        places = np.empty((2, height, width), np.float32)
        for axis, place in enumerate(places):
            np.add(linear[axis, 0] * self._x, linear[axis, 1] * self._y, out=place)
            place *= nearness
            place += center[axis]
            place += bends[..., axis]
        return places

    def _camera(self, u: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The linear part, frame to photograph, and the place of the frame's center."""
        low, high = self._extent(u) * self._scale
        rows, columns = self._photograph.shape[:2]
        inside = (_at(self._controls, u)[:2] + 1.0) / 2.0
        last = np.array([columns - 1.0, rows - 1.0])
        center = -low + inside * (last - high + low)
        return (self._scale * self._linear(u)).astype(np.float32), center.astype(np.float32)

    def _linear(self, u: float) -> NDArray[np.float64]:
        """Zoom and rotation."""
        _, _, zoom, turn, _, _ = _at(self._controls, u)
        angle = math.radians(self._settings.rotation) * turn
        cos, sin = math.cos(angle), math.sin(angle)
        result: NDArray[np.float64] = self._settings.zoom**zoom * np.array([[cos, -sin], [sin, cos]])
        return result

    def _extent(self, u: float) -> NDArray[np.float64]:
        """Smallest and largest x and y, (2, 2), that the window reaches around its center at scale 1."""
        height, width = self._size
        half = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) * ((width - 1) / 2, (height - 1) / 2)
        tilt = _at(self._controls, u)[4:] * self._settings.perspective * (2.0 / width, 2.0 / height)
        corners = (half / (1.0 + half @ tilt)[:, None]) @ self._linear(u).T
        margin = self._bend * u
        return np.stack((corners.min(axis=0) - margin, corners.max(axis=0) + margin))

    def _fitted_scale(self, share: float) -> float:
        """Pixels of the photograph per pixel of the frame."""
        rows, columns = self._photograph.shape[:2]
        widest = np.max([np.ptp(self._extent(u), axis=0) for u in _CHECKED], axis=0)
        largest = float(np.min(np.array([columns - 1.0, rows - 1.0]) / widest))
        low, high = (largest * end for end in self._settings.window)
        low = min(high, max(low, 1.0))
        return low + share * (high - low)


class _Occluder:
    """A blob with its own texture, path and rotation."""

    def __init__(self, picture: RgbFrame, rng: np.random.Generator, size: tuple[int, int]) -> None:
        height, width = size
        self._patch = cut_blob(picture, rng, side=max(8, round(height * rng.uniform(0.25, 0.6))))
        self._path = rng.uniform(-0.1, 1.1, (3, 2)) * (width, height)
        self._angle, self._turn = rng.uniform(-math.pi, math.pi), rng.uniform(-0.8, 0.8)

    def pass_by(self, frame: RgbFrame, u: float) -> None:
        """Draws the blob into a frame."""
        center = _at(self._path, u)
        paste(frame, self._patch, (float(center[0]), float(center[1])), self._angle + self._turn * u)


class _Shadow:
    """A soft ellipse that darkens what it falls on."""

    def __init__(self, rng: np.random.Generator, size: tuple[int, int]) -> None:
        height, width = size
        self._size = size
        self._path = rng.uniform(0.0, 1.0, (3, 2)) * (width, height)
        self._radii = rng.uniform(0.2, 0.8, 2) * height
        self._depth, self._edge = rng.uniform(0.15, 0.45), rng.uniform(0.08, 0.5)
        self._x = np.linspace(0.0, width - 1.0, max(2, width // 6))
        self._y = np.linspace(0.0, height - 1.0, max(2, height // 6))[:, None]

    def fall_on(self, frame: RgbFrame, u: float) -> RgbFrame:
        """The frame, darker under the ellipse."""
        import cv2

        height, width = self._size
        center, radii = _at(self._path, u), self._radii
        distance = np.hypot((self._x - center[0]) / radii[0], (self._y - center[1]) / radii[1])
        covered = 1.0 / (1.0 + np.exp(((distance - 1.0) / self._edge).clip(-30.0, 30.0)))
        shade = cv2.resize((255.0 - 255.0 * self._depth * covered).astype(np.float32), (width, height))
        eighth = np.rint(shade).astype(np.uint8)
        shaded: RgbFrame = cv2.multiply(frame, cv2.merge((eighth, eighth, eighth)), scale=1.0 / 255.0)
        return shaded


def cut_blob(picture: RgbFrame, rng: np.random.Generator, *, side: int) -> NDArray[np.uint8]:
    """A round piece of a picture with a wavy, soft edge.

    Args:
        picture: (H, W, 3) uint8.
        rng: what is drawn from.
        side: of the square in which it lies, in pixels.

    Returns:
        (side, side, 4) uint8: colors, and how much of them covers in [0, 255].
    """
    import cv2

    rows, columns = picture.shape[:2]
    cut = max(1, min(rows, columns, round(side * rng.uniform(0.8, 1.6))))
    top, left = int(rng.integers(rows - cut + 1)), int(rng.integers(columns - cut + 1))
    piece = cv2.resize(picture[top : top + cut, left : left + cut], (side, side), interpolation=cv2.INTER_LINEAR)
    axis = np.linspace(-1.0, 1.0, side, dtype=np.float32)
    stretch = rng.uniform(0.6, 1.0, 2).astype(np.float32)
    x, y = axis / stretch[0], axis[:, None] / stretch[1]
    angle = np.arctan2(y, x)
    edge = np.full_like(angle, 0.75)
    for wave in range(2, 6):
        edge += np.float32(rng.uniform(0.0, 0.25) / (wave - 1)) * np.cos(wave * angle + np.float32(rng.uniform(0.0, 2 * math.pi)))
    soft = 4.0 / side * rng.uniform(0.5, 2.0)
    cover = ((np.minimum(edge, 1.0 - soft) - np.hypot(x, y)) / soft + 0.5).clip(0.0, 1.0)
    return np.dstack((piece, np.rint(255.0 * cover).astype(np.uint8)))


def paste(frame: RgbFrame, patch: NDArray[np.uint8], center: tuple[float, float], angle: float) -> None:
    """Draws a patch of :func:`cut_blob` into a frame, its middle at ``center`` (x, y), turned by ``angle`` radians."""
    import cv2

    height, width = frame.shape[:2]
    reach = patch.shape[0] * math.sqrt(0.5) + 1.0
    left, top = (max(0, math.floor(place - reach)) for place in center)
    right, bottom = (min(end, math.ceil(place + reach)) for end, place in zip((width, height), center, strict=True))
    if right <= left or bottom <= top:
        return
    cos, sin = math.cos(angle), math.sin(angle)
    middle = (patch.shape[0] - 1) / 2
    x, y = left - center[0], top - center[1]
    into_patch = np.array([[cos, sin, middle + cos * x + sin * y], [-sin, cos, middle - sin * x + cos * y]])
    drawn = cv2.warpAffine(patch, into_patch, (right - left, bottom - top), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    cover = drawn[..., 3:].astype(np.uint16)
    under = frame[top:bottom, left:right]
    under[...] = (under * (255 - cover) + drawn[..., :3] * cover + 127) // 255


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raises UsageError for a value outside [low, high], or none."""
    if not low <= value <= high:
        raise UsageError(f"{name} = {value}", wanted=f"from {low:g} to {high:g}", remedy=f"change {name}")


def _at(controls: NDArray[np.float64], u: float) -> NDArray[np.float64]:
    """A quadratic Bezier curve of three control points, which never leaves their range."""
    result: NDArray[np.float64] = (1.0 - u) ** 2 * controls[0] + 2.0 * u * (1.0 - u) * controls[1] + u * u * controls[2]
    return result
