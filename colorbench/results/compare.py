"""Two methods, or one in two runs, on the clips that both have: how far apart they are, and whether that may be chance."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from colorbench.clips.protocol import metric_fields, protocol_fields
from colorbench.errors import UsageError
from colorbench.results.reading import Results, read_results
from colorbench.results.statistics import ALPHA, PairedDifference, holm
from colorbench.results.summary import ClipValue, clip_values, differ, unit_score
from colorbench.runs.remote import is_url
from colorbench.runs.run_folder import run_folder
from colorbench.types import MetricCard

Verdict = Literal["better", "worse", "different", "no difference found", "no value", "incomparable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A method of a run."""

    results: Results
    label: str

    @property
    def name(self) -> str:
        return f"{self.results.folder}@{self.label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One metric of two methods over the clips on which both have a value."""

    metric: MetricCard
    first: str
    """FOLDER@LABEL."""
    second: str
    mean_first: float | None
    """Over these clips, by the protocol's pooling."""
    mean_second: float | None
    difference: PairedDifference | None
    """Second minus first; None where the two may not be subtracted."""
    corrected_p: float | None
    """By Holm over the pairs of methods that are compared in this metric."""
    left_out: tuple[str, ...]
    """Clips that one side alone has a value for, or whose frames are not the same bytes."""
    verdict: Verdict
    """On the second: better or worse than the first by more than chance; "different" for a metric without a direction."""
    reason: str
    """Why there is no difference."""


def find_pairs(first: str, second: str) -> tuple[tuple[Side, Side], ...]:
    """Which methods are compared: ``FOLDER@LABEL`` names one; two folders mean every label that both have.

    Raises:
        StoreError: a folder that holds no run.
        UnknownNameError: a label that its run has not.
        UsageError: no label in common, or the same on both sides.
    """
    (one, label_one), (two, label_two) = _read(first), _read(second)
    known = {method.label for method in two.methods}
    if label_one or label_two:
        labels = [(label_one or label_two, label_two or label_one)]
    else:
        labels = [(method.label, method.label) for method in one.methods if method.label in known]
    if not labels:
        raise UsageError(
            f"{first} and {second} have no method in common",
            wanted="a label that both have",
            remedy="name one of each: FOLDER@LABEL",
        )
    one.only({label for label, _ in labels})
    two.only({label for _, label in labels})
    if one.folder.resolve() == two.folder.resolve() and all(left == right for left, right in labels):
        raise UsageError(
            f"{first} is compared with itself", wanted="two runs or two methods", remedy="name methods: FOLDER@LABEL"
        )
    return tuple((Side(results=one, label=left), Side(results=two, label=right)) for left, right in labels)


def compare(pairs: Sequence[tuple[Side, Side]]) -> tuple[Contrast, ...]:
    """Every metric that both sides have, of every pair.

    Two scores are compared where all fields of protocol and metric are the same, on clips of the same name and bytes; how many
    clips there are does not matter. Infinite scores have no difference unless both are.

    Raises:
        UsageError: no clip in common.
    """
    contrasts = [contrast for first, second in pairs for contrast in _contrasts(first, second)]
    corrected: dict[int, float] = {}
    for name in {contrast.metric.name for contrast in contrasts}:
        tested = {
            index: contrast.difference.p
            for index, contrast in enumerate(contrasts)
            if contrast.metric.name == name and contrast.difference is not None and contrast.difference.p is not None
        }
        corrected |= zip(tested, holm(list(tested.values())), strict=True)
    return tuple(_judged(contrast, corrected.get(index)) for index, contrast in enumerate(contrasts))


def _contrasts(first: Side, second: Side) -> list[Contrast]:
    digests = {clip.name: clip.digest for clip in second.results.clips}
    same = [clip.name for clip in first.results.clips if digests.get(clip.name) == clip.digest]
    if not same:
        raise UsageError(
            f"{first.results.folder} and {second.results.folder} have no clip in common",
            wanted="clips of the same name with the same frames",
            remedy="run both on one dataset",
        )
    others = {card.name: card for card in second.results.metrics}
    return [_contrast(first, second, card, others[card.name], same) for card in first.results.metrics if card.name in others]


def _contrast(first: Side, second: Side, card: MetricCard, other: MetricCard, same: Collection[str]) -> Contrast:
    values, of_other = clip_values(first.results, first.label, card), clip_values(second.results, second.label, other)
    common = [clip for clip in values if clip in of_other and clip in same]
    reason = _incomparable(first.results, second.results, card, other)
    difference = None if reason else differ({clip: of_other[clip] for clip in common}, values)
    if not reason and not common:
        reason = _lacking(first, card) or _lacking(second, other)
    return Contrast(
        metric=card,
        first=first.name,
        second=second.name,
        mean_first=_mean([values[clip] for clip in common]),
        mean_second=_mean([of_other[clip] for clip in common]),
        difference=difference,
        corrected_p=None,
        left_out=tuple(clip for clip in {**values, **of_other} if clip not in common),
        verdict="incomparable" if difference is None else "no value",
        reason=reason or (difference.reason if difference else ""),
    )


def _judged(contrast: Contrast, p: float | None) -> Contrast:
    """With the corrected p, and the verdict that follows where there is a difference."""
    if p is None or contrast.difference is None or contrast.difference.mean is None:
        return contrast
    up = contrast.difference.mean > 0
    if p >= ALPHA:
        verdict: Verdict = "no difference found"
    elif contrast.metric.direction == "none":
        verdict = "different"
    else:
        verdict = "better" if up == (contrast.metric.direction == "higher") else "worse"
    return replace(contrast, corrected_p=p, verdict=verdict)


def _incomparable(first: Results, second: Results, card: MetricCard, other: MetricCard) -> str:
    """The signature fields that differ, the protocol's name left out."""
    one = dict([*metric_fields(card), *protocol_fields(first.protocol)[1:]])
    two = dict([*metric_fields(other), *protocol_fields(second.protocol)[1:]])
    keys = [key for key in (one | two) if one.get(key) != two.get(key)]
    return ", ".join(f"{key} {one.get(key, 'unset')} against {two.get(key, 'unset')}" for key in keys)


def _lacking(side: Side, card: MetricCard) -> str:
    """Why a method has no value, by its first clip that has none."""
    scores = (unit_score(side.results.record(side.label, clip), card.name) for clip in side.results.clip_names)
    return next((score.reason for score in scores if score.value is None), "")


def _mean(values: Sequence[ClipValue]) -> float | None:
    if not values:
        return None
    return math.fsum(one.value * one.weight for one in values) / math.fsum(one.weight for one in values)


def _read(text: str) -> tuple[Results, str]:
    """A run and the label that is named of it, if any."""
    if Path(text).exists():
        return read_results(Path(text)), ""
    parent, slash, last = text.rpartition("/") if is_url(text) else ("", "", text)
    name, _, label = last.partition("@")
    return read_results(run_folder(parent + slash + name)), label
