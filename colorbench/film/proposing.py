"""The command ``stills``: the few frames of a film that are worth coloring, as gray pictures, and a sheet of them to look at.

Works without any still. What a frame is worth is how much of its shot is found again in it, as :mod:`colorbench.film.coverage`
measures it, so that a second one is taken where much comes into view.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

from colorbench.clips.footage import Footage
from colorbench.clips.protocol import PRESETS
from colorbench.errors import UsageError
from colorbench.files.atomic import replacing_file, storage_errors
from colorbench.film.choice import Choice
from colorbench.film.coloring import look_through
from colorbench.film.coverage import first_stills
from colorbench.film.film_clip import FilmClip
from colorbench.film.output import film_plan
from colorbench.film.references import AUTOMATIC
from colorbench.film.sheet import write_sheet
from colorbench.film.shot_report import timecode
from colorbench.film.watcher import Watcher
from colorbench.frames.opening import open_frames, write_png
from colorbench.types import Clip, MethodSpec

A_SHOT = 2
"""Stills of a shot, at most, where nothing else is said."""

_SHEET, _WORK, _AUTO = "sheet/contact-sheet.jpg", ".work", "auto"
_COLUMNS = 4
_RECORD = "stills.json"


@dataclass(frozen=True, slots=True)
class FilmStill:
    """A frame that is worth coloring."""

    file: str
    frame: int
    time: str
    shot: int
    """From 1 on."""
    gain: float
    """Frames that it covers and no earlier one of the shot does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stills:
    """What was found."""

    folder: Path
    sheet: Path
    n_shots: int
    stills: tuple[FilmStill, ...]
    automatic: Path | None
    """The folder of the proposals that a method has colored."""


def find_film_stills(
    film: Path,
    folder: Path,
    *,
    watcher: Watcher,
    most: int | None = None,
    automatic: MethodSpec | None = None,
    device: str = "auto",
    fps: Fraction = Fraction(25),
) -> Stills:
    """Writes the frames of a film that are worth coloring.

    Args:
        film: a video or a folder of pictures.
        folder: where to; what another film's stills lie in is refused.
        watcher: is told of progress.
        most: stills in all; None: one or two a shot. With fewer than there are shots, those that cover most come first.
        automatic: a method that needs no stills, to color them as a first proposal, in a folder of its own.
        device: of that method.
        fps: of a film made of pictures.

    Raises:
        UsageError: ``most`` is no number of stills, the folder holds something else, or the method needs stills.
        ColorbenchError: the film can't be read, or the folder can't be written.
    """
    if most is not None and most < 1:
        raise UsageError(f"--most {most}", wanted="at least 1", remedy="change --most")
    choice = None if automatic is None else Choice(automatic, device=device, threads=1)
    if choice is not None and choice.needs_stills:
        raise UsageError(
            f"--auto {choice.card.name} needs stills itself",
            wanted="an automatic method",
            remedy="`colorbench methods` lists them",
        )
    source = open_frames(film)
    _check_folder(folder, film)
    plan = film_plan(source, fps=fps)
    survey = look_through(source, folder / _WORK, watcher)
    proposals = [
        (number, proposal)
        for number, shot in enumerate(survey.shots, 1)
        for proposal in first_stills(survey, shot, most=A_SHOT if most is None else most)
    ]
    if most is not None:
        proposals = sorted(proposals, key=lambda pair: -pair[1].gain)[:most]
    found = []
    for number, proposal in sorted(proposals, key=lambda pair: pair[1].index):
        at = timecode(plan.timeline.at(proposal.index))
        # The number is the frame's, so that `colorize` finds it by name; colons are not for every system.
        name = f"{at.replace(':', '-')}_frame_{proposal.index:05d}.png"
        found.append(FilmStill(name, proposal.index, at, number, round(proposal.gain, 1)))
    pictures = [source.read(still.frame) for still in found]
    for still, rgb in zip(found, pictures, strict=True):
        if not (folder / still.file).exists():
            write_png(folder / still.file, rgb)
    cells = [(rgb, f"shot {still.shot}, frame {still.frame}, {still.time}") for still, rgb in zip(found, pictures, strict=True)]
    write_sheet(folder / _SHEET, [cells[at : at + _COLUMNS] for at in range(0, len(cells), _COLUMNS)])
    record = {"film": film.name, "stills": [asdict(still) for still in found]}
    with replacing_file(folder / _RECORD) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    made = None if choice is None else _colored(choice, film, folder / _AUTO, found)
    return Stills(folder=folder, sheet=folder / _SHEET, n_shots=len(survey.shots), stills=tuple(found), automatic=made)


def describe_stills(found: Stills) -> str:
    """A line on the whole, and one for each still."""
    lines = [f"{found.folder}: {len(found.stills)} stills of {found.n_shots} shots; {found.sheet} shows them"]
    lines += [f"  {still.file}: shot {still.shot}, covers {still.gain:.0f} frames" for still in found.stills]
    if found.automatic is not None:
        lines.append(f"{found.automatic}: the same, colored by a method as a first proposal")
    return "\n".join(lines)


def _check_folder(folder: Path, film: Path) -> None:
    """Somebody's pictures are not mixed with stills: a folder is new, empty, or of the same film."""
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        inside = [path.name for path in folder.iterdir() if path.name != _WORK]
    try:
        known = json.loads((folder / _RECORD).read_text(encoding="utf-8"))["film"]
    except (OSError, ValueError, KeyError, TypeError):
        known = None
    if inside and known != film.name:
        raise UsageError(
            f"{folder} holds something else", wanted=f"a new folder, or the stills of {film.name}", remedy="change -o"
        )


def _colored(choice: Choice, film: Path, folder: Path, stills: Sequence[FilmStill]) -> Path:
    """Each still as a clip of one frame, so that none is like its neighbors by chance."""
    planned = choice.planned(0)
    with ThreadPoolExecutor(1) as executor:
        clip = Clip(name=film.stem, dataset="film", source=film)
        with closing(Footage(clip, PRESETS["full"], executor=executor)) as footage:
            for still in stills:
                frame = FilmClip(footage, still.frame, still.frame)
                (rgb,) = choice.frames(planned, frame, (), 0)
                write_png(folder / still.file, frame.check(0, rgb, method=choice.card.name))
    with replacing_file(folder / AUTOMATIC) as temporary:
        temporary.write_text(json.dumps({"method": choice.summary(most=0)}) + "\n", encoding="utf-8")
    return folder
