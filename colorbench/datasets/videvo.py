"""The Videvo clips of Lai et al. 2018, "Learning Blind Video Temporal Consistency": 20 for testing, 80 for training."""

from __future__ import annotations

from pathlib import Path

from colorbench.errors import DatasetError, UnknownNameError
from colorbench.frames.pictures import natural_key
from colorbench.types import Clip, DatasetCard

TEST = [
    "AircraftTakingOff1",
    "CoupleRidingMotorbike",
    "Cycling",
    "Ducks",
    "FarmingLandscape",
    "FatherAndChild2",
    "Festival",
    "Freeway2",
    "Koala",
    "Madagascar",
    "MenRidingMotorbike",
    "PalmTrees",
    "PoliceCar",
    "SilverCat",
    "SkateboarderTableJump",
    "Surfing",
    "TimeSquareTraffic",
    "Vineyard",
    "Waterfall2",
    "YogaHut2",
]


class Videvo:
    """A root that is the archive's ``data`` folder, or that holds the clips in ``videvo`` or itself."""

    card = DatasetCard(
        name="videvo",
        summary="Videvo clips of Lai et al. 2018 (20 test, 80 train), about 300 frames each, height 300",
        licence="Videvo's, clip by clip; for research as distributed by the authors",
        layout="test/input/videvo/CLIP/00000.jpg (and train/input/videvo/...), or videvo/CLIP/00000.jpg, or CLIP/00000.jpg",
        splits=("test", "train"),
        obtain=(
            "curl -fLO http://vllab.ucmerced.edu/wlai24/video_consistency/data/test.zip && unzip -q test.zip"
            "   (16 GB; the host is often down)"
        ),
    )

    def missing(self, root: Path | None) -> str:
        """See Dataset. A root with some of the clips is complete; ``absent`` names the others."""
        if root is None:
            return "no folder named"
        return "" if any(_present(root, split) for split in self.card.splits) else "none of the clips of Lai et al. 2018"

    def clips(self, root: Path | None, *, split: str | None = None) -> tuple[Clip, ...]:
        """See Dataset: the clips of the split that are there."""
        split = _checked(split)
        there = {} if root is None else _present(root, split)
        if not there:
            raise DatasetError(
                f"no Videvo clip of split {split!r} under {root}", wanted=self.card.layout, remedy=self.card.obtain
            )
        names = sorted(there, key=natural_key)
        return tuple(Clip(name=name, dataset=self.card.name, source=there[name]) for name in names)

    def absent(self, root: Path | None, split: str | None = None) -> tuple[str, ...]:
        """Test clips that the root lacks; no list of the training clips is published."""
        if root is None or _checked(split) != "test":
            return ()
        there = _present(root, "test")
        return tuple(name for name in TEST if name not in there)


def _checked(split: str | None) -> str:
    split = split or Videvo.card.splits[0]
    if split not in Videvo.card.splits:
        raise UnknownNameError("split of dataset 'videvo':", split, Videvo.card.splits)
    return split


def _present(root: Path, split: str) -> dict[str, Path]:
    """Clip folders by name. Outside the archive's own folders, what lies beside a test clip and is none is a training clip."""
    own = _folders(root / split / "input" / "videvo")
    if own:
        return {name: path for name, path in own.items() if split == "train" or name in TEST}
    for base in (root / "videvo", root):
        folders = _folders(base)
        if set(TEST) & set(folders):
            return {name: path for name, path in folders.items() if (name in TEST) == (split == "test")}
    return {}


def _folders(base: Path) -> dict[str, Path]:
    return {f.name: f for f in base.iterdir() if f.is_dir() and not f.name.startswith(".")} if base.is_dir() else {}


DATASETS = (Videvo(),)
