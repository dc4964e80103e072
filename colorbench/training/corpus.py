"""What colorization networks are trained on and judged by: clips and photographs as samples, and clips that are held out.

Every trainable method takes the same samples, so that a contest between them is at equal data. See docs/design/training.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from colorbench.errors import DatasetError
from colorbench.flow.optical_flow import Estimator, find_motion, make_estimator
from colorbench.method import Colorizer
from colorbench.training.material import clips_in, gather
from colorbench.training.task import Sample
from colorbench.training.triplets import Triplets, TripletSettings
from colorbench.training.validation import score_colorizer
from colorbench.types import Clip, MethodCard


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusSettings:
    """Which folders under the root of the data, and how samples are made of them."""

    height: int = 240
    """Short side of the frames that windows are cut from."""
    clips: tuple[str, ...] = ("davis/JPEGImages/480p",)
    """Folders of clips under the root of the data."""
    photographs: tuple[str, ...] = ("bsds500/images/train", "bsds500/images/test")
    """Folders of photographs, which are set in motion."""
    validation: tuple[str, ...] = ("blackswan", "cows", "drift-chicane", "parkour")
    """Clips, of any of these folders, that are scored and never trained on."""
    flow: Literal["dis", "raft"] = "dis"
    """Of the temporal term; "raft" needs torchvision's weights on this machine."""
    triplets: TripletSettings = field(default_factory=TripletSettings)


class Corpus:
    """Clips, photographs and held-out clips of a data folder.

    Args:
        settings: see CorpusSettings.
        root: of the data.
        flow: True: samples have the flow to the frame before, for losses over time.

    Raises:
        DatasetError: a folder or a clip is missing.
        WeightsError: RAFT is asked for and not on this machine.
    """

    def __init__(self, settings: CorpusSettings, root: Path, *, flow: bool = False) -> None:
        self.settings = settings
        roots = [root / folder for folder in settings.clips]
        self.held_out = _held_out(roots, settings.validation)
        self.material = gather(
            clips=roots,
            photographs=[root / folder for folder in settings.photographs],
            exclude=settings.validation,
            height=settings.height,
        )
        self.triplets = Triplets(self.material, settings.triplets)
        self._estimator = make_estimator(settings.flow) if flow else None

    @property
    def identity(self) -> list[str]:
        """Name and shape of every clip and photograph."""
        return [f"{reel.name} {'x'.join(map(str, reel.frames.shape))}" for reel in self.material]

    @property
    def names(self) -> tuple[str, ...]:
        """The folders, for the card of what was trained on them."""
        return (*self.settings.clips, *self.settings.photographs)

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """The triplets' sample, with "flow" (F, 2, h, w) and "mask" (F, 1, h, w) where they are asked for; see Task."""
        found = self.triplets.sample(number, rng)
        return found if self._estimator is None else {**found, **_motion(found["l_star"], self._estimator)}

    def score(self, colorizer: Colorizer, card: MethodCard, folder: Path, *, exemplars: int | None) -> Mapping[str, float]:
        """The held-out clips under the protocol ``bistnet``, every frame of them; strips of pictures go into the folder."""
        return score_colorizer(colorizer, card, self.held_out, folder, exemplars=exemplars) if self.held_out else {}


def _motion(l_star: Tensor, estimator: Estimator) -> dict[str, Tensor]:
    """Flow (F, 2, h, w) to the frame before and its mask (F, 1, h, w), both 0 for the first, from L* (F, 1, h, w)."""
    gray = [np.rint(frame[0].numpy() * 2.55).astype(np.uint8) for frame in l_star]
    flow, mask = torch.zeros(len(gray), 2, *gray[0].shape), torch.zeros(len(gray), 1, *gray[0].shape)
    for index, (earlier, now) in enumerate(pairwise(gray), start=1):
        motion = find_motion(now, earlier, estimator)
        flow[index] = torch.from_numpy(motion.flow).permute(2, 0, 1)
        mask[index, 0] = torch.from_numpy(motion.mask)
    return {"flow": flow, "mask": mask}


def _held_out(roots: Sequence[Path], names: tuple[str, ...]) -> tuple[Clip, ...]:
    """A clip of each name, from the first root that has one."""
    there = {name: (root, path) for root in reversed(roots) for name, path in clips_in(root).items()}
    found = []
    for name in names:
        if name not in there:
            raise DatasetError(
                f"no validation clip {name!r} in {', '.join(map(str, roots)) or 'no folder of clips'}",
                wanted="names of clips in the task's folders",
                remedy="change the task's validation, or --data",
            )
        root, path = there[name]
        found.append(Clip(name=name, dataset=root.name, source=path))
    return tuple(found)
