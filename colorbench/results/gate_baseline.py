"""What a gate compares with: the scores of an earlier run, one small JSON file that is committed and read in diffs.

It holds each method's score of each clip, the signatures and the clips' hashes that say whether another run may be compared, and
how much worse each metric may become. The same run gives the same bytes; what is not in it is not gated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from colorbench.clips.protocol import metric_fields, protocol_fields, signature
from colorbench.errors import ColorbenchError, StoreError, UnknownNameError, UsageError
from colorbench.files.atomic import replacing_file
from colorbench.files.structured import read_json
from colorbench.records import record_from, shortened
from colorbench.results.reading import Results
from colorbench.runs.store import to_json
from colorbench.types import MetricCard

FORMAT = 1
EXIT_INCOMPLETE = 3

_DIGITS = 10
"""The default tolerance in units of the last digit that tables print."""
_CLIP_FACTOR = 5
_NEAR_TRUTH = ("cdc", "cdc-tcvc")
_SHARE_OF_CDC = 0.01
_CDC_OF_FILM = 0.0047
"""Of natural film (DAVIS), where a run has none of its own."""
_PROVENANCE = ("commit", "dirty", "seed", "device", "python", "packages")


class UndecidedError(ColorbenchError):
    """Nothing can be said about the colors: neither that they are worse nor that they are not."""

    exit_code: ClassVar[int] = EXIT_INCOMPLETE


@dataclass(frozen=True, slots=True)
class Tolerance:
    """By how much a metric may be worse, in its own unit."""

    mean: float
    """Of the mean over clips."""
    clip: float
    """Of any single clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineMethod:
    """A method as it ran then."""

    method: str
    variant: str
    device: str
    identity: str
    """Hash of code, settings, weights and device. Another one is what a gate is for, so it is said and does not matter."""
    scores: Mapping[str, Mapping[str, float]]
    """Metric to clip to value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """An earlier run, as far as it is compared."""

    signatures: Mapping[str, str]
    """Metric to :func:`comparable_signature`."""
    tolerances: Mapping[str, Tolerance]
    clips: Mapping[str, str]
    """Name to hash of its bytes."""
    methods: Mapping[str, BaselineMethod]
    """By label."""
    provenance: tuple[Mapping[str, Any], ...]


def comparable_signature(results: Results, card: MetricCard) -> str:
    """All that must be equal for two scores of one clip to be compared.

    A run's signature without the protocol's name, which decides nothing, and without the number of clips: they are compared one
    by one.
    """
    return signature(*metric_fields(card), *protocol_fields(results.protocol)[1:], ("data", results.dataset))


def default_tolerance(card: MetricCard, results: Results) -> Tolerance:
    """Ten units of the last digit that tables print for the mean, five times that for a single clip.

    So 0.1 dB and 0.5 dB of PSNR, 0.001 and 0.005 of SSIM. Of CDC and what is made of it, 1% of the run's mean CDC and five times
    that: it differs tenfold between data sets, its noise with it, and six printed digits are more than it means.
    """
    if card.name not in (*_NEAR_TRUTH, "delta-cdc"):
        return _tolerance(_DIGITS / 10**card.decimals)
    values = [score.value for record in results.records for score in record.scores if score.metric in _NEAR_TRUTH]
    known = [value for value in values if value is not None]
    typical = math.fsum(known) / len(known) if known else _CDC_OF_FILM
    return _tolerance(float(f"{_SHARE_OF_CDC * typical:.2g}"))


def judged_by_truth(card: MetricCard) -> bool:
    """True for a metric that is better the nearer it is to the truth's own value.

    Those of no direction, and CDC, whose direction misleads: gray frames have a lower one than the film.
    """
    return card.direction == "none" or card.name in _NEAR_TRUTH


def truth_values(results: Results) -> dict[tuple[str, str], float]:
    """The truth's own scores by (clip, metric), where it has any."""
    return {
        (record.clip, score.metric): score.value
        for record in results.records
        for score in record.truth
        if score.value is not None
    }


def changed_tolerances(
    tolerances: Mapping[str, Tolerance], *, mean: Mapping[str, str], clip: Mapping[str, str]
) -> dict[str, Tolerance]:
    """Tolerances with those of the command line in their place; a mean's alone brings five times it for a clip.

    Args:
        tolerances: by metric.
        mean: metric to text, as ``--tolerance METRIC=AMOUNT`` gives it; "inf" takes a metric out of the gate.
        clip: the same of ``--clip-tolerance``.

    Raises:
        UsageError: a metric that is not there, or no number from 0 up.
    """
    changed = dict(tolerances)
    for flag, given in (("--tolerance", mean), ("--clip-tolerance", clip)):
        for name, text in given.items():
            if name not in changed:
                raise UnknownNameError(f"metric in {flag}:", name, changed)
            amount = _amount(text, f"{flag} {name}={text}")
            changed[name] = _tolerance(amount) if flag == "--tolerance" else Tolerance(changed[name].mean, amount)
    return changed


