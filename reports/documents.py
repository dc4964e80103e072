"""What follows from a run's scores alone, as text: the tables in all formats, the scores themselves, the data of the figures.

The same scores give the same text, wherever the run lies and whether its frames are there; ``colorbench verify`` relies on it.
"""

from __future__ import annotations

from colorbench.results.reading import Results
from colorbench.results.summary import clip_scores, frame_scores, summarize
from reports.figures import figure_data
from reports.tables.csv_text import frame_text
from reports.tables.run_table import FORMATS, table_texts


def documents(results: Results) -> dict[str, str]:
    """File name to text: tables, clips.csv, frames.csv, and figures/NAME.csv."""
    summary = summarize(results)
    texts = score_texts(results)
    for form in FORMATS:
        texts |= table_texts(summary, form)
    return texts | {f"figures/{name}": text for name, text in figure_data(results).items()}


def score_texts(results: Results) -> dict[str, str]:
    """clips.csv, a row a method, clip and metric; frames.csv, a row a method, clip, metric and scored frame. Unrounded."""
    return {"clips.csv": frame_text(clip_scores(results)), "frames.csv": frame_text(frame_scores(results))}
