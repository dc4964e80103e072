"""`colorize` on films with cuts: whose colors go where, what stays gray, what a killed job keeps, what memory it takes."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from cli import main
from colorbench.color import luma_rec601, rgb_to_lab
from colorbench.film import coloring, painting, work
from colorbench.film.film_clip import Levels
from colorbench.film.output import FolderOutput
from colorbench.film.pieces import join_pieces, write_piece
from colorbench.film.timeline import Look, even_timeline
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
HUES = ((1.0, 0.45, 0.45), (0.45, 0.6, 1.0), (0.5, 1.0, 0.5))


def scene(seed: int, count: int, *, height: int = 40, width: int = 64) -> list[RgbFrame]:
    """A camera that pans over a picture of one hue."""
    small = np.random.default_rng(seed).integers(50, 250, (6, 12)).astype(np.float32)
    wide = cv2.resize(small, (width * 3 // 2, height), interpolation=cv2.INTER_CUBIC)[..., None]
    tinted = (wide * HUES[seed % 3]).clip(0, 255).astype(np.uint8)
    return [np.ascontiguousarray(tinted[:, at : at + width]) for at in range(count)]


def grayed(rgb: RgbFrame) -> RgbFrame:
    return np.repeat(luma_rec601(rgb)[..., None], 3, axis=-1)


def chroma(rgb: RgbFrame) -> float:
    return float(rgb_to_lab(torch.from_numpy(rgb))[..., 1:].norm(dim=-1).mean())


class Bench:
    """A folder for a film of scenes and its references, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.preset = folder, folder / "tiny.toml"
        self.preset.write_text(TINY)

    def clip(self, name: str, frames: Iterable[RgbFrame]) -> Path:
        for index, rgb in enumerate(frames):
            write_png(self.folder / name / f"{index:05d}.png", grayed(rgb))
        return self.folder / name

    def stills(self, **pictures: RgbFrame) -> list[str]:
        """Options that name them."""
        paths = [self.folder / f"{name}.png" for name in pictures]
        for path, rgb in zip(paths, pictures.values(), strict=True):
            write_png(path, rgb)
        return [option for path in paths for option in ("--references", str(path))]

    def film(self, frames: list[RgbFrame], *, sound: bool = True, name: str = "film.mp4") -> Path:
        heard = self.folder / "sound.m4a"
        with av.open(str(heard), "w") as container:
            track = container.add_stream("aac", rate=44100, layout="mono")
            for block in range(20):
                wave = (0.1 * np.sin(np.arange(1024) / 20 + block)).astype(np.float32)[None]
                tone = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
                tone.sample_rate, tone.pts = 44100, 1024 * block
                container.mux(track.encode(tone))
            container.mux(track.encode())
        piece, timeline = self.folder / "piece.mp4", even_timeline(len(frames), Fraction(25))
        write_piece(piece, [grayed(rgb) for rgb in frames], timeline, look=Look(6, 6, 6))
        path = self.folder / name
        join_pieces(path, [piece], timeline, sound=heard if sound else None, tags={}, timecode="01:00:00:00")
        return path

    def arguments(self, source: Path, options: Iterable[str], output: str) -> list[str]:
        method = ["--method", "bistnet:untrained", "--set", "untrained=yes", "--set", f"preset={self.preset}"]
        fixed = [*method, "--device", "cpu", "--threads", "1", "-o", str(self.folder / output)]
        return ["colorize", str(source), *fixed, *options]

    def colorize(self, source: Path, *options: str, output: str = "out") -> Result:
        return CliRunner().invoke(main, self.arguments(source, options, output))

    def colored(self, output: str = "out") -> list[RgbFrame]:
        return list(open_frames(self.folder / output).iterate())

    def report(self, output: str = "out") -> list[dict[str, object]]:
        shots: list[dict[str, object]] = json.loads((self.folder / f"{output}.shots.json").read_text())["shots"]
        return shots


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


A, B, C = scene(0, 9), scene(1, 7), scene(2, 8)


def test_a_shot_is_colored_as_if_it_were_alone(bench: Bench) -> None:
    stills = bench.stills(sea=B[3], town=A[4], wall=C[6])
    result = bench.colorize(bench.clip("film", [*A, *B, *C]), *stills)
    assert result.exit_code == 0, result.output
    whole = bench.colored()
    first = 0
    for name, shot, still in (("town", A, A[4]), ("sea", B, B[3]), ("wall", C, C[6])):
        bench.colorize(bench.clip(f"{name}-alone", shot), *bench.stills(**{name: still}), output=f"{name}-out")
        for offset, rgb in enumerate(bench.colored(f"{name}-out")):
            assert np.array_equal(whole[first + offset], rgb), (name, offset)
        first += len(shot)


