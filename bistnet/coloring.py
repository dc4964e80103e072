"""The command ``colorize``: a film or a folder of pictures, colored from reference pictures and kept in all else.

Finished pieces lie in a work folder beside the output, so that the same command goes on where a killed one stopped. The
output appears whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from bistnet.film import FILM_SUFFIXES
from bistnet.fusion import Span, spans
from bistnet.inference import Colorizer
from bistnet.loading import Loaded, load_trained, load_untrained
from bistnet.options import Options, Precision
from bistnet.output import RECORD, FilmOutput, FolderOutput, Output, film_plan
from bistnet.placing import Place, Rule
from bistnet.references import place_references, reference_files
from bistnet.shipped import find_network, weights_folders
from bistnet.work import WorkFolder, cut
from colorbench import __version__, color
from colorbench.digest import file_digest
from colorbench.errors import ColorbenchError, UsageError
from colorbench.frames import FrameSource, content_digest, open_frames, read_ahead, read_image
from colorbench.types import RgbFrame

_AHEAD = 4


class Watcher(Protocol):
    """What a job tells whoever watches."""

    def note(self, text: str) -> None: ...

    def started(self, total: int, done: int) -> None: ...

    def advance(self, frames: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is asked for."""

    source: Path
    references: tuple[Path, ...]
    """Pictures, and folders of them."""
    output: Path
    """A film of one of FILM_SUFFIXES, or a folder."""
    at: str | None = None
    """Frames of the references, such as "0,49,99"."""
    place: Rule = "auto"
    checkpoint: Path | None = None
    preset: str = "compact"
    """Which of the weights of this machine; with ``untrained``, which network."""
    untrained: bool = False
    """Random weights, to try the plumbing."""
    device: str = "auto"
    options: Options = field(default_factory=Options)
    fps: Fraction = Fraction(25)
    """Of a film made of pictures."""
    overwrite: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was made."""

    output: Path
    n_frames: int
    width: int
    height: int
    weights: str
    """Says "untrained" where they are."""
    places: tuple[Place, ...]
    events: tuple[str, ...]
    """What went wrong and was answered."""


def make_job(*, references: Sequence[Path], long_side: int, batch: int, precision: Precision, fps: str, **fields: Any) -> Job:
    """A job from the command's options.

    Raises:
        UsageError: a value that is none.
    """
    try:
        rate = Fraction(fps)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise UsageError(f"--fps {fps!r}", wanted="frames a second, such as 25 or 30000/1001", remedy="change --fps")
    options = Options(long_side=long_side, batch=batch, precision=precision)
    return Job(references=tuple(references), options=options, fps=rate, **fields)


def describe_done(done: Done) -> str:
    """One line."""
    return f"{done.output}: {done.n_frames} frames of {done.width}x{done.height}, weights: {done.weights}"


def colorize(job: Job, watcher: Watcher) -> Done:
    """Carries a job out, or goes on with it.

    Raises:
        ColorbenchError: bad input, no weights, an output that is there already or can't be written, or a work folder of other
            parameters.
    """
    _check_output(job)
    source = open_frames(job.source)
    files = reference_files(job.references)
    places = place_references(source, files, at=job.at, rule=job.place, note=watcher.note)
    path, weights = _weights(job)
    work = WorkFolder(job.output.with_name(f"{job.output.name}.work"))
    identity = _identity(job, files, places, path)
    work.open(identity, overwrite=job.overwrite)
    pieces = cut(spans([place.index for place in places], source.n_frames))
    tags = {"comment": f"colorbench {__version__} colorize, bistnet, weights: {weights}"}
    output: Output
    if job.output.suffix.lower() in FILM_SUFFIXES:
        output = FilmOutput(job.output, work, film_plan(source, fps=job.fps), pieces, tags)
    else:
        output = FolderOutput(job.output, work, source.names, pieces, tags)
    missing = [piece for piece in pieces if not output.has(piece)]
    done = source.n_frames - sum(piece.stop - piece.start for piece in missing)
    watcher.started(source.n_frames, done)
    events: list[str] = []
    if missing:
        loaded = load_trained(path) if path is not None else load_untrained(job.preset)
        events = _color(job, source, files, missing, output, loaded, watcher)
    output.finish()
    work.remove()
    return Done(
        output=job.output,
        n_frames=source.n_frames,
        width=source.width,
        height=source.height,
        weights=weights,
        places=places,
        events=tuple(events),
    )


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
        ahead = read_ahead(source, indices, executor=executor, transform=color.luminance, depth=_AHEAD)
        stream = core.stream(missing, luminance=lambda _: next(ahead), reference=lambda number: read_image(files[number]))

        def frames(count: int) -> Iterator[RgbFrame]:
            for frame in islice(stream, count):
                yield frame.rgb()
                watcher.advance(1)

        try:
            for piece in missing:
                output.write(piece, frames(piece.stop - piece.start))
        finally:
            stream.close()
            getattr(ahead, "close", lambda: None)()
    return core.events


def _check_output(job: Job) -> None:
    suffix = job.output.suffix.lower()
    if suffix and suffix not in FILM_SUFFIXES:
        raise UsageError(
            f"output {job.output.name} is of no kind that can be written",
            wanted=f"a film, {' '.join(sorted(FILM_SUFFIXES))}, or a folder, without a suffix",
            remedy="change its suffix",
        )
    inputs = (job.source, *job.references, *(path.parent for path in job.references))
    if any(job.output.resolve() == path.resolve() for path in inputs):
        raise UsageError(f"the output {job.output} is one of the inputs", wanted="another path", remedy="change -o")
    if job.output.exists() and not job.overwrite:
        raise UsageError(f"{job.output} is there already", wanted="a new path", remedy="name another one, or add --overwrite")
    if job.output.exists() and (not job.output.is_file() if suffix else not (job.output / RECORD).is_file()):
        raise UsageError(
            f"{job.output} was not written by colorize, so it is not replaced",
            wanted="a film" if suffix else f"a folder with {RECORD} in it",
            remedy="name another path",
        )


def _weights(job: Job) -> tuple[Path | None, str]:
    """The checkpoint, or None for random weights; and its name for people."""
    if job.untrained:
        return None, f"UNTRAINED, random weights of preset {job.preset}"
    path = job.checkpoint or find_network(job.preset)
    if path is None:
        raise ColorbenchError(
            f"no trained weights {job.preset!r} on this machine",
            wanted=f"{job.preset}.safetensors in {weights_folders()[1] / 'bistnet'}, or --checkpoint FILE",
            remedy="train some, or try the plumbing with random ones: --untrained",
        )
    return path, f"{path.name}, SHA-256 {file_digest(path)[:12]}"


def _identity(job: Job, files: Sequence[Path], places: Sequence[Place], path: Path | None) -> dict[str, object]:
    """All that decides the colors; batch and device do not."""
    options = {name: value for name, value in asdict(job.options).items() if name in ("long_side", "precision")}
    return {
        "source": content_digest(job.source),
        "references": [f"{content_digest(file)[:16]} at {place.index}" for file, place in zip(files, places, strict=True)],
        "weights": file_digest(path) if path is not None else f"untrained {job.preset}",
        "fps": str(job.fps),
        "colorbench": __version__,
        **options,
    }


def _device(name: str) -> str:
    import torch

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError("--device cuda, but torch sees no GPU", wanted="a CUDA device", remedy="use --device auto")
    return "cuda" if name == "auto" and available else name.replace("auto", "cpu")
