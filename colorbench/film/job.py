"""A job of ``colorize`` as it is asked for: its options, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from colorbench.clips.likeness import ALIKE
from colorbench.errors import UsageError
from colorbench.film.assignment import BORROW
from colorbench.film.choice import DEFAULT
from colorbench.film.encoding import Encoding
from colorbench.film.excerpt import Excerpt
from colorbench.film.output import check_replaceable
from colorbench.film.placing import Rule
from colorbench.film.properties import FILM_SUFFIXES
from colorbench.film.work import WorkFolder
from colorbench.types import MethodSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is asked for."""

    source: Path
    output: Path
    """A film of one of FILM_SUFFIXES, or a folder."""
    references: tuple[Path, ...] = ()
    """Pictures, and folders of them."""
    at: str | None = None
    """Frames of the references, such as "0,49,99"."""
    place: Rule = "auto"
    alike: float = ALIKE
    """Likeness from which on a reference shows a frame."""
    borrow: float = BORROW
    """Likeness from which on a reference may color a shot that is not its own."""
    method: MethodSpec = field(default_factory=lambda: MethodSpec(label=DEFAULT, name=DEFAULT))
    device: str = "auto"
    threads: int = 1
    """Of torch on a CPU."""
    fps: Fraction = Fraction(25)
    """Of a film made of pictures."""
    encoding: Encoding = field(default_factory=Encoding)
    """Of a film."""
    excerpt: Excerpt = field(default_factory=Excerpt)
    beside: bool = False
    """Gray and colored side by side."""
    overwrite: bool = False

    @property
    def is_film(self) -> bool:
        """The output is a film, not a folder."""
        return self.output.suffix.lower() in FILM_SUFFIXES

    @property
    def report(self) -> Path:
        """Where the report on the shots goes."""
        return self.output.with_name(f"{self.output.name}.shots.json")

    @property
    def strip(self) -> Path:
        """Where the picture of the worst shots goes."""
        return self.output.with_name(f"{self.output.name}.worst.jpg")

    @property
    def work(self) -> Path:
        """Where finished pieces lie."""
        return self.output.with_name(f"{self.output.name}.work")


def check_output(job: Job) -> None:
    """Refuses an output that is of no known kind, one of the inputs, or somebody else's.

    What colorize wrote there last is replaced, if it is as it was; what it wrote otherwise with ``overwrite`` alone, and what it
    never wrote not at all.

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
    if not job.output.exists() or WorkFolder(job.work).is_ours(job.output):
        return
    if job.overwrite:
        check_replaceable(job.output)
        return
    raise UsageError(
        f"{job.output} is there already, and is not what colorize left there",
        wanted="a new path",
        remedy="name another one, or add --overwrite, which replaces what colorize wrote",
    )
