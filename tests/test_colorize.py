"""The command `colorize`: what a film keeps, what a killed job keeps, and what is said of bad input."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from cli import main
from colorbench.color import luma_rec601, luminance, rgb_to_lab
from colorbench.film import painting, work
from colorbench.film.film_clip import Levels
from colorbench.film.output import FilmOutput, FolderOutput
from colorbench.film.pieces import join_pieces, write_piece
from colorbench.film.timeline import Look, Timeline, read_timeline
from colorbench.frames.opening import open_frames, read_image, write_png
from colorbench.types import RgbFrame

ROOT = Path(__file__).resolve().parents[1]
TINY = """
[features]
encoder = "compact"
width = 4
embedding = 8
[match]
stride = 8
[fusion]
[experts]
[refinement]
body = "plain"
width = 4
depth = 1
levels = 2
"""
TIMES = (0, 512, 1536, 2048, 2560, 4096, 4608, 5120)


def scenes(count: int, *, height: int = 40, width: int = 56) -> list[RgbFrame]:
    """Colored frames that look unlike each other."""
    rng = np.random.default_rng(7)
    blocks = rng.integers(30, 226, (count, height // 8 + 1, width // 8 + 1, 3))
    return [np.kron(block, np.ones((8, 8, 1)))[:height, :width].astype(np.uint8) for block in blocks]


def grayed(rgb: RgbFrame) -> RgbFrame:
    return np.repeat(luma_rec601(rgb)[..., None], 3, axis=-1)


class Bench:
    """A folder with a clip, its colored pictures, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.frames = scenes(8)
        self.clip, self.stills, self.preset = folder / "clip", folder / "stills", folder / "tiny.toml"
        self.preset.write_text(TINY)
        for index, rgb in enumerate(self.frames):
            write_png(self.clip / f"{index:05d}.png", grayed(rgb))
        for index in (0, 7):
            write_png(self.stills / f"{index:05d}.png", self.frames[index])

    def still(self, name: str, rgb: RgbFrame) -> Path:
        path = self.folder / "more" / name
        write_png(path, rgb)
        return path

    def film(self, name: str = "film.mp4") -> Path:
        """The clip as a film with uneven times and sound."""
        sound, piece, path = self.folder / "sound.m4a", self.folder / "piece.mp4", self.folder / name
        with av.open(str(sound), "w") as container:
            track = container.add_stream("aac", rate=44100, layout="mono")
            for block in range(15):
                wave = (0.1 * np.sin(np.arange(1024) / 20 + block)).astype(np.float32)[None]
                heard = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
                heard.sample_rate, heard.pts = 44100, 1024 * block
                container.mux(track.encode(heard))
            container.mux(track.encode())
        timeline = Timeline(TIMES, Fraction(1, 15360), 1024, Fraction(24))
        write_piece(piece, [grayed(rgb) for rgb in self.frames], timeline, look=Look(6, 6, 6))
        join_pieces(path, [piece], timeline, sound=sound, tags={})
        return path

    def colorize(self, source: Path, *options: str | Path, output: str = "out", stills: Path | None = None) -> Result:
        given: list[str] = [] if "--references" in options else ["--references", str(stills or self.stills)]
        method = ["--method", "bistnet:untrained", "--set", "untrained=yes", "--set", f"preset={self.preset}"]
        fixed = [*method, "--device", "cpu", "--threads", "1", "-o", str(self.folder / output)]
        return CliRunner().invoke(main, ["colorize", str(source), *given, *fixed, *map(str, options)])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small lose time to more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def sound_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def luminance_error(ours: RgbFrame, source: RgbFrame) -> float:
    return float(np.median(np.abs(luminance(ours) - luminance(source))))


def test_a_folder_becomes_a_folder_with_the_same_names_sizes_and_luminance(bench: Bench) -> None:
    result = bench.colorize(bench.clip)
    assert result.exit_code == 0, result.output
    out = open_frames(bench.folder / "out")
    assert list(out.names) == [f"{index:05d}" for index in range(8)]
    for index, rgb in enumerate(bench.frames):
        assert out.read(index).shape == rgb.shape
        assert luminance_error(out.read(index), grayed(rgb)) < 1.0


