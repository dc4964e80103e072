"""A narrow network whose weights their names decide, frames of a photograph, and one thread."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

import pytest
import torch
from skimage import data
from torch import Tensor

from baselines.colormnet_networks.network import ColorMNet
from colorbench.color import rgb_to_lab


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def drawn(key: str, shape: torch.Size) -> Tensor:
    """A weight that its name decides, at a scale that keeps activations alive and attention sharp."""
    draw = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    kind = key.rpartition(".")[2]
    if kind == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    if kind == "running_var":
        return 0.5 + torch.rand(shape, generator=draw, dtype=torch.float64)
    noise = torch.randn(shape, generator=draw, dtype=torch.float64)
    if kind == "temperature":
        return 8.0 + noise
    if kind in ("cls_token", "pos_embed", "mask_token"):
        return 0.3 * noise
    if len(shape) == 1:
        return 0.1 * noise + (1.0 if kind in ("weight", "gamma") else 0.0)
    gain = 0.5 if key in ("decoder.pred.weight", "key_proj.d_proj.weight") else 1.0
    return noise * (gain / math.sqrt(math.prod(shape[1:])))


@pytest.fixture(scope="package")
def network() -> ColorMNet:
    """In float64, a sixteenth of the released widths."""
    made = ColorMNet(4).double().eval()
    made.load_state_dict({key: drawn(key, tensor.shape) for key, tensor in made.state_dict().items()})
    return made


@pytest.fixture(scope="package")
def photograph() -> Tensor:
    """Frames of a crop that moves over a photograph: (13, 3, 112, 112), L* / 50 - 1 and ab over 110 in float64."""
    picture = torch.from_numpy(data.coffee()).double() / 255.0
    crops = [picture[100 + 3 * i : 212 + 3 * i, 200 + 2 * i : 312 + 2 * i] for i in range(13)]
    lab = rgb_to_lab(torch.stack(crops)).permute(0, 3, 1, 2)
    return torch.cat((lab[:, :1] / 50.0 - 1.0, lab[:, 1:] / 110.0), dim=1)
