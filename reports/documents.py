"""What follows from a run's scores alone, as text: the tables in all formats, the scores themselves, the data of the figures.

The same scores give the same text, wherever the run lies and whether its frames are there; ``colorbench verify`` relies on it.
"""

from __future__ import annotations

import pandas as pd

from colorbench.results.reading import Results
from colorbench.results.summary import clip_scores, frame_scores, summarize
from reports.figures import figure_data
from reports.tables.run_table import FORMATS, table_texts

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What begins a formula in a spreadsheet."""


def documents(results: Results) -> dict[str, str]:
    """File name to text: tables, clips.csv, frames.csv, and figures/NAME.csv."""
    summary = summarize(results)
    texts = score_texts(results)
    for form in FORMATS:
        texts |= table_texts(summary, form)
    return texts | {f"figures/{name}": text for name, text in figure_data(results).items()}


def score_texts(results: Results) -> dict[str, str]:
    """clips.csv, a row a method, clip and metric; frames.csv, a row a method, clip, metric and scored frame. Unrounded."""
    return {"clips.csv": _csv(clip_scores(results)), "frames.csv": _csv(frame_scores(results))}


def _csv(frame: pd.DataFrame) -> str:
    """Names that a spreadsheet would take for formulas get an apostrophe before them; what is no Unicode in one is escaped."""
    names = frame.select_dtypes(exclude="number").columns
    text = frame.assign(**{name: frame[name].map(_text) for name in names}).to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8", "backslashreplace").decode()


def _text(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
