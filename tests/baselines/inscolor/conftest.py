"""Weights that their names decide, and one thread."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

State = dict[str, Tensor]


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def drawn(key: str, tensor: Tensor) -> Tensor:
    """A value that its name decides, at a scale that keeps activations alive."""
    if not tensor.is_floating_point():
        return torch.zeros(tensor.shape, dtype=tensor.dtype)
    draw = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    if key.endswith("running_var"):
        return 0.5 + torch.rand(tensor.shape, generator=draw, dtype=torch.float64)
    values = torch.randn(tensor.shape, generator=draw, dtype=torch.float64)
    if tensor.dim() == 1:
        return (1.0 if key.endswith("weight") else 0.0) + 0.1 * values
    gain = 0.3 if "model_out" in key else 2.0**0.5
    return values * (gain / math.sqrt(math.prod(tensor.shape[1:])))


def alive(network: nn.Module, *, tag: str = "") -> State:
    """Draws all weights of a network, makes it float64, and returns them."""
    state = {key: drawn(tag + key, tensor) for key, tensor in network.state_dict().items()}
    network.double().eval().load_state_dict(state)
    return state
