"""Samples for networks that color a clip after references: two references, gray frames between them, and their true colors.

Half of them come from clips, half from photographs that are made to move (a setting). Lightness is never changed apart from
color: a frame's L* is the luminance of the very picture whose a* and b* are the target, and augmentation of color acts on a* and
b* alone, so luminance stays the true one. Augmented colors are clipped to [-110, 110]; sRGB reaches from -108 to 99.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from colorbench.errors import DatasetError, UsageError
from colorbench.training.disturbance import UNCHANGED, Disturbances, check_chroma, disturbed, disturbed_chroma, drawn_chroma
from colorbench.training.material import Reel
from colorbench.training.motion import MotionSettings, MovingPicture, check_range
from colorbench.types import RgbFrame

if TYPE_CHECKING:
    from torch import Tensor

CHROMA_BOUND = 110.0
"""Augmented a* and b* are clipped to this on either side."""

_LAB_FROM_F = np.array([[0, 116, 0, -16], [500, -500, 0, 0], [0, 200, -200, 0]], dtype=np.float32)
"""L*, a*, b* from f(X), f(Y), f(Z) and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TripletSettings:
    """How samples are made."""

    size: tuple[int, int] = (160, 256)
    """Height and width in pixels."""
    frames: int = 2
    """Gray frames of a sample."""
    references: Literal[1, 2] = 2
    """1: every sample has a single reference."""
    single: float = 0.15
    """Share of samples in which the first reference stands for both, at position 0."""
    photograph_share: float = 0.5
    """Share of samples made of photographs."""
    least_span: int = 8
    """Frames from the first reference to the last, at least; a shorter clip is taken whole."""
    longest_span: int = 90
    """Frames from the first reference to the last, at most: a long film is trained on as the protocol cuts it."""
    photograph_span: int = 48
    """The most frames into which a photograph's motion is divided."""
    consecutive: bool = False
    """True: the frames follow one another, for losses over time."""
    window: tuple[float, float] = (0.5, 1.0)
    """Size of the window cut from a clip, as a share of the largest that fits; never below ``size`` where that fits."""
    stretched: bool = False
    """True: a clip's frames are brought to ``size`` whole, whatever their aspect, as the protocol does; without ``window``."""
    flip: float = 0.5
    """Probability that all of a sample is mirrored."""
    reversal: float = 0.5
    """Probability that time runs backwards."""
    recolored: float = 0.5
    """Probability that all of a sample gets other colors."""
    saturation: tuple[float, float] = (0.7, 1.3)
    """Range of the factor on a* and b* then."""
    hue: float = 30.0
    """Largest turn of a* and b* then, in degrees to either side."""
    motion: MotionSettings = field(default_factory=MotionSettings)
    disturbances: Disturbances = field(default_factory=Disturbances)

    def __post_init__(self) -> None:
        for name in ("single", "photograph_share", "flip", "reversal", "recolored"):
            check_range(name, getattr(self, name), 0.0, 1.0)
        check_range("the shorter side of size", min(self.size), 8, 1 << 14)
        check_range("frames", self.frames, 1, 1 << 10)
        check_range("least_span", self.least_span, self.frames + 2, 1 << 20)
        check_range("longest_span", self.longest_span, self.least_span, 1 << 20)
        check_range("photograph_span", self.photograph_span, self.least_span, 1 << 20)
        check_range("the lower end of window", self.window[0], 0.01, 1.0)
        check_range("the upper end of window", self.window[1], self.window[0], 1.0)
        check_chroma(self.saturation, self.hue)


class _Moments(NamedTuple):
    """Times of a sample in a span of ``length`` frames, whose ends are the references."""

    length: int
    inner: tuple[int, ...]
    """Of the gray frames, in [1, length - 2], ascending."""


