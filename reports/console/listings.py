"""Listings as lines of text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reports.tables.papers import figures_of

Record = dict[str, Any]


def with_published(records: list[Record]) -> list[Record]:
    """Methods with the figures that papers print of them, under "published"."""
    return [record if record["error"] else {**record, "published": figures_of(record["name"])} for record in records]


def method_lines(records: list[Record]) -> list[str]:
    """A method a paragraph: what it is, then a line a variant, then what papers print of it."""
    lines = []
    for record in records:
        if record["error"]:
            lines.append(_broken(record))
            continue
        licence = f" ({record['licence']})" if record["licence"] else ""
        lines.append(f"{record['name']:<15} {record['kind']:<10} {record['summary']}{licence}")
        for variant in record["variants"]:
            state = variant["unavailable"] or ("ready" if variant["by_default"] else "only when named")
            count = sum(network["parameters"] for network in variant["networks"])
            size = f"; {count / 1e6:.3g} M parameters" if count else ""
            trained = f"; trained on {', '.join(variant['trained_on'])}" if variant["trained_on"] else ""
            facts = f"{_exemplars(variant['exemplars'])}; {state}. {variant['summary']}{size}{trained}"
            lines.append(f"  :{variant['name']:<12} {facts}".rstrip())
        for setting in record["settings"]:
            default = "required" if setting["default"] is None else f"default {setting['default']!r}"
            lines.append(f"    --set {record['name']}.{setting['name']}=...  {setting['summary']} ({default})")
        for row in record["published"]:
            figures = ", ".join(f"{metric} {figure}" for metric, figure in row["figures"].items())
            lines.append(f"    as printed in {row['source']}, {row['name']}: {figures}")
    return lines


def metric_lines(records: list[Record]) -> list[str]:
    """A metric and its signature, and why it can't be computed here."""
    lines = []
    for record in records:
        if record["error"]:
            lines.append(_broken(record))
            continue
        marks = [f"{record['direction']} is better" if record["direction"] != "none" else "no order"]
        marks += [] if record["default"] else ["only when named"]
        lines.append(f"{record['name']:<15} {record['summary']} ({', '.join(marks)})")
        lines.append(f"    {record['signature']}")
        if record["unavailable"]:
            lines.append(f"    not here: {record['unavailable']}")
    return lines


def protocol_lines(records: list[Record]) -> list[str]:
    """A preset and its signature."""
    return [line for record in records for line in (f"{record['name']:<15} {record['summary']}", f"    {record['signature']}")]


def dataset_lines(records: list[Record]) -> list[str]:
    """A dataset, whether it is here, and the command that gets it."""
    lines = []
    for record in records:
        if record["error"]:
            lines.append(_broken(record))
            continue
        lines.append(f"{record['name']:<15} {record['summary']} ({record['licence']})")
        if record["missing"]:
            lines.append(f"    missing: {record['missing']}")
            lines.append(f"    layout: {record['layout']}")
            lines += [f"    to get it: {record['obtain']}"] if record["obtain"] else []
        else:
            state = f"ready: {record['clips']} clips in {record['root']}" if record["root"] else "embedded: made when first used"
            lines.append(f"    {state}{_splits(record['splits'])}")
            if record["absent"]:
                lines.append(f"    not on this machine: {', '.join(record['absent'])}")
    return lines


def _broken(record: Record) -> str:
    return f"{record['name']:<15} BROKEN     {record['module']}: {record['error']}"


def _exemplars(bounds: list[int | None] | tuple[int, int | None]) -> str:
    fewest, most = bounds
    if most == 0:
        return "no exemplar"
    if most is None:
        return f"{fewest} exemplar{'' if fewest == 1 else 's'} or more"
    return f"{fewest} exemplar{'s' if fewest != 1 else ''}" if fewest == most else f"{fewest} to {most} exemplars"


def _splits(splits: Iterable[str]) -> str:
    names = list(splits)
    return f"; splits {', '.join(names)}" if names else ""
