"""The command ``colorize``: a film or a folder of pictures, colored from reference pictures and kept in all else.

The film is looked through once for its shots and for what each reference shows; then each shot is colored from its own.
Finished pieces lie in a work folder beside the output, so that the same command goes on where a killed one stopped. The output
appears whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from bistnet.film.assignment import assign, shot_spans
from bistnet.film.job import Job, check_output, job_identity, job_weights
from bistnet.film.output import FilmOutput, FolderOutput, Output, check_film, film_plan
from bistnet.film.placing import Place
from bistnet.film.references import examine, known_places, reference_files, tell_places
from bistnet.film.shot_report import ShotRow, describe_rows, shot_rows, write_report
from bistnet.film.survey import Survey, look_through
from bistnet.film.work import WorkFolder, cut
from bistnet.inference import Colorizer
from bistnet.loading import Loaded, load_trained, load_untrained
from bistnet.network.fusion import Span
from colorbench.color import luminance
from colorbench.errors import UsageError
from colorbench.frames.opening import FrameSource, open_frames, read_ahead, read_image
from colorbench.version import __version__

T = TypeVar("T")

_AHEAD = 4


class Watcher(Protocol):
    """What a job tells whoever watches."""

    def note(self, text: str) -> None: ...

    def started(self, total: int, done: int) -> None:
        """Work on so many frames begins; said twice, as a film is first looked through."""
        ...

    def advance(self, frames: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was made."""

    output: Path
    report: Path
    """Which references color which shot."""
    n_frames: int
    width: int
    height: int
    weights: str
    """Says "untrained" where they are."""
    places: tuple[Place, ...]
    shots: tuple[ShotRow, ...]
    events: tuple[str, ...]
    """What went wrong and was answered."""


def describe_done(done: Done) -> str:
    """One line, and the lines of the report on the shots."""
    made = f"{done.output}: {done.n_frames} frames of {done.width}x{done.height}, weights: {done.weights}"
    return "\n".join([made, *describe_rows(done.shots)])


def colorize(job: Job, watcher: Watcher) -> Done:
    """Carries a job out, or goes on with it.

    Raises:
        ColorbenchError: bad input, no weights, an output that is there already or can't be written, or a work folder of other
            parameters.
    """
    check_output(job)
    source = open_frames(job.source)
    files = reference_files(job.references)
    known = known_places(source, files, at=job.at, rule=job.place)
    checkpoint, weights = job_weights(job)
    plan = film_plan(source, fps=job.fps)
    if job.is_film:
        check_film(job.output, plan, job.encoding, source)
    work = WorkFolder(job.output.with_name(f"{job.output.name}.work"))
    survey = _survey(job, work, source, files, known, checkpoint, watcher)
    tell_places(source, files, survey.places, note=watcher.note)
    assigned = assign(survey, least=job.alike)
    rows = shot_rows(assigned, survey, [file.name for file in files], plan.timeline, least=job.alike)
    write_report(job.report, rows, source=job.source)
    for line in describe_rows(rows):
        watcher.note(line)
    pieces = cut(shot_spans(assigned))
    tags = {"comment": f"colorbench {__version__} colorize, bistnet, weights: {weights}"}
    output: Output
    if job.is_film:
        output = FilmOutput(job.output, work, plan, pieces, tags, encoding=job.encoding)
    else:
        output = FolderOutput(job.output, work, source.names, pieces, tags)
    missing = [piece for piece in pieces if not output.has(piece)]
    watcher.started(source.n_frames, source.n_frames - sum(piece.stop - piece.start for piece in missing))
    events: list[str] = []
    if missing:
        loaded = load_trained(checkpoint) if checkpoint is not None else load_untrained(job.preset)
        events = _color(job, source, files, missing, output, loaded, watcher)
    output.finish()
    work.remove()
    return Done(
        output=job.output,
        report=job.report,
        n_frames=source.n_frames,
        width=source.width,
        height=source.height,
        weights=weights,
        places=survey.places,
        shots=rows,
        events=tuple(events),
    )


def _survey(
    job: Job,
    work: WorkFolder,
    source: FrameSource,
    files: Sequence[Path],
    known: Sequence[Place] | None,
    checkpoint: Path | None,
    watcher: Watcher,
) -> Survey:
    """What the job's work folder has of it, or a pass over the film."""
    identity = job_identity(job, files, checkpoint)
    kept = work.open(identity, overwrite=job.overwrite)
    if kept is not None:
        return Survey.from_record(kept)
    try:
        references = examine(source, files, note=watcher.note)
        watcher.note(f"looking for cuts and for the references in {source.n_frames} frames")
        watcher.started(source.n_frames, 0)
        with ThreadPoolExecutor(2, thread_name_prefix="survey") as executor:
            indices, names = range(source.n_frames), [file.stem for file in files]
            ahead = read_ahead(source, indices, executor=executor, transform=lambda rgb: rgb, depth=_AHEAD)
            survey = look_through(_counted(ahead, watcher), references, names, known, least=job.alike)
    except BaseException:
        work.leave()
        raise
    work.begin(identity, survey.to_record())
    return survey


def _color(
    job: Job,
    source: FrameSource,
    files: Sequence[Path],
    missing: Sequence[Span],
    output: Output,
    loaded: Loaded,
    watcher: Watcher,
) -> list[str]:
    core = Colorizer(loaded.network, experts=loaded.experts, device=_device(job.device), options=job.options, note=watcher.note)
    indices = [index for piece in missing for index in range(piece.start, piece.stop)]
    with ThreadPoolExecutor(2, thread_name_prefix="colorize") as executor:
        ahead = read_ahead(source, indices, executor=executor, transform=luminance, depth=_AHEAD)
        stream = core.stream(missing, luminance=lambda _: next(ahead), reference=lambda number: read_image(files[number]))
        try:
            for piece in missing:
                output.write(piece, _counted(islice(stream, piece.stop - piece.start), watcher))
        finally:
            stream.close()
            getattr(ahead, "close", lambda: None)()
    return core.events


def _counted(frames: Iterator[T], watcher: Watcher) -> Iterator[T]:
    for frame in frames:
        yield frame
        watcher.advance(1)


def _device(name: str) -> str:
    import torch

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError("--device cuda, but torch sees no GPU", wanted="a CUDA device", remedy="use --device auto")
    return "cuda" if name == "auto" and available else name.replace("auto", "cpu")
