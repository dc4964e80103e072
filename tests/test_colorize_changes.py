"""`colorize` when something was changed: only what that decides is made again; and by any method, as `run` colors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from torch import from_numpy

import colorbench
from cli import main
from colorbench.color import luma_rec601, luminance, merge_luminance, rgb_to_lab
from colorbench.film.film_clip import Levels
from colorbench.film.output import FilmOutput, FolderOutput
from colorbench.frames.opening import open_frames, read_image, write_png
from colorbench.types import RgbFrame

LENGTH = 5


def scene(seed: int, count: int = LENGTH) -> list[RgbFrame]:
    """A camera that pans over a picture of its own colors."""
    small = np.random.default_rng(seed).integers(30, 226, (5, 9, 3)).astype(np.uint8)
    wide = cv2.resize(small, (90, 40), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(wide[:, at : at + 56]) for at in range(count)]


SCENES = [scene(seed) for seed in range(10)]


def grayed(rgb: RgbFrame) -> RgbFrame:
    return np.repeat(luma_rec601(rgb)[..., None], 3, axis=-1)


def chroma(rgb: RgbFrame) -> float:
    return float(rgb_to_lab(from_numpy(rgb))[..., 1:].norm(dim=-1).mean())


class Bench:
    """A film of ten shots, stills of some of them, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.film, self.stills = folder, folder / "film", folder / "stills"
        for index, rgb in enumerate(rgb for shot in SCENES for rgb in shot):
            write_png(self.film / f"{index:05d}.png", grayed(rgb))

    def still(self, *shots: int, at: int = 2) -> None:
        for shot in shots:
            write_png(self.stills / f"still-{chr(97 + shot)}-{chr(97 + at)}.png", SCENES[shot][at])

    def colorize(self, *options: str, output: str = "out", method: str = "flow") -> Result:
        given = ["--references", str(self.stills)] if self.stills.exists() else []
        fixed = ["--method", method, "--threads", "1", "-o", str(self.folder / output)]
        result = CliRunner().invoke(main, ["colorize", str(self.film), *given, *fixed, *options])
        assert result.exit_code == 0, result.output
        return result

    def colored(self, output: str = "out") -> list[RgbFrame]:
        return list(open_frames(self.folder / output).iterate())

    def report(self, output: str = "out") -> list[dict[str, object]]:
        shots: list[dict[str, object]] = json.loads((self.folder / f"{output}.shots.json").read_text())["shots"]
        return shots


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The frames of pieces that are made, first and one past the last."""
    made: list[tuple[int, int]] = []
    for kind in (FilmOutput, FolderOutput):
        original = kind.write

        def write(
            output: FilmOutput | FolderOutput,
            folder: Path,
            first: int,
            start: int,
            stop: int,
            frames: Iterable[Levels],
            original: Callable[..., None] = original,
        ) -> None:
            made.append((first + start, first + stop))
            original(output, folder, first, start, stop, frames)

        monkeypatch.setattr(kind, "write", write)
    return made


@pytest.mark.parametrize("output", ["out", "out.mkv"])
def test_one_more_still_of_ten_shots_colors_one_shot(bench: Bench, written: list[tuple[int, int]], output: str) -> None:
    bench.still(*range(9))
    codec = ["--codec", "ffv1"] if output == "out.mkv" else []
    bench.colorize(*codec, output=output)
    assert len(written) == 10
    before = bench.colored(output)
    assert chroma(before[47]) < 1
    written.clear()
    bench.still(9)
    bench.colorize(*codec, output=output)
    assert written == [(45, 50)]
    after = bench.colored(output)
    assert all(np.array_equal(*pair) for pair in zip(before[:45], after[:45], strict=True))
    assert chroma(after[47]) > 5


def test_what_is_no_change_makes_nothing_and_another_setting_or_method_makes_all(
    bench: Bench, written: list[tuple[int, int]]
) -> None:
    bench.still(0, 1)
    bench.colorize()
    written.clear()
    bench.colorize()
    assert written == []
    (bench.stills / "still-a-c.png").rename(bench.stills / "town.png")
    bench.colorize()
    assert written == []
    bench.colorize(method="exemplar-hold")
    assert {first for first, _ in written} >= {0, 5}


def test_a_second_still_of_a_shot_and_one_taken_away_change_that_shot_alone(bench: Bench, written: list[tuple[int, int]]) -> None:
    bench.still(0, 1, 2)
    bench.colorize()
    written.clear()
    bench.still(1, at=4)
    bench.colorize()
    assert written == [(5, 10)]
    written.clear()
    (bench.stills / "still-c-c.png").unlink()
    bench.colorize()
    assert written == [(10, 15)]


@pytest.mark.parametrize("method", ["flow", "bistnet-tracked", "deepexemplar"])
def test_frames_that_are_stills_have_the_still_s_own_colors(bench: Bench, method: str) -> None:
    bench.still(0)
    bench.colorize("--shots", "1", method=method)
    still = SCENES[0][2]
    wanted = merge_luminance(luminance(grayed(still)), rgb_to_lab(from_numpy(still))[..., 1:].contiguous().numpy())
    assert np.array_equal(bench.colored()[2], wanted)


def test_an_automatic_method_needs_no_stills(bench: Bench) -> None:
    bench.colorize("--shots", "1-2", method="gray")
    assert [chroma(rgb) < 1 for rgb in bench.colored()] == [True] * 10
    assert all(row["coverage"] is None for row in bench.report())


def test_the_report_says_how_far_stills_reach_and_what_to_color_next(bench: Bench) -> None:
    bench.still(0)
    bench.colorize("--shots", "1")
    first, second = bench.report()[:2]
    assert float(str(first["coverage"])) > 0.5
    assert (second["coverage"], second["worst_coverage"]) == (0.0, 0.0)
    assert 5 <= int(str(second["next"])) < 10
    assert (bench.folder / "out.worst.jpg").is_file()


def test_some_shots_a_stretch_of_time_and_a_preview(bench: Bench) -> None:
    bench.still(0, 3)
    bench.colorize(
        "--shots",
        "1,3-4",
        output="some.mkv",
    )
    assert open_frames(bench.folder / "some.mkv").n_frames == 15
    bench.colorize("--from", "0.12", "--to", "00:00:00.320", "--codec", "ffv1", output="stretch.mkv")
    stretch = open_frames(bench.folder / "stretch.mkv")
    assert stretch.n_frames == 5
    bench.colorize("--codec", "ffv1", output="all.mkv")
    whole = open_frames(bench.folder / "all.mkv")
    assert all(np.array_equal(stretch.read(index), whole.read(3 + index)) for index in range(5))
    bench.colorize("--preview", "--beside", "--fps", "1", output="look.mp4")
    look = open_frames(bench.folder / "look.mp4")
    assert (look.n_frames, look.width, look.height) == (20, 56, 20)


def test_an_excerpt_leaves_the_pieces_of_the_whole_film_alone(bench: Bench, written: list[tuple[int, int]]) -> None:
    bench.still(0)
    bench.colorize()
    bench.colorize("--shots", "2")
    written.clear()
    bench.colorize()
    assert written == []


@pytest.mark.parametrize("options", [("--shots", "11"), ("--shots", "x"), ("--from", "soon"), ("--from", "9"), ("--to", "0")])
def test_an_excerpt_that_can_not_be_is_a_usage_error(bench: Bench, options: tuple[str, ...]) -> None:
    bench.still(0)
    arguments = ["colorize", str(bench.film), "--references", str(bench.stills), "-o", str(bench.folder / "out"), *options]
    result = CliRunner().invoke(main, [*arguments, "--method", "flow"])
    assert result.exit_code == 2
    assert "wanted:" in result.stderr


@pytest.mark.parametrize("method", ["flow", "bistnet-tracked"])
def test_run_and_colorize_give_the_same_colors(tmp_path: Path, method: str) -> None:
    film = tmp_path / "clips" / "pan"
    frames = scene(3, 9)
    for index, rgb in enumerate(frames):
        write_png(film / f"{index:05d}.png", rgb)
    for index in (0, 8):
        write_png(tmp_path / "stills" / f"{index:05d}.png", frames[index])
    out = tmp_path / "run"
    colorbench.run(
        [method], dataset="folder", data_root=tmp_path / "clips", protocol="full", metrics=["psnr"], out=out, save_frames="png"
    )
    arguments = ["colorize", str(film), "--references", str(tmp_path / "stills"), "-o", str(tmp_path / "out"), "--method", method]
    assert CliRunner().invoke(main, [*arguments, "--threads", "1"]).exit_code == 0
    ours, theirs = open_frames(tmp_path / "out"), open_frames(next(path.parent for path in out.rglob("00000.png")))
    for index in range(9):
        assert np.array_equal(ours.read(index), theirs.read(index)), index


def test_stills_are_the_frames_that_cover_their_shots(bench: Bench) -> None:
    result = CliRunner().invoke(main, ["stills", str(bench.film), "-o", str(bench.folder / "worth"), "--json"])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["n_shots"] == 10
    assert {still["shot"] for still in record["stills"]} == set(range(1, 11))
    for still in record["stills"]:
        assert np.array_equal(
            read_image(bench.folder / "worth" / still["file"]), read_image(bench.film / f"{still['frame']:05d}.png")
        )
    assert (bench.folder / "worth/sheet/contact-sheet.jpg").is_file()
    few = CliRunner().invoke(main, ["stills", str(bench.film), "-o", str(bench.folder / "few"), "--most", "3", "--json"])
    assert len(json.loads(few.stdout)["stills"]) == 3


def test_stills_of_an_automatic_method_lie_apart_and_are_marked_in_the_report(bench: Bench) -> None:
    worth = bench.folder / "worth"
    result = CliRunner().invoke(main, ["stills", str(bench.film), "-o", str(worth), "--most", "2", "--auto", "iizuka"])
    assert result.exit_code == 0, result.output
    made = sorted(path.name for path in (worth / "auto").glob("*.png"))
    assert made == sorted(path.name for path in worth.glob("*.png"))
    bench.stills = worth / "auto"
    bench.colorize("--quiet")
    used = [still for row in bench.report() for still in row["references"]]  # type: ignore[attr-defined]
    assert used
    assert all(still["automatic"] for still in used)


def test_ten_bits_have_more_levels_than_eight(bench: Bench) -> None:
    bench.still(0)
    bench.colorize("--shots", "1", "--codec", "ffv1", "--pix-fmt", "yuv444p10le", output="deep.mkv")
    with av.open(str(bench.folder / "deep.mkv")) as container:
        frame = next(container.decode(video=0))
        chroma_plane = np.frombuffer(bytes(frame.planes[1]), np.uint16).reshape(frame.height, -1)[:, : frame.width]
    assert len(np.unique(chroma_plane % 4)) == 4
