"""The embedded dataset: eight short clips made from the photographs that scikit-image installs.

They are the same on every machine to the byte, and made once, as folders of PNG in the cache; docs/design/demo.md has the
reasons.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from colorbench.errors import DatasetError, UnknownNameError
from colorbench.types import Clip, DatasetCard

if TYPE_CHECKING:
    from colorbench.demo.rendering import Photographs
    from colorbench.demo.scenes import Scene

VERSION = 1
"""Raised when any pixel of any clip changes."""

_THREADS = 4


class Demo:
    """Clips of 24 to 48 frames at 384x224, in the cache under ``demo/v<VERSION>/``."""

    card = DatasetCard(
        name="demo",
        summary="8 clips of 24 to 48 frames at 384x224 made from photographs: camera motion, parallax, occlusion, changing light",
        licence="the photographs' own: public domain and CC0 (astronaut, cat, coffee, rocket), Middlebury 2014 (motorcycle)",
        layout="nothing to lay out: the clips are made from scikit-image's photographs",
        splits=("all",),
        needs_root=False,
        obtain="nothing to do",
    )

    def missing(self, root: Path | None) -> str:  # noqa: ARG002  embedded
        """Nothing ever is."""
        return ""

    def names(self) -> tuple[str, ...]:
        """The clips' names in order, without making the clips."""
        from colorbench.demo.scenes import SCENES

        return tuple(sorted(scene.name for scene in SCENES))

    def clips(self, root: Path | None, *, split: str | None = None) -> tuple[Clip, ...]:  # noqa: ARG002  embedded
        """See Dataset. The first call makes the clips, in some ten seconds; several processes may do so at once.

        Raises:
            StoreError: the cache can't be written.
            DatasetError: the clips made here are not those of this version, or the cache was changed.
        """
        from colorbench.demo.scenes import SCENES
        from colorbench.files.cache import cache_root

        if split not in {None, *self.card.splits}:
            raise UnknownNameError("split of dataset 'demo':", str(split), self.card.splits)
        place = cache_root() / "demo" / f"v{VERSION}"
        _make([scene for scene in SCENES if not _is_made(place / scene.name, scene)], place)
        return tuple(Clip(name=name, dataset=self.card.name, source=place / name) for name in self.names())


def _is_made(folder: Path, scene: Scene) -> bool:
    try:
        held = len(os.listdir(folder))  # noqa: PTH208  three times as fast as iterdir, at every start
    except FileNotFoundError:
        return False
    if held != scene.n_frames:
        raise DatasetError(
            f"{folder} holds {held} files",
            wanted=f"the {scene.n_frames} frames of demo clip {scene.name!r}",
            remedy=f"remove {folder}",
        )
    return True


def _make(scenes: Sequence[Scene], place: Path) -> None:
    """Longest first, so that the threads end together."""
    if not scenes:
        return
    from colorbench.demo.rendering import Photographs

    photographs = Photographs()
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as executor:
        longest_first = sorted(scenes, key=lambda scene: (scene.parallax is None, -scene.n_frames))
        for made in [executor.submit(_make_clip, scene, photographs, place / scene.name) for scene in longest_first]:
            made.result()


def _make_clip(scene: Scene, photographs: Photographs, folder: Path) -> None:
    from colorbench.demo.rendering import render
    from colorbench.files.atomic import replacing_folder
    from colorbench.frames.images import write_png

    pixels = hashlib.sha256()
    with replacing_folder(folder) as temporary:
        for index, rgb in enumerate(render(scene, photographs)):
            pixels.update(rgb.tobytes())
            write_png(temporary / f"{index:05d}.png", rgb)
        if pixels.hexdigest() != scene.sha256:
            raise DatasetError(
                f"demo clip {scene.name!r} came out as {pixels.hexdigest()[:12]} on this machine",
                wanted=f"{scene.sha256[:12]}, as everywhere for version {VERSION}",
                remedy="install another version of scikit-image or Pillow: a photograph is read differently here",
            )


DATASETS = (Demo(),)
