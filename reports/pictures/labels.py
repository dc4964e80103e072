"""Names of clips and methods, which may be anything, as text in a picture."""

from __future__ import annotations

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def shown(name: str, most: int) -> str:
    """A name without control characters and of at most so many letters.

    >>> shown("a\\nb", 9), shown("deepexemplar", 5)
    ('a\N{REPLACEMENT CHARACTER}b', 'deep\N{HORIZONTAL ELLIPSIS}')
    """
    cut = name if len(name) <= most else name[: most - 1] + ELLIPSIS
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in cut)
