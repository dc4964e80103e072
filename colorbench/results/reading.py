"""The read side of a run folder: scores with the facts that reports need, from its files alone.

No method, metric or dataset has to be registered, and nothing is computed or written. What is current is what run.json names: a
unit whose key is of other code, settings or frames counts as not run, and a score of another version of its metric as missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorbench.clips.protocol import build_protocol, metric_fields, run_fields, signature
from colorbench.errors import StoreError, UnknownNameError, UsageError
from colorbench.frames.opening import natural_key
from colorbench.records import record_from, shortened
from colorbench.runs.store import FORMAT, DamagedError, UnitRecord, load_provenance, load_unit, read_declaration, unit_key
from colorbench.types import Kind, Luminance, MetricCard, Protocol, Score

if TYPE_CHECKING:
    from colorbench.runs.runner import Outcome

MOST_DECIMALS = 20
"""Digits of a table after the point; a double has 17 in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodFacts:
    """A method as it ran: what of its card, variant and settings a report may show."""

    label: str
    """The row's name; unique in a run."""
    method: str
    variant: str
    kind: Kind
    summary: str
    licence: str
    paper: str
    luminance: Luminance
    exemplars: tuple[int, int | None]
    """Fewest and most that the variant takes; None is any number."""
    trained_on: tuple[str, ...]
    weights: str
    device: str
    settings: tuple[tuple[str, str], ...]
    """All of them, defaults too."""
    identity: str
    """Hash of code, variant, settings, weights and device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFacts:
    """A clip as it was when it was scored. Its files need not be there any more."""

    name: str
    digest: str
    """Hash of its bytes and of its references'."""
    source: str
    """The path of its frames on the machine of the run."""
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A run as reports take it; equal whether read from its folder or taken from the run itself."""

    folder: Path = field(compare=False)
    protocol: Protocol
    dataset: str
    """NAME or NAME:SPLIT."""
    seed: int
    methods: tuple[MethodFacts, ...]
    """In the order in which they were first run."""
    metrics: tuple[MetricCard, ...]
    clips: tuple[ClipFacts, ...]
    records: tuple[UnitRecord, ...]
    """The units that are there, failed ones too, by clip and method. A record that is done has one score for each metric."""
    missing: tuple[tuple[str, str], ...]
    """(label, clip) of the units that were never run as run.json has them now."""
    damaged: tuple[str, ...] = ()
    """What is wrong with records that can't be believed; their units are among the missing."""
    provenance: Mapping[str, Mapping[str, Any]]
    """Commit, packages, hardware and command, by the name under which records refer to them."""

    @property
    def failures(self) -> tuple[UnitRecord, ...]:
        return tuple(record for record in self.records if record.status != "done")

    @property
    def complete(self) -> bool:
        """No unit failed and none is missing."""
        return not self.failures and not self.missing

    @property
    def clip_names(self) -> tuple[str, ...]:
        return tuple(clip.name for clip in self.clips)

    def record(self, label: str, clip: str) -> UnitRecord | None:
        """The unit of that method and clip; None if it is missing."""
        return next((record for record in self.records if (record.label, record.clip) == (label, clip)), None)

    def signature(self, metric: MetricCard | None = None, *, short: bool = False) -> str:
        """Of protocol and data; with a metric, the full one that says whether two of its values may be compared."""
        own = metric_fields(metric) if metric else ()
        return signature(*own, *run_fields(self.protocol, dataset=self.dataset, clips=len(self.clips)), short=short)

    def only(self, labels: Collection[str]) -> Results:
        """The same with these methods alone.

        Raises:
            UnknownNameError: a label that the run has not.
        """
        known = {method.label for method in self.methods}
        for label in labels:
            if label not in known:
                raise UnknownNameError(f"method in {self.folder}:", label, known)
        return replace(
            self,
            methods=tuple(method for method in self.methods if method.label in labels),
            records=tuple(record for record in self.records if record.label in labels),
            missing=tuple(unit for unit in self.missing if unit[0] in labels),
        )


