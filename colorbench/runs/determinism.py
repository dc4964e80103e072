"""What a unit needs to come out the same again: seeds, exact float32 on a GPU, and torch's threads on a CPU."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager


def prepare(seed: int, device: str) -> None:
    """Before each unit: seeds what methods may draw from, so that the order of units does not matter; exact float32 on a GPU."""
    import numpy as np
    import torch

    if device == "cuda":
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """So many threads for torch, in this thread and in those that begin to use it inside the block; afterwards as many as before.

    Sums come out differently in the last bits with another number of threads.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
