"""What is registered, as plain records for `--json` and for the terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from colorbench.clips.protocol import PRESETS, metric_fields, protocol_fields, signature
from colorbench.dataset import Dataset, candidate_roots
from colorbench.errors import ColorbenchError
from colorbench.registry import DATASETS, METHODS, METRICS, Registry
from colorbench.system.foreign import contained

Record = dict[str, Any]


def list_methods() -> list[Record]:
    """Cards, with what can run here; broken files with their error."""
    return _list(
        METHODS,
        lambda method: {
            **asdict(method.card),
            "variants": [
                {**asdict(variant), "unavailable": method.unavailable(variant.name)} for variant in method.card.variants
            ],
        },
    )


def list_metrics() -> list[Record]:
    """Cards with their signatures and what keeps them from being computed here."""
    return _list(
        METRICS,
        lambda metric: {
            **asdict(metric.card),
            "signature": signature(*metric_fields(metric.card)),
            "unavailable": metric.unavailable(),
        },
    )


def list_protocols() -> list[Record]:
    """Presets with their signatures."""
    return [{**asdict(protocol), "signature": signature(*protocol_fields(protocol))} for protocol in PRESETS.values()]


def list_datasets() -> list[Record]:
    """Cards with where the dataset was found, or what is missing and how to get it."""
    return _list(DATASETS, _dataset_record)


def _dataset_record(dataset: Dataset) -> Record:
    record: Record = {**asdict(dataset.card), "root": None, "clips": None, "missing": "", "absent": []}
    if not dataset.card.needs_root:
        return record  # embedded: always there, made when it is first used
    reasons = []
    for root in candidate_roots(dataset.card.name, None):
        try:
            if reason := dataset.missing(root):
                reasons.append(f"{root}: {reason}")
                continue
            split = dataset.card.splits[0] if dataset.card.splits else None
            record["clips"] = len(dataset.clips(root, split=split))
            record["absent"] = list(getattr(dataset, "absent", lambda *_: ())(root, split))
        except ColorbenchError as error:
            reasons.append(str(error))
            continue
        record["root"] = str(root)
        return record
    record["missing"] = "; ".join(reasons) or "no folder named: use --data-root or COLORBENCH_DATA"
    return record


def _list(registry: Registry[Any], describe: Callable[[Any], Record]) -> list[Record]:
    records = []
    for entry in registry.entries.values():
        if entry.item is None:
            records.append({"name": entry.name, "module": entry.module, "error": entry.error})
        else:
            try:
                with contained(f"{registry.kind} {entry.name!r}"):
                    records.append({"name": entry.name, "module": entry.module, "error": "", **describe(entry.item)})
            except ColorbenchError as error:
                records.append({"name": entry.name, "module": entry.module, "error": str(error).splitlines()[0]})
    return records