def test_colors_come_from_the_references(bench: Bench) -> None:
    bench.colorize(bench.clip)
    ours = rgb_to_lab(torch.from_numpy(read_image(bench.folder / "out/00000.png")))[..., 1:]
    truth = rgb_to_lab(torch.from_numpy(bench.frames[0]))[..., 1:]
    assert np.corrcoef(ours.numpy().ravel(), truth.numpy().ravel())[0, 1] > 0.5


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_film_keeps_its_frames_times_size_and_sound(bench: Bench, name: str) -> None:
    film = bench.film()
    result = bench.colorize(film, output=name)
    assert result.exit_code == 0, result.output
    path = bench.folder / name
    ours, source = open_frames(path), open_frames(film)
    assert (ours.n_frames, ours.height, ours.width) == (8, 40, 56)
    for index in range(8):
        assert luminance_error(ours.read(index), source.read(index)) < 1.5
    timeline, wanted = read_timeline(path, 8), read_timeline(film, 8)
    at = [float((time - timeline.times[0]) * timeline.time_base) for time in timeline.times]
    assert at == pytest.approx([(time - TIMES[0]) / 15360 for time in TIMES], abs=0.0011)
    assert timeline.seconds == pytest.approx(wanted.seconds, abs=0.002)
    assert sound_packets(path) == sound_packets(film)


def test_pictures_become_a_film_of_the_rate_asked_for(bench: Bench) -> None:
    assert bench.colorize(bench.clip, "--fps", "24000/1001", output="out.mov").exit_code == 0
    assert open_frames(bench.folder / "out.mov").fps == Fraction(24000, 1001)


@pytest.mark.parametrize(("height", "width"), [(39, 55), (16, 41)])
def test_odd_sizes_stay(bench: Bench, height: int, width: int) -> None:
    frames = scenes(3, height=height, width=width)
    for index, rgb in enumerate(frames):
        write_png(bench.folder / "odd" / f"{index}.png", grayed(rgb))
    stills = bench.still("0.png", frames[0]).parent
    for output in ("out", "out.mp4"):
        result = bench.colorize(bench.folder / "odd", output=output, stills=stills)
        assert result.exit_code == 0, result.output
        source = open_frames(bench.folder / output)
        assert (source.height, source.width, source.n_frames) == (height, width, 3)


def test_one_frame_with_one_reference_is_a_clip(bench: Bench) -> None:
    result = bench.colorize(bench.clip / "00003.png", "--at", "0", "--references", bench.still("x.png", bench.frames[3]))
    assert result.exit_code == 0, result.output
    assert open_frames(bench.folder / "out").n_frames == 1


def test_untrained_output_says_so_on_the_terminal_in_the_film_and_in_the_folder(bench: Bench) -> None:
    assert "UNTRAINED" in bench.colorize(bench.clip).stdout
    assert "UNTRAINED" in json.loads((bench.folder / "out/colorize.json").read_text())["comment"]
    assert "UNTRAINED" in bench.colorize(bench.clip, output="out.mp4").stdout
    with av.open(str(bench.folder / "out.mp4")) as container:
        assert "UNTRAINED" in container.metadata["comment"]


def test_progress_has_an_estimate_and_json_goes_to_stdout_alone(bench: Bench) -> None:
    result = bench.colorize(bench.clip, "--json")
    assert "[8/8]" in result.stderr
    assert "s left" in result.stderr
    record = json.loads(result.stdout)
    assert record["n_frames"] == 8
    assert [place["index"] for place in record["places"]] == [0, 7]
    assert "frames/s" not in bench.colorize(bench.clip, "--quiet", output="again").stderr


def test_references_are_matched_where_their_names_mean_nothing(bench: Bench) -> None:
    stills = [bench.still("sea.png", bench.frames[5]), bench.still("town.png", bench.frames[2])]
    result = bench.colorize(bench.clip, "--references", stills[0], "--references", stills[1], "--json")
    assert [place["index"] for place in json.loads(result.stdout)["places"]] == [5, 2]


def test_a_reference_that_does_not_look_like_its_frame_is_said(bench: Bench) -> None:
    result = bench.colorize(bench.clip, "--at", "3,7")
    assert result.exit_code == 0
    assert "WARNING: 00000.png does not look like frame 3" in result.stderr


