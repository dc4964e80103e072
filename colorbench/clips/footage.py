"""A clip as a protocol prepares it: cut, resized, decoded once, and seen by methods as luminance only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from colorbench.clips.exemplars import exemplar_indices, given_positions, scored_indices, shot_indices
from colorbench.clips.shots import Shot, find_shots
from colorbench.errors import DatasetError
from colorbench.frames.opening import FrameSource, open_frames, read_ahead, read_image
from colorbench.types import Clip, Exemplar, LStar, Protocol, RgbFrame

if TYPE_CHECKING:
    from fractions import Fraction

TRUTH_BYTES = 1 << 30
"""Decoded frames kept of one clip: 4,000 of 384x224. A longer clip is decoded again where a method goes back."""

_NOWHERE = -1
_BLOCK = 32
_DEPTH = 16


class Footage:
    """The frames of a clip at the protocol's size; satisfies :class:`colorbench.method.GrayClip`.

    Frames are decoded ahead in ``executor``; ask for them from other threads than the executor's.

    Args:
        clip: where the frames are.
        protocol: how they are prepared.
        executor: threads that decode.
        memory_bytes: how much of the clip is kept decoded; at least 48 frames are.

    Attributes:
        shots: of the clip, where the protocol gives exemplars per shot: then the clip is read once for them. Else all in one.

    Raises:
        FramesError: the source can't be opened, or a frame can't be read for the shots.
        DatasetError: exemplars that the protocol wants are not there.
    """

    def __init__(self, clip: Clip, protocol: Protocol, *, executor: ThreadPoolExecutor, memory_bytes: int = TRUTH_BYTES) -> None:
        self.clip, self.protocol = clip, protocol
        self.name = clip.name
        self._source: FrameSource = open_frames(clip.source, mixed_sizes=protocol.mixed_sizes)
        self._executor = executor
        n_frames = self._source.n_frames
        self._n_frames = n_frames if protocol.max_frames is None else min(n_frames, protocol.max_frames)
        self.frame_names: Sequence[str] = self._source.names[: self._n_frames]
        self.fps: Fraction | None = self._source.fps
        self.source_size = (self._source.width, self._source.height)
        self.width, self.height = fitted_size(self._source.width, self._source.height, protocol)
        self._kept: OrderedDict[int, RgbFrame] = OrderedDict()
        self._capacity = max(memory_bytes // (self.width * self.height * 3), _BLOCK + _DEPTH)
        self._lock = Lock()
        self._ahead: Iterator[RgbFrame] = iter(())
        self._next = _NOWHERE
        per_shot = protocol.exemplars == "per-shot"
        self.shots = find_shots(map(self.rgb, range(len(self)))) if per_shot else (Shot(0, len(self) - 1),)
        self.exemplar_positions = self._positions()

    def __len__(self) -> int:
        return self._n_frames

    @property
    def whole(self) -> bool:
        """False where the protocol takes only the first frames."""
        return self._n_frames == self._source.n_frames

    @cached_property
    def scored(self) -> tuple[int, ...]:
        """The frames whose scores count.

        Raises:
            DatasetError: no frame is left to score.
        """
        return scored_indices(self.protocol, self.clip, self._n_frames, self.exemplar_positions)

    def rgb(self, index: int) -> RgbFrame:
        """Frame ``index`` as (height, width, 3) uint8 in [0, 255], sRGB. Not for methods: it is the ground truth."""
        with self._lock:
            frame = self._kept.get(index)
            return self._fetch(index) if frame is None else frame

    def luminance(self, index: int) -> LStar:
        """See GrayClip."""
        return self.luminance_of(self.rgb(index))

    def luminance_of(self, rgb: RgbFrame) -> LStar:
        """The gray input made of a color frame, by the protocol's definition."""
        from colorbench.color import luma_rec601, luminance

        if self.protocol.gray == "rec601":
            rgb = np.repeat(luma_rec601(rgb)[..., None], 3, axis=-1)
        return luminance(rgb)

    def merge(self, index: int, ab: NDArray[np.float32]) -> RgbFrame:
        """See GrayClip."""
        from colorbench.color import merge_luminance

        return merge_luminance(self.luminance(index), ab, rounding=self.protocol.rounding)

    def exemplars(self, limit: int | None = None) -> tuple[Exemplar, ...]:
        """The exemplars of the protocol at its size, the first ``limit`` of them; of ``per-shot``, those of each shot."""
        per_shot = self.protocol.exemplars == "per-shot"
        positions = shot_indices(self.shots, limit) if per_shot else self.exemplar_positions[:limit]
        if self.protocol.exemplars == "given":
            pairs = zip(self.clip.references, positions, strict=False)
            return tuple(Exemplar(rgb=self._given(path), index=index, name=path.name) for path, index in pairs)
        return tuple(
            Exemplar(rgb=self.rgb(index), index=index, name=self.frame_names[index]) for index in positions if index is not None
        )

    def close(self) -> None:
        """Stops decoding ahead and lets the frames go."""
        with self._lock:
            self._stop()
            self._kept.clear()

    def _positions(self) -> tuple[int | None, ...]:
        if self.protocol.exemplars == "per-shot":
            return shot_indices(self.shots)
        if self.protocol.exemplars != "given":
            return exemplar_indices(self.protocol.exemplars, self._n_frames)
        if not self.clip.references:
            raise DatasetError(
                f"clip {self.name!r} has no exemplars of its own",
                wanted=f"pictures in a references folder, as protocol {self.protocol.name!r} takes what is given",
                remedy="add them, or take frames of the clip: --override exemplars=ends",
            )
        return given_positions(self.clip.references, self.frame_names)

    def _given(self, path: Path) -> RgbFrame:
        """An exemplar picture of any size, stretched to the clip's own size and then fitted as its frames are."""
        rgb = read_image(path)
        if (rgb.shape[1], rgb.shape[0]) != self.source_size:
            rgb = resize(rgb, self.source_size, self.protocol.interpolation)
        return fit_frame(rgb, self.protocol)

    def _fetch(self, index: int) -> RgbFrame:
        if not 0 <= index < self._n_frames:
            raise IndexError(f"frame {index} of clip {self.name!r}, which has {self._n_frames}")
        if index != self._next:
            # Going back through a clip that isn't kept whole: a block is decoded forwards up to the frame.
            self._restart(index if index > self._next else max(0, index - _BLOCK + 1))
        while True:
            at = self._next
            try:
                frame = next(self._ahead)
            except BaseException:
                self._stop()
                raise
            self._next = at + 1
            self._kept[at] = frame
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
            if at == index:
                return frame

    def _stop(self) -> None:
        if close := getattr(self._ahead, "close", None):
            close()
        self._ahead, self._next = iter(()), _NOWHERE

    def _restart(self, start: int) -> None:
        self._stop()
        self._next = start
        indices = range(start, self._n_frames)
        self._ahead = read_ahead(
            self._source, indices, executor=self._executor, transform=lambda rgb: fit_frame(rgb, self.protocol), depth=_DEPTH
        )


