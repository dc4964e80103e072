"""Every number that an option takes has bounds; what is none, or beyond them, is refused with its value, before any work."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from bistnet.ablation.budget import parse_budget
from cli import main
from colorbench.commands.arguments import RealRange
from colorbench.errors import UsageError
from colorbench.records import overridden
from colorbench.training.recipe import Recipe

WRONG = {"integer range": ("nan", "1.5", "-99", "99999999999", "9" * 5000), "float range": ("nan", "inf", "-inf", "-1e300", "x")}


def commands(group: click.Group, *before: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*before, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *before, name)


NUMBERS = [
    (path, command, option)
    for path, command in commands(main)
    for option in command.params
    if option.type.name in ("integer", "float", *WRONG)
]


@pytest.mark.parametrize(("path", "command", "option"), NUMBERS, ids=lambda value: getattr(value, "name", None))
def test_every_number_has_bounds_and_what_is_beyond_them_is_named(
    path: tuple[str, ...], command: click.Command, option: click.Option
) -> None:
    assert isinstance(option.type, click.IntRange | RealRange)
    assert option.type.min is not None
    assert option.type.max is not None
    for value in WRONG[option.type.name]:
        ended = CliRunner().invoke(main, [*path, f"{option.opts[0]}={value}"])
        assert ended.exit_code == 2
        if not isinstance(ended.exception, SystemExit):
            raise AssertionError(ended.exception)
    named = click.Context(command)
    with pytest.raises(click.BadParameter, match="99999999999"):
        option.type(99999999999, option, named)


def test_there_are_numbers() -> None:
    assert {option.name for _, _, option in NUMBERS} >= {"threads", "seed", "alike", "fps", "long_side", "devices", "seeds"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["run", "--methods", "gray", "--seed", "-1"], "-1"),
        (["run", "--methods", "gray", "--threads", "99999999999"], "99999999999"),
        (["run", "--methods", "gray", "--workers", "99999999999"], "99999999999"),
        (["run", "--methods", "gray", "--workers", "1.5"], "'1.5'"),
        (["run", "--methods", "gray", "--override", "max_frames=--5"], "'--5'"),
        (["run", "--methods", "gray", "--override", "max_frames=\N{SUPERSCRIPT TWO}"], "\N{SUPERSCRIPT TWO}"),
        (["run", "--methods", "gray", "--override", "width=99999999", "--override", "height=8"], "99999999"),
        (["colorize", "x.mp4", "--references", "x", "-o", "y.mp4", "--alike", "nan"], "nan"),
        (["inspect", "x.mp4", "--source", "y.mp4", "--fps", "nan"], "nan"),
    ],
)
def test_a_value_that_is_none_is_wrong_usage_and_named(arguments: list[str], named: str) -> None:
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == 2, ended.output
    assert named in ended.stderr


@pytest.mark.parametrize("budget", ["nan", "inf", "9" * 400 + "h", "9" * 5000, "0s", "-1h", "1e9h"])
def test_a_budget_is_a_finite_time(budget: str) -> None:
    with pytest.raises(UsageError, match="--budget"):
        parse_budget(budget)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_of_a_record_is_finite(value: str) -> None:
    with pytest.raises(UsageError, match="learning_rate"):
        overridden(Recipe, Recipe(steps=1, batch=1, learning_rate=1.0), {"learning_rate": value}, what="the recipe")