def read_results(folder: Path) -> Results:
    """Everything that was run into a folder. Units that an interrupted run left out are in ``missing``.

    Raises:
        StoreError: no run folder, or one that another version of colorbench wrote.
    """
    path = folder / "run.json"
    try:
        run = read_declaration(path)
    except OSError as error:
        raise StoreError(
            f"can't read {path}: {error.strerror}", wanted="the folder of a run", remedy="name what --out named"
        ) from error
    if run.form != FORMAT:
        raise StoreError(
            f"{path} has format {run.form}",
            wanted=f"format {FORMAT}",
            remedy="give the run's command again: it completes the folder" if run.form < FORMAT else "use a newer colorbench",
        )
    try:
        return _assemble(folder, run.identity, run.contents)
    except KeyError as error:
        raise _unlike_a_run(path, f"there is no {error.args[0]!r}") from error
    except UsageError as error:
        raise _unlike_a_run(path, error.wrong) from error


def _unlike_a_run(path: Path, wrong: str) -> StoreError:
    return StoreError(
        f"{path}: {wrong}",
        wanted="what a run of this colorbench writes",
        remedy="restore it; or remove it and give the run's command again: the units stay",
    )


def results_of(outcome: Outcome) -> Results:
    """A finished run's own methods, metrics and clips, also where its folder holds more."""
    plan = outcome.plan
    return _assemble(plan.spec.out, plan.identity(), plan.contents())


def _assemble(folder: Path, identity: Mapping[str, Any], contents: Mapping[str, Mapping[str, Any]]) -> Results:
    run = record_from(_Identity, identity, what="identity")
    protocol, seed = build_protocol(dict(run.protocol), where="protocol"), run.seed
    methods = tuple(
        record_from(MethodFacts, {**facts, "label": label}, where=label) for label, facts in contents["methods"].items()
    )
    clips = tuple(
        record_from(ClipFacts, {**contents["clips"][name], "name": name}, where=name)
        for name in sorted(contents["clips"], key=natural_key)
    )
    metrics = dict(_metric(name, facts) for name, facts in contents["metrics"].items())
    records, missing, damaged = [], [], []
    for clip in clips:
        for method in methods:
            key = unit_key(label=method.label, method=method.identity, clip=clip.digest, protocol=protocol, seed=seed)
            try:
                record = load_unit(folder, clip=clip.name, label=method.label, key=key)
            except DamagedError as error:
                record = None
                damaged.append(error.wrong)
            if record is None:
                missing.append((method.label, clip.name))
            else:
                records.append(_current(record, metrics))
    return Results(
        folder=folder,
        protocol=protocol,
        dataset=run.dataset,
        seed=seed,
        methods=methods,
        metrics=tuple(metrics),
        clips=clips,
        records=tuple(records),
        missing=tuple(missing),
        damaged=tuple(damaged),
        provenance=dict(_provenance(folder, {record.provenance for record in records})),
    )


def _current(record: UnitRecord, metrics: Mapping[MetricCard, str]) -> UnitRecord:
    """A record with one score for each metric, of its present version or with the reason why not."""
    if record.status != "done":
        return record
    known = dict(record.metrics)

    def present(scores: tuple[Score, ...], name: str, identity: str) -> Score | None:
        score = next((score for score in scores if score.metric == name), None)
        if score is not None and known.get(name, identity) != identity:
            return Score(metric=name, value=None, reason="of another version of the metric: give the run's command again")
        return score

    scores = tuple(
        present(record.scores, card.name, identity)
        or Score(metric=card.name, value=None, reason="not computed: give the run's command again with this metric")
        for card, identity in metrics.items()
    )
    truth = tuple(
        score for card, identity in metrics.items() if (score := present(record.truth, card.name, identity)) is not None
    )
    return replace(record, scores=scores, truth=truth)


def _provenance(folder: Path, names: Collection[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in sorted(names):
        try:
            yield name, load_provenance(folder, name)
        except (OSError, StoreError):
            yield name, {}


@dataclass(frozen=True, slots=True)
class _Identity:
    """The form of what a run folder holds fast to."""

    protocol: Mapping[str, Any]
    dataset: str
    seed: int


@dataclass(frozen=True, slots=True)
class _MetricFacts:
    """The form of what run.json says of a metric."""

    card: MetricCard
    identity: str


def _metric(name: str, facts: Mapping[str, Any]) -> tuple[MetricCard, str]:
    metric = record_from(_MetricFacts, facts, where=name)
    if metric.card.name != name or not 0 <= metric.card.decimals <= MOST_DECIMALS:
        raise UsageError(f"metric {name!r} is {metric.card.name!r} with {shortened(metric.card.decimals)} decimals")
    return metric.card, metric.identity
