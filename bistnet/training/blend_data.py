"""What the blend is trained on: clips as the network and flow color them, beside the truth. Made once and kept in the cache.

A file of a clip is named by the digest of all that decides it, so another network or another clip makes another file. All of
the cache may be deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from bistnet.inference import Colorizer
from bistnet.tracked.blending import CHANNELS, planes
from bistnet.tracked.tracking import candidates
from colorbench.clips.footage import Footage
from colorbench.clips.protocol import load_protocol
from colorbench.color import rgb_to_lab
from colorbench.files.atomic import replacing_file
from colorbench.files.cache import cache_root
from colorbench.frames.opening import content_digest
from colorbench.runs.plan import thread_count
from colorbench.runs.store import digest
from colorbench.types import Clip

if TYPE_CHECKING:
    from colorbench.flow.carrying import Hints

RULE = 1
"""Raised when the same clip and network would give other planes."""

PROTOCOL = "bistnet"
"""Its size, its length, and its exemplars, which are at the ends."""

Planes = NDArray[np.float16]
"""(T, CHANNELS + 2, H, W): what the blend sees, then the truth's a* and b* in CIE units."""


def gather_planes(
    clips: Iterable[Clip], core: Colorizer, *, network: str, every: int, advance: Callable[[int], object]
) -> list[Planes]:
    """The planes of clips, one array each, read through memory maps.

    Args:
        clips: what is trained on.
        core: colors them between their first and their last frame.
        network: digest of all that decides ``core``.
        every: each such frame is taken.
        advance: told 1 after each clip.

    Raises:
        FramesError: a frame can't be read.
        StoreError: the cache can't be written.
    """
    found = []
    for clip in clips:
        name = digest([RULE, PROTOCOL, content_digest(clip.source), network, every, version("opencv-python")])
        file = cache_root() / "training" / f"blend-{name}.npy"
        kept = _kept(file)
        found.append(_made(file, clip, core, every) if kept is None else kept)
        advance(1)
    return found


def _kept(file: Path) -> Planes | None:
    """A cached file's planes; None where there is none, or it is damaged."""
    try:
        found: Planes = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.ndim == 4 and found.shape[1] == CHANNELS + 2 else None


def _made(file: Path, clip: Clip, core: Colorizer, every: int) -> Planes:
    with ThreadPoolExecutor(thread_count()) as executor:
        footage = Footage(clip, load_protocol(PROTOCOL, overrides={}), executor=executor)
        try:
            frames = [
                _frame(footage, own, hints)
                for own, hints in candidates(footage, footage.exemplars(), core)
                if hints.exact is None and hints.index % every == 0
            ]
        finally:
            footage.close()
    with replacing_file(file) as temporary, temporary.open("wb") as stream:
        np.save(stream, np.stack(frames))
    made: Planes = np.load(file, mmap_mode="r", allow_pickle=False)
    return made


def _frame(footage: Footage, own: NDArray[np.float32], hints: Hints) -> Planes:
    """(CHANNELS + 2, H, W) of one frame."""
    ab = rgb_to_lab(torch.from_numpy(footage.rgb(hints.index)))[..., 1:].permute(2, 0, 1).numpy()
    return np.concatenate((planes(footage.luminance(hints.index), own, hints), ab)).astype(np.float16)
