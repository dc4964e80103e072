"""One writer for every CSV: no cell is a formula, no row is more than a line, and numbers stay numbers."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from reports.tables.csv_text import cell, csv_text, frame_text

FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "  =1", "\t=1", "\r=1", "\uff1d1")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_begins_a_formula_gets_an_apostrophe(text: str) -> None:
    assert str(cell(text)).startswith("'")
    for written in (csv_text([[text, 1]]), frame_text(pd.DataFrame({"label": [text]}))):
        assert f"'{text.strip()[:1]}" in written.replace("\\t", "").replace("\\r", "").replace(" ", "")


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "\x1b[31mred", "a\x00b", "a\x9bb", "a\u2028b"])
def test_a_control_character_in_a_name_is_escaped_and_a_row_stays_a_line(name: str) -> None:
    for text in (csv_text([["label"], [name]]), frame_text(pd.DataFrame({"label": [name]}))):
        assert len(text.splitlines()) == 2
        assert all(letter == "\n" or letter.isprintable() for letter in text)


def test_numbers_and_plain_texts_stay_as_they_are() -> None:
    rows = [["plain", -1.5, 3, None, "-1.5", "1e-3", "a,b"]]
    assert list(csv.reader(io.StringIO(csv_text(rows)))) == [["plain", "-1.5", "3", "", "-1.5", "1e-3", "a,b"]]
    frame = pd.DataFrame({"label": ["a"], "value": [-1.5]})
    assert frame_text(frame) == "label,value\na,-1.5\n"


def test_what_is_no_unicode_is_escaped() -> None:
    assert cell("clip\udcff") == "clip\\udcff"
