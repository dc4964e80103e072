"""Whether a run is worse than its baseline: a verdict for each method and metric, and one for all.

The clip is the unit. Each clip's score is turned into a change, positive where it is better. A metric is worse where a clip fell
by more than the clip's tolerance, or where the mean fell by more than the mean's and the clips agree that it did.
docs/design/gate.md has the reasons, and why no p is corrected for the number of comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from colorbench.errors import EXIT_FAILED, EXIT_OK
from colorbench.results.gate_baseline import (
    EXIT_INCOMPLETE,
    Baseline,
    Tolerance,
    comparable_signature,
    judged_by_truth,
    truth_values,
)
from colorbench.results.reading import Results
from colorbench.results.statistics import ALPHA, PairedDifference, paired_difference, smallest_p
from colorbench.results.summary import unit_score
from colorbench.types import MetricCard

Verdict = Literal["pass", "inconclusive", "missing", "incomparable", "worse", "no baseline"]

EXIT_WORSE = EXIT_FAILED
EXIT_INCOMPARABLE = 4
EXIT_CODES: Mapping[Verdict, int] = {
    "pass": EXIT_OK,
    "worse": EXIT_WORSE,
    "inconclusive": EXIT_INCOMPLETE,
    "missing": EXIT_INCOMPLETE,
    "no baseline": EXIT_INCOMPLETE,
    "incomparable": EXIT_INCOMPARABLE,
}

BETTER = "better"
_GRAVEST: tuple[Verdict, ...] = ("worse", "incomparable", "missing", "inconclusive", "pass")


@dataclass(frozen=True, slots=True)
class ClipChange:
    """One clip then and now."""

    clip: str
    baseline: float
    now: float
    change: float
    """Positive is better: by the metric's direction, or in its distance from the truth's own value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric of one method."""

    label: str
    metric: str
    verdict: Verdict
    reason: str
    """Why the verdict is not "pass"; of a pass, that it is better by more than the tolerance."""
    tolerance: Tolerance
    decimals: int = 2
    to_truth: bool = False
    """The change is one of the distance from the truth's own value."""
    baseline: float | None = None
    """Mean over clips, pooled as the protocol says."""
    now: float | None = None
    difference: PairedDifference | None = None
    """Of the mean change; None where clips are missing or can't be compared."""
    clips: tuple[ClipChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """What a gate found."""

    verdict: Verdict
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]
    signature: str
    """Of the run: protocol and data, short."""

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]


def compare(results: Results, baseline: Baseline, tolerances: Mapping[str, Tolerance] | None = None) -> GateReport:
    """Compares each score that the baseline holds; what the run has beyond it is noted and not judged.

    Args:
        results: the run.
        baseline: an earlier one.
        tolerances: by metric; default: the baseline's.
    """
    allowed = tolerances or baseline.tolerances
    comparisons = tuple(
        _compare(results, baseline, label, metric, allowed[metric])
        for label, method in baseline.methods.items()
        for metric in method.scores
    )
    found = {comparison.verdict for comparison in comparisons}
    return GateReport(
        verdict=next(verdict for verdict in _GRAVEST if verdict in found),
        comparisons=comparisons,
        notes=tuple(_notes(results, baseline, comparisons)),
        signature=results.signature(short=True),
    )


def _compare(results: Results, baseline: Baseline, label: str, metric: str, tolerance: Tolerance) -> Comparison:
    then = baseline.methods[label]
    facts = next((method for method in results.methods if method.label == label), None)
    card = next((card for card in results.metrics if card.name == metric), None)
    verdict: Verdict = "missing"
    if facts is None:
        reason = "the run has no such method"
    elif card is None:
        reason = "the run has no such metric"
    elif (facts.method, facts.variant) != (then.method, then.variant):
        verdict = "incomparable"
        reason = f"{facts.method}:{facts.variant} in the run, {then.method}:{then.variant} in the baseline"
    elif (signature := comparable_signature(results, card)) != baseline.signatures[metric]:
        verdict, reason = "incomparable", _differing(baseline.signatures[metric], signature)
    else:
        return _compare_clips(results, baseline, label, card, tolerance)
    return Comparison(label=label, metric=metric, verdict=verdict, reason=reason, tolerance=tolerance)


