"""FIFOs and devices in the place of a picture or a film are refused at once: nothing waits for a writer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from colorbench.errors import FramesError
from colorbench.frames.opening import content_digest, open_frames, read_image

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")


def fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def zeros(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize("make", [fifo, zeros])
@pytest.mark.parametrize("name", ["frame.png", "film.mp4", "film.avi", "film.ts"])
def test_what_is_no_regular_file_is_no_frame_and_no_film(tmp_path: Path, make: Callable[[Path], Path], name: str) -> None:
    path = make(tmp_path / name)
    with pytest.raises(FramesError, match=r"FIFO|device"):
        open_frames(path)
    with pytest.raises(FramesError, match=r"FIFO|device"):
        content_digest(path)


@pytest.mark.parametrize("make", [fifo, zeros])
def test_one_among_frames_fails_where_it_stands(make_clips: Callable[..., Path], make: Callable[[Path], Path]) -> None:
    folder = make_clips(film=4) / "film"
    (folder / "00002.png").unlink()
    make(folder / "00002.png")
    source = open_frames(folder)
    assert source.read(1).shape == (32, 48, 3)
    with pytest.raises(FramesError, match=r"00002\.png"):
        source.read(2)
    with pytest.raises(FramesError, match=r"FIFO|device"):
        read_image(folder / "00002.png")
