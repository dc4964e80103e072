"""The command line. Each command parses, calls one function, prints. Data goes to stdout, text for people to stderr.

Exit codes: 0 done, 1 a unit failed or an error, 2 usage, 130 interrupted; those of `gate` are in its help.
"""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from colorbench.errors import EXIT_FAILED, EXIT_INTERRUPTED, ColorbenchError

if TYPE_CHECKING:
    from colorbench.types import RunSpec


class _Main(click.Group):
    """Turns what goes wrong into one message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ColorbenchError as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            click.echo(f"colorbench: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("colorbench: interrupted; what was finished is kept, the same command goes on from here", err=True)
            ctx.exit(EXIT_INTERRUPTED)


class _RunFolder(click.Path):
    """A run folder that exists; of a URL, its working copy."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, exists=True, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from colorbench.runs.remote import is_url
        from colorbench.runs.run_folder import run_folder

        return run_folder(value) if is_url(str(value)) else super().convert(value, param, ctx)


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="colorbench")
@click.option("--debug", is_flag=True, help="Show the trace of an error.")
def main(*, debug: bool) -> None:
    """How good is this video colorization method, and can the number be trusted?"""


def _run_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that `run` and `score` share."""
    options = [
        click.option("--dataset", metavar="NAME[:SPLIT]", help="Default: demo. `colorbench datasets` lists them."),
        click.option("--data-root", type=click.Path(path_type=Path), help="Where the dataset lies; default $COLORBENCH_DATA."),
        click.option("--protocol", metavar="NAME|FILE.toml", help="Default: bistnet. `colorbench protocols` lists them."),
        click.option(
            "--override", multiple=True, metavar="FIELD=VALUE", help="Change one field of the protocol, e.g. max_frames=30."
        ),
        click.option("--mixed-sizes", type=click.Choice(["refuse", "resize"]), help="What to do with a frame of another size."),
        click.option("--clips", metavar="A,B", help="Only these clips."),
        click.option("--metrics", metavar="A,B", help="Default: all but the special ones. `colorbench metrics` lists them."),
        click.option("--require", metavar="A,B", help="Metrics whose absence is an error, not a dash."),
        click.option(
            "--out",
            metavar="FOLDER|URL",
            help="The run folder; default runs/DATASET. The same command completes it. A URL: s3://BUCKET/RUN and the like.",
        ),
        click.option("--engine", type=click.Choice(["local", "ray"]), help="Default: local, this machine; ray is a cluster."),
        click.option("--workers", metavar="N|auto", help="Units at a time; default: auto, as many as cores or GPUs."),
        click.option("--threads", type=click.IntRange(1), help="Of each worker's torch on the CPU; default: 1."),
        click.option("--address", metavar="ADDRESS", help="Of the Ray cluster; default: $RAY_ADDRESS, or one on this machine."),
        click.option("--config", type=click.Path(path_type=Path), help="A TOML file with these options; flags win."),
        click.option("--json", "as_json", is_flag=True, help="Print the results as JSON instead of a table."),
        click.option("--quiet", is_flag=True, help="No plan and no progress."),
    ]
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


@main.command()
@click.option("--methods", metavar="A,B", help="[LABEL=]NAME[:VARIANT] each, or all. `colorbench methods` lists them.")
@click.option("--set", "set_", multiple=True, metavar="LABEL.KEY=VALUE", help="A setting of a method.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Default: auto, a GPU where there is one.")
@click.option("--seed", type=int, help="Of whatever a method draws; default 0.")
@click.option("--save-frames", type=click.Choice(["no", "png", "video"]), help="Keep the colored frames; video is lossless FFV1.")
@_run_options
def run(
    *, set_: tuple[str, ...], override: tuple[str, ...], mixed_sizes: str | None, config: Path | None, **options: Any
) -> None:
    """Run methods on a dataset and score them.

    \b
    Examples:
      colorbench run --methods flow,gray
      colorbench run --methods flow:single,flow:double --dataset davis --data-root DAVIS --out runs/davis
      colorbench run --methods mine=command --set mine.argv="python colorize.py {input} {references} {output}"
    """
    from colorbench.config import make_spec, parse_pairs

    shown = {name: options.pop(name) for name in ("as_json", "quiet")}
    options |= {"set": parse_pairs(set_, flag="--set"), "override": _overrides(override, mixed_sizes)}
    _run_and_print(make_spec(options, config=config), **shown)


@main.command()
@click.argument("results", nargs=-1, required=True, metavar="[LABEL=]FOLDER...")
@click.option(
    "--match", type=click.Choice(["auto", "stem", "order"]), default="auto", show_default=True, help="How frames are matched."
)
@click.option("--resize", is_flag=True, help="Bring results of another size to the protocol's.")
@_run_options
def score(
    *,
    results: tuple[str, ...],
    match: str,
    resize: bool,
    override: tuple[str, ...],
    mixed_sizes: str | None,
    config: Path | None,
    **options: Any,
) -> None:
    """Score colored frames that exist, one FOLDER a method, with a folder or video a clip in it.

    \b
    Example:
      colorbench score ours=results/ours theirs=results/theirs --dataset davis --data-root DAVIS
    """
    from colorbench.api import score_options
    from colorbench.config import make_spec

    shown = {name: options.pop(name) for name in ("as_json", "quiet")}
    folders = {(label or Path(folder).name): folder for label, _, folder in (_split_label(text) for text in results)}
    options |= score_options(folders, resize=resize, match=match) | {"override": _overrides(override, mixed_sizes)}
    _run_and_print(make_spec(options, config=config), **shown)


@main.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="VIDEO_OR_FOLDER")
@click.option(
    "--references",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="A colored picture or a folder of them; repeatable.",
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A .mp4, .mov or .mkv file, or a folder.")
@click.option("--at", metavar="0,49,99", help="The frames of the references, counted from 0.")
@click.option(
    "--place",
    type=click.Choice(["auto", "name", "match"]),
    default="auto",
    show_default=True,
    help="By file name, or at the most similar frame.",
)
@click.option(
    "--alike",
    type=click.FloatRange(-1, 1),
    default=0.5,
    show_default=True,
    help="Likeness from which on a reference may color a shot that is not its own.",
)
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Weights of your own.")
@click.option("--preset", default="compact", show_default=True, help="Which of the weights that are here.")
@click.option("--untrained", is_flag=True, help="Random weights, to try the plumbing; the output says so.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option(
    "--long-side", type=int, default=384, show_default=True, help="Colors are computed at this size; 0 for the frame's."
)
@click.option("--batch", type=int, default=0, help="Frames at a time; default: the device decides.")
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16", "float16"]), default="auto", show_default=True)
@click.option("--fps", default="25", show_default=True, help="Of a film made of pictures.")
@click.option(
    "--codec", type=click.Choice(["h264", "hevc", "prores", "ffv1"]), default="h264", show_default=True, help="Of a film."
)
@click.option("--crf", type=int, help="Quality of h264 and hevc, 0 (best) to 51; default 16 and 18.")
@click.option("--pix-fmt", metavar="NAME", help="Samples of a film, such as yuv420p10le; default: the codec's own.")
@click.option("--overwrite", is_flag=True, help="Replace what colorize wrote before, and an unfinished job of other parameters.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def colorize(*, as_json: bool, quiet: bool, **options: Any) -> None:
    """Color a film from colored pictures of some of its frames. Sound, size and timing are kept.

    Each shot takes its colors from its own pictures, or from one that looks like it; OUTPUT.shots.json says which, and what stays
    gray. The same command goes on where a killed one stopped.

    \b
    Examples:
      colorbench colorize film.mp4 --references stills/ -o colored.mp4
      colorbench colorize frames/ --references a.png --references b.png --at 0,99 -o colored
      colorbench colorize film.mov --references stills/ -o colored.mov --codec hevc --pix-fmt yuv420p10le
    """
    from dataclasses import asdict

    from bistnet.film.coloring import colorize as run_job
    from bistnet.film.coloring import describe_done
    from bistnet.film.job import make_job
    from colorbench.runs.store import to_json
    from colorbench.watching import ConsoleWatcher

    with ConsoleWatcher(noun="frames", quiet=quiet) as watcher:
        done = run_job(make_job(**options), watcher)
    click.echo(to_json(asdict(done), indent=1) if as_json else describe_done(done))


@main.command()
@click.argument("colored", nargs=-1, required=True, metavar="[LABEL=]COLORED...")
@click.option("--source", required=True, type=click.Path(path_type=Path), metavar="FILM", help="The film before it was colored.")
@click.option(
    "--references",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A picture that colors were taken from, or a folder of them; repeatable.",
)
@click.option("--long-side", type=int, default=256, show_default=True, help="Of the size at which all is measured.")
@click.option(
    "--fps", type=click.FloatRange(1, 1000), default=25, show_default=True, help="For the timecodes of a film made of pictures."
)
@click.option("--out", type=click.Path(path_type=Path), help="Where to; default runs/inspect-FILM.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--quiet", is_flag=True, help="No progress.")
def inspect(
    *,
    colored: tuple[str, ...],
    source: Path,
    references: tuple[Path, ...],
    fps: float,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Measure colored films for which there is no ground truth, and say which shots are the worst, and why.

    COLORED and FILM are videos or folders of pictures, frame for frame alike. Writes shots.csv, frames.csv, summary.json and
    worst.png. docs/inspect.md says what the numbers mean.

    \b
    Examples:
      colorbench inspect colored.mp4 --source film.mp4 --references stills/
      colorbench inspect ours=a.mp4 theirs=b.mp4 --source film.mp4 --out runs/which
    """
    from fractions import Fraction

    from bistnet.film.references import reference_files
    from colorbench.inspection.inspect import inspect_films
    from colorbench.runs.store import safe_name, to_json
    from colorbench.watching import ConsoleWatcher
    from reports.console.inspection import inspection_record, print_inspection, write_inspection

    films = [(label or Path(path).name, Path(path)) for label, _, path in map(_split_label, colored)]
    with ConsoleWatcher(noun="frames", quiet=quiet) as watcher:
        found = inspect_films(
            source,
            films,
            references=reference_files(references),
            watcher=watcher,
            fps=Fraction(fps),
            **options,
        )
    for path in write_inspection(found, out or Path("runs") / f"inspect-{safe_name(source.stem)}"):
        click.echo(path, err=True)
    if as_json:
        click.echo(to_json(inspection_record(found), indent=1))
    else:
        print_inspection(found)