def _compare_clips(results: Results, baseline: Baseline, label: str, card: MetricCard, tolerance: Tolerance) -> Comparison:
    digests, truth = {clip.name: clip.digest for clip in results.clips}, truth_values(results)
    changes: list[ClipChange] = []
    weights: list[float] = []
    missing, other = [], []
    for clip, then in baseline.methods[label].scores[card.name].items():
        score = unit_score(results.record(label, clip), card.name)
        if clip not in digests:
            missing.append(f"{clip} is not in the run")
        elif digests[clip] != baseline.clips[clip]:
            other.append(f"{clip} has other frames")
        elif score.value is None:
            missing.append(f"{clip}: {score.reason}")
        elif judged_by_truth(card) and (clip, card.name) not in truth:
            missing.append(f"{clip}: no value of the truth")
        else:
            change = _change(card, then, score.value, truth.get((clip, card.name)))
            changes.append(ClipChange(clip, then, score.value, change))
            weights.append(len(score.frames) if results.protocol.pooling == "frame" and card.per_frame else 1.0)
    difference = None
    if not missing and not other:
        difference = paired_difference([change.change for change in changes], [0.0] * len(changes), weights)
    verdict: Verdict
    if fallen := [change for change in changes if change.change < -tolerance.clip]:
        verdict, reason = "worse", _fallen(fallen, card)
    elif other:
        verdict, reason = "incomparable", _several(other)
    elif difference is None:
        verdict, reason = "missing", _several(missing)
    else:
        verdict, reason = _judge(difference, tolerance)
    return Comparison(
        label=label,
        metric=card.name,
        verdict=verdict,
        reason=reason,
        tolerance=tolerance,
        decimals=card.decimals,
        to_truth=judged_by_truth(card),
        baseline=_mean([change.baseline for change in changes], weights) if difference else None,
        now=_mean([change.now for change in changes], weights) if difference else None,
        difference=difference,
        clips=tuple(changes),
    )


def _judge(difference: PairedDifference, tolerance: Tolerance) -> tuple[Verdict, str]:
    """By the mean over clips, none of which fell too far."""
    mean, p = difference.mean, difference.p
    if mean is None or p is None:
        return "inconclusive", difference.reason
    # So few clips that no p can be that small agree where all of them have the same sign.
    agree = p <= max(ALPHA, smallest_p(difference.clips))
    if mean < -tolerance.mean:
        return ("worse", "the mean is worse") if agree else ("inconclusive", "the mean is worse, but the clips do not agree")
    return "pass", BETTER if mean > tolerance.mean and agree else ""


def _change(card: MetricCard, then: float, now: float, truth: float | None) -> float:
    """Positive is better."""
    if truth is not None and judged_by_truth(card):
        then, now = -abs(then - truth), -abs(now - truth)
    elif card.direction == "lower":
        then, now = -then, -now
    return 0.0 if now == then else now - then


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    return math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / math.fsum(weights)


def _fallen(fallen: Sequence[ClipChange], card: MetricCard) -> str:
    worst = min(fallen, key=lambda change: change.change)
    more = (
        f", and {len(fallen) - 1} more beyond the tolerance of a clip" if len(fallen) > 1 else ", beyond the tolerance of a clip"
    )
    return f"{worst.clip} is worse by {-worst.change:.{card.decimals}f}{more}"


def _several(reasons: Sequence[str]) -> str:
    return reasons[0] + (f", and {len(reasons) - 1} more" if len(reasons) > 1 else "")


def _differing(then: str, now: str) -> str:
    """The fields in which two signatures differ.

    >>> _differing("metric:psnr|exemplars:ends", "metric:psnr|exemplars:first")
    'exemplars is first, was ends'
    """
    before, after = (dict(field.split(":", 1) for field in text.split("|")) for text in (then, now))
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return ", ".join(f"{name} is {after.get(name, 'not there')}, was {before.get(name, 'not there')}" for name in names)


def _notes(results: Results, baseline: Baseline, comparisons: Sequence[Comparison]) -> Iterator[str]:
    added = {
        "method": [method.label for method in results.methods if method.label not in baseline.methods],
        "metric": [card.name for card in results.metrics if card.name not in baseline.signatures],
        "clip": [name for name in results.clip_names if name not in baseline.clips],
    }
    for kind, names in added.items():
        if names:
            yield f"{kind}{'s' if len(names) > 1 else ''} not in the baseline, not judged: {', '.join(names)}"
    for facts in results.methods:
        then = baseline.methods.get(facts.label)
        if then is not None and then.device != facts.device:
            yield f"{facts.label} ran on {facts.device}, in the baseline on {then.device}"
        elif then is not None and then.identity != facts.identity:
            yield f"{facts.label}: its code, settings or weights are not those of the baseline"
    better = [f"{found.metric} of {found.label}" for found in comparisons if found.reason == BETTER]
    if better:
        yield f"better than the baseline: {', '.join(better)}; with --update a later fall back to it will be noticed"
