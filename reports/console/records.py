"""A command's data on stdout: as JSON, or as text for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Record = dict[str, Any]


def print_data(value: Any, show: Callable[[], object], *, as_json: bool) -> None:
    """Prints a JSON value, or calls what shows the same to people."""
    if not as_json:
        show()
        return
    from colorbench.runs.store import to_json

    click.echo(to_json(value, indent=1))


def print_records(records: list[Record], lines: Callable[[list[Record]], list[str]], *, as_json: bool) -> None:
    """Prints a listing as JSON, or as its lines."""
    print_data(records, lambda: click.echo("\n".join(lines(records))), as_json=as_json)