def fitted_size(width: int, height: int, protocol: Protocol) -> tuple[int, int]:
    """(width, height) of a frame under a protocol.

    Raises:
        DatasetError: cropping leaves nothing.

    >>> from colorbench.clips.protocol import PRESETS
    >>> fitted_size(854, 480, PRESETS["bistnet"]), fitted_size(854, 480, PRESETS["tcvc"])
    ((384, 224), (832, 480))
    """
    if protocol.width is not None and protocol.height is not None:
        return protocol.width, protocol.height
    fitted = width - width % protocol.crop_multiple, height - height % protocol.crop_multiple
    if min(fitted) < 1:
        raise DatasetError(
            f"frames of {width}x{height} can't be cropped to multiples of {protocol.crop_multiple}",
            wanted=f"sides of at least {protocol.crop_multiple} pixels",
            remedy="use another protocol, or leave the clip out with --clips",
        )
    return fitted


def fit_frame(rgb: RgbFrame, protocol: Protocol) -> RgbFrame:
    """A decoded frame at the protocol's size.

    Args:
        rgb: (H, W, 3) uint8 in [0, 255].

    Returns:
        (height, width, 3) uint8 in [0, 255], contiguous.
    """
    height, width = rgb.shape[:2]
    target = fitted_size(width, height, protocol)
    if protocol.fit == "native":
        return np.ascontiguousarray(rgb[: target[1], : target[0]])
    if protocol.fit == "cover":
        scale = max(target[0] / width, target[1] / height)
        # Cropped before it is scaled, so that no pixel outside the crop is blended in and no work is lost.
        crop_width, crop_height = min(width, round(target[0] / scale)), min(height, round(target[1] / scale))
        left, top = (width - crop_width) // 2, (height - crop_height) // 2
        rgb = np.ascontiguousarray(rgb[top : top + crop_height, left : left + crop_width])
    return resize(rgb, target, protocol.interpolation)


def resize(rgb: RgbFrame, size: tuple[int, int], interpolation: str) -> RgbFrame:
    """(H, W, 3) uint8 to ``size`` (width, height) by OpenCV's rule of that name; returned as it is where the size is right."""
    import cv2

    if (rgb.shape[1], rgb.shape[0]) == size:
        return rgb
    rules = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}
    resized: RgbFrame = cv2.resize(rgb, size, interpolation=rules[interpolation])
    return resized
