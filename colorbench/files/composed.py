"""Names as they are compared: a file system, an archive or a keyboard may write an accent as a character of its own."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def composed(name: str) -> str:
    """The name in NFC, Unicode's composed form."""
    return unicodedata.normalize("NFC", name)


def find_name(name: str, names: Iterable[str]) -> str | None:
    """The one of some names that is equal to ``name``, else the one that is when both are composed; None where there is none."""
    known = {composed(other): other for other in names}
    return name if name in known.values() else known.get(composed(name))