class Triplets:
    """Samples by number. Every clip and every photograph gets its turn before any comes again.

    Args:
        reels: what :func:`~colorbench.training.material.gather` returns; of one frame: a photograph.
        settings: how samples are made.

    Raises:
        DatasetError: a clip is too short for the frames of a sample.
        UsageError: clips or photographs are wanted and there are none.
    """

    def __init__(self, reels: Sequence[Reel], settings: TripletSettings | None = None) -> None:
        self.settings = settings = settings or TripletSettings()
        self.reels = tuple(reels)
        self.photographs = tuple(reel for reel in reels if len(reel.frames) == 1)
        self.clips = tuple(reel for reel in reels if len(reel.frames) > 1)
        for kind, there, share in (
            ("photographs", self.photographs, settings.photograph_share),
            ("clips", self.clips, 1.0 - settings.photograph_share),
        ):
            if share and not there:
                raise UsageError(
                    f"photograph_share = {settings.photograph_share:g}, but there are no {kind}",
                    wanted=f"at least one for the {share:.0%} of samples that are made of {kind}",
                    remedy=f"set photograph_share to {0 if kind == 'photographs' else 1}, or name folders of {kind}",
                )
        for clip in self.clips if settings.photograph_share < 1.0 else ():
            if len(clip.frames) < settings.frames + 2:
                raise DatasetError(
                    f"clip {clip.name} has {len(clip.frames)} frames",
                    wanted=f"two references and {settings.frames} frames between them",
                    remedy="exclude it, or lower frames",
                )

    def sample(self, number: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Sample ``number`` of the endless stream.

        Args:
            number: decides which clip or photograph.
            rng: decides all else.

        Returns:
            float32 of F frames and size h x w:
            l_star (F, 1, h, w) in [0, 100] and ab (F, 2, h, w), gray frames and their true colors;
            position (F,), where each stands from the first reference (0) to the last (1);
            first_l (1, h, w), first_ab (2, h, w), last_l, last_ab, the references;
            and seed (), int64, for the draws of losses.
        """
        import cv2
        import torch

        settings = self.settings
        reel = self.reel_of(number)
        single = settings.references == 1 or rng.random() < settings.single
        if len(reel.frames) == 1:
            moments = drawn_moments(settings.photograph_span, settings, rng)
            pictures = self._moving(reel, moments, rng)
        else:
            moments = drawn_moments(min(len(reel.frames), settings.longest_span), settings, rng)
            pictures = self._cut(reel, moments, rng)
        position = np.array(moments.inner, np.float32) / (moments.length - 1)
        if rng.random() < settings.reversal:
            pictures, position = pictures[::-1], 1.0 - position[::-1]
        if rng.random() < settings.flip:
            pictures = [cv2.flip(picture, 1) for picture in pictures]
        pictures = pictures[:-1] if single else pictures
        references = (0,) if single else (0, len(pictures) - 1)
        for index in references:
            pictures[index] = disturbed(pictures[index], self._other(rng), settings.disturbances, rng)
        chroma = UNCHANGED
        if rng.random() < settings.recolored:
            chroma = drawn_chroma(settings.saturation, settings.hue, rng)
        matrices = [chroma] * len(pictures)
        for index in references:
            matrices[index] = disturbed_chroma(settings.disturbances, rng) @ chroma
        found = torch.from_numpy(lab_of(pictures, matrices))
        first, last, inner = found[0], found[references[-1]], found[1 : 1 + settings.frames]
        return {
            "l_star": inner[:, :1].contiguous(),
            "ab": inner[:, 1:].contiguous(),
            "position": torch.from_numpy(np.zeros_like(position) if single else np.ascontiguousarray(position)),
            "first_l": first[:1].clone(),
            "first_ab": first[1:].clone(),
            "last_l": last[:1].clone(),
            "last_ab": last[1:].clone(),
            "seed": torch.tensor(int(rng.integers(1 << 62)), dtype=torch.int64),
        }

    def reel_of(self, number: int) -> Reel:
        """The clip or photograph of a sample: kinds alternate by their shares, and each kind's come in a new order a round."""
        share = self.settings.photograph_share
        before = int(number * share)
        if int((number + 1) * share) > before:
            return self.photographs[turn(before, len(self.photographs))]
        return self.clips[turn(number - before, len(self.clips))]

    def _moving(self, reel: Reel, moments: _Moments, rng: np.random.Generator) -> list[RgbFrame]:
        settings = self.settings
        moving = MovingPicture(reel.frames[0], rng, size=settings.size, other=self._other(rng), settings=settings.motion)
        last = moments.length - 1
        return [moving.frame(moment / last) for moment in (0, *moments.inner, last)]

    def _cut(self, reel: Reel, moments: _Moments, rng: np.random.Generator) -> list[RgbFrame]:
        """The same window of all frames, at the size of samples."""
        height, width = self.settings.size
        rows, columns = reel.frames.shape[1:3]
        if self.settings.stretched:
            return self._resized(reel, moments, slice(None), slice(None), rng)
        largest = min(rows, columns * height / width)
        low, high = self.settings.window
        share = rng.uniform(min(high, max(low, height / largest)), high)
        side = max(1, round(largest * share))
        across = max(1, min(columns, round(largest * share * width / height)))
        top, left = int(rng.integers(rows - side + 1)), int(rng.integers(columns - across + 1))
        return self._resized(reel, moments, slice(top, top + side), slice(left, left + across), rng)

    def _resized(self, reel: Reel, moments: _Moments, rows: slice, columns: slice, rng: np.random.Generator) -> list[RgbFrame]:
        """A window of a span's frames, at the size of samples."""
        import cv2

        height, width = self.settings.size
        start = int(rng.integers(len(reel.frames) - moments.length + 1))
        cut = reel.frames[:, rows, columns]
        way = cv2.INTER_AREA if cut.shape[1] > height else cv2.INTER_LINEAR
        return [
            cv2.resize(cut[start + moment], (width, height), interpolation=way)
            for moment in (0, *moments.inner, moments.length - 1)
        ]

    def _other(self, rng: np.random.Generator) -> RgbFrame:
        """Any picture of all, for what hides another."""
        frames = self.reels[int(rng.integers(len(self.reels)))].frames
        picture: RgbFrame = frames[int(rng.integers(len(frames)))]
        return picture


def turn(number: int, count: int) -> int:
    """Which of ``count`` things has turn ``number``: each round of ``count`` turns is a new permutation of all."""
    return int(_order(number // count, count)[number % count])


def drawn_moments(longest: int, settings: TripletSettings, rng: np.random.Generator) -> _Moments:
    """A span of at most ``longest`` frames, uniform from ``least_span`` on, and distinct frames inside it."""
    length = int(rng.integers(min(settings.least_span, longest), longest + 1))
    count = settings.frames
    if settings.consecutive:
        start = int(rng.integers(1, length - count))
        return _Moments(length, tuple(range(start, start + count)))
    inner = rng.choice(length - 2, count, replace=False, shuffle=False) + 1
    return _Moments(length, tuple(sorted(int(moment) for moment in inner)))


def lab_of(pictures: Sequence[RgbFrame], chroma: Sequence[NDArray[np.float32]] = ()) -> NDArray[np.float32]:
    """CIE Lab of 8-bit sRGB, channels first: :func:`colorbench.color.rgb_to_lab` within 1e-3, several times as fast.

    Args:
        pictures: N of (H, W, 3) uint8 in [0, 255], all of one size; one after another, as a picture stays in a core's cache.
        chroma: a (2, 2) matrix for each, by which its (a*, b*) is multiplied before it is clipped to CHROMA_BOUND.

    Returns:
        (N, 3, H, W) float32: L* in [0, 100], a* and b*.
    """
    import cv2

    table, matrix = _tables()
    lab = np.empty((len(pictures), 3, *pictures[0].shape[:2]), np.float32)
    for picture, planes, turned in zip(pictures, lab, chroma or [UNCHANGED] * len(pictures), strict=True):
        t = cv2.transform(cv2.LUT(picture, table), matrix)  # (H, W, 3) X, Y, Z over the white's
        f = np.cbrt(t)
        dark = t <= 0.008856
        t *= 7.787
        t += 16.0 / 116.0
        np.copyto(f, t, where=dark)
        cv2.split(cv2.transform(f, np.vstack((_LAB_FROM_F[:1], turned @ _LAB_FROM_F[1:])), dst=t), list(planes))
        if turned is not UNCHANGED:
            np.clip(planes[1:], -CHROMA_BOUND, CHROMA_BOUND, out=planes[1:])
    return lab


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Linear light of the 256 levels, and XYZ over the white from linear RGB; both rounded from float64."""
    from colorbench.color import WHITE_D65, XYZ_FROM_RGB

    levels = np.arange(256) / 255.0
    linear = np.where(levels > 0.04045, ((levels + 0.055) / 1.055) ** 2.4, levels / 12.92)
    return linear.astype(np.float32), (np.array(XYZ_FROM_RGB) / np.array(WHITE_D65)[:, None]).astype(np.float32)


@lru_cache(maxsize=8)
def _order(round_: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng([round_, count]).permutation(count)
