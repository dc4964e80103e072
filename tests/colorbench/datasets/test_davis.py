"""DAVIS as its two editions lay it out, whole or in part."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from colorbench.datasets.davis import DATASETS, VAL_2016, VAL_2017
from colorbench.errors import DatasetError, UnknownNameError
from colorbench.frames.opening import open_frames

DAVIS = DATASETS[0]


def lay_out(root: Path, clips: list[str], resolution: str = "480p") -> Path:
    for clip in clips:
        (root / "JPEGImages" / resolution / clip).mkdir(parents=True)
    return root


def write_list(root: Path, name: str, lines: list[str]) -> None:
    path = root / "ImageSets" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def names(root: Path, split: str | None = None) -> list[str]:
    return [clip.name for clip in DAVIS.clips(root, split=split)]


def test_lists_of_2016_name_frames(tmp_path: Path) -> None:
    lay_out(tmp_path, ["bear", "camel", "dog"])
    write_list(
        tmp_path,
        "480p/val.txt",
        [f"/JPEGImages/480p/{c}/{i:05d}.jpg /Annotations/480p/{c}/{i:05d}.png" for c in ("dog", "camel") for i in (0, 1)],
    )
    write_list(tmp_path, "480p/train.txt", ["/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png"])
    assert names(tmp_path) == names(tmp_path, "val") == ["camel", "dog"]
    assert names(tmp_path, "train") == ["bear"]
    assert names(tmp_path, "all") == ["bear", "camel", "dog"]
    assert DAVIS.absent(tmp_path) == ()
    assert DAVIS.clips(tmp_path)[0].source == tmp_path / "JPEGImages" / "480p" / "camel"


def test_lists_of_2017_name_clips_and_come_first(tmp_path: Path) -> None:
    lay_out(tmp_path, ["bear", "judo"], "Full-Resolution")
    write_list(tmp_path, "2017/val.txt", ["judo", "pigs", ""])
    write_list(tmp_path, "2017/train.txt", ["bear"])
    write_list(tmp_path, "480p/val.txt", ["/JPEGImages/480p/bear/00000.jpg x"])
    assert names(tmp_path) == ["judo"]
    assert DAVIS.absent(tmp_path) == ("pigs",)
    assert DAVIS.absent(tmp_path, "all") == ("pigs",)


def test_the_archives_own_folder_is_found(tmp_path: Path) -> None:
    lay_out(tmp_path / "DAVIS", ["dog"])
    assert names(tmp_path) == ["dog"]


def test_without_lists_the_official_ones_decide(tmp_path: Path) -> None:
    lay_out(tmp_path, [*VAL_2016[:14], "bear"])
    assert names(tmp_path) == VAL_2016[:14]
    assert names(tmp_path, "train") == ["bear"]
    assert DAVIS.absent(tmp_path) == tuple(VAL_2016[14:])
    lay_out(tmp_path, ["judo"])
    assert "judo" in names(tmp_path)
    assert len(DAVIS.absent(tmp_path)) == 15
    assert "judo" not in names(tmp_path, "val-2016")


def test_the_official_lists_have_20_and_30_clips() -> None:
    assert (len(set(VAL_2016)), len(set(VAL_2017))) == (20, 30)
    assert set(VAL_2016) < set(VAL_2017)


def test_480p_comes_before_other_resolutions(tmp_path: Path) -> None:
    lay_out(tmp_path, ["dog"])
    lay_out(tmp_path, ["dog"], "Full-Resolution")
    assert DAVIS.clips(tmp_path)[0].source.parent.name == "480p"


def test_a_root_without_clips_is_missing_and_says_the_layout(tmp_path: Path) -> None:
    assert DAVIS.missing(None)
    assert "JPEGImages/480p" in DAVIS.missing(tmp_path)
    with pytest.raises(DatasetError, match="ImageSets") as raised:
        DAVIS.clips(tmp_path)
    assert "DAVIS-2017" in raised.value.remedy


def test_a_split_without_clips_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="'train'"):
        DAVIS.clips(lay_out(tmp_path, ["dog"]), split="train")


def test_an_unknown_split_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'train'"):
        DAVIS.clips(lay_out(tmp_path, ["dog"]), split="trian")


@pytest.mark.data
def test_the_development_clips_are_14_of_20() -> None:
    root = os.environ.get("COLORBENCH_DATA")
    if not root or not (Path(root) / "davis").is_dir():
        pytest.skip("COLORBENCH_DATA is not set, or has no davis folder")
    clips = DAVIS.clips(Path(root) / "davis")
    assert len(clips) + len(DAVIS.absent(Path(root) / "davis")) == 20
    source = open_frames(clips[0].source)
    assert (source.height, source.width) == (480, 854)
    assert source.read(source.n_frames - 1).shape == (480, 854, 3)