def test_a_reference_of_another_size_is_scaled_and_said(bench: Bench) -> None:
    large = bench.still("00000.png", np.kron(bench.frames[0], np.ones((2, 3, 1))).astype(np.uint8))
    result = bench.colorize(bench.clip, "--references", large)
    assert result.exit_code == 0, result.output
    assert "168x80, the frames 56x40: scaled" in result.stderr


def test_one_gray_reference_is_warned_of_and_gray_ones_alone_are_refused(bench: Bench) -> None:
    gray = bench.still("00003.png", grayed(bench.frames[3]))
    alone = bench.colorize(bench.clip, "--references", gray)
    assert alone.exit_code == 1
    assert "no reference has any color" in alone.stderr
    both = bench.colorize(bench.clip, "--references", gray, "--references", bench.stills)
    assert both.exit_code == 0, both.output
    assert "WARNING: 00003.png has no color" in both.stderr


def bad(bench: Bench, case: str) -> Result:
    if case == "two on a frame":
        return bench.colorize(bench.clip, "--at", "2,2")
    if case == "out of range":
        return bench.colorize(bench.clip, "--at", "0,8")
    if case == "wrong count":
        return bench.colorize(bench.clip, "--at", "0")
    if case == "more than frames":
        return bench.colorize(bench.clip / "00000.png")
    if case == "no frame of that name":
        return bench.colorize(bench.clip, "--place", "name", "--references", bench.still("sea.png", bench.frames[0]))
    if case == "unlike every frame":
        return bench.colorize(bench.clip, "--references", bench.still("sea.png", scenes(30)[29]))
    if case == "empty folder of references":
        (bench.folder / "none").mkdir()
        return bench.colorize(bench.clip, stills=bench.folder / "none")
    if case == "no such reference":
        return bench.colorize(bench.clip, "--references", bench.folder / "nowhere.png")
    if case == "no such clip":
        return bench.colorize(bench.folder / "nowhere.mp4")
    if case == "unknown output":
        return bench.colorize(bench.clip, output="out.webm")
    if case == "output is the source":
        return bench.colorize(bench.clip, "--overwrite", output="clip")
    if case == "unwritable output":
        return bench.colorize(bench.clip, output="tiny.toml/out.mp4")
    if case == "cut off film":
        film = bench.film()
        film.write_bytes(film.read_bytes()[:-300])
        return bench.colorize(film)
    if case == "fps":
        return bench.colorize(bench.clip, "--fps", "0")
    if case == "long side":
        return bench.colorize(bench.clip, "--set", "long_side=3")
    raise AssertionError(case)


@pytest.mark.parametrize(
    ("case", "code", "message"),
    [
        ("two on a frame", 2, "are both at frame 2"),
        ("out of range", 2, "at frame 8 of a clip of 8"),
        ("wrong count", 2, "--at names 1 frames for 2 references"),
        ("more than frames", 2, "2 references for a clip of 1 frame"),
        ("no frame of that name", 2, "no frame is named like the reference 'sea'"),
        ("unlike every frame", 1, "looks like no frame"),
        ("empty folder of references", 1, "no picture in"),
        ("no such reference", 1, "nowhere.png"),
        ("no such clip", 1, "does not exist"),
        ("unknown output", 2, "out.webm"),
        ("output is the source", 2, "is one of the inputs"),
        ("unwritable output", 1, "can't write"),
        ("cut off film", 1, "is cut off"),
        ("fps", 2, "--fps"),
        ("long side", 2, "long_side 3"),
    ],
)
def test_bad_input_is_refused_in_parts_and_leaves_nothing(bench: Bench, case: str, code: int, message: str) -> None:
    before = {path.name for path in bench.clip.iterdir()}
    result = bad(bench, case)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert "wanted:" in result.stderr
    assert not (bench.folder / "out").exists()
    assert {path.name for path in bench.clip.iterdir()} == before


def test_no_reference_is_a_usage_error_of_a_method_that_needs_one(bench: Bench) -> None:
    result = CliRunner().invoke(main, ["colorize", str(bench.clip), "-o", str(bench.folder / "out")])
    assert result.exit_code == 2
    assert "--references" in result.stderr