def test_the_report_says_which_reference_colors_which_shot(bench: Bench) -> None:
    result = bench.colorize(bench.clip("film", [*A, *B, *C]), *bench.stills(sea=B[3], town=A[4], wall=C[6]), "--fps", "10")
    assert "3 shots, none without a good reference" in result.stderr
    rows = bench.report()
    assert [(row["first"], row["last"], row["start"], row["end"]) for row in rows] == [
        (0, 8, "00:00:00.000", "00:00:00.900"),
        (9, 15, "00:00:00.900", "00:00:01.600"),
        (16, 23, "00:00:01.600", "00:00:02.400"),
    ]
    assert [[used["name"] for used in row["references"]] for row in rows] == [["town.png"], ["sea.png"], ["wall.png"]]  # type: ignore[attr-defined]


def test_a_shot_that_no_reference_looks_like_stays_gray_and_is_reported(bench: Bench) -> None:
    film = bench.clip("film", [*A, *B, *C])
    result = bench.colorize(film, *bench.stills(town=A[4], wall=C[6]), "--json")
    assert "3 shots, 1 without a good reference" in result.stderr
    assert "shot 2, 00:00:00.360 to 00:00:00.640, frames 9 to 15" in result.stderr
    assert "it stays gray" in result.stderr
    assert [shot["good"] for shot in json.loads(result.stdout)["shots"]] == [True, False, True]
    for index, rgb in enumerate(bench.colored()):
        if 9 <= index < 16:
            assert np.abs(rgb.astype(int) - read_image(film / f"{index:05d}.png")).max() <= 1
        else:
            assert chroma(rgb) > 5


def test_less_alike_will_do_when_asked(bench: Bench) -> None:
    result = bench.colorize(bench.clip("film", [*A, *B]), *bench.stills(town=A[4]), "--borrow", "-1", "--quiet")
    assert result.exit_code == 0
    assert "WARNING: shot 2 has no reference of its own and borrows town.png" in result.stderr
    assert chroma(bench.colored()[12]) > 5


def test_a_shot_that_comes_again_borrows_its_reference(bench: Bench) -> None:
    bench.colorize(bench.clip("film", [*A, *B, *A]), *bench.stills(sea=B[3], town=A[4]))
    third = bench.report()[2]["references"]
    assert [(used["name"], used["frame"], used["own"]) for used in third] == [("town.png", 20, False)]  # type: ignore[attr-defined]
    assert all(chroma(rgb) > 5 for rgb in bench.colored()[16:])


def test_several_references_of_a_shot_and_names_that_say_where(bench: Bench) -> None:
    stills = bench.stills(**{"00000": A[0], "00008": A[8], "00010": B[1]})
    result = bench.colorize(bench.clip("film", [*A, *B]), *stills)
    assert result.exit_code == 0, result.output
    first, second = bench.report()
    assert [used["frame"] for used in first["references"]] == [0, 8]  # type: ignore[attr-defined]
    assert [used["frame"] for used in second["references"]] == [10]  # type: ignore[attr-defined]
    ends = bench.stills(**{"00000": A[0], "00008": A[8]})
    bench.colorize(bench.clip("alone", A), *ends, output="alone-out")
    assert all(np.array_equal(*pair) for pair in zip(bench.colored()[:9], bench.colored("alone-out"), strict=True))


