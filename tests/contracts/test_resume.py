"""Methods that begin in the middle of a clip: what comes then is what would have come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from colorbench.color import luminance, merge_luminance
from colorbench.method import ResumableColorizer
from colorbench.registry import METHODS
from colorbench.types import Exemplar, LStar, RgbFrame

COUNT = 11


class Pan:
    """A camera that pans over a picture; satisfies GrayClip."""

    name = "pan"

    def __init__(self) -> None:
        small = np.random.default_rng(5).integers(30, 226, (5, 9, 3)).astype(np.uint8)
        wide = cv2.resize(small, (100, 48), interpolation=cv2.INTER_CUBIC)
        self.frames = [np.ascontiguousarray(wide[:, 2 * at : 2 * at + 64]) for at in range(COUNT)]
        self.frame_names: Sequence[str] = tuple(f"{index:05d}" for index in range(COUNT))
        self.height, self.width = 48, 64

    def __len__(self) -> int:
        return COUNT

    def luminance(self, index: int) -> LStar:
        return luminance(self.frames[index])

    def merge(self, index: int, ab: NDArray[np.float32]) -> RgbFrame:
        return merge_luminance(self.luminance(index), ab)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks lose time to more on frames this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["flow", "bistnet", "bistnet-tracked"])
@pytest.mark.parametrize("stills", [(1, 8), (5,)])
def test_a_method_that_resumes_yields_the_same_frames(name: str, stills: tuple[int, ...]) -> None:
    method, clip = METHODS.get(name), Pan()
    settings = {setting.name: setting.default or "" for setting in method.card.settings}
    variant = next(variant.name for variant in method.card.variants if not method.unavailable(variant.name))
    colorizer = method.load(variant=variant, device="cpu", settings=settings)
    assert isinstance(colorizer, ResumableColorizer)
    exemplars = [Exemplar(rgb=clip.frames[index], index=index, name=str(index)) for index in stills]
    whole = list(colorizer.colorize(clip, exemplars))
    assert len(whole) == COUNT
    for start in (1, 6, 8):
        rest = list(colorizer.resume(clip, exemplars, start))
        assert len(rest) == COUNT - start
        assert all(np.array_equal(*pair) for pair in zip(whole[start:], rest, strict=True)), start
