"""Exemplar colors carried through the clip by optical flow: the control that a learned method has to beat. No training.

The flow is OpenCV's DIS (Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016,
doi:10.1007/978-3-319-46493-0_29); the smoothing is a guided filter (He et al., Guided Image Filtering, TPAMI 2013,
doi:10.1109/TPAMI.2012.213) whose pixels are weighted by trust. docs/design/flow.md says what each part is worth in dB.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import MethodError
from colorbench.types import Exemplar, LStar, MethodCard, RgbFrame, Variant

if TYPE_CHECKING:
    from colorbench.method import GrayClip

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
_LEAST_TRUST = 1e-3
_WINDOW = 7
_MARGIN = 0.25 * _LEVELS_PER_L
"""A match replaces the position carried so far where it agrees better by this, over a window of so many pixels."""
_SMOOTHING = ((2, 0.2), (8, 0.05))
"""(radius, weight) of the neighborhoods that fill in where trust is low; a trusted pixel weighs 1."""
_VARIANCE = 4.0


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


class FlowCarrier:
    """Satisfies Colorizer; keeps nothing of a clip.

    Args:
        single: takes the first exemplar only.
        span_bytes: see SPAN_BYTES. Less is slower, and gives the same frames.
    """

    def __init__(self, *, single: bool, span_bytes: int = SPAN_BYTES) -> None:
        self._single, self._span_bytes = single, span_bytes

    def colorize(self, clip: GrayClip, exemplars: Sequence[Exemplar]) -> Iterator[RgbFrame]:
        """See Colorizer. The frame of an exemplar gets its colors as they are.

        Raises:
            MethodError: there is no exemplar, or it shows no known frame of the clip.
        """
        ends: list[Source | None] = [None, *_sources(clip, exemplars[:1] if self._single else exemplars), None]
        for before, after in pairwise(ends):
            if before:
                yield clip.merge(before.index, before.ab)
            yield from self._between(clip, before, after)

    def _between(self, clip: GrayClip, before: Source | None, after: Source | None) -> Iterator[RgbFrame]:
        """The frames between two exemplars, or between one and an end of the clip."""
        start, stop = before.index + 1 if before else 0, after.index if after else len(clip)
        forward = _ahead(clip, before, stop) if before else None
        backward = self._back(clip, after, _standing(after), start) if after else None
        for index in range(start, stop):
            if forward and backward:
                nearness = (stop - index) / (stop - start + 1)
                ab, trust = _blended(next(forward), next(backward), nearness)
            else:
                colors = next(forward or backward or iter(()))
                ab, trust = colors.ab.astype(np.float32), colors.trust.astype(np.float32)
            yield clip.merge(index, smoothed(ab, trust, clip.luminance(index)))

    def _back(self, clip: GrayClip, source: Source, state: Carried, start: int) -> Iterator[Colors]:
        """Colors carried back from ``state``, for frames ``start`` to ``state.index`` - 1, ascending.

        A span too long to be kept is walked to its middle first, and each half is then walked again.
        """
        count = state.index - start
        if count * source.gray.size * 6 <= self._span_bytes or count <= 2:
            kept = [_colors(source, at) for at in _walk(clip, source, state, start)]
            while kept:
                yield kept.pop()
            return
        (middle,) = deque(_walk(clip, source, state, start + count // 2), maxlen=1)
        yield from self._back(clip, source, middle, start)
        yield _colors(source, middle)
        yield from self._back(clip, source, state, middle.index + 1)


def smoothed(ab: Plane, trust: Plane, l_star: LStar) -> Plane:
    """Fills in by neighbors of like luminance where trust is low.

    In each neighborhood a* and b* are a linear function of L*, fitted by least squares weighted by trust (a guided filter).
    The result is the mean of the pixel's own color, weighted by its trust, and of the fits, by the weights of _SMOOTHING.

    Args:
        ab: (H, W, 2) float32.
        trust: (H, W) float32 in (0, 1].
        l_star: (H, W) float32 in [0, 100].

    Returns:
        (H, W, 2) float32.
    """
    import cv2

    def box(plane: Plane, radius: int) -> Plane:
        mean: Plane = cv2.blur(plane, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT)
        return mean

    # One plane at a time: numpy is five times slower over a last axis of two.
    weighted_l, weighted_ll = trust * l_star, trust * l_star * l_star
    planes = []
    for channel in (0, 1):
        weighted = trust * ab[..., channel]
        weighted_product, total, weight = weighted * l_star, weighted.copy(), trust.copy()
        for radius, share in _SMOOTHING:
            n = box(trust, radius)
            l_mean, mean = box(weighted_l, radius) / n, box(weighted, radius) / n
            slope = box(weighted_product, radius) / n - l_mean * mean
            slope /= box(weighted_ll, radius) / n - l_mean * l_mean + _VARIANCE
            fit = box(slope * n, radius) * l_star + box((mean - slope * l_mean) * n, radius)
            total += share * fit / box(n, radius)
            weight += share
        planes.append(total / weight)
    result: Plane = np.stack(planes, axis=-1)
    return result


def _sources(clip: GrayClip, exemplars: Sequence[Exemplar]) -> list[Source]:
    """The exemplars in order of their frames; of two on one frame the first."""
    from torch import from_numpy

    from colorbench.color import rgb_to_lab

    if not exemplars:
        raise MethodError(f"no exemplar for clip {clip.name!r}", wanted="at least one", remedy="use --override exemplars=ends")
    sources: dict[int, Source] = {}
    for exemplar in exemplars:
        if exemplar.index is None or not 0 <= exemplar.index < len(clip):
            raise MethodError(
                f"exemplar {exemplar.name!r} shows frame {'unknown' if exemplar.index is None else exemplar.index}",
                wanted=f"a frame of {clip.name!r}, 0 to {len(clip) - 1}, for colors to be carried from it",
                remedy=f"name its file as that frame is named ({clip.frame_names[0]}), or use exemplar-hold",
            )
        ab = rgb_to_lab(from_numpy(exemplar.rgb))[..., 1:].contiguous().numpy()
        sources.setdefault(exemplar.index, Source(exemplar.index, ab, _gray(clip, exemplar.index)))
    return [sources[index] for index in sorted(sources)]


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
        trust = np.maximum(steadiness * np.exp(-np.square(mismatch / _MISMATCH)), _LEAST_TRUST)
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


def _blended(before: Colors, after: Colors, nearness: float) -> tuple[Plane, Plane]:
    """Mean of two colors by trust and by ``nearness`` of the first in (0, 1), and its trust."""
    first = before.trust.astype(np.float32) * np.float32(nearness)
    second = after.trust.astype(np.float32) * np.float32(1.0 - nearness)
    trust = first + second
    ab = (before.ab * first[..., None] + after.ab * second[..., None]) / trust[..., None]
    return ab.astype(np.float32), trust


@dataclass(frozen=True, slots=True)
class Flow:
    """The registered method."""

    card: MethodCard

    def unavailable(self, variant: str) -> str:  # noqa: ARG002
        """See Method."""
        return ""

    def load(self, *, variant: str, device: str, settings: Mapping[str, str]) -> FlowCarrier:  # noqa: ARG002
        """See Method."""
        return FlowCarrier(single=variant == "single")

    def fingerprint(self, *, variant: str, settings: Mapping[str, str]) -> str:  # noqa: ARG002
        """See Method."""
        return f"opencv {version('opencv-python')}"


METHODS = (
    Flow(
        MethodCard(
            name="flow",
            kind="control",
            summary="exemplar colors carried by DIS optical flow, forward and backward, no training",
            variants=(
                Variant(name="double", summary="from the exemplar before and the one after", exemplars=(2, None)),
                Variant(name="single", summary="from the first exemplar", exemplars=(1, 1)),
            ),
            licence="MIT",
            paper="Kroeger et al., ECCV 2016 (the flow)",
        )
    ),
)
