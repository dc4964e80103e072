"""The command ``colorize``: a film or a folder of pictures, colored by any method and kept in all else.

The film is looked through once for its shots and for what each still shows; then each shot is a clip of its own for the method.
Finished pieces lie in a work folder beside the output, under the key of what decides them: a killed job goes on where it
stopped, and what is asked for otherwise makes only what has changed. The output appears whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from colorbench.errors import UsageError
from colorbench.film.assignment import ShotColors, assign
from colorbench.film.choice import Choice
from colorbench.film.covering import report_rows
from colorbench.film.excerpt import PREVIEW_SCALE
from colorbench.film.job import Job, check_output
from colorbench.film.output import MARK, FilmOutput, FilmPlan, FolderOutput, Output, check_film, film_plan, is_video
from colorbench.film.painting import Item, Painter, make_items
from colorbench.film.placing import Place, check_at, check_counts, check_rule, parse_at, place
from colorbench.film.properties import lost
from colorbench.film.references import Still, examine, find_stills, tell_places
from colorbench.film.sheet import write_worst
from colorbench.film.shot_report import ShotRow, describe_rows, write_report
from colorbench.film.survey import Survey, known_survey, small_size, survey_film
from colorbench.film.watcher import Watcher
from colorbench.film.work import WorkFolder
from colorbench.frames.opening import FrameSource, content_digest, open_frames, read_ahead
from colorbench.runs.determinism import torch_threads
from colorbench.version import __version__

T = TypeVar("T")

_AHEAD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was made."""

    output: Path
    report: Path
    """Which stills color which shot, and how far they reach."""
    strip: Path | None
    """A picture of the worst shots; None where none is badly covered."""
    n_frames: int
    colored: int
    """Frames that were colored by this command; the others were finished before."""
    width: int
    height: int
    method: str
    """Says "UNTRAINED" where it is."""
    places: tuple[Place, ...]
    shots: tuple[ShotRow, ...]


def describe_done(done: Done) -> str:
    """One line, and the lines of the report on the shots."""
    made = f"{done.output}: {done.n_frames} frames of {done.width}x{done.height}, {done.colored} colored now, by {done.method}"
    worst = [f"the worst shots: {done.strip}"] if done.strip else []
    return "\n".join([made, *describe_rows(done.shots), *worst])


def colorize(job: Job, watcher: Watcher) -> Done:
    """Carries a job out, or goes on with it.

    Raises:
        ColorbenchError: bad input, no weights, an output that is there already or can't be written, or another process at work on
            it.
    """
    check_output(job)
    source = open_frames(job.source)
    choice = Choice(job.method, device=job.device, threads=job.threads)
    stills = _stills(job, choice, source, watcher)
    at = None if job.at is None else parse_at(job.at)
    _check_places([still.path.stem for still in stills], source, at=at, job=job)
    plan = film_plan(source, fps=job.fps)
    size = _size(job, source)
    if job.is_film:
        width = size[0] * (2 if job.beside else 1)
        check_film(job.output, plan if job.excerpt.whole else plan.excerpt(()), job.encoding, height=size[1], width=width)
        if is_video(source):
            for sentence in lost(source.path, job.output, deep=job.encoding.deep):
                watcher.warn(f"WARNING: {sentence}")
    work = WorkFolder(job.work)
    with work.open(job.output), torch_threads(job.threads):
        # What a still needs to be one is seen before the film is looked through, which takes time.
        given, described = examine(source, stills, note=watcher.note, warn=watcher.warn)
        at = None if at is None else tuple(index for index, still in zip(at, stills, strict=True) if still in given)
        survey = look_through(source, work.survey, watcher)
        likeness = survey.likeness(described)
        names = [still.path.stem for still in given]
        places = place(names, source.names, likeness, at=at, rule=job.place, least=job.alike)
        tell_places(source, given, places, note=watcher.note, warn=watcher.warn)
        assigned = assign(survey.shots, places, likeness, borrow=job.borrow)
        _tell_loans(assigned, given, watcher)
        chosen = None if job.excerpt.whole else job.excerpt.ranges(survey.shots, plan.timeline)
        summary = _summary(choice, assigned)
        output = _output(job, plan.excerpt(chosen), source, summary)
        items = make_items(job, choice, output, work, survey, given, assigned, chosen=chosen, size=size)
        rows = report_rows(choice, survey, items, assigned, given, plan.timeline, least=job.alike)
        write_report(job.report, rows, source=job.source, facts={"method": choice.card.name})
        for line in describe_rows(rows):
            watcher.note(line)
        colored = _paint(job, choice, output, items, given, size, watcher)
        output.finish([piece for item in items for piece in item.placed()])
        work.wrote(job.output)
        if job.excerpt.whole:
            work.keep_only(item.folder for item in items)
        strip = write_worst(job.strip, rows, source, given)
    return Done(
        output=job.output,
        report=job.report,
        strip=strip,
        n_frames=sum(item.count for item in items),
        colored=colored,
        width=size[0],
        height=size[1],
        method=summary,
        places=places,
        shots=rows,
    )


