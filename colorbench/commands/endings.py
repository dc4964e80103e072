"""How commands end: what goes wrong becomes one message and an exit code."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click

from colorbench.errors import EXIT_INTERRUPTED, ColorbenchError
from colorbench.system.console import settle


class CommandGroup(click.Group):
    """Turns what goes wrong into one message and an exit code."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        settle()
        try:
            return super().main(*args, **kwargs)
        except ColorbenchError as error:  # the help or the version, to an output that is full
            click.echo(f"colorbench: {error}", err=True)
            sys.exit(error.exit_code)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            try:
                with _said_warnings():
                    return super().invoke(ctx)
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()
        except ColorbenchError as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            click.echo(f"colorbench: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("colorbench: interrupted; what was finished is kept, the same command goes on from here", err=True)
            ctx.exit(EXIT_INTERRUPTED)


@contextmanager
def _said_warnings() -> Iterator[None]:
    """Warnings that are meant for the user come as a line of text, without the place in the source."""
    plain = warnings.showwarning

    def say(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if category is UserWarning and file is None:
            click.echo(f"colorbench: {message}", err=True)
        else:
            plain(message, category, filename, lineno, file, line)

    with warnings.catch_warnings():
        warnings.showwarning = say
        yield
