"""Folders of pictures as frames: order, what is ignored, what is refused; reading ahead; digests."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from colorbench.errors import FramesError
from colorbench.frames.opening import FrameSource, content_digest, open_frames, read_ahead, write_png, write_video
from colorbench.types import RgbFrame


def flat(level: int, height: int = 12, width: int = 16) -> RgbFrame:
    return np.full((height, width, 3), level, np.uint8)


def clip(folder: Path, names: Sequence[str]) -> Path:
    """Frame ``i`` of ``names`` is flat at level i."""
    for level, name in enumerate(names):
        write_png(folder / name, flat(level))
    return folder


def levels(source: FrameSource) -> list[int]:
    return [int(frame[0, 0, 0]) for frame in source.iterate()]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as executor:
        yield executor


def test_a_folder_is_a_clip_with_names_size_and_no_fps(tmp_path: Path) -> None:
    source = open_frames(clip(tmp_path, ["00000.png", "00001.png", "00002.png"]))
    assert (source.n_frames, source.height, source.width, source.fps) == (3, 12, 16, None)
    assert list(source.names) == ["00000", "00001", "00002"]
    assert source.path == tmp_path
    assert levels(source) == [0, 1, 2]
    assert source.read(2)[0, 0, 0] == 2
    assert [int(f[0, 0, 0]) for f in source.iterate(1, 2)] == [1]


def test_numbers_in_names_sort_as_numbers_and_the_reader_is_told(tmp_path: Path) -> None:
    clip(tmp_path, ["1.png", "2.png", "10.png"])
    with pytest.warns(UserWarning, match=r"2\.png before 10\.png"):
        source = open_frames(tmp_path)
    assert levels(source) == [0, 1, 2]


def test_nothing_is_said_where_both_orders_agree(tmp_path: Path) -> None:
    clip(tmp_path, ["a_09.png", "a_10.png", "a_11.png"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert levels(open_frames(tmp_path)) == [0, 1, 2]


def test_files_that_are_no_frames_are_ignored(tmp_path: Path) -> None:
    clip(tmp_path, ["00000.png", "00001.PNG"])
    for name in [".DS_Store", "Thumbs.db", "._00000.png", ".hidden.png", "notes.txt", "00000.json"]:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    assert list(open_frames(tmp_path).names) == ["00000", "00001"]


def test_unicode_and_spaces_in_names_work(tmp_path: Path) -> None:
    folder = clip(tmp_path / "clip ü 日本", ["frame 1 é.png", "frame 2 é.png"])
    assert levels(open_frames(folder)) == [0, 1]


def test_a_single_picture_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    clip(tmp_path, ["a.png", "b.png"])
    source = open_frames(tmp_path / "b.png")
    assert (source.n_frames, list(source.names), levels(source)) == (1, ["b"], [1])


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FramesError, match="no picture in"):
        open_frames(tmp_path)


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FramesError, match="does not exist"):
        open_frames(tmp_path / "gone")


def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "clip.doc").write_bytes(b"x")
    with pytest.raises(FramesError, match=r"\.png"):
        open_frames(tmp_path / "clip.doc")


def test_a_folder_that_may_not_be_listed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(FramesError, match="Permission denied"):
        open_frames(tmp_path)


def test_two_pictures_of_one_name_are_refused(tmp_path: Path) -> None:
    clip(tmp_path, ["00000.png", "00001.png"])
    (tmp_path / "00001.jpg").write_bytes(b"")
    with pytest.raises(FramesError, match=r"00001\.jpg and 00001\.png"):
        open_frames(tmp_path)


def test_a_dangling_link_is_not_silently_one_frame_less(tmp_path: Path) -> None:
    clip(tmp_path, ["00000.png"])
    (tmp_path / "00001.png").symlink_to(tmp_path / "gone.png")
    source = open_frames(tmp_path)
    assert source.n_frames == 2
    with pytest.raises(FramesError, match=r"00001\.png"):
        source.read(1)


def test_an_odd_sized_frame_is_refused_with_all_one_needs_to_know(tmp_path: Path) -> None:
    clip(tmp_path, ["00000.png", "00001.png"])
    write_png(tmp_path / "00001.png", flat(9, 10, 20))
    source = open_frames(tmp_path)
    with pytest.raises(FramesError) as raised:
        source.read(1)
    message = str(raised.value)
    for fact in [str(tmp_path), "frame 1", "00001.png", "20x10", "16x12", "--mixed-sizes resize"]:
        assert fact in message


@pytest.mark.parametrize("size", [(24, 32), (6, 8), (10, 20)])
def test_mixed_sizes_are_brought_to_frame_0_on_request(tmp_path: Path, size: tuple[int, int]) -> None:
    clip(tmp_path, ["00000.png", "00001.png"])
    write_png(tmp_path / "00001.png", flat(9, *size))
    frame = open_frames(tmp_path, mixed_sizes="resize").read(1)
    np.testing.assert_array_equal(frame, flat(9))


@pytest.mark.parametrize("index", [-1, 2, 99])
def test_a_frame_that_is_not_there_is_an_index_error(tmp_path: Path, index: int) -> None:
    with pytest.raises(IndexError, match="which has 2"):
        open_frames(clip(tmp_path, ["0.png", "1.png"])).read(index)


@pytest.mark.parametrize("depth", [0, 1, 2, 50])
@pytest.mark.parametrize("kind", ["folder", "video"])
def test_reading_ahead_gives_what_reading_gives(tmp_path: Path, pool: ThreadPoolExecutor, kind: str, depth: int) -> None:
    if kind == "folder":
        source = open_frames(clip(tmp_path, [f"{i:02d}.png" for i in range(12)]))
    else:
        write_video(tmp_path / "a.mkv", [flat(i) for i in range(12)], fps=Fraction(25))
        source = open_frames(tmp_path / "a.mkv")
    wanted = [0, 1, 2, 3, 7, 8, 5, 5, 11]
    got = read_ahead(source, wanted, executor=pool, transform=lambda rgb: int(rgb[0, 0, 0]), depth=depth)
    assert list(got) == wanted
    assert list(read_ahead(source, [], executor=pool, transform=lambda rgb: rgb, depth=depth)) == []


class Counted:
    """A source that is not a folder, counts what is in flight, and breaks at one frame."""

    def __init__(self, *, broken: int = -1, seconds: float = 0.0) -> None:
        self.path, self.n_frames, self.height, self.width = Path("counted"), 1000, 4, 4
        self.names: Sequence[str] = ()
        self.fps: Fraction | None = None
        self.broken, self.seconds = broken, seconds
        self.reads = self.running = self.most = 0
        self.lock = threading.Lock()

    def read(self, index: int) -> RgbFrame:
        with self.lock:
            self.reads += 1
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(self.seconds)
        with self.lock:
            self.running -= 1
        if index == self.broken:
            raise FramesError(f"frame {index} is broken")
        return flat(index % 256)

    def iterate(self, start: int = 0, stop: int | None = None) -> Iterator[RgbFrame]:
        return (self.read(i) for i in range(start, self.n_frames if stop is None else stop))


def test_a_video_is_decoded_in_one_task_at_a_time_and_no_further_than_asked(pool: ThreadPoolExecutor) -> None:
    source = Counted(seconds=0.002)
    ahead = read_ahead(source, range(1000), executor=pool, transform=lambda rgb: rgb, depth=4)
    for _ in range(5):
        next(ahead)
    time.sleep(0.05)
    assert source.most == 1
    assert source.reads <= 5 + 4
    assert isinstance(ahead, Iterator)
    ahead.close()  # type: ignore[attr-defined]
    reads = source.reads
    time.sleep(0.02)
    assert source.reads == reads


def test_pictures_are_read_no_further_ahead_than_asked(
    tmp_path: Path, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_frames(clip(tmp_path, [f"{i:02d}.png" for i in range(12)]))
    seen: list[int] = []
    ahead = read_ahead(source, range(12), executor=pool, transform=lambda rgb: seen.append(int(rgb[0, 0, 0])), depth=3)
    next(ahead)
    time.sleep(0.05)
    assert sorted(seen) == [0, 1, 2]


@pytest.mark.parametrize("kind", ["folder", "video"])
def test_a_broken_frame_is_reported_in_its_turn(tmp_path: Path, pool: ThreadPoolExecutor, kind: str) -> None:
    source: FrameSource
    if kind == "folder":
        source = open_frames(clip(tmp_path, [f"{i}.png" for i in range(6)]))
        (tmp_path / "3.png").write_bytes(b"broken")
    else:
        source = Counted(broken=3)
    ahead = read_ahead(source, range(6), executor=pool, transform=lambda rgb: int(rgb[0, 0, 0]), depth=6)
    assert [next(ahead) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(FramesError, match="3"):
        next(ahead)


def test_an_error_of_the_transform_is_raised_too(pool: ThreadPoolExecutor) -> None:
    def fails(_: RgbFrame) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(read_ahead(Counted(), range(3), executor=pool, transform=fails, depth=2))


def test_one_thread_is_enough_to_read_two_sources_in_step() -> None:
    with ThreadPoolExecutor(1) as executor:
        pairs = [
            read_ahead(Counted(), range(20), executor=executor, transform=lambda rgb: int(rgb[0, 0, 0]), depth=3)
            for _ in range(2)
        ]
        assert list(zip(*pairs, strict=True)) == [(i, i) for i in range(20)]


def test_a_digest_is_of_names_and_bytes_and_not_of_the_place(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    a, b = (clip(tmp_path / name, ["0.png", "1.png"]) for name in ("a", "b"))
    (b / "notes.txt").write_text("ignored")
    assert content_digest(a) == content_digest(b) == content_digest(a, executor=pool)
    (b / "1.png").rename(b / "2.png")
    assert content_digest(a) != content_digest(b)
    write_png(a / "1.png", flat(77))
    assert content_digest(a) != content_digest(b)


def test_the_digest_of_a_folder_is_pinned(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(b"zero")
    (tmp_path / "é.png").write_bytes(b"one")
    lines = f"pictures\n{hashlib.sha256(b'zero').hexdigest()} 0.png\n{hashlib.sha256(b'one').hexdigest()} é.png\n"
    assert content_digest(tmp_path) == hashlib.sha256(lines.encode()).hexdigest()


def test_a_decomposed_name_has_the_digest_of_the_composed_one(tmp_path: Path) -> None:
    a, b = clip(tmp_path / "a", ["\u00e9.png"]), clip(tmp_path / "b", ["e\u0301.png"])
    assert content_digest(a) == content_digest(b)


def test_the_digest_of_a_video_follows_its_bytes(tmp_path: Path) -> None:
    for name in ("a.mkv", "b.mkv"):
        (tmp_path / name).write_bytes(b"bytes")
    assert content_digest(tmp_path / "a.mkv") == content_digest(tmp_path / "b.mkv")
    (tmp_path / "b.mkv").write_bytes(b"other")
    assert content_digest(tmp_path / "a.mkv") != content_digest(tmp_path / "b.mkv")


def test_the_digest_of_something_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FramesError, match="gone"):
        content_digest(tmp_path / "gone.mkv")
