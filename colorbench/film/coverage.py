"""How well a shot's frames are covered by its stills, where colors run out, and which frame to color next.

Measured on the small gray copy of a film, so that no frame is decoded for it. Coverage is the mean trust in colors that flow
carries from the stills (:mod:`colorbench.flow.carrying`), as a method that follows motion knows it. On 14 DAVIS clips it
correlates by 0.83 with the share of pixels whose carried color is right. docs/design/film.md has the measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colorbench.clips.shots import Shot
from colorbench.film.assignment import Part
from colorbench.film.survey import Survey
from colorbench.flow.carrying import carry
from colorbench.types import Exemplar, LStar, RgbFrame

LEAST = 0.35
"""Coverage under which a frame's colors are mostly guesses."""

_LEVELS = np.float32(2.55)
_SAMPLES, _CANDIDATES = 24, 12
_MISMATCH = 12.0
_WINDOW = 5
_FLAT = 12.0


class SmallClip:
    """Frames of a film's small copy as a clip; satisfies :class:`colorbench.method.GrayClip`."""

    name = "small"

    def __init__(self, small: NDArray[np.uint8]) -> None:
        self._small = small
        self.height, self.width = small.shape[1:]
        self.frame_names: Sequence[str] = tuple(map(str, range(len(small))))

    def __len__(self) -> int:
        return len(self._small)

    def luminance(self, index: int) -> LStar:
        """See GrayClip."""
        l_star: LStar = self._small[index] / _LEVELS
        return l_star

    def merge(self, index: int, ab: NDArray[np.float32]) -> RgbFrame:
        """See GrayClip."""
        from colorbench.color import merge_luminance

        return merge_luminance(self.luminance(index), ab)


def part_coverage(survey: Survey, part: Part) -> NDArray[np.float32]:
    """Coverage of each frame of a part, in [0, 1]; 1 on its stills, 0 without any.

    A borrowed still counts by its likeness, as it shows another frame.
    """
    if not part.uses:
        return np.zeros(len(part), np.float32)
    clip = SmallClip(survey.small[part.first : part.last + 1])
    blank = np.zeros((clip.height, clip.width, 3), np.uint8)
    stills = [Exemplar(rgb=blank, index=use.index - part.first, name=str(use.still)) for use in part.uses]
    found = np.ones(len(part), np.float32)
    for hints in carry(clip, stills):
        if hints.exact is None:
            sides = [side.trust for side in (hints.before, hints.after) if side is not None]
            found[hints.index] = np.maximum.reduce(sides).astype(np.float32).mean()
    if not part.uses[0].own:
        found *= max(part.uses[0].likeness, 0.0)
    return found


@dataclass(frozen=True, slots=True)
class Proposal:
    """A frame that is worth coloring."""

    index: int
    gain: float
    """Frames that it would cover and that nothing covers now, as a sum of shares."""


def next_still(survey: Survey, shot: Shot, coverage: NDArray[np.float32]) -> Proposal:
    """The frame of a shot that covers most of what is not covered.

    Args:
        survey: of the film.
        shot: of it.
        coverage: of each of its frames.
    """
    frames, candidates = _samples(shot, _SAMPLES), _samples(shot, _CANDIDATES)
    lacking = 1.0 - coverage[frames - shot.first]
    gains = [float(np.minimum(_likewise(survey, frames, at), lacking).sum()) for at in candidates]
    best = int(np.argmax(gains))
    return Proposal(int(candidates[best]), gains[best] * len(shot) / len(frames))


def first_stills(survey: Survey, shot: Shot, *, most: int, enough: float = 0.6) -> tuple[Proposal, ...]:
    """The frames of a shot that together cover it best, when nothing is colored yet; in order of what they bring.

    Args:
        survey: of the film.
        shot: of it.
        most: how many.
        enough: mean coverage with which no more are taken.
    """
    frames = _samples(shot, _SAMPLES)
    pairs = np.stack([_likewise(survey, frames, at) for at in _samples(shot, _CANDIDATES)])
    covered = np.zeros(len(frames), np.float32)
    found: list[Proposal] = []
    while len(found) < most and covered.mean() < enough:
        gains = np.maximum(pairs - covered, 0.0).sum(axis=1)
        best = int(gains.argmax())
        index = int(_samples(shot, _CANDIDATES)[best])
        if found and (gains[best] <= 0 or index in {proposal.index for proposal in found}):
            break
        found.append(Proposal(index, float(gains[best]) * len(shot) / len(frames)))
        covered = np.maximum(covered, pairs[best])
    return tuple(found)


def _samples(shot: Shot, most: int) -> NDArray[np.int64]:
    """Frames spread evenly over a shot, in the middle of as many stretches."""
    count = min(most, len(shot))
    return shot.first + ((np.arange(count) + 0.5) * len(shot) / count).astype(np.int64)


def _likewise(survey: Survey, frames: NDArray[np.int64], still: int) -> NDArray[np.float32]:
    """Share of each frame that is found again in frame ``still``; less where that one is nearly flat, as black frames are."""
    import cv2

    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow.setVariationalRefinementIterations(0)
    target = _padded(survey.small[still])
    rows, columns = np.indices(target.shape, dtype=np.float32)
    worth = min(1.0, float(target.std()) / _FLAT)
    found = np.empty(len(frames), np.float32)
    for number, index in enumerate(frames):
        frame = _padded(survey.small[index])
        move = flow.calc(frame, target, None)
        at = (columns + move[..., 0], rows + move[..., 1])
        moved = cv2.remap(target, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mismatch = cv2.boxFilter(cv2.absdiff(frame, moved), cv2.CV_32F, (_WINDOW, _WINDOW))
        agreement = np.exp(-np.square(mismatch / _MISMATCH))
        outside = (at[0] < -1) | (at[1] < -1) | (at[0] > target.shape[1]) | (at[1] > target.shape[0])
        found[number] = worth * np.where(outside, 0.0, agreement).mean()
    return found


def _padded(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """DIS needs sides of 16 pixels and more."""
    padding = [(0, max(32 - side, 0)) for side in small.shape]
    return np.pad(small, padding, "edge") if any(after for _, after in padding) else np.ascontiguousarray(small)
