"""The levels of a frozen encoder, made once for every picture that is trained on and read through memory maps.

A frozen encoder gives a picture the same levels in every step; VGG16 takes half a second of a core for each, the projection that
is trained on them a hundredth. Pictures are at the size of the protocol. Of clips every so manieth frame is kept; of every sixth
photograph three frames in motion. 5.8 MB a picture, in float16, in the cache.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from numpy.typing import NDArray
from torch import Tensor, nn

from bistnet.backbone import identity
from colorbench.color import rgb_to_lab
from colorbench.errors import StoreError
from colorbench.files.cache import cache_root
from colorbench.files.locks import claimed
from colorbench.frames.images import read_image
from colorbench.frames.opening import content_digest, open_frames
from colorbench.training.motion import MovingPicture
from colorbench.types import RgbFrame

RULE = 1
"""Raised when the same sources would be kept as other numbers."""

INNER = (0.15, 0.5)
"""When a photograph's gray frame is, between its references at 0 and 1; samples run backwards half of the time."""

_PHOTOGRAPHS = 6
"""One in so many is set in motion: clips teach the match more than they do, and each takes three pictures' time."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that is kept."""

    source: int
    """Of the clips, then the photographs."""
    moment: float
    """The frame's number; of a photograph the time of its motion in [0, 1]."""


class KeptLevels:
    """Pictures and their levels.

    Args:
        clips: folders of pictures or videos.
        photographs: pictures, of which one in six is set in motion.
        size: (height, width) that everything is brought to, whatever its aspect, as the protocol does.
        every: of a clip's frames one in so many is kept, and its last.
        longest: frames of a clip that are looked at.
        encoder: (N, 3, H, W) in [0, 1] -> levels; frozen.
        note: told once what has to be made.
        advance: told 1 after each picture.

    Raises:
        FramesError: a picture or a video can't be read.
        StoreError: the cache can't be written, or another process is making the same.
    """

    def __init__(
        self,
        clips: Sequence[Path],
        photographs: Sequence[Path],
        *,
        size: tuple[int, int],
        every: int,
        encoder: nn.Module,
        longest: int = 1 << 20,
        note: Callable[[str], object] | None = None,
        advance: Callable[[int], object] | None = None,
    ) -> None:
        self._clips, self._photographs, self._size, self._every = tuple(clips), tuple(photographs), size, every
        self._longest = longest
        self.shown = tuple(self._listed())
        sources = [content_digest(path) for path in (*clips, *photographs)]
        rule = [RULE, size, every, longest, identity(encoder), sources]
        self.identity = hashlib.sha256(json.dumps(rule).encode()).hexdigest()
        self.folder = cache_root() / "levels" / self.identity[:24]
        with claimed(self.folder / "lock") as ours:
            if not ours:
                raise StoreError(
                    f"another process makes {self.folder}",
                    wanted="one at a time",
                    remedy="wait until it is done, then start again",
                )
            self._make(encoder, note, advance)
        self.rgb = self._map("rgb", "r")
        self._levels = [self._map(f"level{index}", "r") for index in range(len(self._shapes(encoder)))]

    @property
    def clips(self) -> int:
        """How many of the sources are clips; they come first."""
        return len(self._clips)

    def levels(self, index: int) -> list[Tensor]:
        """(C, h, w) float16 of each level; the finest averaged down to the second's size."""
        return [torch.from_numpy(np.array(level[index])) for level in self._levels]

    def lab(self, index: int) -> Tensor:
        """(3, H, W) L*, a*, b*."""
        return _lab(self.rgb[index])

    def _listed(self) -> Iterator[Shown]:
        for number, path in enumerate(self._clips):
            last = min(open_frames(path, mixed_sizes="resize").n_frames, self._longest) - 1
            yield from (Shown(number, frame) for frame in sorted({*range(0, last, self._every), last}))
        for number in range(0, len(self._photographs), _PHOTOGRAPHS):
            yield from (Shown(len(self._clips) + number, moment) for moment in (0.0, self._moving(number)[1], 1.0))

    def _pictures(self, start: int) -> Iterator[RgbFrame]:
        """From picture ``start`` on, in order."""
        wanted: dict[int, list[float]] = {}
        for shown in self.shown[start:]:
            wanted.setdefault(shown.source, []).append(shown.moment)
        for source, moments in wanted.items():
            if source >= len(self._clips):
                moving, _ = self._moving(source - len(self._clips))
                yield from (moving.frame(moment) for moment in moments)
                continue
            for index, frame in enumerate(open_frames(self._clips[source], mixed_sizes="resize").iterate()):
                if index in moments:
                    yield _fitted(frame, self._size)
                if index == moments[-1]:
                    break

    def _moving(self, number: int) -> tuple[MovingPicture, float]:
        """A photograph's motion, and when its gray frame is."""
        rng = np.random.default_rng(number)
        other = self._photographs[int(rng.integers(len(self._photographs)))]
        moving = MovingPicture(read_image(self._photographs[number]), rng, size=self._size, other=read_image(other))
        return moving, float(rng.uniform(*INNER))

    def _shapes(self, encoder: nn.Module) -> Mapping[str, tuple[int, ...]]:
        with torch.no_grad():
            levels = _pooled(encoder(torch.zeros(1, 3, *self._size)))
        return {f"level{index}": tuple(level.shape[1:]) for index, level in enumerate(levels)}

    def _make(self, encoder: nn.Module, note: Callable[[str], object] | None, advance: Callable[[int], object] | None) -> None:
        """Makes what is missing; goes on where it was stopped."""
        done = self._done()
        if done == len(self.shown):
            return
        if not done:
            for name, shape in self._shapes(encoder).items():
                self._map(name, "w+", (len(self.shown), *shape), np.float16)
            self._map("rgb", "w+", (len(self.shown), *self._size, 3), np.uint8)
        if note:
            note(f"encoding {len(self.shown) - done} of {len(self.shown)} pictures into {self.folder}")
        rgb, levels = self._map("rgb", "r+"), [self._map(name, "r+") for name in self._shapes(encoder)]
        for index, picture in enumerate(self._pictures(done), start=done):
            rgb[index] = picture
            with torch.inference_mode():
                found = _pooled(encoder((_lab(picture)[None, :1] / 100.0).expand(-1, 3, -1, -1)))
            for kept, level in zip(levels, found, strict=True):
                kept[index] = level[0].half().numpy()
            if index % 32 == 31 or index == len(self.shown) - 1:
                for array in (rgb, *levels):
                    array.flush()
                (self.folder / "done").write_text(str(index + 1))
            if advance:
                advance(1)

    def _done(self) -> int:
        try:
            return int((self.folder / "done").read_text())
        except (OSError, ValueError):
            return 0

    def _map(
        self, name: str, mode: Literal["r", "r+", "w+"], shape: tuple[int, ...] | None = None, dtype: type | None = None
    ) -> np.memmap[Any, Any]:
        return np.lib.format.open_memmap(self.folder / f"{name}.npy", mode=mode, shape=shape, dtype=dtype)


def _pooled(levels: Sequence[Tensor]) -> list[Tensor]:
    return [F.avg_pool2d(levels[0], 2), *levels[1:]]


def _lab(rgb: NDArray[np.generic]) -> Tensor:
    return rgb_to_lab(torch.from_numpy(np.array(rgb)).float() / 255.0).permute(2, 0, 1).contiguous()


def _fitted(rgb: RgbFrame, size: tuple[int, int]) -> RgbFrame:
    import cv2

    resized: RgbFrame = cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA)
    return resized
