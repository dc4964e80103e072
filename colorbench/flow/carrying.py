"""Exemplar colors carried through a clip by optical flow: where each pixel lies in the exemplars, and how sure that is.

The control ``flow`` is made of this, and ``bistnet-tracked`` chooses from it. No training. The flow is OpenCV's DIS
(Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016, doi:10.1007/978-3-319-46493-0_29).
docs/design/flow.md says what each part is worth in dB.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import MethodError
from colorbench.method import GrayClip, require_exemplars
from colorbench.types import Exemplar

Plane = NDArray[np.float32]
"""(H, W) or (H, W, C) float32."""
GrayU8 = NDArray[np.uint8]
"""(H, W) uint8: L* scaled to [0, 255]."""

SPAN_BYTES = 64 << 20
"""Colors kept while a span is walked backwards: 130 frames of 384x224."""

_LEVELS_PER_L = 2.55
_SMALLEST = 32
"""DIS crashes where a side is under 16 pixels; smaller frames are padded to this."""

_DISAGREEMENT = 0.15
"""Trust is multiplied by exp(-this * squared pixels) at each step, and by exp(-(mismatch / _MISMATCH)^2)."""
_MISMATCH = 6.0 * _LEVELS_PER_L
_OUTSIDE = 0.1
LEAST_TRUST = 1e-3
"""Of colors that agree with nothing: they count where nothing else is known."""
_WINDOW = 7
_MARGIN = 0.25 * _LEVELS_PER_L
"""A match replaces the position carried so far where it agrees better by this, over a window of so many pixels."""


@dataclass(frozen=True, slots=True)
class Source:
    """An exemplar on its frame."""

    index: int
    ab: Plane
    """(H, W, 2) a* and b*."""
    gray: GrayU8
    """Of the clip's own frame, as other frames are matched with it."""


@dataclass(frozen=True, slots=True)
class Carried:
    """Where each pixel of a frame lies in a source."""

    index: int
    position: Plane
    """(H, W, 2) x and y in the source, in pixels."""
    steadiness: Plane
    """(H, W) in [0, 1]: how well forward and backward flow have agreed on the way."""
    trust: Plane
    """(H, W) in (0, 1]: steadiness times how well the luminance agrees there."""


@dataclass(frozen=True, slots=True)
class Colors:
    """What a frame takes from a source: (H, W, 2) a* and b*, and (H, W) trust in (0, 1]."""

    ab: NDArray[np.float16]
    trust: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Hints:
    """What flow says of a frame."""

    index: int
    exact: Plane | None
    """(H, W, 2) a* and b* of the exemplar whose frame this is; None where it is nobody's."""
    before: Colors | None
    """From the exemplar before the frame."""
    after: Colors | None
    """From the one after it. Either may be missing; of a frame without ``exact`` not both."""
    nearness: float
    """Weight of the exemplar before by the distance in time, in (0, 1); 0.5 where there is one."""

    def blended(self) -> tuple[Plane, Plane]:
        """Colors of both sides, (H, W, 2), averaged by trust and nearness, and their trust, (H, W)."""
        if self.before is None or self.after is None:
            colors = self.before or self.after
            if colors is None:
                raise ValueError(f"frame {self.index} has no colors to blend")
            return colors.ab.astype(np.float32), colors.trust.astype(np.float32)
        first = self.before.trust.astype(np.float32) * np.float32(self.nearness)
        second = self.after.trust.astype(np.float32) * np.float32(1.0 - self.nearness)
        trust = first + second
        ab = (self.before.ab * first[..., None] + self.after.ab * second[..., None]) / trust[..., None]
        return ab.astype(np.float32), trust


def carry(clip: GrayClip, exemplars: Sequence[Exemplar], *, start: int = 0, span_bytes: int = SPAN_BYTES) -> Iterator[Hints]:
    """What flow says of each frame of a clip, in order. Nothing of the clip is kept beyond ``span_bytes``.

    Args:
        clip: the frames.
        exemplars: in any order; of two on one frame the first counts. A frame takes from the one before and the one after it.
        start: the first frame that is told of; what is told of a frame does not depend on it.
        span_bytes: see SPAN_BYTES. Less is slower, and gives the same.

    Raises:
        MethodError: there is no exemplar, or it shows no known frame of the clip.
    """
    # Two at a time, however many there are.
    ends: Iterator[Source | None] = chain((None,), _sources(clip, exemplars), (None,))
    for before, after in pairwise(ends):
        if before and before.index >= start:
            yield Hints(before.index, before.ab, None, None, 0.5)
        first, stop = before.index + 1 if before else 0, after.index if after else len(clip)
        begin = max(first, start)
        if begin >= stop:
            continue
        forward = islice(_ahead(clip, before, stop), begin - first, None) if before else None
        backward = _back(clip, after, _standing(after), begin, span_bytes) if after else None
        for index in range(begin, stop):
            nearness = (stop - index) / (stop - first + 1) if forward and backward else 0.5
            yield Hints(index, None, next(forward) if forward else None, next(backward) if backward else None, nearness)


