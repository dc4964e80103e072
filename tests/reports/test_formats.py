"""One command for every format: what is written where, what lacks frames is noted, and no name does harm."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import main
from colorbench.errors import UnknownNameError
from colorbench.results.reading import Results, read_results
from colorbench.runs.store import frames_path
from reports.documents import documents, score_texts
from reports.figures import write_all_figures
from reports.formats import BY_DEFAULT, FORMATS, parse_formats, write_report

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("<script>alert(1)</script>", "../../etc", r"\input{x} $a_b$ & 100% #1 ~^", "=1+1", "a|b\n\x1b[31m[red]*c*")
TABLES = {"md": {"table.md", "table1.md"}, "latex": {"table.tex", "table1.tex"}, "html": {"table.html"}}


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_formats_are_taken_in_their_own_order() -> None:
    assert parse_formats(None) == BY_DEFAULT
    assert parse_formats("all") == FORMATS
    assert parse_formats("html, md") == ("md", "html")
    assert "video" not in BY_DEFAULT
    with pytest.raises(UnknownNameError, match="did you mean 'latex'"):
        parse_formats("md,latx")


@pytest.mark.parametrize("form", TABLES)
def test_a_table_format_writes_its_tables_alone(store: Path, tmp_path: Path, form: str) -> None:
    report = write_report(read_results(store), tmp_path / "out", [form])
    assert below(tmp_path / "out") == TABLES[form]
    assert {path.name for path in report.files} == TABLES[form]
    assert report.notes == ()


def test_csv_holds_the_table_the_clips_and_the_frames(store: Path, tmp_path: Path) -> None:
    write_report(read_results(store), tmp_path / "out", ["csv"])
    with (tmp_path / "out" / "frames.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3 * 4 * 3 * 6
    record = read_results(store).record("tcvc", "cows")
    assert record is not None
    own = [row for row in rows if (row["label"], row["clip"], row["metric"]) == ("tcvc", "cows", "psnr")]
    assert tuple(float(row["value"]) for row in own) == record.scores[0].frames
    assert [int(row["frame"]) for row in own] == list(record.scored)
    assert {row["exemplar_distance"] for row in own} == {""}
    with (tmp_path / "out" / "clips.csv").open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 3 * 4 * 4


def test_figures_come_in_three_formats_with_their_data(store: Path, tmp_path: Path) -> None:
    results = read_results(store)
    write_report(replace(results, metrics=results.metrics[:1]), tmp_path / "out", ["figures"])
    names = ("cost-psnr", "psnr-frame", "psnr-distance")
    assert below(tmp_path / "out") == {f"figures/{name}.{form}" for name in names for form in ("pdf", "svg", "png", "csv")}


def test_what_lacks_frames_is_a_note_unless_it_is_asked_for_by_name(store: Path, tmp_path: Path) -> None:
    results = read_results(store)
    report = write_report(results, tmp_path / "out", ["md", "strips", "video"])
    assert {path.name for path in report.files} == TABLES["md"]
    assert len(report.notes) == 2
    assert all("--save-frames png" in note for note in report.notes)
    assert report.lacking == {"strips", "video"}
    asked = call("report", store, "--out", tmp_path / "a", "--format", "md,strips")
    assert asked.exit_code == 1
    assert "strips: no frames are saved" in asked.stderr
    assert str(tmp_path / "a" / "table.md") in asked.stderr


def test_strips_and_videos_of_some_clips_and_methods(framed: Path, tmp_path: Path) -> None:
    done = call("report", framed, "--format", "strips,video", "--clips", "film", "--methods", "gray", "--out", tmp_path, "--json")
    assert done.exit_code == 0, done.output
    assert below(tmp_path) == {
        *(f"strips/film/{name}.{form}" for name in ("strip", "middle") for form in ("png", "pdf")),
        "videos/film.mp4",
    }
    made = json.loads(done.stdout)
    assert {Path(path).relative_to(tmp_path).as_posix() for path in made["files"]} == below(tmp_path)
    assert made["notes"] == []


def test_a_method_whose_frames_are_not_saved_is_named(framed: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(framed, tmp_path / "run"))
    shutil.rmtree(frames_path(run, label="gray", clip="film", video=False))
    report = write_report(read_results(run), tmp_path / "out", ["video"], clips=["film"])
    assert report.notes == ("gray is not shown of film: its frames are not saved",)
    assert not report.lacking


def test_a_source_that_is_gone_is_a_note_and_the_other_clips_are_made(framed: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(framed, tmp_path / "run"))
    facts = json.loads((run / "run.json").read_text())
    facts["contents"]["clips"]["film"]["source"] = str(tmp_path / "gone.mkv")
    (run / "run.json").write_text(json.dumps(facts))
    report = write_report(read_results(run), tmp_path / "out", ["video"])
    assert len(report.files) == 1
    assert len(report.notes) == 1
    assert report.notes[0].startswith("video of film: ")
    assert "gone.mkv: No such file" in report.notes[0]
    assert report.lacking == {"video"}


def test_unknown_clips_methods_and_runs_are_usage_errors(store: Path, tmp_path: Path) -> None:
    assert call("report", store, "--clips", "dgo").exit_code == 2
    assert call("report", store, "--methods", "grey").exit_code == 2
    assert call("report", store, "--format", "docx").exit_code == 2
    assert call("report", tmp_path / "none").exit_code == 2


def test_the_default_place_is_a_folder_in_the_run(store: Path) -> None:
    assert call("report", store, "--format", "md").exit_code == 0
    assert below(store / "report") == TABLES["md"]


@pytest.fixture
def hostile_run(store: Path, tmp_path: Path, write_run: Callable[[Results, Path], Results]) -> Results:
    """The tiny run with the names of its methods and clips changed for bad ones."""
    results = read_results(store)
    labels = dict(zip((method.label for method in results.methods), NAMES, strict=False))
    clips = dict(zip(results.clip_names, (*NAMES[:2], "x" * 300), strict=True))
    return write_run(
        replace(
            results,
            methods=tuple(replace(method, label=labels[method.label]) for method in results.methods),
            clips=tuple(replace(clip, name=clips[clip.name]) for clip in results.clips),
            records=tuple(replace(r, label=labels[r.label], clip=clips[r.clip]) for r in results.records),
        ),
        tmp_path / "hostile",
    )


def test_hostile_names_stay_text_and_inside(hostile_run: Results, tmp_path: Path) -> None:
    before = below(tmp_path)
    files = write_report(hostile_run, tmp_path / "out", ["md", "latex", "csv", "html"]).files
    assert {path.is_relative_to(tmp_path / "out") for path in files} == {True}
    assert {name for name in below(tmp_path) - before if not name.startswith("out/")} == set()
    for path in files:
        if path.suffix in (".html", ".md"):
            assert "<script>" not in path.read_text(encoding="utf-8")
    texts = [(tmp_path / "out" / name).read_text(encoding="utf-8") for name in ("clips.csv", "frames.csv")]
    cells = [cell for text in texts for row in csv.reader(text.splitlines(keepends=True)) for cell in row]
    assert "'=1+1" in cells
    assert not any(cell.startswith(("=", "@")) for cell in cells)


def test_hostile_names_are_bundled_and_verified(hostile_run: Results, tmp_path: Path) -> None:
    made = call("bundle", hostile_run.folder, "--out", tmp_path / "b.zip")
    assert made.exit_code == 0, made.output
    seen = call("verify", tmp_path / "b.zip")
    assert seen.exit_code == 0, seen.output
    assert made.stdout.split()[0] in seen.stdout


def test_documents_hold_every_table_and_the_data_of_every_figure(store: Path, tmp_path: Path) -> None:
    results = read_results(store)
    texts = documents(results)
    write_report(results, tmp_path, ["md", "latex", "csv", "html"])
    write_all_figures(results, tmp_path / "figures", formats=())
    data = {name: path for name in below(tmp_path) if (path := tmp_path / name).suffix in (".md", ".tex", ".csv", ".html")}
    assert set(texts) == set(data)
    assert all(data[name].read_text(encoding="utf-8") == text for name, text in texts.items())


def test_a_damaged_record_is_named(store: Path, tmp_path: Path) -> None:
    path = next((store / "units/dog").glob("gray-*.json"))
    path.write_text(path.read_text().replace("24.", "99.", 1))
    made = write_report(read_results(store), tmp_path / "out", ["md"])
    assert any(path.name in note and "does not fit its checksum" in note for note in made.notes)


def test_formulas_of_spreadsheets_are_disarmed_and_numbers_are_not(store: Path) -> None:
    results = read_results(store)
    named = replace(results, records=tuple(replace(record, label=f"-{record.label}") for record in results.records))
    lines = score_texts(named)["frames.csv"].splitlines()
    assert lines[1].startswith("'-flow,flow,double,bear,psnr,1,1,")


def test_bundle_and_verify_print_what_they_found(store: Path, tmp_path: Path) -> None:
    made = call("bundle", store, "--json")
    assert made.exit_code == 0
    (record,) = json.loads(made.stdout)
    assert record["path"] == str(store / "bundle.zip")
    assert call("verify", store / "bundle.zip").stdout.splitlines()[-1] == f"SHA-256 {record['sha256']}"
    data = (store / "bundle.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(data[: len(data) // 2])
    assert call("verify", tmp_path / "cut.zip").exit_code == 1
    assert call("verify", tmp_path / "none.zip").exit_code == 2


def test_verify_names_what_does_not_fit(store: Path, tmp_path: Path) -> None:
    from zipfile import ZipFile

    call("bundle", store, "--out", tmp_path / "b.zip")
    with ZipFile(tmp_path / "b.zip") as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content["tables/table.md"] = content["tables/table.md"].replace(b"bistnet", b"best\x1b[1mnet", 1)
    with ZipFile(tmp_path / "b.zip", "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    seen = call("verify", tmp_path / "b.zip")
    assert seen.exit_code == 1
    lines = seen.stdout.splitlines()
    assert lines[0] == "tables/table.md"
    assert lines[1].startswith("  wanted: SHA-256 ")
    assert "\x1b" not in seen.stdout
    assert lines[-2].endswith("2 things do not fit")


def test_reports_of_scores_take_no_torch(store: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from colorbench.results.reading import read_results;"
        "from dataclasses import replace; from reports.formats import write_report;"
        "results, out = read_results(Path(sys.argv[1])), Path(sys.argv[2]);"
        "write_report(results, out, ['md', 'latex', 'csv', 'html']);"
        "write_report(replace(results, metrics=results.metrics[:1]), out, ['figures']);"
        "print(sorted({'torch', 'numba', 'baselines', 'colorbench.registry'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(store), str(tmp_path / "out")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n"
