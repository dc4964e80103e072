"""CSV as every report writes it: a line a row, and no cell that a spreadsheet would run or a terminal obey."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

import pandas as pd

_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""What begins a formula in a spreadsheet; some take the fullwidth signs too."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV; None is empty. Numbers are as they are, texts as :func:`cell` makes them."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def frame_text(frame: pd.DataFrame) -> str:
    """A data frame as CSV, without its index."""
    names = frame.select_dtypes(exclude="number").columns
    return frame.assign(**{name: frame[name].map(cell) for name in names}).to_csv(index=False, lineterminator="\n")


def cell(value: object) -> object:
    """A value as a cell: a text that begins a formula and is no number gets an apostrophe; control characters are escaped.

    What is no Unicode is escaped too.

    >>> cell("=1+1"), cell("a\\x1bb\\nc"), cell("\\tx"), cell(-1.5), cell("-1.5"), cell("-x")
    ("'=1+1", 'a\\\\x1bb\\\\nc', '\\\\tx', -1.5, '-1.5', "'-x")
    """
    if not isinstance(value, str):
        return value
    text = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), value)
    text = text.encode("utf-8", "backslashreplace").decode()
    return f"'{text}" if _FORMULA.match(value) and not _is_number(value) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
