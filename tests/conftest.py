"""Shared fixtures: small clips made on the spot, and the development data where COLORBENCH_DATA names it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from colorbench.frames.opening import write_png
from colorbench.types import RgbFrame

# Runs stay in the process of their test unless they name a number of workers.
os.environ.setdefault("COLORBENCH_WORKERS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need a GPU are skipped where there is none, also where they are asked for."""
    wanted = [item for item in items if item.get_closest_marker("gpu")]
    if not wanted:
        return
    import torch

    if not torch.cuda.is_available():
        for item in wanted:
            item.add_marker(pytest.mark.skip(reason="no CUDA device that torch sees"))


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """Commands that tests start can be interrupted, also where this suite was started in the background, which ignores Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def data_root() -> Path:
    """The development clips; the test is skipped where there are none."""
    root = os.environ.get("COLORBENCH_DATA")
    if not root:
        pytest.skip("COLORBENCH_DATA is not set")
    return Path(root)


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def colored_frames(count: int, *, height: int = 32, width: int = 48, seed: int = 0) -> list[RgbFrame]:
    """A smooth colored pattern that moves one pixel a frame; textured, so that optical flow can follow it."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 216, (height // 4 + 3, (width + count) // 4 + 3, 3)).astype(np.float64)
    full = np.kron(coarse, np.ones((4, 4, 1)))
    for axis in (0, 1):
        full = (np.roll(full, 1, axis) + 2 * full + np.roll(full, -1, axis)) / 4
    return [np.ascontiguousarray(full[:height, shift : shift + width]).astype(np.uint8) for shift in range(count)]


@pytest.fixture
def make_clips(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of clips: ``make_clips(one=12, two=9)`` has two clips of so many frames."""

    def make(*, height: int = 32, width: int = 48, root: str = "clips", **counts: int) -> Path:
        folder = tmp_path / root
        for seed, (name, count) in enumerate(counts.items()):
            for index, frame in enumerate(colored_frames(count, height=height, width=width, seed=seed)):
                path = folder / name / f"{index:05d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_png(path, frame)
        return folder

    return make


@pytest.fixture(scope="session")
def training_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Training data: two clips, one of them for validation, and two photographs."""
    import cv2
    from skimage import data as photographs

    root = tmp_path_factory.mktemp("training-data")
    for name, picture in (("pan", photographs.coffee()), ("held-out", photographs.chelsea())):
        (root / "clips" / name).mkdir(parents=True)
        for index in range(17):
            window = np.ascontiguousarray(picture[40 : 40 + 128, 20 + 2 * index : 20 + 2 * index + 192, ::-1])
            cv2.imwrite(str(root / "clips" / name / f"{index:05d}.png"), window)
    (root / "stills").mkdir()
    for index, picture in enumerate((photographs.astronaut(), photographs.rocket())):
        cv2.imwrite(str(root / "stills" / f"{index}.png"), np.ascontiguousarray(picture[::2, ::2, ::-1]))
    return root
