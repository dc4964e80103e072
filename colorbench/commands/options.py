"""The options of commands that have many. A group is a decorator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from colorbench.commands.arguments import RealRange
from colorbench.config import SEEDS, THREADS
from colorbench.types import MOST_PIXELS

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


MOST_PROCESSES = 1024


def grouped(*options: Decorator) -> Decorator:
    """One decorator of several, which appear in the help in this order."""
    return lambda command: functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""Of every command: its data as JSON, on stdout."""

quiet_option = click.option("--quiet", is_flag=True, help="No progress.")

scoring_options = grouped(
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
    click.option("--threads", type=click.IntRange(*THREADS), help="Of each worker's torch on the CPU; default: 1."),
    click.option("--address", metavar="ADDRESS", help="Of the Ray cluster; default: $RAY_ADDRESS, or one on this machine."),
    click.option("--config", type=click.Path(path_type=Path), help="A TOML file with these options; flags win."),
    click.option("--json", "as_json", is_flag=True, help="Print the results as JSON instead of a table."),
    click.option("--quiet", is_flag=True, help="No plan and no progress."),
)
"""What `run` and `score` share."""

_film_options = grouped(
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
    click.option("--fps", default="25", show_default=True, help="Of a film made of pictures."),
    click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON."),
    click.option("--quiet", is_flag=True, help="No progress; warnings are printed all the same."),
)
"""What `colorize` and `stills` share."""

colorize_options = grouped(
    click.option(
        "-o", "--output", required=True, type=click.Path(path_type=Path), help="A .mp4, .mov or .mkv file, or a folder."
    ),
    click.option(
        "--references",
        multiple=True,
        type=click.Path(path_type=Path),
        help="A colored picture or a folder of them; repeatable. Automatic methods need none.",
    ),
    click.option(
        "--method",
        metavar="NAME[:VARIANT]",
        default="bistnet-tracked",
        show_default=True,
        help="Any of `colorbench methods`.",
    ),
    click.option("--set", "set_", multiple=True, metavar="KEY=VALUE", help="A setting of the method; repeatable."),
    click.option("--at", metavar="0,49,99", help="The frames of the references, counted from 0."),
    click.option(
        "--place",
        type=click.Choice(["auto", "name", "match"]),
        default="auto",
        show_default=True,
        help="By file name where the picture looks like that frame, by name alone, or at the most similar frame.",
    ),
    click.option(
        "--alike",
        type=RealRange(-1, 1),
        default=0.5,
        show_default=True,
        help="Likeness from which on a reference shows a frame.",
    ),
    click.option(
        "--borrow",
        type=RealRange(-1, 1),
        default=0.8,
        show_default=True,
        help="Likeness from which on a reference may color a shot that has none of its own.",
    ),
    click.option("--shots", metavar="3,7-9", help="Only these shots, without sound."),
    click.option("--from", "start", metavar="HH:MM:SS.mmm", help="Only from this time on, without sound."),
    click.option("--to", "stop", metavar="HH:MM:SS.mmm", help="Only up to this time, without sound."),
    click.option("--preview", is_flag=True, help="The first 2 seconds of each shot at a quarter of the size."),
    click.option("--beside", is_flag=True, help="Gray and colored side by side."),
    click.option("--threads", type=click.IntRange(*THREADS), help="Of torch on a CPU; default: as many as cores."),
    click.option(
        "--codec", type=click.Choice(["h264", "hevc", "prores", "ffv1"]), default="h264", show_default=True, help="Of a film."
    ),
    click.option("--crf", type=click.IntRange(0, 63), help="Quality of h264 and hevc, 0 (best) to 51; default 16 and 18."),
    click.option("--pix-fmt", metavar="NAME", help="Samples of a film, such as yuv420p10le; default: the codec's own."),
    click.option("--overwrite", is_flag=True, help="Replace what colorize once wrote there, of whatever film and options."),
    _film_options,
)

stills_options = grouped(
    click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A folder."),
    click.option("--most", type=click.IntRange(1, 100_000), metavar="N", help="Stills in all; default: one or two a shot."),
    click.option("--auto", metavar="NAME[:VARIANT]", help="Color them by an automatic method too, in OUTPUT/auto."),
    click.option("--set", "set_", multiple=True, metavar="KEY=VALUE", help="A setting of that method; repeatable."),
    _film_options,
)

