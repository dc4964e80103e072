"""A clip's expert maps, computed once and kept in the cache folder.

Kept as bytes: ``round(255 p)``, so a probability is off by at most 1/510, and the classes of a pixel sum to 1 within C/510.
The key is made of the expert's identity (network, settings, weights), the clip's digest and the clip's size; a changed one is
another file. A file that is cut, changed or of something else is made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bistnet.experts.expert import Expert
from bistnet.experts.maps_file import DamagedError, Entry, Header, check_maps, read_frame, write_maps
from colorbench.errors import UsageError
from colorbench.files.atomic import replacing_file
from colorbench.files.cache import cache_root
from colorbench.types import LStar

QUANTIZATION_ERROR = 1 / 510
"""Largest difference between a kept probability and the expert's."""


class Luminance(Protocol):
    """The part of ``colorbench.method.GrayClip`` that experts see."""

    @property
    def height(self) -> int: ...

    @property
    def width(self) -> int: ...

    def __len__(self) -> int: ...

    def luminance(self, index: int) -> LStar:
        """(H, W) float32 L* in [0, 100]."""
        ...


class ExpertMaps:
    """Maps of a clip on disk; one frame at a time is in memory. Threads and processes may read at once."""

    def __init__(self, path: Path, header: Header, entries: tuple[Entry, ...]) -> None:
        self.path, self.header, self._entries = path, header, entries

    def __len__(self) -> int:
        return self.header.count

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Tensor: ...

    @overload
    def __getitem__(self, index: slice) -> Tensor: ...

    def __getitem__(self, index: int | slice) -> Tensor:
        """Frame ``index`` as (C, H, W), or a slice of frames as (N, C, H, W); float32 in [0, 1].

        Raises:
            IndexError: no such frame.
            StoreError: the file was changed since it was opened.
        """
        chosen = range(len(self))[index]
        numbers = [chosen] if isinstance(chosen, int) else list(chosen)
        header = self.header
        maps = torch.empty((len(numbers), header.channels, header.height, header.width))
        with self.path.open("rb") as file:
            for place, number in enumerate(numbers):
                maps[place] = torch.from_numpy(read_frame(file, self._entries[number], header, path=self.path).copy())
        maps /= 255.0
        return maps[0] if isinstance(chosen, int) else maps


def cached_maps(expert: Expert, clip: Luminance, *, digest: str, root: Path | None = None, batch: int = 4) -> ExpertMaps:
    """The maps of a clip: from the cache, else made and put there, whole or not at all.

    Args:
        expert: what makes them; its maps must be in [0, 1].
        clip: gray frames at the protocol's size, asked for in order.
        digest: of all that decides its frames; ``luminance_digest`` where nothing cheaper is known.
        root: folder of the cache; None is the ``experts`` folder in colorbench's.
        batch: frames in memory while maps are made.

    Raises:
        UsageError: maps outside of [0, 1].
        StoreError: the cache can't be written.
    """
    description = f"{expert.identity} {digest} {len(clip)}x{clip.height}x{clip.width}"
    key = hashlib.sha256(description.encode()).hexdigest()
    path = (root or cache_root() / "experts") / f"{expert.name}-{key[:32]}.maps"
    header = Header(key=key, count=len(clip), channels=expert.channels, height=clip.height, width=clip.width)
    if path.is_file():
        try:
            return ExpertMaps(path, header, check_maps(path, header))
        except DamagedError:
            pass
    with replacing_file(path) as temporary:
        write_maps(temporary, header, _computed(expert, clip, batch))
    return ExpertMaps(path, header, check_maps(path, header))


def luminance_digest(clip: Luminance) -> str:
    """SHA-256 over a clip's luminance, as 64 hexadecimal digits; decodes every frame once."""
    total = hashlib.sha256(f"{len(clip)} {clip.height} {clip.width}\n".encode())
    for index in range(len(clip)):
        total.update(np.ascontiguousarray(clip.luminance(index), np.float32).data)
    return total.hexdigest()


def _computed(expert: Expert, clip: Luminance, batch: int) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(clip), batch):
        frames = [torch.from_numpy(clip.luminance(index)) for index in range(start, min(start + batch, len(clip)))]
        maps = expert(torch.stack(frames)[:, None])  # (N, C, H, W)
        low, high = (value.item() for value in maps.aminmax())
        # Written so that NaN is refused too.
        if not (low >= 0.0 and high <= 1.0):
            raise UsageError(
                f"expert {expert.name} gives values from {low:.3g} to {high:.3g}",
                wanted="maps in [0, 1], which can be kept as bytes",
                remedy="do not cache raw scores: use the form 'paper', or compute them for each frame",
            )
        bytes_nchw: NDArray[np.uint8] = (maps * 255.0).round().to(torch.uint8).cpu().numpy()
        yield from bytes_nchw