def test_weights_of_ones_own_that_are_not_there_are_named(bench: Bench) -> None:
    missing = f"checkpoint={bench.folder / 'nowhere.safetensors'}"
    arguments = ["colorize", str(bench.clip), "--references", str(bench.stills), "-o", str(bench.folder / "out")]
    result = CliRunner().invoke(main, [*arguments, "--method", "bistnet-own", "--set", missing])
    assert result.exit_code == 1
    assert "nowhere.safetensors" in result.stderr


def test_what_colorize_left_there_is_replaced_unasked_and_what_somebody_changed_only_when_asked(bench: Bench) -> None:
    for output, changed in (("out", "out/00003.png"), ("out.mp4", "out.mp4")):
        assert bench.colorize(bench.clip, output=output).exit_code == 0
        assert bench.colorize(bench.clip, output=output).exit_code == 0
        os.utime(bench.folder / changed, ns=(1, 1))
        refused = bench.colorize(bench.clip, output=output)
        assert refused.exit_code == 2
        assert "is there already" in refused.stderr
        assert bench.colorize(bench.clip, "--overwrite", output=output).exit_code == 0


@pytest.mark.parametrize("name", ["letters", "wedding.mp4", "notes.mkv"])
def test_what_colorize_never_wrote_is_not_replaced_even_when_asked(bench: Bench, name: str) -> None:
    precious = bench.folder / name
    if name == "letters":
        precious.mkdir()
        (precious / "letter.txt").write_text("mine")
    elif name == "wedding.mp4":
        shutil.copy(bench.film(), precious)
    else:
        precious.write_text("no film at all")
    before = {path: path.read_bytes() for path in (precious.iterdir() if precious.is_dir() else [precious])}
    result = bench.colorize(bench.clip, "--overwrite", output=name)
    assert result.exit_code == 2
    assert "not written by colorize" in result.stderr
    assert all(path.read_bytes() == data for path, data in before.items())
    assert not (bench.folder / f"{name}.work").exists()


def test_two_at_once_on_one_output_are_told_of_each_other(bench: Bench) -> None:
    with work.WorkFolder(bench.folder / "out.work").open(bench.folder / "out"):
        result = bench.colorize(bench.clip)
    assert result.exit_code == 2
    assert "another colorize is at work" in result.stderr
    assert bench.colorize(bench.clip).exit_code == 0


@pytest.mark.parametrize("flag", ["--alike", "--borrow"])
def test_a_likeness_that_is_no_number_is_a_usage_error(bench: Bench, flag: str) -> None:
    result = bench.colorize(bench.clip, flag, "nan")
    assert result.exit_code == 2
    assert flag in result.stderr
    assert "nan" in result.stderr


