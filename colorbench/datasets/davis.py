"""DAVIS 2016 and 2017, as their archives lay them out."""

from __future__ import annotations

from pathlib import Path

from colorbench.errors import DatasetError, UnknownNameError
from colorbench.frames.pictures import natural_key
from colorbench.types import Clip, DatasetCard

VAL_2016 = [
    "blackswan",
    "bmx-trees",
    "breakdance",
    "camel",
    "car-roundabout",
    "car-shadow",
    "cows",
    "dance-twirl",
    "dog",
    "drift-chicane",
    "drift-straight",
    "goat",
    "horsejump-high",
    "kite-surf",
    "libby",
    "motocross-jump",
    "paragliding-launch",
    "parkour",
    "scooter-black",
    "soapbox",
]
VAL_2017 = sorted(
    [
        *VAL_2016,
        "bike-packing",
        "dogs-jump",
        "gold-fish",
        "india",
        "judo",
        "lab-coat",
        "loading",
        "mbike-trick",
        "pigs",
        "shooting",
    ]
)
_RESOLUTIONS = ("480p", "Full-Resolution", "1080p")


class Davis:
    """A root that holds ``JPEGImages``, or the ``DAVIS`` folder of the archive that does.

    Split lists are read from ``ImageSets``: those of 2017 where they are there, else those of 2016. Without them the
    official validation lists decide, of 2017 if a clip that only 2017 has is there; "train" is then what else there is.
    "val-2016" and "val-2017" are always the official lists.
    """

    card = DatasetCard(
        name="davis",
        summary="DAVIS 2016 (50 clips) or 2017 (90 clips), 25 to 104 frames each at 480p",
        licence="CC BY 4.0 (Perazzi et al. 2016, Pont-Tuset et al. 2017)",
        layout="JPEGImages/480p/CLIP/00000.jpg (or Full-Resolution), with ImageSets/2017 or ImageSets/480p if at hand",
        splits=("val", "train", "all", "val-2016", "val-2017"),
        obtain=(
            "curl -fLO https://graphics.ethz.ch/Downloads/Data/Davis/DAVIS-data.zip && unzip -q DAVIS-data.zip   (2016), or "
            "curl -fLO https://data.vision.ee.ethz.ch/csergi/share/davis/DAVIS-2017-trainval-480p.zip && "
            "unzip -q DAVIS-2017-trainval-480p.zip   (2017); then --data-root DAVIS"
        ),
    )

    def missing(self, root: Path | None) -> str:
        """See Dataset. A root with some of the clips is complete; ``absent`` names the others."""
        if root is None:
            return "no folder named"
        return "" if _present(root) else "no clips under JPEGImages/480p or JPEGImages/Full-Resolution"

    def clips(self, root: Path | None, *, split: str | None = None) -> tuple[Clip, ...]:
        """See Dataset: the clips of the split that are there."""
        if root is None or self.missing(root):
            raise DatasetError(f"no DAVIS clips under {root}", wanted=self.card.layout, remedy=self.card.obtain)
        there = _present(root)
        found = sorted((name for name in _listed(root, split) if name in there), key=natural_key)
        if not found:
            raise DatasetError(
                f"{root} has no clip of split {split or self.card.splits[0]!r}", wanted=self.card.layout, remedy=self.card.obtain
            )
        return tuple(Clip(name=name, dataset=self.card.name, source=there[name]) for name in found)

    def absent(self, root: Path | None, split: str | None = None) -> tuple[str, ...]:
        """Clips that the split lists and the root lacks, in natural order."""
        if root is None:
            return ()
        there = _present(root)
        return tuple(sorted((name for name in _listed(root, split) if name not in there), key=natural_key))


def _present(root: Path) -> dict[str, Path]:
    """Clip folders by name, of the first resolution that is there."""
    for base in (root, root / "DAVIS"):
        for resolution in _RESOLUTIONS:
            folder = base / "JPEGImages" / resolution
            clips = {f.name: f for f in folder.iterdir() if f.is_dir() and not f.name.startswith(".")} if folder.is_dir() else {}
            if clips:
                return clips
    return {}


def _listed(root: Path, split: str | None) -> list[str]:
    """Names of a split's clips, whether there or not."""
    split = split or Davis.card.splits[0]
    if split not in Davis.card.splits:
        raise UnknownNameError("split of dataset 'davis':", split, Davis.card.splits)
    if split == "val-2016":
        return VAL_2016
    if split == "val-2017":
        return VAL_2017
    lists = _lists(root)
    there = _present(root)
    if lists is None:
        val = VAL_2017 if set(there) & (set(VAL_2017) - set(VAL_2016)) else VAL_2016
        return {"val": list(val), "train": [name for name in there if name not in VAL_2017], "all": list(there)}[split]
    if split == "all":
        return list(dict.fromkeys([*there, *_names(lists / "train.txt"), *_names(lists / "val.txt")]))
    return _names(lists / f"{split}.txt")


def _lists(root: Path) -> Path | None:
    """The folder of split lists."""
    for base in (root, root / "DAVIS"):
        for edition in ("2017", *_RESOLUTIONS, "2016"):
            if (base / "ImageSets" / edition / "val.txt").is_file():
                return base / "ImageSets" / edition
    return None


def _names(path: Path) -> list[str]:
    """A line is a clip's name (2017) or "/JPEGImages/480p/CLIP/00000.jpg /Annotations/..." (2016)."""
    if not path.is_file():
        return []
    firsts = [line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return list(dict.fromkeys(Path(first).parent.name if "/" in first else first for first in firsts))


DATASETS = (Davis(),)
