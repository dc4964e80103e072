"""Looking at a photograph through a camera, in fixed point.

A picture is packed with its three channels in lanes of one 64-bit word, so that one lookup and one multiplication serve all
three. A lane has 21 bits: 8 of the level, and at most 10 of weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from colorbench.types import RgbFrame

Packed = NDArray[np.uint64]
"""(H, W) uint64, red in the lowest lane."""
Coordinates = NDArray[np.int64]
"""Positions in a photograph in 1/32 pixel, the center of the first pixel at 0."""

WIDTH, HEIGHT = 384, 224
_LANE = 21
_ONES = np.uint64(1 | 1 << _LANE | 1 << 2 * _LANE)
_BYTES = _ONES * np.uint64(255)
PHASES = ((1, 1), (3, 1), (1, 3), (3, 3))
"""The four samples of a pixel, in quarters of it: enough against aliasing up to two photograph pixels a frame pixel."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Where a frame lies in a photograph."""

    x: int
    """The frame's center, in 1/16 pixel from the left edge."""
    y: int
    """In 1/16 pixel from the top edge."""
    scale: int
    """Photograph pixels a frame pixel, in 1/256."""
    sine: int = 0
    """Sine of the angle by which the frame is turned clockwise, in 1/65536."""

    def positions(self, phase: tuple[int, int]) -> tuple[Coordinates, Coordinates]:
        """Photograph coordinates of one of the four samples of each pixel: two (HEIGHT, WIDTH) arrays."""
        cosine = isqrt((1 << 32) - self.sine * self.sine)
        right = (np.arange(WIDTH, dtype=np.int64) * 4 + (phase[0] - 2 * WIDTH)) * self.scale
        down = ((np.arange(HEIGHT, dtype=np.int64) * 4 + (phase[1] - 2 * HEIGHT)) * self.scale)[:, None]
        # Quarters of a pixel, 8 bits of scale and 16 of the angle, less the 5 bits kept.
        u = ((right * cosine - down * self.sine) >> 21) + (self.x * 2 - 16)
        v = ((right * self.sine + down * cosine) >> 21) + (self.y * 2 - 16)
        return u, v


def pack(rgb: RgbFrame) -> Packed:
    """(H, W, 3) uint8 to (H, W) words."""
    red, green, blue = (rgb[..., channel].astype(np.uint64) for channel in range(3))
    packed: Packed = red | green << np.uint64(_LANE) | blue << np.uint64(2 * _LANE)
    return packed


def unpack(words: Packed) -> RgbFrame:
    """(H, W) words, 8 bits in each lane, to (H, W, 3) uint8."""
    return np.stack([(words >> np.uint64(_LANE * channel)).astype(np.uint8) for channel in range(3)], axis=-1)


def bilinear(photo: Packed, u: Coordinates, v: Coordinates) -> Packed:
    """Levels at (u, v), interpolated and rounded; the photograph's edge goes on outwards."""
    height, width = photo.shape
    u = np.clip(u, 0, (width - 1) * 32 - 1)
    v = np.clip(v, 0, (height - 1) * 32 - 1)
    at = (v >> 5) * width + (u >> 5)
    right, down = (u & 31).astype(np.uint64), (v & 31).astype(np.uint64)
    left, up = np.uint64(32) - right, np.uint64(32) - down
    flat = photo.ravel()
    above = flat.take(at) * left + flat.take(at + 1) * right
    below = flat.take(at + width) * left + flat.take(at + width + 1) * right
    return lanes_shifted(above * up + below * down, 10)


def lanes_shifted(words: Packed, bits: int) -> Packed:
    """Each lane divided by 2^bits and rounded, to 8 bits."""
    return (words + _ONES * np.uint64(1 << bits >> 1)) >> np.uint64(bits) & _BYTES


def mix(back: Packed, front: Packed, alpha: NDArray[np.int64]) -> Packed:
    """``front`` over ``back``; ``alpha`` in 0 .. 256."""
    weight = alpha.astype(np.uint64)
    return lanes_shifted(back * (np.uint64(256) - weight) + front * weight, 8)


def average(samples: list[Packed]) -> Packed:
    """The mean of four samples, rounded."""
    return lanes_shifted(samples[0] + samples[1] + samples[2] + samples[3], 2)