class Killed:
    """Ends a job after some pieces, as Ctrl-C does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 99
        self.pieces: list[tuple[int, int]] = []
        original = FolderOutput.write

        def write(output: FolderOutput, folder: Path, first: int, start: int, stop: int, frames: Iterable[Levels]) -> None:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            self.pieces.append((first + start, first + stop))
            original(output, folder, first, start, stop, frames)

        monkeypatch.setattr(FolderOutput, "write", write)


def test_a_stopped_job_neither_looks_again_nor_touches_finished_shots(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    film, stills = bench.clip("film", [*A, *B, *C]), bench.stills(sea=B[3], town=A[4], wall=C[6])
    bench.colorize(film, *stills, output="whole")
    killed = Killed(monkeypatch)
    killed.left = 2
    assert bench.colorize(film, *stills).exit_code == 130
    finished = {path: path.stat().st_mtime_ns for path in (bench.folder / "out.work/parts").rglob("*.png")}
    done = {start for start, _ in killed.pieces}
    assert len(finished) == sum(stop - start for start, stop in killed.pieces)
    killed.left, killed.pieces = 99, []
    monkeypatch.setattr(coloring, "survey_film", None)
    result = bench.colorize(film, *stills)
    assert result.exit_code == 0, result.output
    assert not done & {start for start, _ in killed.pieces}
    for path, written in finished.items():
        assert path.stat().st_mtime_ns == written
    assert all(np.array_equal(*pair) for pair in zip(bench.colored(), bench.colored("whole"), strict=True))


def test_a_job_that_is_stopped_while_it_looks_leaves_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(frames: Iterable[RgbFrame], *_: object, **__: object) -> None:
        next(iter(frames))
        raise KeyboardInterrupt

    monkeypatch.setattr(coloring, "survey_film", interrupted)
    assert bench.colorize(bench.clip("film", A), *bench.stills(town=A[4])).exit_code == 130
    assert not [path.name for path in bench.folder.iterdir() if path.name.startswith("out")]


def test_pieces_of_a_long_shot_do_not_reach_over_a_cut(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = Killed(monkeypatch)
    monkeypatch.setattr(painting, "ranges", functools.partial(work.ranges, longest=5))
    bench.colorize(bench.clip("film", [*A, *B]), *bench.stills(sea=B[0], town=A[0]))
    assert killed.pieces == [(0, 5), (5, 9), (9, 14), (14, 16)]


def test_a_film_with_cuts_keeps_its_sound_times_and_timecode_in_ten_bits(bench: Bench) -> None:
    film = bench.film([*A, *B, *C])
    options = ("--codec", "hevc", "--crf", "10", "--pix-fmt", "yuv420p10le")
    result = bench.colorize(film, *bench.stills(sea=B[3], town=A[4]), *options, output="out.mov")
    assert result.exit_code == 0, result.output
    with av.open(str(bench.folder / "out.mov")) as container, av.open(str(film)) as source:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.pix_fmt) == ("hevc", "yuv420p10le")
        assert video.metadata["timecode"] == "01:00:00:00"
        ours, theirs = ([bytes(packet) for packet in opened.demux(audio=0) if packet.size] for opened in (container, source))
        assert ours == theirs
        assert len(ours) > 10
    colored = bench.colored("out.mov")
    assert len(colored) == 24
    assert [chroma(rgb) > 5 for rgb in colored] == [True] * 16 + [False] * 8


@pytest.mark.parametrize(
    ("options", "output", "message"),
    [
        (("--codec", "ffv1"), "out.mp4", "does not hold ffv1"),
        (("--crf", "60"), "out.mp4", "crf 60"),
        (("--pix-fmt", "yuv9"), "out.mp4", "unknown pix_fmt 'yuv9'"),
        (("--codec", "hevc"), "out", "for the folder out"),
    ],
)
def test_an_encoding_that_can_not_be_is_refused_before_any_work(
    bench: Bench, options: tuple[str, ...], output: str, message: str
) -> None:
    result = bench.colorize(bench.clip("film", A), *bench.stills(town=A[4]), *options, output=output)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "wanted:" in result.stderr
    assert not (bench.folder / f"{output}.work").exists()


PEAK = """
import sys
from pathlib import Path
from cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert end.code in (0, None), end.code
print([line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")][0])
"""


def long_film(bench: Bench, count: int) -> Path:
    """Shots of 20 frames of three scenes in turn, so that three references color all; written frame by frame."""
    path, timeline = bench.folder / f"{count}.mp4", even_timeline(count, Fraction(25))
    shots = (grayed(rgb) for number in range(count // 20) for rgb in scene(number % 3, 20, height=96, width=128))
    write_piece(path, shots, timeline, look=Look(6, 6, 6))
    return path


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc")
def test_a_film_five_times_as_long_takes_the_same_memory(bench: Bench) -> None:
    names = ("red", "blue", "green")
    stills = bench.stills(**{name: scene(seed, 20, height=96, width=128)[10] for seed, name in enumerate(names)})
    peaks = []
    for count in (60, 300):
        arguments = bench.arguments(
            long_film(bench, count), [*stills, "--set", "long_side=64", "--borrow", "0.5", "--quiet"], f"out-{count}.mp4"
        )
        command = [sys.executable, "-c", PEAK, *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
        peaks.append(int(done.stdout.split()[-1]))
        assert open_frames(bench.folder / f"out-{count}.mp4").n_frames == count
        assert all(row["good"] for row in bench.report(f"out-{count}.mp4"))
    assert peaks[1] < 1.1 * peaks[0]
