"""From the options of `colorize` and `stills` to what their functions take."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from colorbench.config import make_spec, parse_pairs
from colorbench.errors import UsageError
from colorbench.film.encoding import Encoding
from colorbench.film.excerpt import Excerpt, parse_shots, parse_time
from colorbench.film.job import Job
from colorbench.types import MethodSpec

_FASTEST = 1000


def parse_film_method(text: str, settings: Sequence[str]) -> MethodSpec:
    """``NAME[:VARIANT]`` with its settings, KEY=VALUE each.

    Raises:
        UsageError: one of them is of another form.

    >>> parse_film_method("flow:single", []).variant
    'single'
    """
    label = text.partition("=")[0]
    pairs = parse_pairs(settings, flag="--set")
    # As `run` has it, LABEL.KEY=VALUE is understood too.
    named = {key if key.startswith(f"{label}.") else f"{label}.{key}": value for key, value in pairs.items()}
    return make_spec({"methods": (text,), "set": named}).methods[0]


def parse_fps(text: str) -> Fraction:
    """Frames a second.

    Raises:
        UsageError: it is no rate.
    """
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= _FASTEST:
        raise UsageError(f"--fps {text!r}", wanted="frames a second, such as 25 or 30000/1001", remedy="change --fps")
    return rate


def stills_wish(*, output: Path, auto: str | None, set_: Sequence[str], fps: str, **fields: Any) -> dict[str, Any]:
    """What :func:`colorbench.film.proposing.find_film_stills` takes, from the command's options.

    Raises:
        UsageError: a value that is none.
    """
    automatic = None if auto is None else parse_film_method(auto, set_)
    return fields | {"folder": output, "automatic": automatic, "fps": parse_fps(fps)}


def make_job(
    *,
    references: Sequence[Path],
    method: str,
    set_: Sequence[str],
    shots: str | None,
    start: str | None,
    stop: str | None,
    preview: bool,
    threads: int | None,
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
    excerpt = Excerpt(
        shots=() if shots is None else parse_shots(shots),
        start=None if start is None else parse_time(start, flag="--from"),
        stop=None if stop is None else parse_time(stop, flag="--to"),
        preview=preview,
    )
    return Job(
        references=tuple(references),
        method=parse_film_method(method, set_),
        excerpt=excerpt,
        threads=threads or len(os.sched_getaffinity(0)),
        fps=parse_fps(fps),
        encoding=Encoding(codec=codec, crf=crf, pix_fmt=pix_fmt),
        **fields,
    )