def _stills(job: Job, choice: Choice, source: FrameSource, watcher: Watcher) -> tuple[Still, ...]:
    stills = find_stills(job.references)
    if not stills and choice.needs_stills:
        raise UsageError(
            f"no reference picture, and {choice.card.name} needs some",
            wanted="at least one colored picture of the film",
            remedy="name it with --references; `colorbench stills` finds frames that are worth coloring",
        )
    if stills and not choice.takes_stills:
        watcher.warn(f"WARNING: {choice.card.name} is automatic; the references are not used")
        return ()
    if choice.card.luminance == "own":
        watcher.warn(f"WARNING: {choice.card.name} makes a luminance of its own, so that the film's gray values change")
    check_counts([still.name for still in stills], source.n_frames)
    return stills


def _check_places(names: Sequence[str], source: FrameSource, *, at: Sequence[int] | None, job: Job) -> None:
    if at is None:
        check_rule(names, source.names, job.place)
    else:
        check_at(names, at, source.n_frames)


def _size(job: Job, source: FrameSource) -> tuple[int, int]:
    """(width, height) at which frames are colored; those of a preview are even, for the encoder."""
    if not job.excerpt.preview:
        return source.width, source.height
    return tuple(max(2, round(side / PREVIEW_SCALE / 2) * 2) for side in (source.width, source.height))  # type: ignore[return-value]


def look_through(source: FrameSource, folder: Path, watcher: Watcher) -> Survey:
    """What a folder has of the film, or a pass over it."""
    digest, size = content_digest(source.path), small_size(source.width, source.height)
    known = known_survey(folder, digest=digest, size=size)
    if known is not None:
        return known
    watcher.note(f"looking for cuts in {source.n_frames} frames")
    watcher.started(source.n_frames, 0)
    with ThreadPoolExecutor(2, thread_name_prefix="survey") as executor:
        ahead = read_ahead(source, range(source.n_frames), executor=executor, transform=lambda rgb: rgb, depth=_AHEAD)
        return survey_film(_counted(ahead, watcher), folder, digest=digest, size=size)


def _tell_loans(assigned: Sequence[ShotColors], stills: Sequence[Still], watcher: Watcher) -> None:
    for colors in assigned:
        for use in colors.uses:
            if not use.own:
                watcher.warn(
                    f"WARNING: shot {colors.number + 1} has no reference of its own and borrows {stills[use.still].name}, "
                    f"of likeness {use.likeness:.2f}; --borrow sets how much is enough"
                )


def _summary(choice: Choice, assigned: Sequence[ShotColors]) -> str:
    """Of the shot with most stills."""
    most = max((len(colors.uses) for colors in assigned), default=0)
    return f"{choice.card.name}, but no shot has a reference" if choice.needs_stills and not most else choice.summary(most=most)


def _output(job: Job, plan: FilmPlan, source: FrameSource, summary: str) -> Output:
    tags = {"comment": f"colorbench {__version__} {MARK}, {summary}"}
    if job.is_film:
        return FilmOutput(job.output, plan, tags, encoding=job.encoding)
    return FolderOutput(job.output, source.names, tags)


def _paint(
    job: Job,
    choice: Choice,
    output: Output,
    items: Sequence[Item],
    stills: Sequence[Still],
    size: tuple[int, int],
    watcher: Watcher,
) -> int:
    """Makes the pieces that are missing; how many frames that were."""
    total, missing = sum(item.count for item in items), sum(stop - start for item in items for start, stop in item.missing)
    watcher.started(total, total - missing)
    if missing:
        with Painter(job, choice, output, stills, size=size, watcher=watcher) as painter:
            for item in items:
                painter.paint(item)
    return missing


def _counted(frames: Iterable[T], watcher: Watcher) -> Iterator[T]:
    for frame in frames:
        yield frame
        watcher.advance(1)
