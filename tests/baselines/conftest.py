"""A clip in memory, as methods see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from colorbench.color import luminance, merge_luminance
from colorbench.types import Exemplar, LStar, RgbFrame


class MemoryClip:
    """Satisfies GrayClip."""

    def __init__(self, frames: Sequence[RgbFrame], *, name: str = "clip", names: Sequence[str] = ()) -> None:
        self.frames, self.name = frames, name
        self.frame_names: Sequence[str] = names or [f"{index:05d}" for index in range(len(frames))]
        self.height, self.width = frames[0].shape[:2]

    def __len__(self) -> int:
        return len(self.frames)

    def luminance(self, index: int) -> LStar:
        return luminance(self.frames[index])

    def merge(self, index: int, ab: NDArray[np.float32]) -> RgbFrame:
        return merge_luminance(self.luminance(index), ab)

    def exemplars(self, *indices: int) -> tuple[Exemplar, ...]:
        return tuple(Exemplar(rgb=self.frames[index], index=index, name=self.frame_names[index]) for index in indices)


def psnr(truth: RgbFrame, prediction: RgbFrame) -> float:
    error = float(np.mean((truth.astype(float) - prediction) ** 2))
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


@pytest.fixture
def moving_clip() -> Callable[..., MemoryClip]:
    """A textured colored picture that moves by whole pixels."""

    def make(count: int = 10, *, height: int = 96, width: int = 128, step: int = 2) -> MemoryClip:
        rng = np.random.default_rng(0)
        full = rng.integers(30, 226, (height // 8 + 1, (width + count * step) // 8 + 2, 3)).astype(np.float64)
        full = np.kron(full, np.ones((8, 8, 1))) + rng.normal(0, 6, (1,))
        for axis in (0, 1):
            full = (np.roll(full, 1, axis) + 2 * full + np.roll(full, -1, axis)) / 4
        pictures = [full[:height, index * step : index * step + width] for index in range(count)]
        return MemoryClip([np.ascontiguousarray(np.clip(picture, 0, 255)).astype(np.uint8) for picture in pictures])

    return make
