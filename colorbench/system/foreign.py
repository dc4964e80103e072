"""The border to code that is dropped in or installed: methods, metrics, datasets, networks to train, and their import.

Such code may raise anything. ``sys.exit(0)`` in it would end a run with exit code 0 and no table, so what ends a program
elsewhere is an error here. Only the user's own Ctrl-C passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from colorbench.errors import ColorbenchError, ForeignError


@contextmanager
def contained(whose: str, *, exits_only: bool = False) -> Iterator[None]:
    """Lets nothing out of the block but colorbench's own errors and KeyboardInterrupt.

    Args:
        whose: what runs in the block, as the message calls it: "method 'mine'".
        exits_only: True lets ordinary exceptions pass too, where they are dealt with further up.

    Raises:
        ForeignError: the code raised something else, or wanted to end the program.
    """
    try:
        yield
    except (ColorbenchError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        if exits_only and isinstance(error, Exception):
            raise
        raise ForeignError(
            f"{whose} raised {type(error).__name__}: {error}",
            wanted="code that returns, or raises an error of its own",
            remedy="mend it, or leave it out; --debug shows where",
        ) from error
