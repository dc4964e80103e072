"""Experts that compute the maps of a frame once, for trainings that see the same frames one after the other."""

from __future__ import annotations

import hashlib
import math
import zlib
from pathlib import Path

import torch
from torch import Tensor

from bistnet.experts.expert import FrozenExpert, MixedExperts
from colorbench.files.atomic import replacing_file


class KeptExperts(MixedExperts):
    """A mixed expert block with a memory on the disk; threads and processes may share its folder.

    Maps are kept as bytes, ``round(255 p)``, as :mod:`bistnet.experts.maps` keeps a clip's, and those that are computed are
    rounded likewise: so it never matters who was first to ask. A file that is cut or damaged is made again. A frame of 160x256
    takes some 130 kB; reading it takes a tenth of the time of computing it on a CPU, and longer than computing it on a GPU.

    Args:
        experts: whose maps are kept.
        folder: where maps are kept, by expert and frame.
    """

    def __init__(self, experts: MixedExperts, folder: Path) -> None:
        super().__init__(_each(experts))
        self.folder = folder

    def forward(self, l_star: Tensor) -> Tensor:
        """(N, 1, H, W) L* -> (N, channels, H, W) in [0, 1], a multiple of 1/255."""
        return torch.cat([self._maps(expert, l_star) for expert in _each(self)], dim=1)

    def _maps(self, expert: FrozenExpert, l_star: Tensor) -> Tensor:
        files = [self._file(expert, frame) for frame in l_star]
        shape = (expert.channels, *l_star.shape[2:])
        found = [_read(file, shape) for file in files]
        lacking = [index for index, maps in enumerate(found) if maps is None]
        if lacking:
            made = (expert(l_star[lacking]).float() * 255.0).round().to(torch.uint8).cpu()
            for index, maps in zip(lacking, made, strict=True):
                found[index] = maps
                with replacing_file(files[index]) as temporary:
                    temporary.write_bytes(zlib.compress(maps.numpy().tobytes(), level=1))
        return torch.stack([maps for maps in found if maps is not None]).to(l_star.device) / 255.0

    def _file(self, expert: FrozenExpert, frame: Tensor) -> Path:
        # Mixed precision hands over bfloat16, which NumPy has not.
        content = frame.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        key = hashlib.sha256(f"{expert.identity} {frame.dtype} {tuple(frame.shape)}".encode() + content).hexdigest()
        return self.folder / key[:2] / f"{key[2:40]}.map"


def _each(experts: MixedExperts) -> list[FrozenExpert]:
    return [expert for expert in experts.experts if isinstance(expert, FrozenExpert)]


def _read(file: Path, shape: tuple[int, ...]) -> Tensor | None:
    try:
        content = bytearray(zlib.decompress(file.read_bytes()))
    except (FileNotFoundError, zlib.error):
        return None
    return torch.frombuffer(content, dtype=torch.uint8).reshape(shape) if len(content) == math.prod(shape) else None
