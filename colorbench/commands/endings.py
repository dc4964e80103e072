"""How commands end: what goes wrong becomes one message and an exit code."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import click

from colorbench.console import settle
from colorbench.errors import EXIT_INTERRUPTED, ColorbenchError


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
