"""Views between the two photographs of a stereo pair: real parallax, each photograph filling in what the other hides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colorbench.demo.sampling import Packed, lanes_shifted, pack
from colorbench.types import RgbFrame

_STEP = 16
"""Disparities are kept in 1/16 pixel."""
_TOLERANCE = 24
"""Two disparities nearer than this, in 1/16 pixel, belong to one surface."""
_EDGE = 64
"""A difference within seven pixels, in 1/16 pixel, that is an edge between two surfaces and no slope."""
_NOTHING = np.int32(-1)

Disparity = NDArray[np.int32]
"""(H, W) int32 in 1/16 pixel, or columns in the same unit."""


class StereoPair:
    """Two rectified photographs and the left one's disparity.

    Args:
        left: (H, W, 3) uint8.
        right: (H, W, 3) uint8.
        disparity: (H, W) float32 in pixels; not finite where unknown. A point at x in the left picture is at x - disparity in
            the right.
        converge: disparity in pixels of the plane that stays in place.
    """

    def __init__(self, left: RgbFrame, right: RgbFrame, disparity: NDArray[np.float32], *, converge: int) -> None:
        self._left, self._right = pack(left), pack(right)
        self._height, self._width = disparity.shape
        known = np.isfinite(disparity)
        steps = np.where(known, np.round(np.where(known, disparity, 0) * _STEP), _NOTHING).astype(np.int32)
        self._near_left = _grown(_snapped(_median(_background_filled(steps))))
        self._converge = converge * _STEP
        self._near_right = _background_filled(self._splat(256, shift=0))

    def view(self, share: int) -> Packed:
        """The view at ``share`` / 256 of the way from the left to the right photograph: (H, W) words.

        Where both photographs show a surface they are mixed by the share, so that the view passes from the one to the other
        without a jump. What a foreground hides in one comes from the other alone, and what it hides in both from the
        background beside it.
        """
        shift = share * self._converge >> 8
        splat = self._splat(share, shift=shift)
        near = _background_filled(splat)
        column = np.arange(self._width, dtype=np.int32) * _STEP
        from_left = column + (share * near >> 8) - shift
        from_right = from_left - near
        in_left = (splat != _NOTHING) & _shows(self._near_left, from_left, near)
        in_right = _shows(self._near_right, from_right, near)
        weight = _softened(np.where(in_left == in_right, np.int32(share), np.where(in_left, np.int32(0), np.int32(256))))
        left, right = _row_linear(self._left, from_left), _row_linear(self._right, from_right)
        mixed = lanes_shifted(left * (np.uint64(256) - weight) + right * weight, 8)
        unseen = ~(in_left | in_right)
        mixed[unseen] = mixed.ravel()[_farther_neighbors(near, unseen)]
        mixed[unseen] = _blurred_down(mixed)[unseen]
        return mixed

    def _splat(self, share: int, *, shift: int) -> Disparity:
        """The disparity as seen from there, the nearest where several points fall; -1 where none does.

        A point covers the two columns it lies between, which leaves no crack in a surface that the move stretches.
        """
        seen = np.full((self._height, self._width), _NOTHING)
        row = np.arange(0, seen.size, self._width, dtype=np.int32)[:, None]
        place = np.arange(self._width, dtype=np.int32) * _STEP - (share * self._near_left >> 8) + shift
        for column in (place >> 4, (place + 15) >> 4):
            inside = (column >= 0) & (column < self._width)
            np.maximum.at(seen.ravel(), (row + column)[inside], self._near_left[inside])
        return seen


def _row_linear(photo: Packed, u: Disparity) -> Packed:
    """Levels along each row at ``u`` in 1/16 pixel."""
    height, width = photo.shape
    u = np.clip(u, 0, (width - 1) * _STEP - 1)
    at = np.arange(0, height * width, width, dtype=np.int32)[:, None] + (u >> 4)
    share = (u & 15).astype(np.uint64)
    flat = photo.ravel()
    return lanes_shifted(flat.take(at) * (np.uint64(_STEP) - share) + flat.take(at + 1) * share, 4)


def _blurred_down(photo: Packed) -> Packed:
    """Averaged over five rows, as rows that are filled one by one do not fit each other."""
    padded = np.pad(photo, ((2, 2), (0, 0)), mode="edge")
    outer, inner = padded[:-4] + padded[4:], padded[1:-3] + padded[2:-2] + padded[3:-1]
    return lanes_shifted(outer + inner + inner, 3)


def _shows(surface: Disparity, u: Disparity, near: Disparity) -> NDArray[np.bool_]:
    """Whether the photograph with disparities ``surface`` shows a point of disparity ``near`` at column ``u``."""
    height, width = surface.shape
    column = (u + _STEP // 2) >> 4
    at = np.arange(0, height * width, width, dtype=np.int32)[:, None] + np.clip(column, 0, width - 1)
    inside = (column >= 0) & (column < width)
    shown: NDArray[np.bool_] = inside & (np.abs(surface.ravel().take(at) - near) <= _TOLERANCE)
    return shown


def _background_filled(near: Disparity) -> Disparity:
    """Unknown points get the farther of the nearest known ones in their row."""
    filled = near.copy()
    unknown = near == _NOTHING
    filled[unknown] = near.ravel()[_farther_neighbors(near, unknown)]
    return filled


def _farther_neighbors(near: Disparity, unknown: NDArray[np.bool_]) -> NDArray[np.int32]:
    """For each unknown point, where in the flat array the farther of the nearest known points in its row is."""
    height, width = near.shape
    column = np.arange(width, dtype=np.int32)
    before = np.maximum.accumulate(np.where(unknown, np.int32(-1), column), axis=1)[unknown]
    after = np.minimum.accumulate(np.where(unknown, np.int32(width), column)[:, ::-1], axis=1)[:, ::-1][unknown]
    before, after = np.where(before < 0, after, before) % width, np.where(after == width, before, after)
    row = np.repeat(np.arange(0, height * width, width, dtype=np.int32), unknown.sum(axis=1))
    flat = near.ravel()
    farther: NDArray[np.int32] = np.where(flat[row + before] <= flat[row + after], row + before, row + after)
    return farther


def _median(near: Disparity) -> Disparity:
    """The median of 5 x 5 points: removes specks that would fly about alone."""
    padded = np.pad(near.astype(np.int16), 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5)).reshape(*near.shape, 25)
    return np.partition(windows, 12, axis=-1)[..., 12].astype(np.int32)


def _snapped(near: Disparity) -> Disparity:
    """At an edge, the foreground's or the background's disparity: values between them would tear off and fly about."""
    padded = np.pad(near.astype(np.int16), 3, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7))
    nearest, farthest = windows.max(axis=(-2, -1)).astype(np.int32), windows.min(axis=(-2, -1)).astype(np.int32)
    either = np.where(2 * near >= nearest + farthest, nearest, farthest)
    return np.where(nearest - farthest > _EDGE, either, near)


def _grown(near: Disparity) -> Disparity:
    """The nearest of 3 x 3 points, so that a foreground takes its mixed edge pixels along."""
    padded = np.pad(near, 1, mode="edge")
    grown: Disparity = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).max(axis=(-2, -1))
    return grown


def _softened(weight: NDArray[np.int32]) -> NDArray[np.uint64]:
    """A weight averaged over three columns, so that the two photographs meet without a seam."""
    padded = np.pad(weight, ((0, 0), (1, 1)), mode="edge")
    soft: NDArray[np.int32] = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) >> 2
    return soft.astype(np.uint64)