def _sources(clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[Source]:
    """The exemplars in order of their frames; of two on one frame the first."""
    require_exemplars(clip, exemplars)
    placed: dict[int, Exemplar] = {}
    for exemplar in exemplars:
        if exemplar.index is None or not 0 <= exemplar.index < len(clip):
            raise MethodError(
                f"exemplar {exemplar.name!r} shows frame {'unknown' if exemplar.index is None else exemplar.index}",
                wanted=f"a frame of {clip.name!r}, 0 to {len(clip) - 1}, for colors to be carried from it",
                remedy=f"name its file as that frame is named ({clip.frame_names[0]}), or use exemplar-hold",
            )
        placed.setdefault(exemplar.index, exemplar)
    return (_source(clip, index, placed[index]) for index in sorted(placed))


def _source(clip: GrayClip, index: int, exemplar: Exemplar) -> Source:
    from torch import from_numpy

    from colorbench.color import rgb_to_lab

    ab = rgb_to_lab(from_numpy(exemplar.rgb))[..., 1:].contiguous().numpy()
    return Source(index, ab, _gray(clip, index))


def _gray(clip: GrayClip, index: int) -> GrayU8:
    levels: GrayU8 = np.rint(clip.luminance(index) * _LEVELS_PER_L).astype(np.uint8)
    return levels


def _standing(source: Source) -> Carried:
    """The source's own frame: each pixel lies where it is."""
    sure = np.ones(source.gray.shape, np.float32)
    return Carried(source.index, _grid(source.gray), sure, sure)


def _grid(gray: GrayU8) -> Plane:
    rows, columns = np.indices(gray.shape, dtype=np.float32)
    return np.stack((columns, rows), axis=-1)


def _ahead(clip: GrayClip, source: Source, stop: int) -> Iterator[Colors]:
    return (_colors(source, at) for at in _walk(clip, source, _standing(source), stop - 1))


def _back(clip: GrayClip, source: Source, state: Carried, start: int, span_bytes: int) -> Iterator[Colors]:
    """Colors carried back from ``state``, for frames ``start`` to ``state.index`` - 1, ascending.

    A span too long to be kept is walked to its middle first, and each half is then walked again.
    """
    count = state.index - start
    if count * source.gray.size * 6 <= span_bytes or count <= 2:
        kept = [_colors(source, at) for at in _walk(clip, source, state, start)]
        while kept:
            yield kept.pop()
        return
    (middle,) = deque(_walk(clip, source, state, start + count // 2), maxlen=1)
    yield from _back(clip, source, middle, start, span_bytes)
    yield _colors(source, middle)
    yield from _back(clip, source, state, middle.index + 1, span_bytes)


def _walk(clip: GrayClip, source: Source, state: Carried, end: int) -> Iterator[Carried]:
    """States of the frames after ``state`` up to ``end``, whichever way it lies."""
    step_flow, match_flow = _Flow(finest_scale=1, stride=4), _Flow(finest_scale=0, stride=5)
    grid, before = _grid(source.gray), _gray(clip, state.index)
    step = 1 if end > state.index else -1
    for index in range(state.index + step, end + step, step):
        gray = _gray(clip, index)
        move = step_flow(gray, before)
        at = grid + move
        error = move + _sampled(step_flow(before, gray), at)
        agreement = np.exp(-_DISAGREEMENT * (error[..., 0] ** 2 + error[..., 1] ** 2))
        steadiness = _sampled(state.steadiness, at) * agreement
        position = _sampled(state.position, at)
        matched = grid + match_flow(gray, source.gray, guess=position - grid)
        mismatch, matched_mismatch = _mismatch(gray, source.gray, position), _mismatch(gray, source.gray, matched)
        better = matched_mismatch < mismatch - _MARGIN
        position = np.where(better[..., None], matched, position)
        steadiness[_outside(position)] *= _OUTSIDE
        mismatch = np.where(better, matched_mismatch, mismatch)
        trust = np.maximum(steadiness * np.exp(-np.square(mismatch / _MISMATCH)), LEAST_TRUST)
        state, before = Carried(index, position, steadiness, trust), gray
        yield state


class _Flow:
    """DIS without variational refinement, which costs more than it brings here.

    Args:
        finest_scale: 0 is full resolution, 1 is half.
        stride: pixels from patch to patch at each scale; patches have 8 by 8.
    """

    def __init__(self, *, finest_scale: int, stride: int) -> None:
        import cv2

        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._dis.setVariationalRefinementIterations(0)
        self._dis.setFinestScale(finest_scale)
        self._dis.setPatchStride(stride)

    def __call__(self, gray: GrayU8, other: GrayU8, *, guess: Plane | None = None) -> Plane:
        """(H, W, 2) x and y from each pixel of ``gray`` to the like one in ``other``."""
        height, width = gray.shape
        padding = ((0, max(_SMALLEST - height, 0)), (0, max(_SMALLEST - width, 0)))
        if any(after for _, after in padding):
            gray, other = np.pad(gray, padding, "edge"), np.pad(other, padding, "edge")
            guess = None if guess is None else np.pad(guess, (*padding, (0, 0)), "edge")
        flow: Plane = self._dis.calc(gray, other, guess)
        return flow[:height, :width]


def _sampled(plane: NDArray[np.generic], position: Plane) -> Plane:
    """Bilinear samples, of the nearest border pixel outside."""
    import cv2

    sampled: Plane = cv2.remap(plane, position, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return sampled


def _outside(position: Plane) -> NDArray[np.bool_]:
    """Where a position is more than a pixel outside the picture, and its sample a border pixel's."""
    height, width = position.shape[:2]
    x, y = position[..., 0], position[..., 1]
    beyond: NDArray[np.bool_] = (x < -1) | (y < -1) | (x > width) | (y > height)
    return beyond


def _mismatch(gray: GrayU8, source_gray: GrayU8, position: Plane) -> Plane:
    """Mean absolute difference of levels over a window about each pixel."""
    import cv2

    difference = cv2.absdiff(gray, _sampled(source_gray, position))
    mean: Plane = cv2.boxFilter(difference, cv2.CV_32F, (_WINDOW, _WINDOW))
    return mean


def _colors(source: Source, at: Carried) -> Colors:
    return Colors(_sampled(source.ab, at.position).astype(np.float16), at.trust.astype(np.float16))