class Killed:
    """Ends a job after some pieces, as Ctrl-C does; counts the frames that are colored."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: type[FilmOutput] | type[FolderOutput]) -> None:
        self.left, self.frames = 99, 0
        original = kind.write

        def write(
            output: FilmOutput | FolderOutput, folder: Path, first: int, start: int, stop: int, frames: Iterable[Levels]
        ) -> None:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            self.frames += stop - start
            original(output, folder, first, start, stop, frames)  # type: ignore[arg-type]

        monkeypatch.setattr(kind, "write", write)
        monkeypatch.setattr(painting, "ranges", functools.partial(work.ranges, longest=2))


@pytest.mark.parametrize("output", ["out", "out.mp4"])
def test_a_job_that_was_stopped_goes_on_where_it_was(bench: Bench, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    bench.colorize(bench.clip, output=f"whole-{output}")
    killed = Killed(monkeypatch, FilmOutput if output.endswith(".mp4") else FolderOutput)
    killed.left = 3
    assert bench.colorize(bench.clip, output=output).exit_code == 130
    assert killed.frames == 6
    assert not (bench.folder / output).exists()
    killed.left, killed.frames = 99, 0
    result = bench.colorize(bench.clip, output=output)
    assert result.exit_code == 0, result.output
    assert killed.frames == 2
    assert "going on: 6 of 8 frames are done already" in result.stderr
    ours, whole = open_frames(bench.folder / output), open_frames(bench.folder / f"whole-{output}")
    for index in range(8):
        difference = np.abs(ours.read(index).astype(int) - whole.read(index))
        # A film cut elsewhere is coded a little otherwise.
        assert difference.max() <= 1 if output == "out" else difference.mean() < 3


def test_other_settings_make_all_frames_anew_and_the_finished_ones_of_before_are_not_mixed_in(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = Killed(monkeypatch, FolderOutput)
    killed.left = 1
    bench.colorize(bench.clip)
    killed.left, killed.frames = 99, 0
    assert bench.colorize(bench.clip, "--set", "long_side=48").exit_code == 0
    assert killed.frames == 8


def test_a_folder_of_ones_own_in_place_of_the_work_folder_is_left_alone(bench: Bench) -> None:
    (bench.folder / "out.work").mkdir()
    (bench.folder / "out.work/notes.txt").write_text("mine")
    result = bench.colorize(bench.clip, "--overwrite")
    assert result.exit_code == 2
    assert "is in the way" in result.stderr
    assert (bench.folder / "out.work/notes.txt").read_text() == "mine"


def test_a_film_that_is_damaged_in_the_middle_is_refused_before_any_work(bench: Bench) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (40, 56, 3)).astype(np.uint8) for _ in range(40)]
    timeline = Timeline(tuple(range(40)), Fraction(1, 25), 1, Fraction(25))
    film = bench.folder / "noise.mp4"
    write_piece(film, frames, timeline, look=Look(6, 6, 6))
    data = bytearray(film.read_bytes())
    start = data.find(b"mdat") + 4
    middle = start + (len(data) - start) // 2
    data[middle : middle + 3000] = bytes(3000)
    film.write_bytes(bytes(data))
    result = bench.colorize(film, "--at", "0", "--references", bench.still("x.png", frames[0]))
    assert result.exit_code == 1
    assert "can't be decoded" in result.stderr
    assert not (bench.folder / "out").exists()
    assert not (bench.folder / "out.work").exists()


DRIVER = """
import functools, sys, time
from colorbench.film import painting, work
from colorbench.film.film_clip import FilmClip
from cli import main
painting.ranges = functools.partial(work.ranges, longest=2)
levels = FilmClip.levels
def slow(self, *arguments):
    time.sleep(0.3)
    return levels(self, *arguments)
FilmClip.levels = slow
main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.parametrize("output", ["out", "out.mp4"])
def test_kill_9_loses_one_piece_at_most(bench: Bench, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    method = ["--method", "bistnet:untrained", "--set", "untrained=yes", "--set", f"preset={bench.preset}", "--threads", "1"]
    fixed = [*method, "--references", bench.stills, "-o", bench.folder / output]
    command = [sys.executable, "-c", DRIVER, "colorize", bench.clip, *fixed, "--device", "cpu"]
    process = subprocess.Popen(list(map(str, command)), cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        folder = bench.folder / f"{output}.work"
        deadline = time.monotonic() + 120
        while (
            len([path for path in folder.rglob("*") if path.suffix in (".png", ".mp4") and not path.name.startswith(".")]) < 3
            and time.monotonic() < deadline
        ):
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (bench.folder / output).exists()
    killed = Killed(monkeypatch, FilmOutput if output.endswith(".mp4") else FolderOutput)
    result = bench.colorize(bench.clip, output=output)
    assert result.exit_code == 0, result.output
    assert killed.frames <= 6
    assert open_frames(bench.folder / output).n_frames == 8


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("COLORBENCH_DATA"), reason="COLORBENCH_DATA is not set")
def test_real_frames_are_colored_from_the_picture_that_is_named_like_one(
    bench: Bench, data_root: Path, make_clips: Callable[..., Path]
) -> None:
    clip = data_root / "legacy" / "ntire001"
    (bench.folder / "real").mkdir()
    for index in range(4):
        shutil.copy(clip / "frames" / f"{index:05d}.jpg", bench.folder / "real")
    result = bench.colorize(bench.folder / "real", "--references", clip / "references" / "00000.jpg", "--set", "long_side=128")
    assert result.exit_code == 0, result.output
    out = open_frames(bench.folder / "out")
    assert (out.n_frames, out.height, out.width) == (4, 480, 854)
    assert luminance_error(out.read(2), read_image(bench.folder / "real/00002.jpg")) < 1.0
