"""Frames that the metrics are tried on: photographs everywhere, real clips where the development data is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import color, data

from colorbench.types import RgbFrame

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
CLIPS = ("blackswan", "camel", "car-shadow", "dog", "horsejump-high", "parkour", "scooter-black")

Pair = tuple[RgbFrame, RgbFrame]


def desaturated(frame: RgbFrame, amount: float) -> RgbFrame:
    """The frame with its Lab chroma scaled."""
    lab = color.rgb2lab(frame)
    lab[..., 1:] *= amount
    result: RgbFrame = np.rint(255.0 * np.clip(color.lab2rgb(lab), 0.0, 1.0)).astype(np.uint8)
    return result


def resized(frame: RgbFrame, width: int = 384, height: int = 224) -> RgbFrame:
    return np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="session", params=PHOTOGRAPHS)
def photograph(request: pytest.FixtureRequest) -> RgbFrame:
    """(224, 384, 3) uint8."""
    return resized(getattr(data, request.param)())


@pytest.fixture(scope="session")
def pair(photograph: RgbFrame) -> Pair:
    """A photograph and a duller copy."""
    return photograph, desaturated(photograph, 0.8)


@pytest.fixture(scope="session")
def read_clip() -> Callable[..., list[RgbFrame]]:
    """Reads frames of a development clip; skips the test where the data is not on this machine."""
    root = os.environ.get("COLORBENCH_DATA")
    if not root:
        pytest.skip("COLORBENCH_DATA is not set")

    def read(name: str, count: int, *, full_size: bool = False) -> list[RgbFrame]:
        paths = sorted((Path(root) / "davis" / "JPEGImages" / "480p" / name).glob("*.jpg"))[:count]
        if not paths:
            pytest.skip(f"COLORBENCH_DATA has no davis clip {name!r}")
        frames = [np.asarray(cv2.imread(str(path)), np.uint8)[..., ::-1] for path in paths]
        return [np.ascontiguousarray(frame) if full_size else resized(frame) for frame in frames]

    return read


@pytest.fixture(scope="session", params=CLIPS)
def clip_pairs(request: pytest.FixtureRequest, read_clip: Callable[..., list[RgbFrame]]) -> list[Pair]:
    """Two frames of a real clip at 384x224, one at its own size, each with a prediction."""
    frames = [*read_clip(request.param, 2), *read_clip(request.param, 1, full_size=True)]
    return [(frame, desaturated(frame, amount)) for frame, amount in zip(frames, (0.8, 0.0, 1.3), strict=True)]
