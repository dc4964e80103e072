"""The listing of weights as lines of text."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

_MEGABYTE = 1_000_000


def weights_lines(records: list[Record]) -> list[str]:
    """An entry a paragraph: state, size and licence; what it is for; where it is, or the command that gets it."""
    lines = []
    for record in records:
        lines.append(f"{record['name']:<25} {record['state'].upper():<8} {_size(record):>14}  {record['licence']}")
        lines.append(f"    {record['method']}: {record['purpose']}")
        if record["state"] == "here":
            lines.append(f"    {record['path']}")
            lines += [f"    {record['reason']}"] if record["reason"] else []
            continue
        if record["state"] == "damaged":
            lines.append(f"    damaged: {record['reason']} ({record['path']})")
        lines.append(f"    to get it: {record['fetch']}")
    return lines


def _size(record: Record) -> str:
    exact = record["bytes_here"] or record["size"]
    if exact:
        return _shown(exact)
    return f"about {_shown(record['about'])}" if record["about"] else "size unknown"


def _shown(size: int) -> str:
    if size >= _MEGABYTE:
        return f"{size / _MEGABYTE:,.0f} MB"
    return f"{size / 1000:.0f} kB" if size >= 1000 else f"{size} B"
