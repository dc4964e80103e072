"""Gray frames, and experts that are too heavy to build for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from bistnet.experts import FrozenExpert, build_expert

NAMES = ("compact-edges", "compact-semantics", "hed", "protoseg-19")


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """Pictures here are small: more threads wait for each other longer than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def gray() -> Callable[..., Tensor]:
    """``gray(count, height, width)``: smooth luminance with a step, (N, 1, H, W) in [0, 100]."""

    def make(count: int, height: int, width: int, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        coarse = torch.rand((count, 1, 6, 8), generator=generator, dtype=torch.float64)
        frames = nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1) * 80
        frames[..., width // 2 :] += 20
        return frames.to(dtype)

    return make


@pytest.fixture(scope="session", params=NAMES)
def expert(request: pytest.FixtureRequest) -> FrozenExpert:
    """Each expert with random weights."""
    torch.manual_seed(0)
    return build_expert(request.param)
