"""Scores along a clip: against the frame, and against the distance to the nearest exemplar that the method was given.

Clips weigh alike. Clips differ in length, so a line goes on as far as half of them do, and where not all of them have a value is
marked: from there on its course is also that of the clips that are left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from colorbench.results.reading import Results
from colorbench.results.summary import TRUTH
from colorbench.types import MetricCard
from reports.figures.drawing import Drawing
from reports.figures.style import BETTER, LANDMARK, Look, legend_below, looks_of, metric_name, name_of, new_axes, settle

_MARKS = 6
"""Markers along a line, at another place for each method."""
_WIDEST = 14
"""Letters of a name that fits in a legend of three columns."""
_ALONG = {"frame": "frame", "distance": "distance to the nearest exemplar in frames"}
_TRUTH_LINE: dict[str, Any] = {"color": LANDMARK, "linestyle": "--", "linewidth": 1.0}


def by_frame(results: Results, frames: pd.DataFrame, card: MetricCard, *, clip: str | None = None) -> Drawing | None:
    """A metric against the frame, with the truth's own where it needs no truth; None without two frames.

    Args:
        results: the run.
        frames: its ``frame_scores``.
        card: a metric with a value a frame.
        clip: of this clip; default: the mean over clips.
    """
    own = pd.concat([_of_metric(frames, card), _of_truth(results, card)], ignore_index=True)
    if clip is not None:
        own = own[own["clip"] == clip]
    clips = len(results.clips) if clip is None else 1
    return _drawing(f"{card.name}-frame{'' if clip is None else f'-{clip}'}", results, own, card, along="frame", clips=clips)


def by_distance(results: Results, frames: pd.DataFrame, card: MetricCard) -> Drawing | None:
    """A metric against the distance to the nearest exemplar; methods without a placed exemplar have none. None without two.

    Args:
        results: the run.
        frames: its ``frame_scores``.
        card: a metric with a value a frame.
    """
    own = _of_metric(frames, card).dropna(subset="exemplar_distance").rename(columns={"exemplar_distance": "distance"})
    return _drawing(f"{card.name}-distance", results, own, card, along="distance", clips=len(results.clips))


def _drawing(
    name: str, results: Results, values: pd.DataFrame, card: MetricCard, *, along: Literal["frame", "distance"], clips: int
) -> Drawing | None:
    data = _means(values, along, clips)
    if data[along].nunique() < 2:
        return None
    kinds = {method.label: method.kind for method in results.methods}
    data.insert(1, "kind", [kinds.get(label, TRUTH) for label in data.label])
    return Drawing(name, data, partial(_draw, data, looks_of(results), card, along=along, clips=clips))


def _draw(data: pd.DataFrame, look: Mapping[str, Look], card: MetricCard, *, along: str, clips: int) -> Figure:
    labels = list(data.label.unique())
    columns = 2 if max(map(len, labels)) > _WIDEST else 3
    figure, axes = new_axes(2.1 + 0.13 * math.ceil(len(labels) / columns))
    entries: list[tuple[Artist, str]] = []
    for index, label in enumerate(labels):
        line = data[data.label == label]
        values = line.value.where(np.isfinite(line.value))  # an infinite value leaves a gap
        step = max(1, len(line) // _MARKS)
        drawn = _TRUTH_LINE if label not in look else look[label].markers(3.2) | {"linestyle": look[label].dash}
        axes.plot(line[along], values, **drawn, markevery=(index * step // len(labels), step))
        entries.append((Line2D([], [], **drawn), name_of(label) if label in look else "the truth"))
    words = _ALONG[along]
    fewer = data[data.clips < clips][along]
    whole = data[along][data[along] < fewer.min()]
    if not whole.empty:
        axes.axvline(whole.max(), color=LANDMARK, linewidth=0.7, linestyle=":", zorder=1)
        words += f"\n(fewer than {clips} clips after the line)"
    axes.set_xlabel(words)
    axes.set_ylabel(f"{metric_name(card)}\n({BETTER[card.direction]})", parse_math=False)
    legend_below(figure, entries, columns=columns)
    settle(figure)
    return figure


def _of_metric(frames: pd.DataFrame, card: MetricCard) -> pd.DataFrame:
    return frames.loc[frames.metric == card.name, ["label", "clip", "frame", "exemplar_distance", "value"]]


def _of_truth(results: Results, card: MetricCard) -> pd.DataFrame:
    """The truth's own values of a metric that needs none, each clip's from the first record that has them."""
    rows: dict[tuple[str, int], tuple[str, str, int, float]] = {}
    for record in results.records:
        for score in record.truth:
            if score.metric == card.name:
                for frame, value in zip(record.scored, score.frames, strict=False):
                    rows.setdefault((record.clip, frame), (TRUTH, record.clip, frame, value))
    return pd.DataFrame(rows.values(), columns=["label", "clip", "frame", "value"]).astype({"frame": "int64", "value": "float64"})


def _means(values: pd.DataFrame, along: str, clips: int) -> pd.DataFrame:
    """Mean in a clip, then over clips, at each place that half of the clips have.

    A method that has no value in a clip is left out: its mean would be of other clips than that of the others.

    Returns:
        Columns label, ``along``, value, clips (how many).
    """
    whole = values.groupby("label", sort=False).clip.nunique() == clips
    values = values[values.label.map(whole).astype(bool)]
    of_clips = values.groupby(["label", "clip", along], sort=False).value.mean().reset_index()
    means = of_clips.groupby(["label", along], sort=False).value.agg(["mean", "count"]).reset_index()
    means = means.rename(columns={"mean": "value", "count": "clips"})
    order = {label: index for index, label in enumerate(values.label.unique())}
    means = means[2 * means.clips >= clips].sort_values(along, kind="stable")
    return means.sort_values("label", key=lambda labels: labels.map(order), kind="stable").reset_index(drop=True)