inspect_options = grouped(
    click.option(
        "--source", required=True, type=click.Path(path_type=Path), metavar="FILM", help="The film before it was colored."
    ),
    click.option(
        "--references",
        multiple=True,
        type=click.Path(path_type=Path),
        help="A picture that colors were taken from, or a folder of them; repeatable.",
    ),
    click.option(
        "--long-side",
        type=click.IntRange(1, MOST_PIXELS),
        default=256,
        show_default=True,
        help="Of the size at which all is measured.",
    ),
    click.option(
        "--fps",
        type=RealRange(1, 1000),
        default=25,
        show_default=True,
        help="For the timecodes of a film made of pictures.",
    ),
    click.option("--out", type=click.Path(path_type=Path), help="Where to; default runs/inspect-FILM."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables."),
    click.option("--quiet", is_flag=True, help="No progress."),
)

train_options = grouped(
    click.option("--preset", help="Of the network; default: its first. Or a .toml file."),
    click.option("--data", type=click.Path(path_type=Path), envvar="COLORBENCH_DATA", help="Root of the training data."),
    click.option("--out", type=click.Path(path_type=Path), help="The training's folder; default runs/train-NAME-PRESET."),
    click.option("--set", "set_", multiple=True, metavar="KEY=VALUE", help="A field of the recipe (steps=1000) or of the task."),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
    click.option(
        "--devices", type=click.IntRange(1, MOST_PROCESSES), default=1, show_default=True, help="Processes, one a device."
    ),
    click.option(
        "--workers",
        type=click.IntRange(-1, MOST_PROCESSES),
        default=-1,
        help="Processes that make samples; default: the cores that are left.",
    ),
    click.option("--until", type=click.IntRange(1, 10**9), help="Stop after this step for now."),
    click.option("--json", "as_json", is_flag=True, help="Print what came out as JSON."),
    click.option("--quiet", is_flag=True, help="No progress."),
)

ablate_options = grouped(
    click.option(
        "--grid", default="table2", show_default=True, metavar="NAME|FILE.toml", help="What is compared; factors and levels."
    ),
    click.option("--preset", default="compact", show_default=True, metavar="NAME|FILE.toml", help="Of the full model."),
    click.option(
        "--budget", required=True, metavar="STEPS|TIME", help="Of each cell: 800, or the steps that the full model does in 20m."
    ),
    click.option("--seeds", type=click.IntRange(1, 1000), default=1, show_default=True, help="Trainings of each cell."),
    click.option("--cells", metavar="A,B", help="Only these."),
    click.option("--data", type=click.Path(path_type=Path), envvar="COLORBENCH_DATA", help="Root of the data."),
    click.option("--out", type=click.Path(path_type=Path), help="The grid's folder; default runs/ablation-PRESET."),
    click.option(
        "--set", "set_", multiple=True, metavar="KEY=VALUE", help="A key of network, task or recipe, for all cells alike."
    ),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
    click.option(
        "--jobs",
        type=click.IntRange(0, MOST_PROCESSES),
        default=0,
        help="Trainings at a time; default: 1 on a CPU, one on each GPU.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(-1, MOST_PROCESSES),
        default=-1,
        help="Processes that make samples, for each; default: the cores that are left.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the table as JSON."),
    click.option("--quiet", is_flag=True, help="No progress."),
)

TOLERANCES = {"tolerance": "--tolerance", "clip_tolerance": "--clip-tolerance"}
"""Of `gate`: the names of parameters that hold METRIC=AMOUNT pairs, with their flags."""

gate_options = grouped(
    click.option(
        "--against", type=click.Path(path_type=Path, dir_okay=False), metavar="BASELINE", help="Compare with this file."
    ),
    click.option(
        "--update", type=click.Path(path_type=Path, dir_okay=False), metavar="BASELINE", help="Write the run as this file."
    ),
    click.option(
        "--tolerance",
        multiple=True,
        metavar="METRIC=AMOUNT",
        help="By how much the mean may be worse; inf leaves the metric out.",
    ),
    click.option(
        "--clip-tolerance", multiple=True, metavar="METRIC=AMOUNT", help="The same for any one clip; default: five times it."
    ),
    click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit XML."),
    click.option("--summary", type=click.Path(path_type=Path), metavar="FILE", help="Write the job summary, Markdown."),
    click.option("--github", is_flag=True, help="Print annotations for GitHub, and add the summary to $GITHUB_STEP_SUMMARY."),
    click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
)

run_options = grouped(
    click.option("--methods", metavar="A,B", help="[LABEL=]NAME[:VARIANT] each, or all. `colorbench methods` lists them."),
    click.option("--set", "set_", multiple=True, metavar="LABEL.KEY=VALUE", help="A setting of a method."),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Default: auto, a GPU where there is one."),
    click.option("--seed", type=click.IntRange(*SEEDS), help="Of whatever a method draws; default 0."),
    click.option(
        "--save-frames", type=click.Choice(["no", "png", "video"]), help="Keep the colored frames; video is lossless FFV1."
    ),
)

report_options = grouped(
    click.option(
        "--format",
        "formats",
        metavar="A,B",
        help="Of md, latex, csv, html, figures, page, strips, video, all. Default: all but video.",
    ),
    click.option("--out", type=click.Path(path_type=Path), help="Where to; default RUN/report."),
    click.option("--methods", metavar="A,B", help="Only these rows."),
    click.option("--clips", metavar="A,B", help="Strips and videos of these clips only."),
    click.option("--exemplars", is_flag=True, help="Show the exemplars in videos too."),
    click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON."),
)
