"""Names of clips and methods, which may be anything, as text in a picture."""

from __future__ import annotations

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


LONGEST_NAME = 255
"""As long as a file's name may be, so that no such name is cut."""


def shown(name: str, most: int = LONGEST_NAME) -> str:
    """A name without control characters and of at most so many letters; what is no Unicode in it comes as Python's escape.

    >>> shown("a\\nb"), shown("deepexemplar", 5), shown("clip\\udcff")
    ('a\N{REPLACEMENT CHARACTER}b', 'deep\N{HORIZONTAL ELLIPSIS}', 'clip\\\\udcff')
    """
    cut = name if len(name) <= most else name[: most - 1] + ELLIPSIS
    unicode = cut.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in unicode)