def make_baseline(results: Results, tolerances: Mapping[str, Tolerance]) -> Baseline:
    """A run as a baseline: the scores that have a value, and the truth's beside it where they are judged by it.

    Args:
        results: a complete run.
        tolerances: by metric; a metric without one gets :func:`default_tolerance`.

    Raises:
        UndecidedError: a unit failed or is missing, or nothing has a score.
    """
    if not results.complete:
        units = [(record.label, record.clip) for record in results.failures] or list(results.missing)
        raise UndecidedError(
            f"{results.folder} is not complete: {len(results.failures)} units failed, {len(results.missing)} were not run, "
            f"such as {units[0][0]} on {units[0][1]}",
            wanted="a run without gaps, so that nothing escapes the gate",
            remedy="give the run's command again",
        )
    truth = truth_values(results)
    methods = {}
    for facts in sorted(results.methods, key=lambda facts: facts.label):
        scores = {
            card.name: {
                record.clip: score.value
                for record in results.records
                if record.label == facts.label
                and (score := record.score(card.name)) is not None
                and score.value is not None
                and (not judged_by_truth(card) or (record.clip, card.name) in truth)
            }
            for card in results.metrics
        }
        methods[facts.label] = BaselineMethod(
            method=facts.method,
            variant=facts.variant,
            device=facts.device,
            identity=facts.identity,
            scores={name: values for name, values in scores.items() if values},
        )
    gated = [card for card in results.metrics if any(card.name in method.scores for method in methods.values())]
    if not gated:
        raise UndecidedError(
            f"no metric has a value in {results.folder}",
            wanted="scores to compare later runs with",
            remedy="run with --metrics that can be computed here; `colorbench metrics` lists them",
        )
    return Baseline(
        signatures={card.name: comparable_signature(results, card) for card in gated},
        tolerances={card.name: tolerances.get(card.name) or default_tolerance(card, results) for card in gated},
        clips={clip.name: clip.digest for clip in results.clips},
        methods=methods,
        provenance=_provenance(results),
    )


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Writes a baseline, one value a line.

    Raises:
        StoreError: the file can't be written.
    """
    text = to_json({"format": FORMAT, **asdict(baseline)}, indent=1) + "\n"
    with replacing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_baseline(path: Path) -> Baseline:
    """A baseline from its file.

    Raises:
        UndecidedError: no baseline, or one of another format.
        FileNotFoundError: there is none.
    """
    try:
        loaded = read_json(path)
        if loaded.get("format") != FORMAT:
            raise UsageError(f"format {shortened(loaded.get('format'))}")
        return _baseline({key: value for key, value in loaded.items() if key != "format"})
    except FileNotFoundError:
        raise
    except (StoreError, UsageError) as error:
        raise UndecidedError(
            f"can't read the baseline {path}: {error.wrong}",
            wanted=f"a file that `colorbench gate RUN --update` wrote, of format {FORMAT}",
            remedy="restore it, or remove it and write it anew from a run that is known to be good",
        ) from error


def _baseline(loaded: Mapping[str, Any]) -> Baseline:
    baseline = record_from(Baseline, loaded, what="the baseline")
    for name, tolerance in baseline.tolerances.items():
        for amount in (tolerance.mean, tolerance.clip):
            _amount(amount, name)
    scored = [
        (metric, clip) for method in baseline.methods.values() for metric, values in method.scores.items() for clip in values
    ]
    for metric, clip in scored:
        if not (metric in baseline.signatures and metric in baseline.tolerances and clip in baseline.clips):
            raise UsageError(f"{metric} of {clip} has no signature, tolerance or hash")
    if not scored:
        raise UsageError("no scores")
    return baseline


def _provenance(results: Results) -> tuple[Mapping[str, Any], ...]:
    """Where the scores come from; without what differs between two runs of the same: command, machine, threads."""
    found = [{key: facts[key] for key in _PROVENANCE if key in facts} for facts in results.provenance.values()]
    return tuple(json.loads(text) for text in sorted({to_json(facts) for facts in found}))


def _tolerance(mean: float) -> Tolerance:
    return Tolerance(mean, float(f"{_CLIP_FACTOR * mean:.6g}"))


def _amount(value: str | float, where: str) -> float:
    try:
        amount = float(value)
    except ValueError:
        amount = math.nan
    if not amount >= 0:
        raise UsageError(f"{where} is no tolerance", wanted="a number from 0 up, or inf", remedy="e.g. --tolerance psnr=0.2")
    return amount
