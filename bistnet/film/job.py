"""A job of ``colorize`` as it is asked for: its options, checked, and what says that two jobs are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from bistnet.film.encoding import Encoding
from bistnet.film.output import RECORD
from bistnet.film.pieces import FILM_SUFFIXES
from bistnet.film.placing import Rule
from bistnet.options import Options, Precision
from bistnet.shipped import find_network, weights_folders
from colorbench.clips.likeness import ALIKE
from colorbench.clips.shots import DETECTION
from colorbench.errors import ColorbenchError, UsageError
from colorbench.files.digest import file_digest
from colorbench.frames.opening import content_digest
from colorbench.version import __version__


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
    alike: float = ALIKE
    """Likeness from which on a reference shows a frame, or may color a shot that is not its own."""
    checkpoint: Path | None = None
    preset: str = "compact"
    """Which of the weights of this machine; with ``untrained``, which network."""
    untrained: bool = False
    """Random weights, to try the plumbing."""
    device: str = "auto"
    options: Options = field(default_factory=Options)
    fps: Fraction = Fraction(25)
    """Of a film made of pictures."""
    encoding: Encoding = field(default_factory=Encoding)
    """Of a film."""
    overwrite: bool = False

    @property
    def is_film(self) -> bool:
        """The output is a film, not a folder."""
        return self.output.suffix.lower() in FILM_SUFFIXES

    @property
    def report(self) -> Path:
        """Where the report on the shots goes."""
        return self.output.with_name(f"{self.output.name}.shots.json")


def make_job(
    *,
    references: Sequence[Path],
    long_side: int,
    batch: int,
    precision: Precision,
    fps: str,
    codec: str,
    crf: int | None,
    pix_fmt: str | None,
    **fields: Any,
) -> Job:
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
    encoding = Encoding(codec=codec, crf=crf, pix_fmt=pix_fmt)
    return Job(references=tuple(references), options=options, fps=rate, encoding=encoding, **fields)


def check_output(job: Job) -> None:
    """Refuses an output that is of no known kind, one of the inputs, or somebody else's.

    Raises:
        UsageError: naming it.
    """
    suffix = job.output.suffix.lower()
    if suffix and not job.is_film:
        raise UsageError(
            f"output {job.output.name} is of no kind that can be written",
            wanted=f"a film, {' '.join(sorted(FILM_SUFFIXES))}, or a folder, without a suffix",
            remedy="change its suffix",
        )
    if not suffix and job.encoding != Encoding():
        raise UsageError(
            f"--codec, --crf or --pix-fmt for the folder {job.output.name}",
            wanted="a film, as a folder has PNG files",
            remedy=f"give the output a suffix: {' '.join(sorted(FILM_SUFFIXES))}",
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


def job_weights(job: Job) -> tuple[Path | None, str]:
    """The checkpoint, or None for random weights; and its name for people.

    Raises:
        ColorbenchError: there is none.
    """
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


def job_identity(job: Job, files: Sequence[Path], checkpoint: Path | None) -> dict[str, object]:
    """All that decides the colors, as JSON values; batch and device do not."""
    options = {name: value for name, value in asdict(job.options).items() if name in ("long_side", "precision")}
    return {
        "source": content_digest(job.source),
        "references": [f"{file.stem} {content_digest(file)[:16]}" for file in files],
        "at": job.at,
        "place": job.place,
        "alike": job.alike,
        "shots": DETECTION,
        "weights": file_digest(checkpoint) if checkpoint is not None else f"untrained {job.preset}",
        "fps": str(job.fps),
        "encoding": asdict(job.encoding),
        "colorbench": __version__,
        **options,
    }
