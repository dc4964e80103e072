"""From what is written on the command line to values."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click


class RunFolder(click.Path):
    """A run folder that exists; of a URL, its working copy."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, exists=True, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from colorbench.runs.remote import is_url
        from colorbench.runs.run_folder import run_folder

        return run_folder(value) if is_url(str(value)) else super().convert(value, param, ctx)


class RealRange(click.FloatRange):
    """A finite number within bounds: FloatRange takes "nan", as no comparison with it holds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not in the range {self._describe_range()}.", param, ctx)
        return number


def parse_names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def parse_settings(pairs: tuple[str, ...]) -> dict[str, str]:
    from colorbench.config import parse_pairs

    return parse_pairs(pairs, flag="--set")


def take_overrides(options: dict[str, Any]) -> dict[str, str]:
    """The protocol's changed fields, taken out of the options of :data:`~colorbench.commands.options.scoring_options`."""
    from colorbench.config import parse_pairs

    pairs, mixed_sizes = options.pop("override"), options.pop("mixed_sizes")
    return parse_pairs(pairs, flag="--override") | ({"mixed_sizes": mixed_sizes} if mixed_sizes else {})


def split_label(text: str) -> tuple[str, str, str]:
    """LABEL=FOLDER, unless a folder of the whole name exists."""
    label, sign, folder = text.partition("=")
    return (label, sign, folder) if sign and not Path(text).exists() else ("", "", text)