@main.command()
@click.argument("name", metavar="NAME")
@click.option("--preset", help="Of the network; default: its first. Or a .toml file.")
@click.option("--data", type=click.Path(path_type=Path), envvar="COLORBENCH_DATA", help="Root of the training data.")
@click.option("--out", type=click.Path(path_type=Path), help="The training's folder; default runs/train-NAME-PRESET.")
@click.option("--set", "set_", multiple=True, metavar="KEY=VALUE", help="A field of the recipe (steps=1000) or of the task.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--devices", type=click.IntRange(1), default=1, show_default=True, help="Processes, one a device.")
@click.option("--workers", type=int, default=-1, help="Processes that make samples; default: the cores that are left.")
@click.option("--until", type=click.IntRange(1), help="Stop after this step for now.")
@click.option("--json", "as_json", is_flag=True, help="Print what came out as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def train(*, name: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """Train a network. The same command goes on where a killed one stopped.

    \b
    Examples:
      colorbench train edges --data DATA
      colorbench train bistnet --preset compact --data DATA --out runs/compact --set steps=20000
    """
    from dataclasses import asdict

    from colorbench.runs.store import to_json
    from colorbench.training.command import describe_trained, train_by_name
    from colorbench.watching import ConsoleWatcher

    with ConsoleWatcher(noun="steps", quiet=quiet) as watcher:
        trained = train_by_name(name, overrides=_pairs(options.pop("set_")), watcher=watcher, **options)
    click.echo(to_json(asdict(trained), indent=1) if as_json else describe_trained(trained))


@main.command()
@click.option(
    "--grid", default="table2", show_default=True, metavar="NAME|FILE.toml", help="What is compared; factors and levels."
)
@click.option("--preset", default="compact", show_default=True, metavar="NAME|FILE.toml", help="Of the full model.")
@click.option(
    "--budget", required=True, metavar="STEPS|TIME", help="Of each cell: 800, or the steps that the full model does in 20m."
)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Trainings of each cell.")
@click.option("--cells", metavar="A,B", help="Only these.")
@click.option("--data", type=click.Path(path_type=Path), envvar="COLORBENCH_DATA", help="Root of the data.")
@click.option("--out", type=click.Path(path_type=Path), help="The grid's folder; default runs/ablation-PRESET.")
@click.option("--set", "set_", multiple=True, metavar="KEY=VALUE", help="A key of network, task or recipe, for all cells alike.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--jobs", type=click.IntRange(0), default=0, help="Trainings at a time; default: 1 on a CPU, one on each GPU.")
@click.option("--workers", type=int, default=-1, help="Processes that make samples, for each; default: the cores that are left.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
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
    from colorbench.runs.store import to_json
    from colorbench.watching import ConsoleWatcher
    from reports.ablation import ablation_grid, ablation_record, write_ablation
    from reports.tables.terminal_table import print_grid

    with ConsoleWatcher(noun="steps", quiet=quiet) as watcher:
        ablated = train_cells(cells=_names(cells), overrides=_pairs(set_), watcher=watcher, **options)
    for label, error in ablated.failures.items():
        click.echo(f"colorbench: {label} failed, the same command tries it again: {error}", err=True)
    table = write_ablation(ablated.folder)
    if as_json:
        click.echo(to_json(ablation_record(table), indent=1))
    else:
        print_grid(ablation_grid(table))
    if ablated.failures:
        raise SystemExit(EXIT_FAILED)


@main.command()
@click.argument("folder", type=_RunFolder(), metavar="RUN")
@click.option("--against", type=click.Path(path_type=Path, dir_okay=False), metavar="BASELINE", help="Compare with this file.")
@click.option("--update", type=click.Path(path_type=Path, dir_okay=False), metavar="BASELINE", help="Write the run as this file.")
@click.option(
    "--tolerance", multiple=True, metavar="METRIC=AMOUNT", help="By how much the mean may be worse; inf leaves the metric out."
)
@click.option(
    "--clip-tolerance", multiple=True, metavar="METRIC=AMOUNT", help="The same for any one clip; default: five times it."
)
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit XML.")
@click.option("--summary", type=click.Path(path_type=Path), metavar="FILE", help="Write the job summary, Markdown.")
@click.option("--github", is_flag=True, help="Print annotations for GitHub, and add the summary to $GITHUB_STEP_SUMMARY.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def gate(
    *,
    folder: Path,
    against: Path | None,
    update: Path | None,
    tolerance: tuple[str, ...],
    clip_tolerance: tuple[str, ...],
    **options: Any,
) -> None:
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

    given = {
        "tolerance": parse_pairs(tolerance, flag="--tolerance"),
        "clip_tolerance": parse_pairs(clip_tolerance, flag="--clip-tolerance"),
    }
    if update is not None and against is None:
        click.echo(describe_written(update_baseline(folder, update, **given), update), err=True)
    elif against is not None and update is None:
        report = check(folder, against, **given)
        print_gate(report, **options)
        raise SystemExit(report.exit_code)
    else:
        raise click.UsageError("name a baseline: either --against or --update")


@main.command()
@click.argument("folder", type=_RunFolder(), metavar="RUN")
@click.option(
    "--format",
    "formats",
    metavar="A,B",
    help="Of md, latex, csv, html, figures, page, strips, video, all. Default: all but video.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Where to; default RUN/report.")
@click.option("--methods", metavar="A,B", help="Only these rows.")
@click.option("--clips", metavar="A,B", help="Strips and videos of these clips only.")
@click.option("--exemplars", is_flag=True, help="Show the exemplars in videos too.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def report(
    *, folder: Path, formats: str | None, out: Path | None, methods: str | None, clips: str | None, exemplars: bool, as_json: bool
) -> None:
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
    from colorbench.runs.store import to_json
    from reports.formats import parse_formats, write_report

    wanted, results = parse_formats(formats), read_results(folder)
    results = results.only(_names(methods)) if methods else results
    made = write_report(
        results,
        out or folder / "report",
        wanted,
        clips=_names(clips),
        exemplars=exemplars,
        written=lambda path: click.echo(path, err=True),
    )
    for note in made.notes:
        click.echo(f"colorbench: {note}", err=True)
    if as_json:
        click.echo(to_json({"files": made.files, "notes": made.notes}, indent=1))
    if made.lacking & set(_names(formats)):
        raise SystemExit(EXIT_FAILED)


@main.command()
@click.argument("folder", type=_RunFolder(), metavar="RUN")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Default: RUN/bundle.zip.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
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
    _print_listing([bundle_record(made)], lambda _: bundle_lines(made), as_json=as_json)


@main.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="BUNDLE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
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
    _print_listing([bundle_record(seen)], lambda _: verdict_lines(seen), as_json=as_json)
    if seen.mismatches:
        raise SystemExit(EXIT_FAILED)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def methods(*, as_json: bool) -> None:
    """List the methods, their variants, and what keeps them from running here."""
    from colorbench.listing import list_methods
    from reports.console.listings import method_lines, with_published

    _print_listing(with_published(list_methods()), method_lines, as_json=as_json)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def metrics(*, as_json: bool) -> None:
    """List the metrics and what keeps them from being computed here."""
    from colorbench.listing import list_metrics
    from reports.console.listings import metric_lines

    _print_listing(list_metrics(), metric_lines, as_json=as_json)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def protocols(*, as_json: bool) -> None:
    """List the protocol presets with their signatures."""
    from colorbench.listing import list_protocols
    from reports.console.listings import protocol_lines

    _print_listing(list_protocols(), protocol_lines, as_json=as_json)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def datasets(*, as_json: bool) -> None:
    """List the datasets, what is missing of them here, and the command that gets it."""
    from colorbench.listing import list_datasets
    from reports.console.listings import dataset_lines

    _print_listing(list_datasets(), dataset_lines, as_json=as_json)


@main.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def weights(context: click.Context, *, as_json: bool) -> None:
    """List the official weights: here, missing or damaged. They are fetched on request only."""
    if context.invoked_subcommand is None:
        from colorbench.weights.official import list_weights
        from reports.console.weights_listing import weights_lines

        _print_listing(list_weights(), weights_lines, as_json=as_json)


@weights.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def fetch_weights(*, names: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Download weights and verify them. NAME is an entry, or a method for all of its files.

    A broken download goes on where it stopped.

    \b
    Examples:
      colorbench weights fetch deepexemplar
      colorbench weights fetch alexnet raft-small
    """
    from colorbench.weights.download_progress import ConsoleDownloads
    from colorbench.weights.fetching import fetch_weights as fetch
    from colorbench.weights.official import describe_state
    from reports.console.weights_listing import weights_lines

    with ConsoleDownloads(quiet=quiet) as watcher:
        states = fetch(names, watcher=watcher)
    _print_listing([describe_state(state) for state in states], weights_lines, as_json=as_json)


@weights.command("add")
@click.argument("name", metavar="NAME")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def add_weights(*, name: str, file: Path, as_json: bool) -> None:
    """Take weights from a file that was brought by hand, as it is downloaded; it is verified and copied.

    \b
    Example:
      colorbench weights add deepexemplar colorization_checkpoint.zip
    """
    from colorbench.weights.fetching import add_weights as add
    from colorbench.weights.official import describe_state
    from reports.console.weights_listing import weights_lines

    _print_listing([describe_state(add(name, file))], weights_lines, as_json=as_json)


@main.command()
@click.argument("first", metavar="RUN[@METHOD]")
@click.argument("second", metavar="RUN[@METHOD]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
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
    from colorbench.runs.store import to_json
    from reports.tables.comparison import comparison_grid, comparison_record
    from reports.tables.terminal_table import print_grid

    contrasts = contrast(find_pairs(first, second))
    if as_json:
        click.echo(to_json(comparison_record(contrasts), indent=1))
    else:
        print_grid(comparison_grid(contrasts))


def _run_and_print(spec: RunSpec, *, as_json: bool, quiet: bool) -> None:
    from colorbench.api import run_spec
    from colorbench.runs.progress import ConsoleProgress
    from reports.console.run_output import print_result

    with ConsoleProgress(quiet=quiet) as progress:
        result = run_spec(spec, progress=progress)
    print_result(result, as_json=as_json)
    if not result.complete:
        raise SystemExit(EXIT_FAILED)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _pairs(pairs: tuple[str, ...]) -> dict[str, str]:
    from colorbench.config import parse_pairs

    return parse_pairs(pairs, flag="--set")


def _overrides(pairs: tuple[str, ...], mixed_sizes: str | None) -> dict[str, str]:
    from colorbench.config import parse_pairs

    return parse_pairs(pairs, flag="--override") | ({"mixed_sizes": mixed_sizes} if mixed_sizes else {})


def _split_label(text: str) -> tuple[str, str, str]:
    """LABEL=FOLDER, unless a folder of the whole name exists."""
    label, sign, folder = text.partition("=")
    return (label, sign, folder) if sign and not Path(text).exists() else ("", "", text)


def _print_listing(records: list[dict[str, Any]], lines: Callable[[list[dict[str, Any]]], list[str]], *, as_json: bool) -> None:
    from colorbench.runs.store import to_json

    click.echo(to_json(records, indent=1) if as_json else "\n".join(lines(records)))


if __name__ == "__main__":
    main(prog_name=Path(sys.argv[0]).name)
